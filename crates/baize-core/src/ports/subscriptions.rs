//! Wishes of other systems to be notified of results: FHIR R4 Subscriptions.
//!
//! A subscription is a durable place in the record of changes ([`ResultChange`]): behind it, nothing was told yet. It moves
//! on only after the receiver has answered for a change, so that no change is lost and none overtakes another.

use async_trait::async_trait;
use bytes::Bytes;

use super::ResultChange;
use crate::{Fault, Timestamp};

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// Changes are told.
    Active,
    /// The receiver has not answered for a long time. It is still tried.
    Error,
    /// Its owner wants no notifications for now.
    Off,
}

impl SubscriptionStatus {
    /// All.
    pub const ALL: [Self; 3] = [Self::Active, Self::Error, Self::Off];

    /// The name that storage and FHIR (<http://hl7.org/fhir/R4/valueset-subscription-status.html>) use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }

    /// That of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What a client asks for. Holds secrets (header lines), and a criterion may hold patient data: never log it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionWish {
    /// The search that a resource must match, such as `DiagnosticReport?status=final`.
    pub criteria: String,
    /// Why, in the client's words.
    pub reason: String,
    /// Where notifications go.
    pub endpoint: String,
    /// Whether the resource is sent; else the notification is empty.
    pub with_payload: bool,
    /// Header lines (`Name: value`) that are sent along.
    pub headers: Vec<String>,
    /// Whether changes are told at all.
    pub is_off: bool,
}

impl std::fmt::Debug for SubscriptionWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionWish").field("is_off", &self.is_off).finish_non_exhaustive()
    }
}

/// A subscription as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// A UUID.
    pub id: String,
    /// How often it was made or replaced.
    pub revision: u64,
    /// The client whose it is.
    pub owner: String,
    /// What is asked for.
    pub wish: SubscriptionWish,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last replaced.
    pub updated_at: Timestamp,
    /// The sequence of the last change that needs no telling any more.
    pub cursor: u64,
    /// Attempts since the receiver last answered.
    pub attempts: u32,
    /// Since when the receiver does not answer.
    pub failing_since: Option<Timestamp>,
    /// Why the last attempt failed. Without patient data.
    pub last_error: Option<String>,
}

/// The subscriptions.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Keeps a new one durably: changes from now on are told. `None` where there are `most` already.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn subscribe(
        &self,
        id: String,
        owner: String,
        wish: SubscriptionWish,
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Subscription>, Fault>;

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, Fault>;

    /// One of them.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, Fault>;

    /// Takes another wish in its place; what waits is told by the new one, and tried at once. `None` where there is none.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn replace_subscription(
        &self,
        id: &str,
        wish: SubscriptionWish,
        now: Timestamp,
    ) -> Result<Option<Subscription>, Fault>;

    /// Forgets it. Whether there was one.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn unsubscribe(&self, id: &str) -> Result<bool, Fault>;

    /// Those that are not off, behind whose place there are changes and whose next attempt is due; the longest due first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn due_subscriptions(&self, now: Timestamp, limit: usize) -> Result<Vec<Subscription>, Fault>;

    /// Moves the place of that revision on to `cursor`: up to there everything was told. Ends the failing.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn told(&self, id: &str, revision: u64, cursor: u64, now: Timestamp) -> Result<(), Fault>;

    /// Notes that an attempt failed and when the next is due. The status becomes `Error` when it has failed since
    /// `alarm_before` or longer.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn not_told(
        &self,
        id: &str,
        revision: u64,
        why: String,
        again_at: Timestamp,
        alarm_before: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault>;
}

/// A resource of which somebody is to be notified. Holds patient data: never log it.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its type, such as `DiagnosticReport`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The resource as FHIR JSON.
    pub json: Bytes,
    /// The patients whose data it holds, as `system|value`.
    pub patients: Vec<String>,
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notice").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Holds changes against the criteria of subscriptions.
#[async_trait]
pub trait Criteria: Send + Sync {
    /// The resources that a change is about, as they are now, as far as they match.
    ///
    /// # Errors
    /// `InvalidRequest` for criteria that are not understood, `StorageFailed`.
    async fn matching(&self, criteria: &str, change: &ResultChange) -> Result<Vec<Notice>, Fault>;
}
