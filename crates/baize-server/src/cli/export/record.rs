//! One result with its reviews, as it stands in the data set.

use baize_core::ports::{FindingOpinion, InstanceRecord, Opinion, RecordedReview, Review, Verdict};
use baize_core::{Finding, ModelRef, Outcome, Population, Report, Sex};
use baize_deid::{Key, Options};
use serde_json::{Value, json};

use crate::cli::deidentify::Cleaned;

/// One finding, as the model said it and as a physician sees it.
pub(super) struct Labelled<'r> {
    pub(super) finding: &'r Finding,
    pub(super) opinion: Option<Opinion>,
    /// Whether the finding is there, as far as the newest review tells.
    pub(super) truth: Option<bool>,
}

/// One model's result for one image, reviewed.
pub(super) struct Record<'r> {
    pub(super) model: &'r ModelRef,
    pub(super) newest: &'r Review,
    pub(super) labelled: Vec<Labelled<'r>>,
    report: &'r Report,
    reviews: Vec<&'r RecordedReview>,
}

/// The reviewed results of an image, in the order of their models. `reviews` are those of this image.
pub(super) fn records<'r>(record: &'r InstanceRecord, reviews: &[&'r RecordedReview]) -> Vec<Record<'r>> {
    let of_report = |report: &'r Report| {
        let model = report.model.as_ref()?;
        let Outcome::Analysed { findings, .. } = &report.outcome else { return None };
        let reviews: Vec<_> = reviews.iter().copied().filter(|one| one.review.model == *model).collect();
        let newest = &reviews.iter().max_by_key(|one| one.sequence)?.review;
        let labelled = findings.iter().map(|finding| labelled(finding, newest)).collect();
        Some(Record { model, newest, labelled, report, reviews })
    };
    record.reports.iter().filter_map(of_report).collect()
}

fn labelled<'r>(finding: &'r Finding, review: &Review) -> Labelled<'r> {
    let is_of = |one: &&FindingOpinion| one.scheme == finding.code.scheme && one.value == finding.code.value;
    let opinion = review.findings.iter().find(is_of).map(|one| one.opinion);
    // A corrected result names what is wrong with it; the rest stands. A rejected one says nothing of the findings that
    // it does not name.
    let effective = opinion.or((review.verdict != Verdict::Rejected).then_some(Opinion::Agree));
    let truth = match effective {
        Some(Opinion::Agree) => Some(finding.is_positive()),
        Some(Opinion::Disagree) => Some(!finding.is_positive()),
        Some(Opinion::Uncertain) | None => None,
    };
    Labelled { finding, opinion, truth }
}

impl Record<'_> {
    /// One line of `results.jsonl`. Comments stay in the hospital: no rule can clean a text. Times do too, whatever the
    /// options say of those of the images; reviewers are pseudonyms.
    pub(super) fn as_json(&self, cleaned: &Cleaned, png: Option<&str>, key: &Key) -> Value {
        let names = &cleaned.object.names;
        let (population, caveats) = match &self.report.outcome {
            Outcome::Analysed { population, caveats, .. } => (Some(population), caveats.as_slice()),
            Outcome::Refused(_) | Outcome::Failed(_) => (None, [].as_slice()),
        };
        let note = match population {
            Some(Population::Outside(note)) => json!({ "zh": note.zh, "en": note.en }),
            Some(Population::Validated) | None => Value::Null,
        };
        let caveats: Vec<_> = caveats.iter().map(|text| json!({ "zh": text.zh, "en": text.en })).collect();
        json!({
            "patient": names.patient.new,
            "study": names.study.new,
            "series": names.series.new,
            "sop": names.sop.new,
            "dicom": super::dataset::dicom_path(cleaned),
            "png": png,
            "model": { "id": self.model.id, "version": self.model.version },
            "findings": self.labelled.iter().map(finding_json).collect::<Vec<_>>(),
            "outside_population": note,
            "caveats": caveats,
            "reviews": self.reviews.iter().map(|one| review_json(one, key)).collect::<Vec<_>>(),
        })
    }
}

fn finding_json(labelled: &Labelled<'_>) -> Value {
    let Labelled { finding, opinion, truth } = labelled;
    let code = &finding.code;
    let region =
        finding.region.map(|at| json!({ "x": at.x, "y": at.y, "width": at.width, "height": at.height }));
    json!({
        "scheme": code.scheme,
        "value": code.value,
        "label": { "zh": code.meaning.zh, "en": code.meaning.en },
        "probability": finding.probability,
        "threshold": finding.threshold,
        "positive": finding.is_positive(),
        "box": region,
        "opinion": opinion.map(Opinion::as_str),
        "truth": truth,
    })
}

fn review_json(recorded: &RecordedReview, key: &Key) -> Value {
    let RecordedReview { sequence, review } = recorded;
    let opinion = |one: &FindingOpinion| json!({ "scheme": one.scheme, "value": one.value, "opinion": one.opinion.as_str() });
    json!({
        "sequence": sequence,
        "verdict": review.verdict.as_str(),
        "findings": review.findings.iter().map(opinion).collect::<Vec<_>>(),
        "signed": review.signed,
        "reviewer": key.pseudonym(&format!("reviewer {}", review.reviewer)),
    })
}

/// Sex, age in whole years and age group, where the options let them stand.
pub(super) fn characteristics(record: &InstanceRecord, options: &Options) -> [String; 3] {
    if !options.retain_patient_characteristics {
        return Default::default();
    }
    let facts = &record.facts;
    let sex = match facts.sex {
        Some(Sex::Female) => "F",
        Some(Sex::Male) => "M",
        Some(Sex::Other) => "O",
        None => "",
    };
    let years = facts.age.map(|age| age.0.floor());
    let group = years.map_or("", |years| if years < 18.0 { "child" } else { "adult" });
    [sex.to_owned(), years.map(|years| format!("{years}")).unwrap_or_default(), group.to_owned()]
}
