//! Keeps an eye on what waits: metrics, the alarm, and what the health page says.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use baize_core::ports::{OWN_ARCHIVE, OutboxLevel};
use tracing::{error, info, warn};

use crate::service::DeliveryService;

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Destinations with an alarm.
    alarmed: BTreeSet<String>,
    warnings: Vec<String>,
}

impl Watch {
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).warnings.clone()
    }
}

impl DeliveryService {
    /// Looks once at how much waits and for how long; [`run`](Self::run) does so every few seconds.
    pub async fn observe(&self) {
        match self.parts.records.levels().await {
            Ok(levels) => self.judge(&levels),
            Err(fault) => warn!(%fault, "the level of the outbox cannot be read"),
        }
    }

    fn judge(&self, levels: &[OutboxLevel]) {
        let now = self.parts.clock.now();
        let mut seen = self.watch.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.warnings.clear();
        for level in levels {
            let destination = &level.destination;
            let age = level.oldest.map(|oldest| now.saturating_since(oldest)).unwrap_or_default();
            let alarm = level.oldest.is_some() && age >= self.settings.alarm_after;
            self.metrics.level(level, age, alarm);
            let (unfinished, seconds) = (level.unfinished, age.as_secs());
            if alarm {
                let minutes = seconds / 60;
                seen.warnings.push(match destination.as_str() {
                    OWN_ARCHIVE => format!(
                        "{unfinished} results are not listed beside their images yet, the oldest for {minutes} minutes"
                    ),
                    _ => format!(
                        "{unfinished} results wait for destination {destination}, the oldest for {minutes} minutes"
                    ),
                });
                if seen.alarmed.insert(destination.clone()) {
                    error!(destination, unfinished, seconds, "results do not reach the destination");
                }
            } else if seen.alarmed.remove(destination) {
                info!(destination, "results reach the destination again");
            }
            if level.refused > 0 {
                let refused = level.refused;
                seen.warnings.push(match destination.as_str() {
                    OWN_ARCHIVE => format!(
                        "{refused} results cannot be listed beside their images: see /v1/outbox?destination={OWN_ARCHIVE}"
                    ),
                    _ => format!("destination {destination} refused {refused} results: see /v1/outbox"),
                });
            }
        }
    }
}
