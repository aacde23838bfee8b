//! What the event stream tells.

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

/// `event: lagged`: this listener was too slow; read the list again.
#[derive(Serialize, ToSchema)]
#[schema(as = LaggedEvent)]
pub(crate) struct LaggedDto {
    /// How many events it missed.
    pub(crate) missed: u64,
}
