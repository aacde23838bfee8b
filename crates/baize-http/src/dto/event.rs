//! What the event stream tells.

use baize_core::ports::{CompletedStudy, TriageRaised};
use baize_core::{InstanceIdentity, Lane, Language, Report, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ResultDto, time_text};

/// `event: received`: an object is durable.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceivedEvent)]
pub(crate) struct ReceivedDto {
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    #[schema(example = "1.2.840.113619.2.1.1")]
    series: String,
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    #[schema(example = "routine")]
    lane: &'static str,
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    at: String,
}

impl ReceivedDto {
    pub(crate) fn of(identity: &InstanceIdentity, lane: Lane, at: Timestamp) -> Self {
        Self {
            study: identity.study.to_string(),
            series: identity.series.to_string(),
            sop: identity.sop.to_string(),
            lane: lane.as_str(),
            at: time_text(at),
        }
    }
}

/// `event: reported`: a result is durable.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportedEvent)]
pub(crate) struct ReportedDto {
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    #[schema(example = "1.2.840.113619.2.1.1")]
    series: String,
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    result: ResultDto,
}

impl ReportedDto {
    pub(crate) fn of(report: &Report, language: Language) -> Self {
        Self {
            study: report.instance.study.to_string(),
            series: report.instance.series.to_string(),
            sop: report.instance.sop.to_string(),
            result: ResultDto::of(report, Some(&report.instance), language),
        }
    }
}

/// `event: completed`: a study is here as a whole, for the first time or, after late images, again.
#[derive(Serialize, ToSchema)]
#[schema(as = CompletedEvent)]
pub(crate) struct CompletedDto {
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// `quiet`, `stow` or `order`.
    #[schema(example = "quiet")]
    by: &'static str,
    /// How often it has been complete: above 1, late images came.
    #[schema(example = 1)]
    revision: u32,
    /// Images received.
    #[schema(example = 2)]
    instances: u64,
    /// Images announced; null where nobody said. Above `instances`, some are missing.
    #[schema(example = 2)]
    expected: Option<u32>,
    #[schema(example = "2026-03-01T08:31:00.000250Z")]
    at: String,
}

impl CompletedDto {
    pub(crate) fn of(completed: &CompletedStudy) -> Self {
        Self {
            study: completed.study.to_string(),
            by: completed.completion.by.as_str(),
            revision: completed.revision,
            instances: completed.instances,
            expected: completed.expected,
            at: time_text(completed.completion.at),
        }
    }
}

/// `event: triage_raised`: an image has told the triage desk something that a nurse is to look at and to acknowledge.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageRaisedEvent)]
pub(crate) struct TriageRaisedDto {
    /// The visit.
    #[schema(example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
    id: String,
    /// The step that was made; what is acknowledged by `POST /v1/triage/assessments/{id}/acknowledgement`.
    #[schema(example = 3)]
    sequence: u32,
    /// The four-level category after it.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level_cn: u8,
    /// The acuity after it.
    #[schema(example = 2, minimum = 1, maximum = 5)]
    acuity: u8,
    /// Whether the level is more urgent than before.
    raised: bool,
    #[schema(example = "2026-03-01T08:41:00.000250Z")]
    at: String,
}

impl TriageRaisedDto {
    pub(crate) fn of(told: &TriageRaised) -> Self {
        Self {
            id: told.visit.to_string(),
            sequence: told.sequence,
            level_cn: told.level_cn,
            acuity: told.acuity,
            raised: told.raised,
            at: time_text(told.at),
        }
    }
}

/// `event: lagged`: this listener was too slow; read the list again.
#[derive(Serialize, ToSchema)]
#[schema(as = LaggedEvent)]
pub(crate) struct LaggedDto {
    /// How many events it missed.
    pub(crate) missed: u64,
}
