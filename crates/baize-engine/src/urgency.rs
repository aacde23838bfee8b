//! Studies that become more urgent after they came in.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use baize_core::ports::Urgency;
use baize_core::{Fault, Lane, StudyUid};
use tracing::info;

use crate::Engine;
use crate::shared::Shared;

/// How many raised studies are remembered: more than are being received at a time. The ledger knows all of them.
const REMEMBERED: usize = 4096;

/// The lanes of studies that were raised last, for their images that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Raised {
    lanes: HashMap<StudyUid, Lane>,
    order: VecDeque<StudyUid>,
}

impl Raised {
    fn insert(&mut self, study: &StudyUid, lane: Lane) {
        match self.lanes.get_mut(study) {
            Some(known) => *known = known.raised_to(lane),
            None => {
                self.lanes.insert(study.clone(), lane);
                self.order.push_back(study.clone());
            }
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.lanes.remove(&oldest);
        }
    }
}

impl Shared {
    /// The lane that an order asks for.
    pub(crate) fn ordered_lane(&self, study: &StudyUid) -> Lane {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.lanes.get(study).copied().unwrap_or(Lane::Routine)
    }
}

#[async_trait]
impl Urgency for Engine {
    async fn raise(&self, study: &StudyUid, lane: Lane) -> Result<bool, Fault> {
        let shared = &self.shared;
        let due = shared.config.due.of(lane);
        // First, so that an image that comes in meanwhile is not missed by both.
        shared.raised.lock().unwrap_or_else(PoisonError::into_inner).insert(study, lane);
        let raised = shared.ledger()?.raise(study, lane, due).await?;
        shared.dispatcher.raise(study, lane, due);
        if lane == Lane::Stat {
            shared.stat_waits.store(true, Ordering::Release);
        }
        shared.wake.notify_one();
        if raised {
            info!(%study, %lane, "study raised by its order");
        }
        Ok(raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_nothing_is_lowered() {
        let uid = |number: usize| StudyUid::parse(&format!("1.2.{number}")).unwrap();
        let mut raised = Raised::default();
        raised.insert(&uid(0), Lane::Stat);
        raised.insert(&uid(0), Lane::Urgent);
        assert_eq!(raised.lanes[&uid(0)], Lane::Stat);
        for number in 1..=REMEMBERED {
            raised.insert(&uid(number), Lane::Urgent);
        }
        assert_eq!((raised.lanes.len(), raised.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!raised.lanes.contains_key(&uid(0)));
    }
}
