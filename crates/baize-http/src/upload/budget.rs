//! How much memory all uploads together may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use baize_core::{ErrorCode, Fault, Lane};

/// Bytes in use and the most that may be. Nobody waits for a share: two uploads that each hold half of what
/// they need would wait for each other forever. A full budget is an overload, and the client comes back.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    total: u64,
    /// The part that only the STAT lane may use, so that routine uploads cannot shut an emergency out.
    kept_for_stat: u64,
}

impl Budget {
    pub(crate) fn new(total: u64, kept_for_stat: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), total, kept_for_stat })
    }

    /// An empty share that may grow.
    pub(super) fn reserve(budget: &Arc<Self>, lane: Lane) -> Reservation {
        let most = match lane {
            Lane::Stat => budget.total,
            Lane::Urgent | Lane::Routine => budget.total.saturating_sub(budget.kept_for_stat),
        };
        Reservation { budget: Arc::clone(budget), held: 0, most }
    }
}

/// A share of the budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    held: u64,
    most: u64,
}

impl Reservation {
    /// Takes `bytes` more.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Fault> {
        let grown = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.most);
        if self.budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_err() {
            let text = "The memory for uploads is in use. What was stored before this answer stays stored; \
                        sending it again is safe.";
            return Err(Fault::new(ErrorCode::Saturated, text).retry_after(Duration::from_secs(2)));
        }
        self.held += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_exact_and_stat_has_the_last_share() {
        let budget = Budget::new(100, 40);
        let mut routine = Budget::reserve(&budget, Lane::Routine);
        assert!(routine.grow(60).is_ok());
        assert_eq!(routine.grow(1).unwrap_err().code, ErrorCode::Saturated);
        let mut urgent = Budget::reserve(&budget, Lane::Urgent);
        assert!(urgent.grow(1).is_err());
        let mut stat = Budget::reserve(&budget, Lane::Stat);
        assert!(stat.grow(40).is_ok());
        assert!(stat.grow(1).is_err());
        drop(routine);
        assert!(urgent.grow(20).is_ok(), "what was dropped is free again");
        assert!(stat.grow(u64::MAX).is_err(), "no overflow");
    }
}
