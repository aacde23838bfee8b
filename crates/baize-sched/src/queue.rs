//! The decoded items of one model, most urgent first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use baize_core::{Lane, Timestamp};

use crate::service::ServiceTimes;
use crate::{Bucket, Config, FireReason, ItemId};

/// The order in which items run: STAT before all else, then the earliest deadline, then the more urgent lane,
/// then who came first. The item's number makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Urgency {
    not_stat: bool,
    deadline: Timestamp,
    lane: Reverse<Lane>,
    sequence: u64,
}

impl Urgency {
    pub(crate) fn new(lane: Lane, deadline: Timestamp, sequence: u64) -> Self {
        Self { not_stat: lane != Lane::Stat, deadline, lane: Reverse(lane), sequence }
    }
}

/// An item that waits for a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) item: ItemId,
    pub(crate) offered_at: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) times: ServiceTimes,
    waiting: BTreeMap<Urgency, Waiting>,
    stat: usize,
}

impl Queue {
    pub(crate) fn insert(&mut self, urgency: Urgency, waiting: Waiting) {
        if self.waiting.insert(urgency, waiting).is_none() {
            self.stat += usize::from(!urgency.not_stat);
        }
    }

    pub(crate) fn remove(&mut self, urgency: &Urgency) {
        if self.waiting.remove(urgency).is_some() {
            self.stat -= usize::from(!urgency.not_stat);
        }
    }

    /// The most urgent item's place.
    pub(crate) fn head(&self) -> Option<&Urgency> {
        self.waiting.keys().next()
    }

    /// The largest batch without STAT work: as configured, and short enough for the STAT budget.
    pub(crate) fn routine_largest(&self, config: &Config) -> Bucket {
        let configured = config.routine_largest.min(config.largest);
        let Some(budget) = config.stat_budget else { return configured };
        Bucket::up_to(configured)
            .rev()
            .find(|bucket| self.times.of(*bucket).is_some_and(|time| time <= budget))
            .unwrap_or(Bucket::ONE)
    }

    /// What makes a batch run now; `None`: it is better to wait for more items.
    pub(crate) fn reason_to_fire(
        &self,
        now: Timestamp,
        config: &Config,
        draining: bool,
    ) -> Option<FireReason> {
        self.head()?;
        if self.stat > 0 {
            return Some(FireReason::Stat);
        }
        if self.waiting.len() >= self.routine_largest(config).size() {
            return Some(FireReason::Full);
        }
        if draining {
            return Some(FireReason::Draining);
        }
        if self.latest_start(config).is_some_and(|latest| latest <= now) {
            return Some(FireReason::Deadline);
        }
        self.patience(config).is_some_and(|end| end <= now).then_some(FireReason::Waited)
    }

    /// When a batch will run even if nothing happens until then.
    pub(crate) fn fires_at(&self, config: &Config) -> Option<Timestamp> {
        [self.latest_start(config), self.patience(config)].into_iter().flatten().min()
    }

    /// When the most urgent item must start so that it is in time even with one more item in its batch.
    fn latest_start(&self, config: &Config) -> Option<Timestamp> {
        let head = self.head()?;
        let bucket = Bucket::holding(self.waiting.len() + 1, self.routine_largest(config));
        Some(head.deadline - self.times.of(bucket).unwrap_or_default() - config.post)
    }

    /// When the item that was offered first has waited long enough.
    fn patience(&self, config: &Config) -> Option<Timestamp> {
        self.waiting.values().map(|waiting| waiting.offered_at + config.delay).min()
    }

    /// Takes the next batch's items. STAT items come first; others ride along only where the bucket has room
    /// for them anyway.
    pub(crate) fn take_batch(&mut self, config: &Config) -> (Bucket, Vec<ItemId>) {
        let (bucket, count) = match self.stat {
            0 => {
                let cap = self.routine_largest(config);
                let bucket = Bucket::holding(self.waiting.len(), cap);
                (bucket, bucket.size())
            }
            stat => {
                let bucket = Bucket::holding(stat, config.largest);
                (bucket, bucket.size())
            }
        };
        let taken: Vec<(Urgency, ItemId)> =
            self.waiting.iter().take(count).map(|(urgency, waiting)| (*urgency, waiting.item)).collect();
        for (urgency, _) in &taken {
            self.remove(urgency);
        }
        (bucket, taken.into_iter().map(|(_, item)| item).collect())
    }

    /// What one item of a long queue costs.
    pub(crate) fn time_per_item(&self, config: &Config) -> Duration {
        let bucket = self.routine_largest(config);
        match (self.times.of(bucket), u32::try_from(bucket.size())) {
            (Some(time), Ok(size)) => time / size,
            _ => self.times.of(Bucket::ONE).unwrap_or_default(),
        }
    }
}
