//! The JSON that goes over the wire. Made from the core's types by `of` functions; nothing here leaves the
//! crate.

mod event;
mod finding;
mod health;
mod heat;
mod hospital;
mod outbox;
mod prior;
mod problem;
mod query;
mod reconciliation;
mod review;
mod stow;
mod study;
mod time;
mod triage;

pub(crate) use event::{CompletedDto, LaggedDto, ReceivedDto, ReportedDto, TriageRaisedDto};
pub(crate) use finding::{InferDto, InstanceFindingsDto, NoticesDto, ResultDto, StudyFindingsDto};
pub(crate) use health::{LiveDto, ModelDto, ReadyDto, VersionDto};
pub(crate) use heat::HeatDto;
pub(crate) use hospital::{
    EncounterDto, OrderDto, OrderListDto, OrderOfStudyDto, OrdersQuery, PlacedOrderDto, order_state,
};
pub(crate) use outbox::{DeliveryDto, DeliveryListDto, OutboxQuery, delivery_state};
pub(crate) use prior::{PriorDto, PriorStatus};
pub(crate) use problem::{FieldErrorDto, ProblemDto};
pub(crate) use query::{HeatQuery, LaneQuery, OverlayQuery, StudiesQuery};
pub(crate) use reconciliation::{
    DismissRequestDto, MatchRequestDto, ReconcileDto, ReconciliationListDto, ReconciliationQuery,
    UnmatchRequestDto,
};
pub(crate) use review::{ReviewDto, ReviewListDto, ReviewRequestDto};
pub(crate) use stow::StowResponse;
pub(crate) use study::{ExpectedDto, StudyDto, StudyListDto};
pub(crate) use time::{parse_time, time_text};
pub(crate) use triage::{
    AcknowledgementDto, NurseLevelDto, TriageRequestDto, TriageVisitDto, UnacknowledgedDto, VitalsBodyDto,
    WaitingDto, WordsDto,
};
