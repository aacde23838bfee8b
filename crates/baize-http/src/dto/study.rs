//! The work list.

use baize_core::ports::{Arrival, Progress, StudyContext, StudySummary};
use baize_core::{ImageFacts, Sex};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OrderOfStudyDto, time_text};

/// One page of the work list, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = StudyList)]
pub(crate) struct StudyListDto {
    pub(crate) studies: Vec<StudyDto>,
    /// For the next page's `before`; null on the last page.
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    pub(crate) next_before: Option<String>,
}

/// A study. Holds patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = Study)]
pub(crate) struct StudyDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    patient: PatientDto,
    /// Accession Number.
    #[schema(example = "A1001")]
    accession: Option<String>,
    /// Study Date as `YYYYMMDD`.
    #[schema(example = "20260301")]
    study_date: Option<String>,
    #[schema(example = "Chest PA")]
    description: Option<String>,
    #[schema(example = "CR")]
    modality: Option<String>,
    #[schema(example = "CHEST")]
    body_part: Option<String>,
    /// `routine`, `urgent` or `stat`: the most urgent lane of its images.
    #[schema(example = "routine")]
    lane: &'static str,
    /// When its first image came in.
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    received_at: String,
    /// When its last image came in.
    #[schema(example = "2026-03-01T08:30:02.113000Z")]
    updated_at: String,
    progress: ProgressDto,
    arrival: ArrivalDto,
    /// The order that it answers; null where none was found, or no HIS is connected.
    order: Option<OrderOfStudyDto>,
}

/// Whom a study shows, as its first image says.
#[derive(Serialize, ToSchema)]
#[schema(as = Patient)]
pub(crate) struct PatientDto {
    /// Patient ID.
    #[schema(example = "P000123")]
    id: Option<String>,
    /// Patient's Name, decoded from its character set.
    #[schema(example = "王^小明")]
    name: Option<String>,
    /// `F`, `M` or `O`.
    #[schema(example = "M")]
    sex: Option<&'static str>,
    /// Years at the time of the study.
    #[schema(example = 4.5)]
    age: Option<f32>,
}

/// How far a study is.
#[derive(Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressDto {
    /// Images received.
    #[schema(example = 2)]
    instances: u64,
    /// Analyses not finished yet.
    #[schema(example = 0)]
    pending: u64,
    /// Images analysed.
    #[schema(example = 2)]
    analysed: u64,
    /// Images that no model may read.
    #[schema(example = 0)]
    refused: u64,
    /// Images that could not be read, or on which the model could not run.
    #[schema(example = 0)]
    failed: u64,
}

/// Whether all images of a study are here, as far as can be told.
#[derive(Serialize, ToSchema)]
#[schema(as = Arrival)]
pub(crate) struct ArrivalDto {
    /// False while images are expected; a late image makes it false again.
    complete: bool,
    /// Why it is taken as complete: `quiet` (nothing came for the configured time), `stow` (a STOW request stored all of
    /// its objects), `order` (as many came as were announced).
    #[schema(example = "quiet")]
    by: Option<&'static str>,
    #[schema(example = "2026-03-01T08:31:00.000250Z")]
    at: Option<String>,
    /// How often it has been complete: above 1, late images came.
    #[schema(example = 1)]
    revision: u32,
    /// Images announced; null where nobody said.
    #[schema(example = 2)]
    expected: Option<u32>,
    /// Images announced that have not come; null where nobody said how many there are.
    #[schema(example = 0)]
    missing: Option<u64>,
}

/// How many images a study has.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Expected)]
pub(crate) struct ExpectedDto {
    /// At least 1.
    #[schema(value_type = i64, example = 2, minimum = 1, maximum = 4_294_967_295_u32)]
    pub(crate) instances: u32,
}

impl ArrivalDto {
    fn of(arrival: Arrival, here: u64) -> Self {
        Self {
            complete: arrival.complete.is_some(),
            by: arrival.complete.map(|complete| complete.by.as_str()),
            at: arrival.complete.map(|complete| time_text(complete.at)),
            revision: arrival.revision,
            expected: arrival.expected,
            missing: arrival.expected.map(|expected| u64::from(expected).saturating_sub(here)),
        }
    }
}

impl StudyDto {
    pub(crate) fn of(summary: StudySummary, context: StudyContext) -> Self {
        let facts = summary.facts;
        Self {
            study: summary.study.to_string(),
            patient: PatientDto::of(&facts),
            accession: facts.accession,
            study_date: facts.study_date,
            description: facts.study_description,
            modality: facts.modality,
            body_part: facts.body_part,
            lane: summary.lane.as_str(),
            received_at: time_text(summary.received_at),
            updated_at: time_text(summary.updated_at),
            progress: ProgressDto::of(summary.progress),
            arrival: ArrivalDto::of(summary.arrival, summary.progress.instances),
            order: OrderOfStudyDto::of(context),
        }
    }
}

impl PatientDto {
    pub(super) fn of(facts: &ImageFacts) -> Self {
        let sex = facts.sex.map(|sex| match sex {
            Sex::Female => "F",
            Sex::Male => "M",
            Sex::Other => "O",
        });
        Self {
            id: facts.patient_id.clone(),
            name: facts.patient_name.clone(),
            sex,
            age: facts.age.map(|years| years.0),
        }
    }
}

impl ProgressDto {
    fn of(progress: Progress) -> Self {
        let Progress { instances, pending, analysed, refused, failed } = progress;
        Self { instances, pending, analysed, refused, failed }
    }
}
