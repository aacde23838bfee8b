//! The images of a study and what was found on them.

use baize_core::ports::{InstanceRecord, Presence, Review, StudyResult, Verdict};
use baize_core::{Fault, Finding, Language, Outcome, Population, Report};
use serde::Serialize;

use super::{Words, time_text};

#[derive(Serialize)]
pub(super) struct ImageDoc<'a> {
    series: &'a str,
    sop: &'a str,
    /// Analyses not finished yet.
    pending: u64,
    results: Vec<ResultDoc<'a>>,
}

impl<'a> ImageDoc<'a> {
    pub(super) fn of(study: &'a StudyResult, instance: &'a InstanceRecord) -> Self {
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
                findings: findings
                    .iter()
                    .map(|finding| FindingDoc::of(finding, population, review))
                    .collect(),
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
    /// The cut from which on it is critical; null where this model version has none.
    critical_threshold: Option<f32>,
    /// `present`, `absent` or `uncertain`, by the last word on it: the model's, or the physician's.
    presence: &'static str,
    /// Where the evidence is strongest, in the stored image's pixels; null where the model did not localise.
    r#box: Option<[u32; 4]>,
}

impl<'a> FindingDoc<'a> {
    fn of(finding: &'a Finding, population: &Population, review: Option<&Review>) -> Self {
        Self {
            scheme: &finding.code.scheme,
            code: &finding.code.value,
            label: Words::of(&finding.code.meaning),
            probability: finding.probability,
            threshold: finding.threshold,
            critical_threshold: finding.critical,
            presence: match Presence::of(finding, population, review) {
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
