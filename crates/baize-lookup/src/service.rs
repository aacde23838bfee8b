//! The workers: one for each kind of question, so that each takes its inquiries in turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    Event, EventStream, Inquiries, Inquiry, InquiryKind, OrderSource, StudySource, Urgency,
};
use baize_core::{Clock, Fault, Timestamp};
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{Metrics, Relevance};

/// How often the ledger is asked whether an inquiry has become due.
const POLL: Duration = Duration::from_secs(5);
/// The wait after the first failed attempt; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// From this age on a question that nobody answers is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// An archive that is asked for priors.
#[derive(Clone)]
pub struct Source {
    /// Its name in the configuration.
    pub name: String,
    /// The way there.
    pub archive: Arc<dyn StudySource>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a lookup stands on.
#[derive(Clone)]
pub struct Parts {
    /// The durable list.
    pub inquiries: Arc<dyn Inquiries>,
    /// Raises studies.
    pub urgency: Arc<dyn Urgency>,
    /// Archives that are asked for priors, in their order; empty: none are fetched.
    pub sources: Vec<Source>,
    /// Which of their studies are fetched.
    pub relevance: Relevance,
    /// The worklist, where there is one.
    pub orders: Option<Arc<dyn OrderSource>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// How an inquiry went.
pub(crate) enum Answer {
    /// It is settled; a sentence says how.
    Settled(String),
    /// It is to be asked again, for this reason.
    Later(String),
}

/// Asks other systems about studies; see the [crate's description](crate).
#[derive(Debug)]
pub struct Lookup {
    pub(crate) parts: Parts,
    pub(crate) metrics: Metrics,
}

impl Lookup {
    /// Says to the ledger what is asked about new studies. Must be done before the first object of this process comes
    /// in. Nothing is asked before [`run`](Self::run).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn open(parts: Parts) -> Result<Self, Fault> {
        let mut wanted = Vec::new();
        if !parts.sources.is_empty() {
            wanted.push(InquiryKind::Priors);
        }
        if parts.orders.is_some() {
            wanted.push(InquiryKind::Order);
        }
        parts.inquiries.set_wanted(wanted).await?;
        Ok(Self { parts, metrics: Metrics::default() })
    }

    /// What it counts, to be registered.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Asks until `shutdown` is cancelled; what is under way is broken off then, and asked again after the next start.
    /// `events` tell when there is something new.
    pub async fn run(self: Arc<Self>, mut events: EventStream, shutdown: CancellationToken) {
        let wakers: Vec<(InquiryKind, Arc<Notify>)> = [
            (InquiryKind::Priors, !self.parts.sources.is_empty()),
            (InquiryKind::Order, self.parts.orders.is_some()),
        ]
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(kind, _)| (kind, Arc::new(Notify::new())))
        .collect();
        let workers = wakers.iter().map(|(kind, wake)| self.work(*kind, wake));
        let listening = async {
            while let Some(event) = events.next().await {
                if matches!(event, Event::Received { .. } | Event::Lagged(_)) {
                    wakers.iter().for_each(|(_, wake)| wake.notify_one());
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = futures_util::future::join(futures_util::future::join_all(workers), listening) => {}
        }
    }

    async fn work(&self, kind: InquiryKind, wake: &Notify) {
        loop {
            if let Err(fault) = self.answer_due(kind).await {
                error!(%fault, kind = kind.as_str(), "inquiries cannot be read or settled");
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = wake.notified() => {}
            }
        }
    }

    /// Asks everything of one kind that is due now, then returns how many inquiries that were. What
    /// [`run`](Self::run) does all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn answer_due(&self, kind: InquiryKind) -> Result<usize, Fault> {
        let mut asked = 0;
        while let Some(inquiry) = self.parts.inquiries.due_inquiry(kind, self.parts.clock.now()).await? {
            asked += 1;
            let answer = match kind {
                InquiryKind::Priors => self.priors(&inquiry).await?,
                InquiryKind::Order => self.order(&inquiry).await?,
            };
            self.settle(&inquiry, answer).await?;
        }
        Ok(asked)
    }

    async fn settle(&self, inquiry: &Inquiry, answer: Answer) -> Result<(), Fault> {
        let (kind, study) = (inquiry.kind, &inquiry.study);
        let now = self.parts.clock.now();
        let (again, outcome, result) = match answer {
            Answer::Settled(outcome) => {
                info!(%study, kind = kind.as_str(), outcome, "other systems were asked about a study");
                (None, outcome, "answered")
            }
            Answer::Later(reason) if now.saturating_since(inquiry.received_at) >= GIVE_UP_AFTER => {
                warn!(%study, kind = kind.as_str(), reason, "given up asking about a study");
                (None, format!("given up: {reason}"), "given_up")
            }
            Answer::Later(reason) => {
                warn!(%study, kind = kind.as_str(), reason, attempts = inquiry.attempts + 1, "asked in vain about a study, will be tried again");
                (Some(next_attempt(now, inquiry.attempts)), reason, "later")
            }
        };
        self.metrics.inquired(kind.as_str(), result);
        self.parts.inquiries.settle_inquiry(kind, study, again, outcome).await
    }
}

/// Between half of the wait and all of it, so that what failed together is not asked again together.
fn next_attempt(now: Timestamp, attempts: u32) -> Timestamp {
    let whole = FIRST_WAIT.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT);
    now + whole / 2 + (whole / 2).mul_f64(rand::random::<f64>())
}
