//! The earlier study of the same patient, and what has changed.

use baize_core::ports::StudySummary;
use baize_core::prior::{Comparison, FindingChange};
use baize_core::{Finding, Language};
use serde::Serialize;
use utoipa::ToSchema;

use super::finding::CodeDto;
use crate::language;

/// What can be said about an earlier study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PriorStatus)]
pub(crate) enum PriorStatus {
    /// `comparisons` says what has changed.
    Compared,
    /// It has no result of a model that read this study too.
    Unread,
    /// Its Patient ID is the same but its name, date of birth or sex is another: it is not compared.
    Doubtful,
}

/// The earlier study. It changes no finding: it is for the reader's eye.
#[derive(Serialize, ToSchema)]
#[schema(as = Prior)]
pub(crate) struct PriorDto {
    /// Its Study Instance UID.
    #[schema(example = "1.2.840.113619.2.0")]
    study: String,
    /// Its Study Date as `YYYYMMDD`.
    #[schema(example = "20250301")]
    study_date: Option<String>,
    status: PriorStatus,
    /// The status in the caller's language.
    #[schema(example = "The comparison is for orientation; it changes no finding of this study.")]
    note: &'static str,
    /// Images of one of the two studies have no result (yet): something may be missing.
    partial: bool,
    /// One per model that read both.
    comparisons: Vec<ComparisonDto>,
}

/// What one model says about both studies.
#[derive(Serialize, ToSchema)]
#[schema(as = Comparison)]
struct ComparisonDto {
    #[schema(example = "cxr-pneumonia-paed")]
    model: String,
    #[schema(example = "0.1.0")]
    version: String,
    /// The version that read the earlier study.
    #[schema(example = "0.1.0")]
    earlier_version: String,
    findings: Vec<ChangeDto>,
}

/// One label in both studies; of each study, the image on which its probability is highest.
#[derive(Serialize, ToSchema)]
#[schema(as = FindingChange)]
struct ChangeDto {
    code: CodeDto,
    #[schema(example = "Pneumonia")]
    label: String,
    /// `new`, `persisting`, `no_longer`, `absent`, or `incomparable` where a patient was outside the validated population.
    #[schema(example = "new")]
    change: &'static str,
    /// The change in the caller's language.
    #[schema(example = "New")]
    change_label: &'static str,
    now: SideDto,
    earlier: SideDto,
    /// `now` less `earlier`; null where different versions read the two, or they are incomparable.
    #[schema(example = 0.62)]
    difference: Option<f32>,
}

/// One side of a comparison.
#[derive(Serialize, ToSchema)]
#[schema(as = ComparisonSide)]
struct SideDto {
    #[schema(example = 0.87)]
    probability: f32,
    /// The cut of the version that read it.
    #[schema(example = 0.5)]
    threshold: f32,
}

impl PriorDto {
    pub(crate) fn of(
        earlier: &StudySummary,
        status: PriorStatus,
        partial: bool,
        comparisons: &[Comparison],
        language: Language,
    ) -> Self {
        Self {
            study: earlier.study.to_string(),
            study_date: earlier.facts.study_date.clone(),
            status,
            note: language::prior_status(status, language),
            partial,
            comparisons: comparisons
                .iter()
                .map(|comparison| ComparisonDto::of(comparison, language))
                .collect(),
        }
    }
}

impl ComparisonDto {
    fn of(comparison: &Comparison, language: Language) -> Self {
        let same_version = comparison.model.version == comparison.earlier_version;
        Self {
            model: comparison.model.id.clone(),
            version: comparison.model.version.clone(),
            earlier_version: comparison.earlier_version.clone(),
            findings: comparison
                .findings
                .iter()
                .map(|change| ChangeDto::of(change, same_version, language))
                .collect(),
        }
    }
}

impl ChangeDto {
    fn of(change: &FindingChange, same_version: bool, language: Language) -> Self {
        let is_comparable = same_version && change.change != baize_core::prior::Change::Incomparable;
        Self {
            code: CodeDto { scheme: change.code.scheme.clone(), value: change.code.value.clone() },
            label: change.code.meaning.get(language).to_owned(),
            change: change.change.as_str(),
            change_label: language::change(change.change, language),
            now: SideDto::of(&change.now),
            earlier: SideDto::of(&change.then),
            difference: is_comparable.then_some(change.now.probability - change.then.probability),
        }
    }
}

impl SideDto {
    fn of(finding: &Finding) -> Self {
        Self { probability: finding.probability, threshold: finding.threshold }
    }
}
