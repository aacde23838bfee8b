//! Watches for studies that are here as a whole.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{CompletionRecords, Event, Silence, StudyWatch};
use baize_core::{Clock, Fault, StudyUid, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Engine;

/// How often the watcher looks.
const TICK: Duration = Duration::from_secs(1);

/// For how long no image must come in before a study is taken as complete.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In general.
    pub quiet: Duration,
    /// After a STOW request that stored all of its objects. Clients cut a large study into several requests.
    pub stow: Duration,
}

/// Takes studies as complete, durably, and tells the engine's listeners.
pub struct StudyWatcher {
    records: Arc<dyn CompletionRecords>,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    patience: Patience,
    /// Silence counts from here: while the server was down, nobody could send.
    since: Timestamp,
}

impl fmt::Debug for StudyWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StudyWatcher").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl StudyWatcher {
    /// Watches from now on, once it [runs](Self::run).
    pub fn new(
        records: Arc<dyn CompletionRecords>,
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        patience: Patience,
    ) -> Self {
        let since = clock.now();
        Self { records, engine, clock, patience, since }
    }

    /// Looks every second until the shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
            if let Err(fault) = self.look().await {
                warn!(%fault, "cannot tell which studies are complete");
            }
        }
    }

    /// Takes as complete what has become so by now.
    ///
    /// # Errors
    /// `StorageFailed`; the next look finds the same.
    pub async fn look(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let silence = Silence {
            quiet: self.silent(now, self.patience.quiet),
            stow: self.silent(now, self.patience.stow),
        };
        for completed in self.records.complete(silence, now).await? {
            info!(study = %completed.study, by = completed.completion.by.as_str(), revision = completed.revision,
                  instances = completed.instances, "study complete");
            if let Some(expected) = completed.expected
                && completed.instances < u64::from(expected)
            {
                warn!(study = %completed.study, expected, instances = completed.instances,
                      "fewer images came than were announced");
            }
            self.engine.shared.events.publish(Event::Completed(completed));
        }
        Ok(())
    }

    /// Since when nothing must have come in; the beginning of time while the watcher itself is younger.
    fn silent(&self, now: Timestamp, patience: Duration) -> Timestamp {
        if now.saturating_since(self.since) < patience { Timestamp::from_micros(0) } else { now - patience }
    }
}

#[async_trait]
impl StudyWatch for StudyWatcher {
    async fn expect(&self, study: &StudyUid, instances: u32) -> Result<(), Fault> {
        self.records.expect(study, instances).await
    }

    async fn stowed(&self, study: &StudyUid) -> Result<(), Fault> {
        self.records.stowed(study, self.clock.now()).await
    }
}
