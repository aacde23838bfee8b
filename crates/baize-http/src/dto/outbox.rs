//! What went out to other systems, and what did not.

use baize_core::ErrorCode;
use baize_core::ports::{Delivery, DeliveryState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ModelDto, time_text};
use crate::problem::Problem;

/// Which deliveries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutboxQuery {
    /// Only those in this state: `pending`, `sending`, `waiting`, `acknowledged` or `refused`.
    #[param(example = "waiting", pattern = "^(pending|sending|waiting|acknowledged|refused)$")]
    pub(crate) state: Option<String>,
    /// Only those to the destination of this name.
    #[param(example = "pacs")]
    pub(crate) destination: Option<String>,
    /// How many deliveries, 1 to 500; 50 where absent.
    #[param(example = 50, minimum = 1, maximum = 500)]
    pub(crate) limit: Option<usize>,
    /// Only deliveries older than this one: the `next_before` of the page before.
    #[param(example = 4711)]
    pub(crate) before: Option<i64>,
}

/// Reads the name of a state.
pub(crate) fn delivery_state(name: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::from_name(name).ok_or_else(|| {
        let names = DeliveryState::ALL.map(DeliveryState::as_str).join(", ");
        Problem::new(ErrorCode::InvalidRequest, format!("state: must be one of {names}"))
    })
}

/// One page of deliveries, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryList)]
pub(crate) struct DeliveryListDto {
    pub(crate) deliveries: Vec<DeliveryDto>,
    /// For the next page's `before`; null on the last page.
    #[schema(example = 4661)]
    pub(crate) next_before: Option<i64>,
}

/// One object on its way to one destination. Holds UIDs but no names.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryDto {
    #[schema(example = 4711)]
    id: i64,
    #[schema(example = "pacs")]
    destination: String,
    /// Study Instance UID of the image that the result is about.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// SOP Instance UID of that image.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    /// The model whose result it is; null where no model reads such images.
    model: Option<ModelDto>,
    /// The object; null until the objects of the result have been made.
    object: Option<DeliveredObjectDto>,
    /// `pending`; `sending`; `waiting` for another attempt; `acknowledged`: the peer has said that it keeps this very
    /// object; `refused`: final until a person retries.
    #[schema(example = "waiting")]
    state: &'static str,
    /// How often it was begun.
    #[schema(example = 3)]
    attempts: u32,
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    created_at: String,
    /// When its state last changed.
    #[schema(example = "2026-03-01T08:31:12.400000Z")]
    changed_at: String,
    /// While waiting: when the next attempt is due.
    #[schema(example = "2026-03-01T08:31:32.400000Z")]
    next_attempt_at: Option<String>,
    /// The status that the peer last answered, in hexadecimal (PS3.7 annex C); by STOW-RS its Failure Reason or Warning
    /// Reason, which have the same values. Null where it did not answer, or only with an HTTP status: see `comment`.
    #[schema(example = "A700")]
    status: Option<String>,
    /// What the peer or the network last said about it.
    #[schema(example = "no connection: Connection refused (os error 111)")]
    comment: Option<String>,
}

/// Names an object that goes out.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveredObject)]
pub(crate) struct DeliveredObjectDto {
    /// SOP Class UID.
    #[schema(example = "1.2.840.10008.5.1.4.1.1.88.34")]
    sop_class: String,
    /// SOP Instance UID; the same however often it is sent.
    #[schema(example = "2.25.100840381294574814434461900802660565717")]
    sop: String,
}

impl DeliveryDto {
    pub(crate) fn of(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.0,
            destination: delivery.destination,
            study: delivery.instance.study.to_string(),
            sop: delivery.instance.sop.to_string(),
            model: delivery.model.as_ref().map(ModelDto::of),
            object: delivery
                .object
                .map(|name| DeliveredObjectDto { sop_class: name.sop_class, sop: name.sop_instance }),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: time_text(delivery.created_at),
            changed_at: time_text(delivery.changed_at),
            next_attempt_at: delivery.next_attempt_at.map(time_text),
            status: delivery.status.map(|status| format!("{status:04X}")),
            comment: delivery.comment,
        }
    }
}
