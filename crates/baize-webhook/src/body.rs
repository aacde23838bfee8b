//! The JSON document. Fields may be added; a change of what is there has another `schema`.

use baize_core::ports::{
    Encounter, HisPatient, InstanceRecord, MessageId, Order, Presence, Review, StudyResult, Subject, Verdict,
    VisitResult, Wording,
};
use baize_core::{
    ErrorCode, Fault, Finding, ImageFacts, Language, Outcome, Population, Report, Sex, Text, Timestamp,
    notice,
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

/// Names the form of the document.
const SCHEMA: &str = "baize.result/1";

/// Writes JSON documents of the schema `baize.result/1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonWording;

impl Wording for JsonWording {
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault> {
        let (study, triage) = match subject {
            Subject::Study(result) => (Some(StudyDoc::of(result)), None),
            Subject::Visit(result) => (None, Some(TriageDoc::of(result)?)),
        };
        let document = Document {
            schema: SCHEMA,
            message: &id.0,
            made_at: time_text(now),
            kind: if study.is_some() { "study" } else { "triage" },
            study,
            triage,
            notices: [notice::physician_review, notice::research_use]
                .map(|sentence| Words { zh: sentence(Language::Chinese), en: sentence(Language::English) }),
        };
        let written = serde_json::to_vec(&document);
        let written = written.map_err(|error| Fault::new(ErrorCode::Internal, error.to_string()))?;
        Ok(written.into())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    message: &'a str,
    made_at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<StudyDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triage: Option<TriageDoc<'a>>,
    notices: [Words<'static>; 2],
}

#[derive(Serialize)]
struct Words<'a> {
    zh: &'a str,
    en: &'a str,
}

impl<'a> Words<'a> {
    fn of(text: &'a Text) -> Self {
        Self { zh: &text.zh, en: &text.en }
    }
}

/// A study, with all that is known of it.
#[derive(Serialize)]
struct StudyDoc<'a> {
    uid: &'a str,
    /// `preliminary`, `corrected`, `final` or `amended`; the last two only after a physician's signature.
    standing: &'static str,
    lane: &'static str,
    accession: Option<&'a str>,
    study_date: Option<&'a str>,
    modality: Option<&'a str>,
    body_part: Option<&'a str>,
    description: Option<&'a str>,
    received_at: String,
    /// All images are here, as far as can be told.
    complete: bool,
    /// Analyses not finished yet.
    pending: u64,
    patient: PatientDoc<'a>,
    order: Option<OrderDoc<'a>>,
    encounter: Option<EncounterDoc<'a>>,
    images: Vec<ImageDoc<'a>>,
}

impl<'a> StudyDoc<'a> {
    fn of(result: &'a StudyResult) -> Self {
        let (summary, context) = (&result.summary, &result.context);
        let facts = &summary.facts;
        let order = context.order.as_ref().map(|(order, _)| order);
        let his = order.map(|order| &order.patient).filter(|patient| !patient.id.is_empty());
        let his = his.or(context.encounter.as_ref().map(|encounter| &encounter.patient));
        Self {
            uid: summary.study.as_str(),
            standing: result.standing.as_str(),
            lane: summary.lane.as_str(),
            accession: order.and_then(|order| order.accession.as_deref()).or(facts.accession.as_deref()),
            study_date: facts.study_date.as_deref(),
            modality: facts.modality.as_deref(),
            body_part: facts.body_part.as_deref(),
            description: facts.study_description.as_deref(),
            received_at: time_text(summary.received_at),
            complete: summary.arrival.complete.is_some(),
            pending: summary.progress.pending,
            patient: his.map_or_else(|| PatientDoc::of_images(facts), PatientDoc::of_his),
            order: order.map(OrderDoc::of),
            encounter: context.encounter.as_ref().map(EncounterDoc::of),
            images: result.instances.iter().map(|instance| ImageDoc::of(result, instance)).collect(),
        }
    }
}

#[derive(Serialize)]
struct PatientDoc<'a> {
    /// `his`, or `images` where the HIS has told nothing.
    source: &'static str,
    id: Option<&'a str>,
    issuer: Option<&'a str>,
    national_id: Option<&'a str>,
    /// As the images have it (PN), or family and given name with a caret between.
    name: Option<String>,
    sex: Option<&'static str>,
    birth_date: Option<&'a str>,
}

impl<'a> PatientDoc<'a> {
    fn of_his(patient: &'a HisPatient) -> Self {
        let names = [&patient.family_name, &patient.given_name].map(Option::as_deref);
        let name = match names {
            [Some(family), Some(given)] => Some(format!("{family}^{given}")),
            [family, given] => family.or(given).map(str::to_owned),
        };
        Self {
            source: "his",
            id: Some(&patient.id),
            issuer: patient.issuer.as_deref(),
            national_id: patient.national_id.as_deref(),
            name,
            sex: patient.sex.map(sex),
            birth_date: patient.birth_date.as_deref(),
        }
    }

    fn of_images(facts: &'a ImageFacts) -> Self {
        Self {
            source: "images",
            id: facts.patient_id.as_deref(),
            issuer: facts.patient_id_issuer.as_deref(),
            national_id: None,
            name: facts.patient_name.clone(),
            sex: facts.sex.map(sex),
            birth_date: facts.birth_date.as_deref(),
        }
    }
}

const fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "F",
        Sex::Male => "M",
        Sex::Other => "O",
    }
}

#[derive(Serialize)]
struct OrderDoc<'a> {
    placer_number: Option<&'a str>,
    filler_number: Option<&'a str>,
    procedure_code: Option<&'a str>,
    procedure_text: Option<&'a str>,
}

impl<'a> OrderDoc<'a> {
    fn of(order: &'a Order) -> Self {
        Self {
            placer_number: order.placer_number.as_deref(),
            filler_number: order.filler_number.as_deref(),
            procedure_code: order.procedure_code.as_deref(),
            procedure_text: order.procedure_text.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct EncounterDoc<'a> {
    number: &'a str,
    class: Option<&'a str>,
    location: Option<&'a str>,
}

impl<'a> EncounterDoc<'a> {
    fn of(encounter: &'a Encounter) -> Self {
        Self {
            number: &encounter.number,
            class: encounter.class.as_deref(),
            location: encounter.location.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct ImageDoc<'a> {
    series: &'a str,
    sop: &'a str,
    /// Analyses not finished yet.
    pending: u64,
    results: Vec<ResultDoc<'a>>,
}

impl<'a> ImageDoc<'a> {
    fn of(study: &'a StudyResult, instance: &'a InstanceRecord) -> Self {
        let result = |report| ResultDoc::of(report, study.review_of(report));
        Self {
            series: instance.identity.series.as_str(),
            sop: instance.identity.sop.as_str(),
            pending: instance.pending,
            results: instance.reports.iter().map(result).collect(),
        }
    }
}

#[derive(Serialize)]
struct ModelDoc<'a> {
    id: &'a str,
    version: &'a str,
}

/// One model's look at one image. Only with `ok` does an absent finding mean anything.
#[derive(Serialize)]
struct ResultDoc<'a> {
    /// `ok`; `refused`: no model may read this image; `error`: it could not run; `rejected`: a physician says that the
    /// result is of no use. `findings` is empty but with `ok`.
    status: &'static str,
    model: Option<ModelDoc<'a>>,
    finished_at: String,
    findings: Vec<FindingDoc<'a>>,
    /// Why the patient is not one of those on whom the model was validated; null where they are.
    outside_population: Option<Words<'a>>,
    caveats: Vec<Words<'a>>,
    /// For `refused` and `error`.
    fault: Option<FaultDoc>,
    review: Option<ReviewDoc<'a>>,
}

impl<'a> ResultDoc<'a> {
    fn of(report: &'a Report, review: Option<&'a Review>) -> Self {
        let model = report.model.as_ref();
        let empty = Self {
            status: "ok",
            model: model.map(|model| ModelDoc { id: &model.id, version: &model.version }),
            finished_at: time_text(report.finished_at),
            findings: Vec::new(),
            outside_population: None,
            caveats: Vec::new(),
            fault: None,
            review: review.map(ReviewDoc::of),
        };
        match &report.outcome {
            Outcome::Analysed { .. } if review.is_some_and(|one| one.verdict == Verdict::Rejected) => {
                Self { status: "rejected", ..empty }
            }
            Outcome::Analysed { findings, population, caveats } => Self {
                findings: findings.iter().map(|finding| FindingDoc::of(finding, review)).collect(),
                outside_population: match population {
                    Population::Validated => None,
                    Population::Outside(why) => Some(Words::of(why)),
                },
                caveats: caveats.iter().map(Words::of).collect(),
                ..empty
            },
            Outcome::Refused(fault) => Self { status: "refused", fault: Some(FaultDoc::of(fault)), ..empty },
            Outcome::Failed(fault) => Self { status: "error", fault: Some(FaultDoc::of(fault)), ..empty },
        }
    }
}

#[derive(Serialize)]
struct FaultDoc {
    code: &'static str,
    zh: String,
    en: String,
}

impl FaultDoc {
    fn of(fault: &Fault) -> Self {
        let told = |language| format!("{}: {}", fault.code.title(language), fault.told(language));
        Self { code: fault.code.as_str(), zh: told(Language::Chinese), en: told(Language::English) }
    }
}

#[derive(Serialize)]
struct FindingDoc<'a> {
    scheme: &'a str,
    code: &'a str,
    label: Words<'a>,
    /// Calibrated, 0 to 1.
    probability: f32,
    /// The cut of this model version.
    threshold: f32,
    /// `present`, `absent` or `uncertain`, by the last word on it: the model's, or the physician's.
    presence: &'static str,
    /// Where the evidence is strongest, in the stored image's pixels; null where the model did not localise.
    r#box: Option<[u32; 4]>,
}

impl<'a> FindingDoc<'a> {
    fn of(finding: &'a Finding, review: Option<&Review>) -> Self {
        Self {
            scheme: &finding.code.scheme,
            code: &finding.code.value,
            label: Words::of(&finding.code.meaning),
            probability: finding.probability,
            threshold: finding.threshold,
            presence: match Presence::of(finding, review) {
                Presence::Present => "present",
                Presence::Absent => "absent",
                Presence::Uncertain => "uncertain",
            },
            r#box: finding.region.map(|region| [region.x, region.y, region.width, region.height]),
        }
    }
}

#[derive(Serialize)]
struct ReviewDoc<'a> {
    verdict: &'static str,
    signed: bool,
    by: &'a str,
    at: String,
    comment: Option<&'a str>,
}

impl<'a> ReviewDoc<'a> {
    fn of(review: &'a Review) -> Self {
        Self {
            verdict: review.verdict.as_str(),
            signed: review.signed,
            by: &review.reviewer,
            at: time_text(review.at),
            comment: review.comment.as_deref(),
        }
    }
}

/// A step at the triage desk.
#[derive(Serialize)]
struct TriageDoc<'a> {
    visit: &'a str,
    /// From 1.
    sequence: u32,
    /// `assessed`, `vitals`, `level` or `imaging`.
    step: &'static str,
    at: String,
    by: &'a str,
    /// The hospital's identifier of the visit, as sent.
    encounter: Option<&'a str>,
    /// As the HIS knows them; null where it has told nothing.
    patient: Option<PatientDoc<'a>>,
    /// The four-level category of the assessment; 1 is the most urgent.
    level_cn: u8,
    /// The five-level acuity of the assessment; 1 is the most urgent.
    acuity: u8,
    /// What a nurse or physician decided last, as it was recorded; null while nobody has.
    decision: Value,
    /// As it was recorded, and as `GET /v1/triage/assessments/{id}` has it.
    assessment: Value,
}

impl<'a> TriageDoc<'a> {
    fn of(result: &'a VisitResult) -> Result<Self, Fault> {
        let entry = &result.entry;
        let unreadable =
            |_| Fault::new(ErrorCode::Internal, "the record of this triage visit cannot be read");
        let known: Value = serde_json::from_str(&entry.known).map_err(unreadable)?;
        Ok(Self {
            visit: entry.visit.as_str(),
            sequence: entry.sequence,
            step: entry.step.as_str(),
            at: time_text(entry.at),
            by: &entry.actor,
            encounter: entry.encounter.as_deref(),
            patient: result.encounter.as_ref().map(|encounter| PatientDoc::of_his(&encounter.patient)),
            level_cn: entry.level_cn,
            acuity: entry.acuity,
            decision: decision(&known["decision"]),
            assessment: serde_json::from_str(&entry.assessment).map_err(unreadable)?,
        })
    }
}

/// The decision without the form in which the record keeps its time.
fn decision(recorded: &Value) -> Value {
    let mut decision = recorded.clone();
    if let Some(at) = decision.get("at").and_then(Value::as_u64) {
        decision["at"] = Value::String(time_text(Timestamp::from_micros(at)));
    }
    decision
}

/// Such as `2026-03-01T08:30:00.000250Z`.
fn time_text(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
}
