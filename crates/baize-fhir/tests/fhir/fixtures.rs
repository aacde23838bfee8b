//! Studies and visits to tell about.

use baize_core::ports::{
    Arrival, Encounter, EncounterState, FindingOpinion, HisPatient, InstanceRecord, MatchedBy, Opinion,
    Order, OrderId, Progress, RecordedReview, Review, Standing, StudyContext, StudyResult, StudySummary,
    TriageEntry, TriageStep, Verdict, VisitId, VisitResult,
};
use baize_core::{
    Coded, ErrorCode, Fault, Finding, GateLook, ImageFacts, InstanceIdentity, Lane, ModelRef, Outcome,
    PixelBox, Population, Report, SeriesUid, SopUid, StudyUid, Text, Timestamp,
};
use baize_fhir::{Mapper, ModelFacts, Systems};
use baize_triage::complaint::Lexicon;
use baize_triage::{Request, RuleSet, Triage};

pub(crate) const AT: Timestamp = Timestamp::from_micros(1_772_354_281_000_250);

pub(crate) fn mapper() -> Mapper {
    let systems = Systems {
        patient: Some("https://his.example/patients".into()),
        accession: Some("https://ris.example/accessions".into()),
        encounter: Some("urn:oid:1.2.3.4".into()),
        ..Systems::default()
    };
    let facts = ModelFacts {
        model: model("cxr"),
        sha256: "ab".repeat(32),
        intended_use: text("仅供科研使用", "Research use only"),
    };
    Mapper::new(systems, vec![facts], "0.1.0").unwrap()
}

pub(crate) fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.into(), en: en.into() }
}

pub(crate) fn model(id: &str) -> ModelRef {
    ModelRef { id: id.into(), version: "0.1.0".into() }
}

pub(crate) fn pneumonia(probability: f32) -> Finding {
    let code =
        Coded { scheme: "SCT".into(), value: "233604007".into(), meaning: text("肺炎", "Pneumonia") };
    let region = Some(PixelBox { x: 10, y: 20, width: 30, height: 40 });
    Finding { code, probability, threshold: 0.3, critical: None, region, heat: None }
}

pub(crate) fn analysed(findings: Vec<Finding>, population: Population) -> Outcome {
    Outcome::Analysed {
        findings, population, caveats: vec![text("图像含烧录文字", "burned-in text <b>&")]
    }
}

pub(crate) fn refused() -> Outcome {
    Outcome::Refused(Fault::new(ErrorCode::WrongBodyPart, "Body Part Examined (0018,0015) is HAND"))
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed(Fault::new(ErrorCode::CorruptPixelData, "the pixel data is cut short"))
}

pub(crate) fn own() -> Outcome {
    Outcome::Refused(Fault::new(ErrorCode::OwnResult, "made by Baize"))
}

fn facts() -> ImageFacts {
    ImageFacts {
        modality: Some("DX".into()),
        body_part: Some("CHEST".into()),
        frames: 1,
        rows: 100,
        columns: 100,
        patient_id: Some("P000123".into()),
        patient_name: Some("王^小明".into()),
        accession: Some("A-1".into()),
        study_date: Some("20260301".into()),
        study_description: Some("胸部正位\u{0}".into()),
        ..ImageFacts::default()
    }
}

/// One image for each outcome.
pub(crate) fn study(outcomes: Vec<Outcome>) -> StudyResult {
    let uid = StudyUid::parse("1.2.840.1").unwrap();
    let instances: Vec<InstanceRecord> =
        (1..).zip(outcomes).map(|(number, outcome)| instance(&uid, number, outcome)).collect();
    StudyResult {
        summary: StudySummary {
            study: uid,
            facts: facts(),
            received_at: AT,
            updated_at: AT,
            lane: Lane::Routine,
            progress: Progress {
                instances: instances.len() as u64,
                pending: 0,
                analysed: 0,
                refused: 0,
                failed: 0,
            },
            arrival: Arrival::default(),
        },
        context: StudyContext::default(),
        instances,
        reviews: Vec::new(),
        standing: Standing::Preliminary,
    }
}

fn instance(study: &StudyUid, number: u32, outcome: Outcome) -> InstanceRecord {
    let identity = InstanceIdentity {
        study: study.clone(),
        series: SeriesUid::parse(&format!("1.2.840.1.{}", number % 2)).unwrap(),
        sop: SopUid::parse(&format!("1.2.840.1.0.{number}")).unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
    };
    let gate = GateLook {
        gate: model("gate"),
        class: "chest-radiograph".into(),
        name: text("胸片", "a chest radiograph"),
        probability: 0.99,
    };
    let report = Report {
        instance: identity.clone(),
        model: Some(model("cxr")),
        outcome,
        finished_at: AT,
        gate: Some(gate),
    };
    InstanceRecord { identity, facts: facts(), received_at: AT, pending: 0, reports: vec![report] }
}

/// A signed word on the image of that number, at that second after [`AT`].
pub(crate) fn review(
    number: u32,
    second: u64,
    verdict: Verdict,
    opinion: Option<Opinion>,
    signed: bool,
) -> RecordedReview {
    let findings =
        opinion.map(|opinion| FindingOpinion { scheme: "SCT".into(), value: "233604007".into(), opinion });
    let review = Review {
        study: StudyUid::parse("1.2.840.1").unwrap(),
        sop: SopUid::parse(&format!("1.2.840.1.0.{number}")).unwrap(),
        model: model("cxr"),
        verdict,
        findings: findings.into_iter().collect(),
        comment: Some("右下肺".into()),
        signed,
        reviewer: "dr-li".into(),
        at: AT + std::time::Duration::from_secs(second),
    };
    RecordedReview { sequence: 1, review }
}

pub(crate) fn patient() -> HisPatient {
    HisPatient {
        id: "H-9".into(),
        issuer: Some("2.16.840.1.113883.2.23".into()),
        family_name: Some("王".into()),
        given_name: Some("小明".into()),
        ..HisPatient::default()
    }
}

pub(crate) fn encounter() -> Encounter {
    Encounter {
        number: "E-7".into(),
        patient: patient(),
        class: Some("E".into()),
        location: None,
        reason: None,
        admitted_at: None,
        state: EncounterState::Open,
        updated_at: AT,
    }
}

pub(crate) fn ordered() -> StudyContext {
    let order = Order {
        id: OrderId(1),
        placer_number: Some("PL-1".into()),
        filler_number: Some("FI-1".into()),
        accession: Some("A-1".into()),
        study: None,
        patient: patient(),
        encounter: Some("E-7".into()),
        modality: Some("DX".into()),
        procedure_code: None,
        procedure_text: Some("胸部正位片".into()),
        reason: None,
        scheduled_at: None,
        lane: Lane::Stat,
        cancelled: false,
        received_at: AT,
        updated_at: AT,
    };
    StudyContext { order: Some((order, MatchedBy::Accession)), encounter: Some(encounter()) }
}

/// A first assessment of a patient, with what the real rules say.
pub(crate) fn visit(request: &str, encounter: Option<Encounter>) -> VisitResult {
    let triage = Triage::new(RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap(), None).unwrap();
    let sent = serde_json::from_str(request).unwrap();
    let request_read = Request::from_json(&sent, triage.vocabulary()).unwrap();
    let assessment = triage.assess(&request_read);
    let entry = TriageEntry {
        visit: VisitId::parse("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11").unwrap(),
        sequence: 1,
        step: TriageStep::Assessed,
        at: AT,
        actor: "triage-desk".into(),
        sent: request.to_owned(),
        known: "{}".into(),
        assessment: serde_json::to_string(&assessment).unwrap(),
        level_cn: assessment.level_cn.get(),
        acuity: assessment.acuity.get(),
        encounter: encounter.as_ref().map(|encounter| encounter.number.clone()),
        model: None,
    };
    VisitResult { entry, encounter }
}

/// A nurse's calmer word on it.
pub(crate) fn decided(visit: &VisitResult) -> VisitResult {
    let known =
        r#"{"decision": {"acuity": 4, "level_cn": 4, "reason": "复测正常", "by": "nurse-zhang", "at": 0}}"#;
    let entry =
        TriageEntry { sequence: 2, step: TriageStep::Level, known: known.into(), ..visit.entry.clone() };
    VisitResult { entry, ..visit.clone() }
}
