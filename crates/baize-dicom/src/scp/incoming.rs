//! An object while it is being received.

use std::sync::Arc;

use bytes::Bytes;

use super::budget::{Budget, Reservation};

/// The first buffer; most presentation states and reports need no second one.
const FIRST_BUFFER_BYTES: u64 = 256 * 1024;

/// A DICOM Part 10 object that grows: its head, then the data set as it comes.
#[derive(Debug)]
pub(super) struct Incoming {
    object: Vec<u8>,
    head: usize,
    reservation: Reservation,
    /// What the reservation covers.
    reserved: u64,
    limit: u64,
}

/// The next fragment would make the object larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Incoming {
    /// Begins with the head of the file; in the end there may be `limit` bytes in all.
    pub(super) fn new(head: Vec<u8>, budget: Arc<Budget>, limit: u64) -> Self {
        Self { head: head.len(), object: head, reservation: Reservation::new(budget), reserved: 0, limit }
    }

    /// Appends a fragment of the data set, waiting for memory where need be.
    ///
    /// # Errors
    /// [`TooLarge`]; the object is then of no use.
    pub(super) async fn push(&mut self, fragment: &[u8]) -> Result<(), TooLarge> {
        let needed = (self.object.len() + fragment.len()) as u64;
        if needed > self.limit {
            return Err(TooLarge);
        }
        if needed > self.reserved {
            let size = needed.max(self.reserved * 2).max(FIRST_BUFFER_BYTES).min(self.limit);
            self.reservation.grow_to(size).await.map_err(|_| TooLarge)?;
            self.reserved = size;
            let capacity = usize::try_from(size).map_err(|_| TooLarge)?;
            self.object.reserve_exact(capacity - self.object.len());
        }
        self.object.extend_from_slice(fragment);
        Ok(())
    }

    /// The data set received so far.
    pub(super) fn data_set(&self) -> &[u8] {
        &self.object[self.head..]
    }

    /// The object, and the reservation to be kept as long as the object is in memory.
    pub(super) fn into_object(self) -> (Bytes, Reservation) {
        (Bytes::from(self.object), self.reservation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_limit_is_exact_and_counts_the_head() {
        const LIMIT: u64 = 1 << 20;
        for (data_set, fits) in [(LIMIT - 10, true), (LIMIT - 9, false)] {
            let budget = Arc::new(Budget::new(LIMIT, LIMIT));
            let mut incoming = Incoming::new(vec![0; 10], budget, LIMIT);
            let bytes = vec![7; data_set as usize];
            let mut pushed = Ok(());
            for fragment in bytes.chunks(65_537) {
                pushed = incoming.push(fragment).await;
            }
            assert_eq!(pushed.is_ok(), fits, "{data_set} bytes");
            assert!(incoming.object.capacity() as u64 <= LIMIT);
            if fits {
                assert_eq!(incoming.data_set(), bytes);
                let (object, _reservation) = incoming.into_object();
                assert_eq!(object.len() as u64, LIMIT);
            }
        }
    }
}
