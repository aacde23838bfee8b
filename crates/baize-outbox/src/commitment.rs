//! Storage commitment: asking destinations whether they answer for keeping what they have acknowledged.

use std::time::Duration;

use async_trait::async_trait;
use baize_core::Fault;
use baize_core::ports::{CommitmentAnswer, Commitments};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::service::{DeliveryService, Way};

/// Objects in one request.
const BATCH: usize = 256;

/// After how long without an answer a destination is asked again. Archives that copy to tape answer overnight.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

impl DeliveryService {
    /// Asks one destination about everything that is due; what [`run`](Self::run) does all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn ask_commitment_due(&self, destination: &str) -> Result<(), Fault> {
        match self.roads.iter().position(|road| road.name() == destination) {
            Some(index) => self.ask_commitment(index, &CancellationToken::new()).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn ask_commitment(
        &self,
        index: usize,
        shutdown: &CancellationToken,
    ) -> Result<(), Fault> {
        let road = &self.roads[index];
        let Way::Objects { courier, .. } = &road.destination.way else { return Ok(()) };
        if !road.destination.recipient.commitment {
            return Ok(());
        }
        loop {
            let now = self.parts.clock.now();
            if shutdown.is_cancelled() || road.is_paused(now) {
                return Ok(());
            }
            let (destination, transaction) = (road.name(), transaction_uid());
            let records = &self.parts.records;
            let objects =
                records.take_uncommitted(destination, &transaction, now, now + PATIENCE, BATCH).await?;
            if objects.is_empty() {
                return Ok(());
            }
            match courier.ask_commitment(&transaction, &objects).await {
                Ok(Some(answer)) => self.committed(answer).await?,
                Ok(None) => info!(destination, objects = objects.len(), "asked for storage commitment"),
                Err(lost) => {
                    warn!(destination, reason = %lost, "storage commitment could not be asked for");
                    let again_at = self.parts.clock.now() + self.settings.backoff.cap;
                    return records.postpone_commitment(&transaction, again_at).await;
                }
            }
        }
    }
}

#[async_trait]
impl Commitments for DeliveryService {
    async fn committed(&self, answer: CommitmentAnswer) -> Result<(), Fault> {
        let now = self.parts.clock.now();
        let (committed, failed) = (answer.committed.len(), answer.failed.len());
        // The longest wait: an archive that loses what it has just acknowledged is in trouble.
        let again_at = now + self.settings.backoff.cap;
        let settled = self.parts.records.settle_commitment(answer, now, again_at).await?;
        if failed > 0 {
            warn!(committed, failed, settled, "an archive does not keep results: they go out again");
        } else {
            info!(committed, settled, "an archive committed itself to keeping results");
        }
        Ok(())
    }
}

/// A UID for one request, from a random number (PS3.5 section B.2).
fn transaction_uid() -> String {
    format!("2.25.{}", rand::random::<u128>())
}
