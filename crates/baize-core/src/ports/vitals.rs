//! Vital signs from monitors, on their way to the triage desk.

use async_trait::async_trait;

use super::Measurement;
use crate::{Fault, Timestamp};

/// Identifies a reading of a monitor in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadingId(pub i64);

/// What a monitor measured and nobody has acted on yet. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct DueVitals {
    /// Its number.
    pub id: ReadingId,
    /// The hospital's identifier of the patient; where two identifiers were merged, the one that stays.
    pub patient_id: String,
    /// The encounter's number. Where the monitor does not say it: the patient's, if just one is open.
    pub encounter: Option<String>,
    /// At least one.
    pub measurements: Vec<Measurement>,
    /// When the message came in.
    pub received_at: Timestamp,
    /// How often it was put off.
    pub attempts: u32,
}

/// The durable list of readings that the triage desk has not seen. One caller takes from it.
#[async_trait]
pub trait VitalsFeed: Send + Sync {
    /// The reading that has been due for longest; `None` where none is due. Stays due until it is
    /// [settled](Self::settle_vitals), also over a restart: the same reading can come twice.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn due_vitals(&self, now: Timestamp) -> Result<Option<DueVitals>, Fault>;

    /// Ends a reading with a sentence that says how, or with `again` puts it off until then. The sentence holds no
    /// patient data.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle_vitals(
        &self,
        reading: ReadingId,
        again: Option<Timestamp>,
        outcome: String,
    ) -> Result<(), Fault>;
}
