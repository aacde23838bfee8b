//! The service: takes in, and does what follows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    Event, EventStream, Hospital, HospitalMessage, HospitalWork, MatchingRules, News, OrderId, OrderQuery,
    PlacedOrder, Reconcile, ReconcileId, Reconciled, Reconciliation, Say, Taken, Urgency,
};
use baize_core::{Clock, Fault, StudyUid};
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::Metrics;

/// How often it is looked for what became overdue or old, and what failed is tried again.
const ROUND: Duration = Duration::from_secs(30);
/// How much is done at once: the ledger's writer has others to serve.
const STEP: usize = 500;

/// What the service stands on. The ledger is most of it.
#[derive(Clone)]
pub struct Parts {
    /// Keeps messages.
    pub hospital: Arc<dyn Hospital>,
    /// What follows from them.
    pub work: Arc<dyn HospitalWork>,
    /// What people decide.
    pub people: Arc<dyn Reconciliation>,
    /// Raises studies in memory.
    pub urgency: Arc<dyn Urgency>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// How it works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How orders and studies find each other; `None` where no HIS is connected.
    pub matching: Option<MatchingRules>,
    /// For how long messages are kept. A message that comes again later is taken for a new one.
    pub keep: Duration,
}

/// What the HIS tells, and what follows from it; see the [crate's description](crate).
#[derive(Debug)]
pub struct HospitalService {
    parts: Parts,
    keep: Duration,
    metrics: Metrics,
    /// Something may have to be raised.
    wake: Notify,
    readings: Arc<Notify>,
}

impl HospitalService {
    /// Says to the ledger how orders and studies find each other. Must be done before the first object or message of
    /// this process comes in.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn open(parts: Parts, settings: Settings) -> Result<Self, Fault> {
        parts.work.set_matching(settings.matching).await?;
        Ok(Self {
            parts,
            keep: settings.keep,
            metrics: Metrics::default(),
            wake: Notify::new(),
            readings: Arc::default(),
        })
    }

    /// What it counts, to be registered.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Is notified when a reading of a monitor may have come in.
    pub fn readings(&self) -> Arc<Notify> {
        Arc::clone(&self.readings)
    }

    /// Does what follows until `shutdown` is cancelled; what is left is done after the next start. `events` tell of
    /// images, whose admission may have raised their study.
    pub async fn run(self: Arc<Self>, mut events: EventStream, shutdown: CancellationToken) {
        let listening = async {
            while let Some(event) = events.next().await {
                if matches!(event, Event::Received { .. } | Event::Lagged(_)) {
                    self.wake.notify_one();
                }
            }
        };
        let raising = async {
            loop {
                if let Err(fault) = self.raise_due().await {
                    error!(%fault, "studies that their order has raised wait in memory");
                }
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    () = self.wake.notified() => {}
                }
            }
        };
        let tidying = async {
            loop {
                if let Err(fault) = self.tidy().await {
                    error!(%fault, "what the his told cannot be tidied");
                }
                tokio::time::sleep(ROUND).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = futures_util::future::join3(listening, raising, tidying) => {}
        }
    }

    /// Raises in memory what was raised in the ledger. Returns how many studies that were. What [`run`](Self::run) does
    /// all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn raise_due(&self) -> Result<usize, Fault> {
        let mut raised = 0;
        loop {
            let due = self.parts.work.due_raises(STEP).await?;
            if due.is_empty() {
                return Ok(raised);
            }
            for (study, lane) in due {
                self.parts.urgency.raise(&study, lane).await?;
                self.parts.work.settle_raise(&study, lane).await?;
                info!(%study, %lane, "study raised by an order of the his");
                self.metrics.raised();
                raised += 1;
            }
        }
    }

    /// Lists what became overdue, forgets what is old, counts what waits. What [`run`](Self::run) does from time to
    /// time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn tidy(&self) -> Result<(), Fault> {
        let now = self.parts.clock.now();
        while self.parts.work.list_overdue(now, STEP).await? == STEP {}
        while self.parts.work.forget_messages(now - self.keep, STEP).await? >= STEP {}
        self.metrics.levels(self.parts.work.hospital_levels().await?);
        Ok(())
    }
}

#[async_trait]
impl Hospital for HospitalService {
    async fn take(&self, message: HospitalMessage) -> Result<Taken, Fault> {
        let has_vitals = matches!(message.news, News::Vitals { .. });
        let taken = self.parts.hospital.take(message).await?;
        self.metrics.took(taken);
        if taken == Taken::New {
            if has_vitals { self.readings.notify_one() } else { self.wake.notify_one() }
        }
        Ok(taken)
    }
}

#[async_trait]
impl Reconciliation for HospitalService {
    async fn orders(&self, query: OrderQuery) -> Result<Vec<PlacedOrder>, Fault> {
        self.parts.people.orders(query).await
    }

    async fn unmatched(&self, before: Option<ReconcileId>, limit: usize) -> Result<Vec<Reconcile>, Fault> {
        self.parts.people.unmatched(before, limit).await
    }

    async fn match_by_person(
        &self,
        study: &StudyUid,
        order: OrderId,
        say: Say,
        confirmed: bool,
    ) -> Result<Reconciled, Fault> {
        let reconciled = self.parts.people.match_by_person(study, order, say, confirmed).await?;
        self.wake.notify_one();
        Ok(reconciled)
    }

    async fn unmatch(&self, order: OrderId, say: Say) -> Result<Reconciled, Fault> {
        self.parts.people.unmatch(order, say).await
    }

    async fn dismiss(&self, entry: ReconcileId, say: Say) -> Result<Reconciled, Fault> {
        self.parts.people.dismiss(entry, say).await
    }
}
