//! The memory that objects being received may hold, shared by all associations.
//!
//! The size of an object is known only when its last byte has come, so memory is reserved while it grows, and
//! two half-received objects could wait for each other for ever. Hence the budget is split: a pool that all
//! share, and one *reserve* as large as the largest object. Whoever finds the pool empty waits for the pool or
//! for the reserve, whichever comes first; the holder of the reserve gives its share of the pool back and needs
//! nothing more, so it always comes to its end and passes the reserve on. The sum never exceeds the budget.
//! While an association waits it does not read, and its peer feels that as a slow network.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// What the pool is counted in.
const BLOCK_BYTES: u64 = 64 * 1024;

/// The shared budget.
#[derive(Debug)]
pub(crate) struct Budget {
    pool: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
}

impl Budget {
    /// `total` bytes in all, of which `largest` are kept as the reserve.
    pub(crate) fn new(total: u64, largest: u64) -> Self {
        let blocks = total.saturating_sub(largest) / BLOCK_BYTES;
        let blocks = usize::try_from(blocks).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { pool: Arc::new(Semaphore::new(blocks)), reserve: Arc::new(Semaphore::new(1)) }
    }
}

/// What one object holds of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    share: Share,
}

#[derive(Debug)]
enum Share {
    Nothing,
    Pool(OwnedSemaphorePermit),
    /// Held for its drop.
    Reserve {
        _permit: OwnedSemaphorePermit,
    },
}

impl Reservation {
    /// Holds nothing yet.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, share: Share::Nothing }
    }

    /// Waits until `bytes` in all, at most the budget's largest object, may be held.
    ///
    /// # Errors
    /// Only if the semaphores were closed, which nothing does.
    pub(crate) async fn grow_to(&mut self, bytes: u64) -> Result<(), AcquireError> {
        let wanted = bytes.div_ceil(BLOCK_BYTES);
        let held = match &self.share {
            Share::Nothing => 0,
            Share::Pool(permit) => permit.num_permits() as u64,
            Share::Reserve { .. } => return Ok(()),
        };
        if wanted <= held {
            return Ok(());
        }
        // More than any pool holds: only the reserve will do.
        let missing = u32::try_from(wanted - held).unwrap_or(u32::MAX);
        let pool = Arc::clone(&self.budget.pool);
        let reserve = Arc::clone(&self.budget.reserve);
        let more = tokio::select! {
            biased;
            permit = pool.acquire_many_owned(missing) => Share::Pool(permit?),
            permit = reserve.acquire_owned() => Share::Reserve { _permit: permit? },
        };
        match (&mut self.share, more) {
            (Share::Pool(held), Share::Pool(permit)) => held.merge(permit),
            // Dropping the old share here is what lets the others go on.
            (share, more) => *share = more,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    fn budget(pool_blocks: u64, largest_blocks: u64) -> Arc<Budget> {
        Arc::new(Budget::new((pool_blocks + largest_blocks) * BLOCK_BYTES, largest_blocks * BLOCK_BYTES))
    }

    #[tokio::test]
    async fn two_growing_objects_never_wait_for_each_other() {
        let budget = budget(4, 8);
        let mut first = Reservation::new(Arc::clone(&budget));
        let mut second = Reservation::new(Arc::clone(&budget));
        first.grow_to(2 * BLOCK_BYTES).await.unwrap();
        second.grow_to(2 * BLOCK_BYTES).await.unwrap();
        // The pool is empty: the first takes the reserve and gives its two blocks back,
        first.grow_to(3 * BLOCK_BYTES).await.unwrap();
        assert_eq!(budget.pool.available_permits(), 2);
        first.grow_to(8 * BLOCK_BYTES).await.unwrap();
        // so the second can grow by two, and must wait for more.
        second.grow_to(4 * BLOCK_BYTES).await.unwrap();
        {
            let mut waiting = pin!(second.grow_to(5 * BLOCK_BYTES));
            assert_eq!(poll!(&mut waiting).map(|grown| grown.is_ok()), Poll::Pending);
            drop(first);
            waiting.await.unwrap();
        }
        drop(second);
        assert_eq!(budget.pool.available_permits(), 4);
        assert_eq!(budget.reserve.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_budget_of_one_object_takes_one_at_a_time() {
        let budget = budget(0, 4);
        let mut first = Reservation::new(Arc::clone(&budget));
        first.grow_to(1).await.unwrap();
        let mut second = Reservation::new(budget);
        let mut waiting = pin!(second.grow_to(1));
        assert!(poll!(&mut waiting).is_pending());
        drop(first);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn shrinking_or_standing_still_needs_nothing() {
        let budget = budget(4, 0);
        let mut reservation = Reservation::new(Arc::clone(&budget));
        reservation.grow_to(0).await.unwrap();
        reservation.grow_to(4 * BLOCK_BYTES).await.unwrap();
        reservation.grow_to(BLOCK_BYTES).await.unwrap();
        assert_eq!(budget.pool.available_permits(), 0);
    }
}
