//! What the models found.

use baize_core::ports::{InstanceRecord, RecordedReview};
use baize_core::{
    Coded, Finding, GateLook, InstanceIdentity, Language, ModelRef, Outcome, PixelBox, Population, Report,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ModelDto, PriorDto, ReviewDto, time_text};
use crate::language;

/// Sentences that belong to every set of findings.
#[derive(Serialize, ToSchema)]
#[schema(as = Notices)]
pub(crate) struct NoticesDto {
    /// A physician must review the findings.
    #[schema(example = "These findings were made by an algorithm. A physician must review them …")]
    physician_review: &'static str,
    /// Research use.
    #[schema(example = "For research use only. Not a medical device.")]
    research_use: &'static str,
}

impl NoticesDto {
    pub(crate) fn of(language: Language) -> Self {
        Self {
            physician_review: language::physician_review(language),
            research_use: language::research_use(language),
        }
    }
}

/// The findings of a study.
#[derive(Serialize, ToSchema)]
#[schema(as = StudyFindings)]
pub(crate) struct StudyFindingsDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    pub(crate) study: String,
    pub(crate) notices: NoticesDto,
    /// The latest earlier study of the same patient; null where none is known.
    pub(crate) prior: Option<PriorDto>,
    /// In the order of arrival.
    pub(crate) instances: Vec<InstanceFindingsDto>,
}

/// The findings of an image.
#[derive(Serialize, ToSchema)]
#[schema(as = InstanceFindings)]
pub(crate) struct InstanceFindingsDto {
    /// Series Instance UID.
    #[schema(example = "1.2.840.113619.2.1.1")]
    series: String,
    /// SOP Instance UID.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    received_at: String,
    #[schema(example = 2048)]
    rows: u32,
    #[schema(example = 2048)]
    columns: u32,
    /// One per model, and one `pending` per analysis that is not finished.
    results: Vec<ResultDto>,
}

impl InstanceFindingsDto {
    /// With the newest of the `reviews` of each result; they may be those of the whole study.
    pub(crate) fn of(record: &InstanceRecord, reviews: &[RecordedReview], language: Language) -> Self {
        let finished = record.reports.iter().map(|report| {
            let is_of = |recorded: &&RecordedReview| {
                recorded.review.sop == record.identity.sop
                    && Some(&recorded.review.model) == report.model.as_ref()
            };
            let newest = reviews.iter().filter(is_of).max_by_key(|recorded| recorded.sequence);
            let review = newest.map(ReviewDto::of);
            ResultDto { review, ..ResultDto::of(report, Some(&record.identity), language) }
        });
        let pending = (0..record.pending).map(|_| ResultDto::pending());
        Self {
            series: record.identity.series.to_string(),
            sop: record.identity.sop.to_string(),
            received_at: time_text(record.received_at),
            rows: record.facts.rows,
            columns: record.facts.columns,
            results: finished.chain(pending).collect(),
        }
    }
}

/// How a model's look at an image ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ResultStatus)]
pub(crate) enum ResultStatus {
    /// The model ran; `findings` has an entry per label.
    Ok,
    /// No model may read this image. Not the same as "no finding".
    Refused,
    /// The image could not be read or the model could not run. Not the same as "no finding".
    Error,
    /// Not finished yet.
    Pending,
}

/// One model's look at one image. Only with status `ok` does an absent finding mean anything.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelResult)]
pub(crate) struct ResultDto {
    pub(crate) status: ResultStatus,
    /// The error code, for `refused` and `error`.
    #[schema(example = "wrong_modality")]
    code: Option<&'static str>,
    /// The code's title in the caller's language.
    #[schema(example = "No model reads this modality")]
    title: Option<&'static str>,
    /// What exactly went wrong, in the caller's language.
    #[schema(example = "Modality (0008,0060) is MR; the installed models read CR, DX.")]
    message: Option<String>,
    /// Null where no installed model reads this kind of image, and while pending.
    model: Option<ModelDto>,
    findings: Vec<FindingDto>,
    /// Null unless the status is `ok`.
    population: Option<PopulationDto>,
    /// What limits the reading, in the caller's language; empty for a clean image.
    #[schema(example = json!([]))]
    caveats: Vec<String>,
    /// Where the annotated picture is, relative to the server; null where there is none.
    #[schema(example = "/v1/studies/1.2.3/instances/1.2.3.4/overlay.png?model=cxr-pneumonia-paed%400.1.0")]
    overlay: Option<String>,
    #[schema(example = "2026-03-01T08:30:01.500000Z")]
    finished_at: Option<String>,
    /// What a physician said last of this result; null while nobody has. The result itself never changes.
    review: Option<ReviewDto>,
    /// What the gate saw in the pixels before the model was asked; null where none looked.
    gate: Option<GateDto>,
}

/// What the gate saw in the pixels.
#[derive(Serialize, ToSchema)]
#[schema(as = GateLook)]
pub(crate) struct GateDto {
    /// The gate, in its version.
    model: ModelDto,
    /// The likeliest class.
    #[schema(example = "chest-radiograph")]
    class: String,
    /// The class in the caller's language.
    #[schema(example = "a chest radiograph")]
    label: String,
    /// Calibrated, 0 to 1.
    #[schema(example = 0.998)]
    probability: f32,
}

impl GateDto {
    fn of(look: &GateLook, language: Language) -> Self {
        Self {
            model: ModelDto::of(&look.gate),
            class: look.class.clone(),
            label: look.name.get(language).to_owned(),
            probability: look.probability,
        }
    }
}

impl ResultDto {
    /// A finished report; with a link to its picture where the image is `stored`.
    pub(crate) fn of(report: &Report, stored: Option<&InstanceIdentity>, language: Language) -> Self {
        let empty = Self {
            model: report.model.as_ref().map(ModelDto::of),
            finished_at: Some(time_text(report.finished_at)),
            gate: report.gate.as_ref().map(|look| GateDto::of(look, language)),
            ..Self::pending()
        };
        match &report.outcome {
            Outcome::Analysed { findings, population, caveats } => Self {
                status: ResultStatus::Ok,
                findings: findings
                    .iter()
                    .map(|finding| FindingDto::of(finding, stored.zip(report.model.as_ref()), language))
                    .collect(),
                population: Some(PopulationDto::of(population, language)),
                caveats: caveats.iter().map(|caveat| caveat.get(language).to_owned()).collect(),
                overlay: stored
                    .zip(report.model.as_ref())
                    .map(|(image, model)| link(image, "overlay.png", model)),
                ..empty
            },
            Outcome::Refused(fault) | Outcome::Failed(fault) => Self {
                status: match report.outcome {
                    Outcome::Refused(_) => ResultStatus::Refused,
                    _ => ResultStatus::Error,
                },
                code: Some(fault.code.as_str()),
                title: Some(fault.code.title(language)),
                message: Some(fault.told(language)),
                ..empty
            },
        }
    }

    fn pending() -> Self {
        Self {
            status: ResultStatus::Pending,
            code: None,
            title: None,
            message: None,
            model: None,
            findings: Vec::new(),
            population: None,
            caveats: Vec::new(),
            overlay: None,
            finished_at: None,
            review: None,
            gate: None,
        }
    }
}

/// Where something about a result is, relative to the server.
fn link(image: &InstanceIdentity, what: &str, model: &ModelRef) -> String {
    link_to(image.study.as_str(), image.sop.as_str(), what, &model.to_string())
}

/// Where the annotated picture of an image is, relative to the server; `model` is "id@version".
pub(super) fn picture(study: &str, sop: &str, model: &str) -> String {
    link_to(study, sop, "overlay.png", model)
}

fn link_to(study: &str, sop: &str, what: &str, model: &str) -> String {
    format!("/v1/studies/{study}/instances/{sop}/{what}?model={}", encoded(model))
}

/// Model and version are folder names, and codes are codes, but a link must hold whatever they are called.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// One label of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingDto {
    code: CodeDto,
    /// The code's meaning in the caller's language.
    #[schema(example = "Pneumonia")]
    label: String,
    /// Calibrated, 0 to 1.
    #[schema(example = 0.87)]
    probability: f32,
    /// The cut of this model version.
    #[schema(example = 0.5)]
    threshold: f32,
    /// `probability >= threshold`. Without weight where `population.validated` is false.
    positive: bool,
    /// The cut of this model version from which on somebody must look at once; null where the version has none.
    #[schema(example = 0.8)]
    critical_threshold: Option<f32>,
    /// `probability >= critical_threshold`; false where there is none. Without weight where `population.validated` is
    /// false.
    critical: bool,
    /// Where the evidence is strongest; null where the model did not localise.
    r#box: Option<BoxDto>,
    /// Where its heat map is as numbers, relative to the server; null where there is none.
    #[schema(
        example = "/v1/studies/1.2.3/instances/1.2.3.4/heat.json?model=cxr-pneumonia-paed%400.1.0&code=SCT%3A233604007"
    )]
    heat: Option<String>,
}

impl FindingDto {
    /// With a link to its heat map where the image is `stored`.
    fn of(finding: &Finding, stored: Option<(&InstanceIdentity, &ModelRef)>, language: Language) -> Self {
        let name = format!("{}:{}", finding.code.scheme, finding.code.value);
        let heat = |(image, model)| format!("{}&code={}", link(image, "heat.json", model), encoded(&name));
        Self {
            code: CodeDto::of(&finding.code),
            label: finding.code.meaning.get(language).to_owned(),
            probability: finding.probability,
            threshold: finding.threshold,
            positive: finding.is_positive(),
            critical_threshold: finding.critical,
            critical: finding.is_critical(),
            r#box: finding.region.map(BoxDto::of),
            heat: stored.filter(|_| finding.heat.is_some()).map(heat),
        }
    }
}

/// A code and its scheme.
#[derive(Serialize, ToSchema)]
#[schema(as = Code)]
pub(crate) struct CodeDto {
    /// Coding Scheme Designator.
    #[schema(example = "SCT")]
    pub(super) scheme: String,
    #[schema(example = "233604007")]
    pub(super) value: String,
}

impl CodeDto {
    pub(crate) fn of(code: &Coded) -> Self {
        Self { scheme: code.scheme.clone(), value: code.value.clone() }
    }
}

/// A rectangle in the stored image's pixels, origin top left.
#[derive(Serialize, ToSchema)]
#[schema(as = PixelBox)]
pub(crate) struct BoxDto {
    #[schema(example = 310)]
    x: u32,
    #[schema(example = 820)]
    y: u32,
    #[schema(example = 240)]
    width: u32,
    #[schema(example = 200)]
    height: u32,
}

impl BoxDto {
    fn of(region: PixelBox) -> Self {
        Self { x: region.x, y: region.y, width: region.width, height: region.height }
    }
}

/// Whether the patient is one of those on whom the model was validated.
#[derive(Serialize, ToSchema)]
#[schema(as = Population)]
pub(crate) struct PopulationDto {
    /// False: the probability is shown with `note` and the threshold means nothing.
    validated: bool,
    /// Why not, in the caller's language.
    note: Option<String>,
}

impl PopulationDto {
    fn of(population: &Population, language: Language) -> Self {
        match population {
            Population::Validated => Self { validated: true, note: None },
            Population::Outside(note) => Self { validated: false, note: Some(note.get(language).to_owned()) },
        }
    }
}

/// The answer to "read this image now".
#[derive(Serialize, ToSchema)]
#[schema(as = Inference)]
pub(crate) struct InferDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// Series Instance UID.
    #[schema(example = "1.2.840.113619.2.1.1")]
    series: String,
    /// SOP Instance UID.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    notices: NoticesDto,
    result: ResultDto,
}

impl InferDto {
    pub(crate) fn of(report: &Report, language: Language) -> Self {
        Self {
            study: report.instance.study.to_string(),
            series: report.instance.series.to_string(),
            sop: report.instance.sop.to_string(),
            notices: NoticesDto::of(language),
            result: ResultDto::of(report, None, language),
        }
    }
}

#[cfg(test)]
mod tests {
    use baize_core::{SeriesUid, SopUid, StudyUid};

    use super::*;

    #[test]
    fn links_survive_odd_version_names() {
        let image = InstanceIdentity {
            study: StudyUid::parse("1.2").unwrap(),
            series: SeriesUid::parse("1.3").unwrap(),
            sop: SopUid::parse("1.4").unwrap(),
            sop_class: String::new(),
            transfer_syntax: String::new(),
        };
        let model = ModelRef { id: "胸&a".into(), version: "0.1.0+b".into() };
        assert_eq!(
            link(&image, "overlay.png", &model),
            "/v1/studies/1.2/instances/1.4/overlay.png?model=%E8%83%B8%26a%400.1.0%2Bb"
        );
    }
}
