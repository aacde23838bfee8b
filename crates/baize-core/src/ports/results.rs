//! Our own results beside the images that they are about.

use async_trait::async_trait;

use super::SpoolKey;
use crate::{Fault, InstanceIdentity, Timestamp};

/// The recipient by which results reach our own archive. Names that begin with `@` are Baize's own: no destination of a
/// configuration has one, and what goes to them is not listed among what goes to other systems.
pub const OWN_ARCHIVE: &str = "@archive";

/// A result object whose bytes are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiledResult {
    /// Where it belongs: the study of its image, a series of its own.
    pub identity: InstanceIdentity,
    /// Its Modality, such as `SR`.
    pub modality: Option<String>,
    /// Where its bytes are.
    pub spool_key: SpoolKey,
    /// When it was filed.
    pub filed_at: Timestamp,
}

/// The list of our own result objects, which searches find along with what was received.
#[async_trait]
pub trait ResultRecords: Send + Sync {
    /// Lists an object of a delivery durably. One that is made again takes the place of its earlier self.
    ///
    /// # Errors
    /// `StorageFailed`; `Internal` for an object that belongs to no delivery, or to another study than its image.
    async fn file(&self, result: FiledResult) -> Result<(), Fault>;

    /// Makes the deliveries to [`OWN_ARCHIVE`] of reports that were there before it: such as it would have got, had it
    /// been a recipient then. Returns how many.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn owe_earlier(&self, now: Timestamp) -> Result<usize, Fault>;
}
