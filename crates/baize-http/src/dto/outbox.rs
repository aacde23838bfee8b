//! What went out to other systems, and what did not.

use baize_core::ErrorCode;
use baize_core::ports::{Delivery, DeliveryState, Freight, MessageFreight, ObjectFreight, SubjectKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ModelDto, time_text};
use crate::problem::Problem;

/// Which deliveries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutboxQuery {
    /// Only those in this state: `pending`, `sending`, `waiting`, `acknowledged`, `refused` or `covered`.
    #[param(example = "waiting", pattern = "^(pending|sending|waiting|acknowledged|refused|covered)$")]
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

/// What a delivery brings.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryKind)]
pub(crate) enum DeliveryKindDto {
    /// A DICOM object of one result; `study`, `sop`, `model`, `object`, `status` and `committed_at` are about it.
    Object,
    /// A message about a study or a step at the triage desk; `message` is about it.
    Message,
}

/// One object or one message on its way to one destination. Holds UIDs but no names.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryDto {
    #[schema(example = 4711)]
    id: i64,
    #[schema(example = "pacs")]
    destination: String,
    kind: DeliveryKindDto,
    /// Study Instance UID; null for a message about the triage desk.
    #[schema(example = "1.2.840.113619.2.1")]
    study: Option<String>,
    /// SOP Instance UID of the image that an object is about; null for a message.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: Option<String>,
    /// The model whose result it is; null where no model reads such images, and for a message.
    model: Option<ModelDto>,
    /// The object; null until the objects of the result have been made, and for a message.
    object: Option<DeliveredObjectDto>,
    /// The message; null for an object.
    message: Option<DeliveredMessageDto>,
    /// `pending`; `sending`; `waiting` for another attempt; `acknowledged`: the peer has said that it keeps this very
    /// object, or has this very message; `refused`: final until a person retries; `covered`: a message that was not sent
    /// because the peer has acknowledged one that tells the same.
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
    /// The status that the peer last answered about an object, in hexadecimal (PS3.7 annex C); by STOW-RS its Failure Reason
    /// or Warning Reason, which have the same values. Null where it did not answer, or only with an HTTP status: see
    /// `comment`.
    #[schema(example = "A700")]
    status: Option<String>,
    /// What the peer or the network last said about it.
    #[schema(example = "no connection: Connection refused (os error 111)")]
    comment: Option<String>,
    /// When the peer committed itself to keeping the object (storage commitment); null where it has not, or is not asked.
    #[schema(example = "2026-03-01T22:00:00.000000Z")]
    committed_at: Option<String>,
}

/// Names an object that goes out.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveredObject)]
pub(crate) struct DeliveredObjectDto {
    /// SOP Class UID.
    #[schema(example = "1.2.840.10008.5.1.4.1.1.88.34")]
    sop_class: String,
    /// SOP Instance UID; the same however often it is sent.
    #[schema(example = "2.25.100840381294574814434461901802660565717")]
    sop: String,
}

/// A message that goes out.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveredMessage)]
pub(crate) struct DeliveredMessageDto {
    /// Its identifier (MSH-10, Bundle.identifier, X-Baize-Message-Id), the same however often it is sent; null until it is
    /// made, which is when its turn comes.
    #[schema(example = "BZ7K2M9QXT0V4R8HJ3CW")]
    id: Option<String>,
    /// Why it is owed: `complete`, `finding`, `critical`, `reviewed`, `matched` for a study; for a visit its step at the
    /// triage desk.
    #[schema(example = json!(["finding", "complete"]))]
    causes: Vec<&'static str>,
    /// What it says of a study: `preliminary`, `corrected`, `final` or `amended`; null until it is made, and for a visit.
    #[schema(example = "preliminary")]
    standing: Option<&'static str>,
    /// The visit to the triage desk that it is about; null for a study.
    #[schema(example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
    visit: Option<String>,
    /// The step of the visit, from 1; null for a study.
    #[schema(example = 1)]
    sequence: Option<u32>,
    /// What the peer last answered: `AA`, `AE`, `201`, `503`; null where it did not.
    #[schema(example = "AA")]
    answer: Option<String>,
}

impl DeliveryDto {
    pub(crate) fn of(delivery: Delivery) -> Self {
        let empty = Self {
            id: delivery.id.0,
            destination: delivery.destination,
            kind: DeliveryKindDto::Object,
            study: None,
            sop: None,
            model: None,
            object: None,
            message: None,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: time_text(delivery.created_at),
            changed_at: time_text(delivery.changed_at),
            next_attempt_at: delivery.next_attempt_at.map(time_text),
            status: None,
            comment: delivery.comment,
            committed_at: None,
        };
        match delivery.freight {
            Freight::Object(object) => empty.with_object(object),
            Freight::Message(message) => empty.with_message(message),
        }
    }

    fn with_object(self, object: ObjectFreight) -> Self {
        Self {
            study: Some(object.instance.study.to_string()),
            sop: Some(object.instance.sop.to_string()),
            model: object.model.as_ref().map(ModelDto::of),
            object: object
                .name
                .map(|name| DeliveredObjectDto { sop_class: name.sop_class, sop: name.sop_instance }),
            status: object.status.map(|status| format!("{status:04X}")),
            committed_at: object.committed_at.map(time_text),
            ..self
        }
    }

    fn with_message(self, message: MessageFreight) -> Self {
        let (study, visit, sequence) = match message.subject {
            SubjectKey::Study(study) => (Some(study.to_string()), None, None),
            SubjectKey::Visit(visit, sequence) => (None, Some(visit.to_string()), Some(sequence)),
        };
        let told = DeliveredMessageDto {
            id: message.id.map(|id| id.0),
            causes: message.causes.iter().map(|cause| cause.as_str()).collect(),
            standing: message.standing.map(|standing| standing.as_str()),
            visit,
            sequence,
            answer: message.answer,
        };
        Self { kind: DeliveryKindDto::Message, study, message: Some(told), ..self }
    }
}
