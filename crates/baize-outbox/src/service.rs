//! The service: workers per destination, and what wakes them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    Courier, Delivery, DeliveryId, DeliveryQuery, EventStream, MessageCourier, Outbox, OutboxRecords,
    Recipient, Renditions, Spool, Wording,
};
use baize_core::{Clock, Fault, Timestamp};
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::subject::Sources;
use crate::watch::Watch;

/// How often the ledger is asked whether a delivery has become due, and how much waits.
const POLL: Duration = Duration::from_secs(5);

/// Results whose objects or messages are made at a time, over all destinations.
const RENDERING: usize = 2;

/// Where results go.
pub struct Destination {
    /// Its name, and which results it gets.
    pub recipient: Recipient,
    /// What goes there, and how.
    pub way: Way,
    /// How many studies are sent to it at a time.
    pub concurrency: NonZeroUsize,
}

/// In which form results go to a destination. Fits what its recipient takes.
#[derive(Clone)]
pub enum Way {
    /// As objects of each report.
    Objects {
        /// Makes the objects that it gets.
        renditions: Arc<dyn Renditions>,
        /// The way there.
        courier: Arc<dyn Courier>,
    },
    /// As messages about studies and visits.
    Messages {
        /// Makes the messages.
        wording: Arc<dyn Wording>,
        /// The way there.
        courier: Arc<dyn MessageCourier>,
    },
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

/// How patient the service is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Waits between attempts.
    pub backoff: Backoff,
    /// From which age on an unfinished delivery is an alarm.
    pub alarm_after: Duration,
    /// From which age on a failed attempt to send an object is the last: the delivery is then as if refused, and a person
    /// may retry. `None`: never. A message is never given up.
    pub give_up_after: Option<Duration>,
    /// How long a stopping service lets attempts end. What is cut off goes out again after the next start.
    pub drain: Duration,
}

/// What the service stands on.
#[derive(Clone)]
pub struct Parts {
    /// The durable list.
    pub records: Arc<dyn OutboxRecords>,
    /// Where images and pictures are.
    pub spool: Arc<dyn Spool>,
    /// What messages tell of.
    pub sources: Sources,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// A destination with its state.
pub(crate) struct Road {
    pub(crate) destination: Destination,
    outage: Mutex<Outage>,
}

/// While the peer cannot be reached.
#[derive(Default)]
struct Outage {
    /// How often in a row.
    failures: u32,
    /// Until when nobody tries.
    until: Option<Timestamp>,
    /// The message that got no answer last.
    unanswered: Option<DeliveryId>,
}

impl Road {
    pub(crate) fn name(&self) -> &str {
        &self.destination.recipient.name
    }

    /// Notes that the peer could not be reached, and until when nobody tries. The wait grows with the failures in a row,
    /// not with those of one delivery: a peer that answers now and then is not left alone for long.
    pub(crate) fn unreachable(&self, now: Timestamp, backoff: Backoff) -> Timestamp {
        let mut outage = self.outage();
        outage.failures = outage.failures.saturating_add(1);
        let until = now + backoff.wait(outage.failures, rand::random());
        outage.until = Some(until);
        until
    }

    /// Notes that a message got no answer. One message that its peer cannot stand must not hold up the others: only when
    /// a second one gets none, nobody tries for a while, and this says until when.
    pub(crate) fn no_answer(
        &self,
        delivery: DeliveryId,
        now: Timestamp,
        backoff: Backoff,
    ) -> Option<Timestamp> {
        let before = self.outage().unanswered.replace(delivery);
        before.filter(|before| *before != delivery).map(|_| self.unreachable(now, backoff))
    }

    /// Notes that the peer wants to be left alone.
    pub(crate) fn pause(&self, until: Timestamp) {
        self.outage().until = Some(until);
    }

    /// Notes that the peer was reached, or that a person wants it to be tried.
    pub(crate) fn resume(&self) {
        *self.outage() = Outage::default();
    }

    pub(crate) fn is_paused(&self, now: Timestamp) -> bool {
        self.outage().until.is_some_and(|until| now < until)
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers results; see the [crate's description](crate).
pub struct DeliveryService {
    pub(crate) parts: Parts,
    pub(crate) settings: Settings,
    pub(crate) roads: Vec<Road>,
    pub(crate) metrics: Metrics,
    pub(crate) rendering: Arc<Semaphore>,
    pub(crate) watch: Watch,
    /// Counts the reasons to look at the ledger again.
    wake: watch::Sender<u64>,
}

impl fmt::Debug for DeliveryService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryService").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl DeliveryService {
    /// Says to the ledger who gets results, and takes up what an earlier process was sending. Must be done before the
    /// first report of this process is stored. Nothing is sent before [`run`](Self::run).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn open(
        parts: Parts,
        settings: Settings,
        destinations: Vec<Destination>,
    ) -> Result<Self, Fault> {
        let recipients = destinations.iter().map(|destination| destination.recipient.clone()).collect();
        parts.records.set_recipients(recipients).await?;
        let resumed = parts.records.resume_interrupted().await?;
        if resumed > 0 {
            info!(resumed, "deliveries of an earlier run go out again");
        }
        let road = |destination| Road { destination, outage: Mutex::default() };
        Ok(Self {
            parts,
            settings,
            roads: destinations.into_iter().map(road).collect(),
            metrics: Metrics::default(),
            rendering: Arc::new(Semaphore::new(RENDERING)),
            watch: Watch::default(),
            wake: watch::Sender::new(0),
        })
    }

    /// What it counts, to be registered.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What a person should look after; empty while everything goes out. Answers at once.
    pub fn warnings(&self) -> Vec<String> {
        self.watch.warnings()
    }

    /// Delivers until `shutdown` is cancelled. `events` tell when there is something new.
    pub async fn run(self: Arc<Self>, mut events: EventStream, shutdown: CancellationToken) {
        let mut workers = JoinSet::new();
        for index in 0..self.roads.len() {
            for _ in 0..self.roads[index].destination.concurrency.get() {
                workers.spawn(Arc::clone(&self).work(index, shutdown.clone()));
            }
        }
        let keeping_watch = async {
            loop {
                self.observe().await;
                tokio::time::sleep(POLL).await;
            }
        };
        let listening = async {
            while events.next().await.is_some() {
                self.look_again();
            }
            // The engine is closing; the poll finds what it still stores.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = keeping_watch => {}
            () = listening => {}
        }
        let ending = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(self.settings.drain, ending).await.is_err() {
            warn!("deliveries under way were cut off; they go out again after the next start");
        }
    }

    async fn work(self: Arc<Self>, index: usize, shutdown: CancellationToken) {
        let mut wake = self.wake.subscribe();
        loop {
            wake.mark_unchanged();
            if let Err(fault) = self.deliver(index, &shutdown).await {
                error!(%fault, destination = self.roads[index].name(), "the outbox cannot be read");
            }
            if let Err(fault) = self.ask_commitment(index, &shutdown).await {
                error!(%fault, destination = self.roads[index].name(), "commitments cannot be read");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
                _ = wake.changed() => {}
            }
        }
    }

    /// Sends everything that is due now to one destination, then returns how many reports or messages were taken. What
    /// [`run`](Self::run) does all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn deliver_due(&self, destination: &str) -> Result<usize, Fault> {
        match self.roads.iter().position(|road| road.name() == destination) {
            Some(index) => self.deliver(index, &CancellationToken::new()).await,
            None => Ok(0),
        }
    }

    async fn deliver(&self, index: usize, shutdown: &CancellationToken) -> Result<usize, Fault> {
        let road = &self.roads[index];
        let mut taken = 0;
        loop {
            let now = self.parts.clock.now();
            if shutdown.is_cancelled() || road.is_paused(now) {
                return Ok(taken);
            }
            match &road.destination.way {
                Way::Objects { renditions, courier } => {
                    let Some(due) = self.parts.records.take_consignment(road.name(), now).await? else {
                        return Ok(taken);
                    };
                    self.attempt(road, renditions, &**courier, due).await;
                }
                Way::Messages { wording, courier } => {
                    let Some(due) = self.parts.records.take_message(road.name(), now).await? else {
                        return Ok(taken);
                    };
                    self.tell(road, wording, &**courier, due).await;
                }
            }
            taken += 1;
        }
    }

    fn look_again(&self) {
        self.wake.send_modify(|reasons| *reasons = reasons.wrapping_add(1));
    }
}

#[async_trait]
impl Outbox for DeliveryService {
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, Fault> {
        self.parts.records.deliveries(query).await
    }

    async fn retry(&self, delivery: DeliveryId) -> Result<Option<Delivery>, Fault> {
        let retried = self.parts.records.retry(delivery, self.parts.clock.now()).await?;
        if let Some(delivery) = &retried {
            for road in self.roads.iter().filter(|road| road.name() == delivery.destination) {
                road.resume();
            }
            self.look_again();
        }
        Ok(retried)
    }
}
