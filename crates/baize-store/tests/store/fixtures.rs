//! Objects, admissions and reports to test with.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use baize_core::ports::{Admission, Digest, Door, Job, SpoolKey, TriageEntry, TriageStep, VisitId};
use baize_core::{
    AgeYears, Coded, ErrorCode, Extent, Fault, Finding, GateLook, HeatMap, ImageFacts, InstanceIdentity,
    Lane, ModelRef, Outcome, PixelBox, Population, Report, SeriesUid, Sex, SopUid, StudyUid, Text, Timestamp,
};
use baize_store::{FolderSpool, LedgerConfig, OpenError, SpoolConfig, SqliteLedger};

pub(crate) fn try_open_ledger(folder: &Path) -> Result<SqliteLedger, OpenError> {
    SqliteLedger::open(&LedgerConfig {
        path: folder.join("data/ledger.db"),
        queue: NonZeroUsize::new(64).unwrap(),
        readers: NonZeroUsize::new(2).unwrap(),
    })
}

pub(crate) fn open_ledger(folder: &Path) -> SqliteLedger {
    try_open_ledger(folder).unwrap()
}

pub(crate) fn open_spool(folder: &Path, quota_bytes: u64) -> FolderSpool {
    let parallel = NonZeroUsize::new(4).unwrap();
    FolderSpool::open(&SpoolConfig { root: folder.join("spool"), quota_bytes, parallel }).unwrap()
}

pub(crate) fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn study(number: u32) -> StudyUid {
    StudyUid::parse(&format!("1.2.840.{number}")).unwrap()
}

pub(crate) fn sop(number: u32) -> SopUid {
    SopUid::parse(&format!("1.2.3.{number}")).unwrap()
}

pub(crate) fn identity(study_number: u32, sop_number: u32) -> InstanceIdentity {
    InstanceIdentity {
        study: study(study_number),
        series: SeriesUid::parse(&format!("1.2.840.{study_number}.1")).unwrap(),
        sop: sop(sop_number),
        sop_class: "1.2.840.10008.5.1.4.1.1.1".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
    }
}

pub(crate) fn model(version: &str) -> ModelRef {
    ModelRef { id: "cxr-test".into(), version: version.into() }
}

pub(crate) fn digest(seed: u8) -> Digest {
    Digest([seed; 32])
}

/// A routine image for one model, received at 1 s and due at 100 s.
pub(crate) fn admission(study_number: u32, sop_number: u32) -> Admission {
    Admission {
        identity: identity(study_number, sop_number),
        facts: ImageFacts {
            frames: 1,
            rows: 64,
            columns: 48,
            modality: Some("CR".into()),
            ..ImageFacts::default()
        },
        digest: digest(1),
        spool_key: SpoolKey(format!("objects/x/{sop_number}.dcm")),
        size: 6_144,
        door: Door::Dimse { calling_ae: "MODALITY".into() },
        accepted_at: at(1_000_000),
        lane: Lane::Routine,
        deadline: at(100_000_000),
        models: vec![model("1.0.0")],
        refusal: None,
    }
}

/// Every field set, with text that needs Unicode and quoting.
pub(crate) fn full_facts() -> ImageFacts {
    ImageFacts {
        modality: Some("DX".into()),
        body_part: Some("CHEST".into()),
        view: Some("PA".into()),
        frames: 3,
        rows: 4_320,
        columns: 3_456,
        age: Some(AgeYears(7.3)),
        sex: Some(Sex::Female),
        patient_id: Some("O'Brien \"7\"; --".into()),
        patient_name: Some("王^小东".into()),
        accession: Some("A-1".into()),
        study_date: Some("20240131".into()),
        study_description: Some("胸部正位".into()),
        burned_in_annotation: true,
        patient_id_issuer: Some("HIS".into()),
        birth_date: Some("19600102".into()),
        ..ImageFacts::default()
    }
}

pub(crate) fn text(word: &str) -> Text {
    Text { zh: format!("{word}（中文）"), en: word.into() }
}

pub(crate) fn finding(value: &str, probability: f32, region: Option<PixelBox>) -> Finding {
    let code = Coded { scheme: "SCT".into(), value: value.into(), meaning: text("pneumonia") };
    Finding { code, probability, threshold: 0.3, critical: None, region, heat: None }
}

/// Numbers that text would round.
pub(crate) fn heat() -> HeatMap {
    let extent = Extent { left: -1.0 / 3.0, top: 0.1, width: 1e-9, height: 65_535.7 };
    HeatMap::new(2, 3, vec![0.0, 1.0, 0.1, f32::MIN_POSITIVE, 1.0 / 3.0, 0.5], extent).unwrap()
}

pub(crate) fn analysed() -> Outcome {
    Outcome::Analysed {
        findings: vec![
            Finding {
                heat: Some(heat()),
                ..finding(
                    "233604007",
                    0.1 + f32::EPSILON,
                    Some(PixelBox { x: 0, y: 7, width: 1, height: u32::MAX }),
                )
            },
            Finding { critical: Some(0.95), ..finding("60046008", 1.0, None) },
        ],
        population: Population::Outside(text("adult")),
        caveats: vec![text("burned-in text"), text("lossy compression")],
    }
}

pub(crate) fn refused() -> Outcome {
    Outcome::Refused(Fault::new(ErrorCode::WrongBodyPart, "Body Part Examined (0018,0015) is HAND"))
}

pub(crate) fn failed() -> Outcome {
    let fault = Fault::new(ErrorCode::Saturated, "no room").retry_after(Duration::from_millis(1_500));
    Outcome::Failed(fault)
}

pub(crate) fn report(job: &Job, outcome: Outcome) -> Report {
    Report {
        instance: job.identity.clone(),
        model: Some(job.model.clone()),
        outcome,
        finished_at: at(5_000_000),
        gate: Some(GateLook {
            gate: model("0.3.0"),
            class: "chest-radiograph".into(),
            name: text("a chest radiograph"),
            probability: 0.998,
        }),
    }
}

pub(crate) fn visit(number: u32) -> VisitId {
    VisitId::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap()
}

/// A step of a visit: the first assesses, later ones bring vital signs.
pub(crate) fn triage_entry(number: u32, sequence: u32) -> TriageEntry {
    TriageEntry {
        visit: visit(number),
        sequence,
        step: if sequence == 1 { TriageStep::Assessed } else { TriageStep::Vitals },
        at: at(u64::from(sequence) * 1_000),
        actor: "triage-desk".into(),
        sent: "{\"chief_complaint\": \"胸痛\"}".into(),
        known: "{\"request\": {}}".into(),
        assessment: "{\"level_cn\": 2}".into(),
        level_cn: 2,
        acuity: 2,
        encounter: None,
        model: None,
    }
}
