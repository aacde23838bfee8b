//! Exact limits on what is in memory, with a share that only STAT work may take.

use baize_core::Lane;

use crate::Rejection;

/// How much may be admitted at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items of all lanes together.
    pub jobs: usize,
    /// Bytes of all lanes together.
    pub bytes: u64,
    /// Of `jobs`, how many only STAT items may take.
    pub stat_jobs: usize,
    /// Of `bytes`, how many only STAT items may take.
    pub stat_bytes: u64,
}

/// What one class of lanes holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    jobs: usize,
    bytes: u64,
}

/// Counts what is admitted. STAT work may use everything; other work must leave the STAT share free.
#[derive(Debug)]
pub(crate) struct Permits {
    limits: Limits,
    stat: Held,
    other: Held,
}

impl Permits {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, stat: Held::default(), other: Held::default() }
    }

    /// Takes permits for one item, or says which limit stands against it.
    pub(crate) fn take(&mut self, lane: Lane, bytes: u64) -> Result<(), Rejection> {
        self.check(lane, bytes)?;
        let held = self.held_mut(lane);
        held.jobs += 1;
        held.bytes += bytes;
        Ok(())
    }

    fn check(&self, lane: Lane, bytes: u64) -> Result<(), Rejection> {
        let Limits { jobs, bytes: max_bytes, stat_jobs, stat_bytes } = self.limits;
        let (own_jobs, own_bytes) = match lane {
            Lane::Stat => (jobs, max_bytes),
            Lane::Urgent | Lane::Routine => {
                (jobs.saturating_sub(stat_jobs), max_bytes.saturating_sub(stat_bytes))
            }
        };
        if bytes > own_bytes {
            return Err(Rejection::NeverFits);
        }
        let held = self.held(lane);
        if held.jobs >= own_jobs || self.jobs() >= jobs {
            return Err(Rejection::JobsFull);
        }
        // Subtractions, because the sum of two numbers of bytes may overflow.
        if bytes > own_bytes.saturating_sub(held.bytes) || bytes > max_bytes.saturating_sub(self.bytes()) {
            return Err(Rejection::BytesFull);
        }
        Ok(())
    }

    /// Gives an item's permits back.
    pub(crate) fn give_back(&mut self, lane: Lane, bytes: u64) {
        let held = self.held_mut(lane);
        held.jobs = held.jobs.saturating_sub(1);
        held.bytes = held.bytes.saturating_sub(bytes);
    }

    /// Books an item's permits under another lane; the totals stay.
    pub(crate) fn rebook(&mut self, from: Lane, to: Lane, bytes: u64) {
        self.give_back(from, bytes);
        let held = self.held_mut(to);
        held.jobs += 1;
        held.bytes += bytes;
    }

    /// Whether one more item, however small, of this lane would be admitted.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        self.check(lane, 0).is_ok()
    }

    pub(crate) fn jobs(&self) -> usize {
        self.stat.jobs + self.other.jobs
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.stat.bytes + self.other.bytes
    }

    fn held(&self, lane: Lane) -> &Held {
        match lane {
            Lane::Stat => &self.stat,
            Lane::Urgent | Lane::Routine => &self.other,
        }
    }

    fn held_mut(&mut self, lane: Lane) -> &mut Held {
        match lane {
            Lane::Stat => &mut self.stat,
            Lane::Urgent | Lane::Routine => &mut self.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits() -> Permits {
        Permits::new(Limits { jobs: 3, bytes: 100, stat_jobs: 1, stat_bytes: 40 })
    }

    #[test]
    fn routine_work_leaves_the_stat_share_free() {
        let mut permits = permits();
        assert_eq!(permits.take(Lane::Routine, 30), Ok(()));
        assert_eq!(permits.take(Lane::Urgent, 31), Err(Rejection::BytesFull), "60 bytes are for all lanes");
        assert_eq!(permits.take(Lane::Urgent, 30), Ok(()));
        assert_eq!(permits.take(Lane::Routine, 0), Err(Rejection::JobsFull));
        assert_eq!(permits.take(Lane::Stat, 41), Err(Rejection::BytesFull));
        assert_eq!(permits.take(Lane::Stat, 40), Ok(()));
        assert_eq!(permits.take(Lane::Stat, 0), Err(Rejection::JobsFull));
        permits.give_back(Lane::Routine, 30);
        assert_eq!(permits.take(Lane::Routine, 30), Ok(()), "what is given back can be taken at once");
    }

    #[test]
    fn an_item_over_the_whole_limit_never_fits() {
        let mut permits = permits();
        assert_eq!(permits.take(Lane::Routine, 61), Err(Rejection::NeverFits));
        assert_eq!(permits.take(Lane::Stat, 101), Err(Rejection::NeverFits));
        assert_eq!(permits.take(Lane::Stat, u64::MAX), Err(Rejection::NeverFits));
        assert_eq!(permits.take(Lane::Stat, 100), Ok(()));
    }

    #[test]
    fn a_raised_item_moves_to_the_stat_share() {
        let mut permits = permits();
        permits.take(Lane::Routine, 30).unwrap();
        permits.take(Lane::Routine, 30).unwrap();
        permits.rebook(Lane::Routine, Lane::Stat, 30);
        assert_eq!((permits.jobs(), permits.bytes()), (2, 60));
        assert_eq!(permits.take(Lane::Routine, 30), Ok(()), "its routine permit is free again");
        assert!(!permits.has_room(Lane::Stat), "but the total stands");
    }
}
