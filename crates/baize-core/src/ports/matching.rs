//! Which order a study answers: the rules, what could not be matched, and what people say of it.

use std::time::Duration;

use async_trait::async_trait;

use super::{MatchedBy, Order, OrderId};
use crate::{Fault, Lane, StudyUid, Text, Timestamp};

/// How orders and studies find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchingRules {
    /// How far the day or moment of a study may be from that of an order of the same patient and modality.
    pub window: Duration,
    /// What a time without a zone means, in seconds east of UTC.
    pub utc_offset_seconds: i32,
    /// Within which time of its arrival an image is due, by the lanes of [`Lane::ALL`].
    pub due: [Duration; 3],
}

/// Why a study or an order waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReconcileReason {
    /// No order fits the study.
    NoOrder,
    /// An order names the study or its accession number, but the Patient ID differs.
    PatientIdDiffers,
    /// As before; the issuer of the Patient ID differs.
    IssuerDiffers,
    /// As before; the date of birth differs.
    BirthDateDiffers,
    /// As before; the sex differs.
    SexDiffers,
    /// Several orders or studies would fit as well.
    Ambiguous,
    /// The order that fits belongs to another study already.
    OrderTaken,
    /// The order's time is past and no study came.
    Overdue,
    /// A person has undone the match.
    Undone,
}

impl ReconcileReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::NoOrder,
        Self::PatientIdDiffers,
        Self::IssuerDiffers,
        Self::BirthDateDiffers,
        Self::SexDiffers,
        Self::Ambiguous,
        Self::OrderTaken,
        Self::Overdue,
        Self::Undone,
    ];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoOrder => "no_order",
            Self::PatientIdDiffers => "patient_id_differs",
            Self::IssuerDiffers => "issuer_differs",
            Self::BirthDateDiffers => "birth_date_differs",
            Self::SexDiffers => "sex_differs",
            Self::Ambiguous => "ambiguous",
            Self::OrderTaken => "order_taken",
            Self::Overdue => "overdue",
            Self::Undone => "undone",
        }
    }

    /// The reason of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The reason for a person.
    pub fn text(self) -> Text {
        let (zh, en) = match self {
            Self::NoOrder => ("没有与该检查相符的申请单", "no order fits this study"),
            Self::PatientIdDiffers => (
                "检查号或检查 UID 相符，但患者 ID 不一致，未匹配",
                "accession number or Study UID agree, but the Patient ID differs: not matched",
            ),
            Self::IssuerDiffers => (
                "检查号或检查 UID 相符，但患者 ID 的发布机构不一致，未匹配",
                "accession number or Study UID agree, but the issuer of the Patient ID differs: not matched",
            ),
            Self::BirthDateDiffers => (
                "检查号或检查 UID 相符，但出生日期不一致，未匹配",
                "accession number or Study UID agree, but the date of birth differs: not matched",
            ),
            Self::SexDiffers => (
                "检查号或检查 UID 相符，但性别不一致，未匹配",
                "accession number or Study UID agree, but the sex differs: not matched",
            ),
            Self::Ambiguous => (
                "同一患者有多个申请单或检查同样相符，无法确定",
                "several orders or studies of the patient fit equally well",
            ),
            Self::OrderTaken => {
                ("相符的申请单已对应另一项检查", "the order that fits already belongs to another study")
            }
            Self::Overdue => {
                ("已过预约时间，仍未收到检查", "the scheduled time is past and no study has come")
            }
            Self::Undone => ("匹配已由人工撤销", "a person has undone the match"),
        };
        Text { zh: zh.to_owned(), en: en.to_owned() }
    }

    /// Whether order and study name each other but different patients.
    pub const fn is_contradiction(self) -> bool {
        matches!(
            self,
            Self::PatientIdDiffers | Self::IssuerDiffers | Self::BirthDateDiffers | Self::SexDiffers
        )
    }
}

/// Identifies an entry of the reconciliation queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReconcileId(pub i64);

/// What waits for a person. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmatched {
    /// A study, with the orders that come into question, at most ten; each with what speaks against it.
    Study {
        /// The study.
        study: StudyUid,
        /// Whom it shows, and what is known of it.
        facts: Box<crate::ImageFacts>,
        /// The orders.
        candidates: Vec<(Order, Option<ReconcileReason>)>,
    },
    /// An order, with the studies that come into question.
    Order {
        /// The order.
        order: Box<Order>,
        /// The studies.
        candidates: Vec<(StudyUid, Option<ReconcileReason>)>,
    },
}

/// An entry of the reconciliation queue. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconcile {
    /// Its number.
    pub id: ReconcileId,
    /// Study or order.
    pub subject: Unmatched,
    /// Why it waits.
    pub reason: ReconcileReason,
    /// Since when.
    pub since: Timestamp,
}

/// What a person says: who, when and why. Kept for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// Why; may be empty where nothing contradicts.
    pub reason: String,
}

/// What became of a person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// It is done and recorded.
    Done,
    /// It is so already.
    Already,
    /// There is no such study.
    UnknownStudy,
    /// There is no such order, or nothing waits under this number.
    UnknownOrder,
    /// The order belongs to another study: that match must be undone first.
    OrderTaken,
    /// The patients differ: it must be confirmed, with a reason.
    Contradiction(ReconcileReason),
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// No study has been matched.
    Waiting,
    /// A study has.
    Matched,
    /// The HIS has taken it back.
    Cancelled,
}

impl OrderState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Matched, Self::Cancelled];

    /// The stable name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Matched => "matched",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Which orders are wanted; what is `None` does not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderQuery {
    /// Matched with this study.
    pub study: Option<StudyUid>,
    /// Of this accession number.
    pub accession: Option<String>,
    /// Of this patient, under any identifier that was merged.
    pub patient_id: Option<String>,
    /// In this encounter.
    pub encounter: Option<String>,
    /// So far.
    pub state: Option<OrderState>,
    /// Older than this one.
    pub before: Option<OrderId>,
    /// At most so many.
    pub limit: usize,
}

/// An order with the study that it was matched with. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The order.
    pub order: Order,
    /// Its study, how that was found, and when.
    pub matched: Option<(StudyUid, MatchedBy, Timestamp)>,
}

impl PlacedOrder {
    /// How far it is.
    pub const fn state(&self) -> OrderState {
        if self.order.cancelled {
            OrderState::Cancelled
        } else if self.matched.is_some() {
            OrderState::Matched
        } else {
            OrderState::Waiting
        }
    }
}

/// What people see and decide about orders and studies.
#[async_trait]
pub trait Reconciliation: Send + Sync {
    /// Orders, newest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn orders(&self, query: OrderQuery) -> Result<Vec<PlacedOrder>, Fault>;

    /// What waits for a person, newest first, strictly older than `before`.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn unmatched(&self, before: Option<ReconcileId>, limit: usize) -> Result<Vec<Reconcile>, Fault>;

    /// A person says that a study answers an order. `confirmed`: although the patients differ.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn match_by_person(
        &self,
        study: &StudyUid,
        order: OrderId,
        say: Say,
        confirmed: bool,
    ) -> Result<Reconciled, Fault>;

    /// A person says that an order's match is wrong. The two are not matched again by themselves. The study keeps its
    /// lane: nothing lowers.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn unmatch(&self, order: OrderId, say: Say) -> Result<Reconciled, Fault>;

    /// A person says that an entry of the queue needs nothing.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn dismiss(&self, entry: ReconcileId, say: Say) -> Result<Reconciled, Fault>;
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HospitalLevels {
    /// Studies that must still be raised in memory.
    pub raises: u64,
    /// Readings of monitors that the triage desk has not seen.
    pub readings: u64,
    /// Entries of the reconciliation queue.
    pub unmatched: u64,
}

/// What follows from messages of the HIS, and what is to be done from time to time.
#[async_trait]
pub trait HospitalWork: Send + Sync {
    /// After a start, before anything comes in: how orders and studies find each other; `None` where no HIS is
    /// connected, then no study is missed an order.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn set_matching(&self, rules: Option<MatchingRules>) -> Result<(), Fault>;

    /// Studies that their order has raised in the ledger and that must be raised in memory, too.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn due_raises(&self, limit: usize) -> Result<Vec<(StudyUid, Lane)>, Fault>;

    /// A study was raised to this lane.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle_raise(&self, study: &StudyUid, lane: Lane) -> Result<(), Fault>;

    /// Puts up to `limit` orders whose time is past into the reconciliation queue. Returns how many.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn list_overdue(&self, now: Timestamp, limit: usize) -> Result<usize, Fault>;

    /// Forgets up to `limit` messages, and as many readings that are settled, that came in before. What they said stays.
    /// Returns how many.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn forget_messages(&self, before: Timestamp, limit: usize) -> Result<usize, Fault>;

    /// How much waits.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn hospital_levels(&self) -> Result<HospitalLevels, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for reason in ReconcileReason::ALL {
            assert_eq!(ReconcileReason::from_name(reason.as_str()), Some(reason));
        }
        for state in OrderState::ALL {
            assert_eq!(OrderState::from_name(state.as_str()), Some(state));
        }
    }
}
