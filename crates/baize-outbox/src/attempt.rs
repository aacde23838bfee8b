//! One attempt: the objects of one report to one destination.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    Consignment, Courier, Delivery, ObjectName, PeerAnswer, Rendition, Renditions, Settlement,
};
use baize_core::{ErrorClass, ErrorCode, Fault, Outcome, Timestamp};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use crate::service::{DeliveryService, Road};

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// How often the ledger is told how an attempt ended, and the first wait between; doubles.
const SETTLE_TRIES: u32 = 6;
const SETTLE_BACKOFF: Duration = Duration::from_millis(100);

/// Statuses of C-STORE by which a peer says that it has no room now (PS3.4 table B.2-1: "Refused: Out of Resources").
const OUT_OF_RESOURCES: std::ops::RangeInclusive<u16> = 0xA700..=0xA7FF;
/// Warnings: the object is kept, some of it changed or ignored (PS3.4 table B.2-1).
const WARNINGS: std::ops::RangeInclusive<u16> = 0xB000..=0xBFFF;

impl DeliveryService {
    /// Sends what was taken and settles every delivery of it.
    pub(crate) async fn attempt(
        &self,
        road: &Road,
        renditions: &Arc<dyn Renditions>,
        courier: &dyn Courier,
        consignment: Consignment,
    ) {
        let Some((deliveries, objects)) = self.prepare(road, renditions, &consignment).await else { return };
        let lane = consignment.lane;
        let mut pairs = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match objects.get(name_of(&delivery).map_or("", |name| &name.sop_instance)) {
                Some(object) => pairs.push((delivery, object.clone())),
                None => {
                    let comment = "Baize does not make this object for the destination any more (destinations.objects, or an update)".to_owned();
                    self.settle(&delivery, Settlement::Refused { status: None, comment }).await;
                }
            }
        }
        let wanted: Vec<Rendition> = pairs.iter().map(|(_, object)| object.clone()).collect();
        if wanted.is_empty() {
            return;
        }
        let mut handover = match courier.connect(&wanted, lane).await {
            Ok(handover) => handover,
            Err(lost) => {
                warn!(destination = road.name(), reason = %lost, "the destination cannot be reached");
                let deliveries: Vec<Delivery> = pairs.into_iter().map(|(delivery, _)| delivery).collect();
                // Others would fare no better: one probes for all.
                let until = road.unreachable(self.parts.clock.now(), self.settings.backoff);
                self.put_off(&deliveries, until, None, &lost.0).await;
                return;
            }
        };
        road.resume();
        let mut left = pairs.into_iter();
        while let Some((delivery, object)) = left.next() {
            let (status, comment) = match handover.send(&object).await {
                Ok(PeerAnswer::NotTaken(comment)) => {
                    self.settle(&delivery, Settlement::Refused { status: None, comment }).await;
                    continue;
                }
                Ok(PeerAnswer::Status(status, comment)) if OUT_OF_RESOURCES.contains(&status) => {
                    (Some(status), comment.unwrap_or_else(|| "the peer is out of resources".to_owned()))
                }
                Ok(PeerAnswer::Status(status, comment)) => {
                    self.settle(&delivery, answered(status, comment)).await;
                    continue;
                }
                Err(lost) => (None, lost.0),
            };
            // The order is kept: what comes after it waits with it.
            let lost = status.is_none();
            let rest: Vec<Delivery> =
                std::iter::once(delivery).chain(left.by_ref().map(|(delivery, _)| delivery)).collect();
            self.put_off(&rest, self.next_attempt(&rest), status, &comment).await;
            if lost {
                return;
            }
        }
        handover.close().await;
    }

    /// The deliveries with their names, and the objects by SOP Instance UID. `None`: there is nothing to send, and
    /// everything is settled.
    async fn prepare(
        &self,
        road: &Road,
        renditions: &Arc<dyn Renditions>,
        consignment: &Consignment,
    ) -> Option<(Vec<Delivery>, HashMap<String, Rendition>)> {
        let deliveries = &consignment.deliveries;
        let renditions = match self.render(renditions, consignment).await {
            Ok(renditions) => renditions,
            Err(fault) if is_passing(&fault) => {
                warn!(destination = road.name(), %fault, "the objects of a result cannot be made now");
                self.put_off(deliveries, self.next_attempt(deliveries), None, &fault.to_string()).await;
                return None;
            }
            Err(fault) => {
                error!(destination = road.name(), %fault, "the objects of a result cannot be made");
                for delivery in deliveries {
                    let comment = format!("the objects of the result cannot be made: {fault}");
                    self.settle(delivery, Settlement::Refused { status: None, comment }).await;
                }
                return None;
            }
        };
        let deliveries = match deliveries.as_slice() {
            [placeholder] if name_of(placeholder).is_none() => {
                let names = renditions.iter().map(|rendition| rendition.name.clone()).collect();
                match self.parts.records.name_objects(placeholder.id, names).await {
                    Ok(named) => named,
                    Err(fault) => {
                        self.put_off(deliveries, self.next_attempt(deliveries), None, &fault.to_string())
                            .await;
                        return None;
                    }
                }
            }
            named => named.to_vec(),
        };
        let by_uid = |rendition: Rendition| (rendition.name.sop_instance.clone(), rendition);
        Some((deliveries, renditions.into_iter().map(by_uid).collect()))
    }

    async fn render(
        &self,
        renditions: &Arc<dyn Renditions>,
        consignment: &Consignment,
    ) -> Result<Vec<Rendition>, Fault> {
        let gone = |_| Fault::new(ErrorCode::Draining, "the outbox is closing");
        let permit = Arc::clone(&self.rendering).acquire_owned().await.map_err(gone)?;
        let source = self.parts.spool.get(&consignment.source).await?;
        let report = consignment.report.clone();
        let overlay = match (&report.outcome, &report.model) {
            (Outcome::Analysed { .. }, Some(model)) => {
                self.parts.spool.overlay(&report.instance.study, &report.instance.sop, model).await?
            }
            _ => None,
        };
        let renditions = Arc::clone(renditions);
        let work = move || {
            // Held by the work: it cannot be cancelled.
            let _permit = permit;
            renditions.objects(&source, &report, overlay.as_deref())
        };
        let made = spawn_blocking(work).await.map_err(|_| {
            Fault::new(ErrorCode::Internal, "making the objects of the result ended unexpectedly")
        })??;
        match made.is_empty() {
            true => Err(Fault::new(ErrorCode::Internal, "the result has no objects")),
            false => Ok(made),
        }
    }

    /// The first waits, or has waited for too long; the others, which were not tried, go with it when it is due.
    async fn put_off(&self, deliveries: &[Delivery], until: Timestamp, status: Option<u16>, comment: &str) {
        let Some((first, untried)) = deliveries.split_first() else { return };
        let age = self.parts.clock.now().saturating_since(first.created_at);
        let how = match self.settings.give_up_after {
            Some(limit) if age >= limit => {
                let days = age.as_secs() / DAY_SECONDS;
                Settlement::Refused { status, comment: format!("given up after {days} days: {comment}") }
            }
            _ => Settlement::Waiting { until, status, comment: comment.to_owned() },
        };
        self.settle(first, how).await;
        for delivery in untried {
            self.settle(delivery, Settlement::Untried).await;
        }
    }

    /// When to try the first of them again.
    fn next_attempt(&self, deliveries: &[Delivery]) -> Timestamp {
        let attempts = deliveries.first().map_or(1, |first| first.attempts);
        self.parts.clock.now() + self.settings.backoff.wait(attempts, rand::random())
    }

    /// Records how an attempt ended.
    async fn settle(&self, delivery: &Delivery, how: Settlement) {
        self.metrics.settled(&delivery.destination, &how);
        let object = name_of(delivery).map(|object| object.sop_instance.as_str());
        let study = delivery.object().map(|object| object.instance.study.as_str());
        let (id, destination) = (delivery.id.0, &delivery.destination);
        match &how {
            Settlement::Acknowledged { status, .. } => {
                info!(delivery = id, destination, study, object, status, "result acknowledged by the peer");
            }
            Settlement::Refused { status, .. } => {
                error!(delivery = id, destination, study, object, status, "result refused");
            }
            Settlement::Waiting { status, .. } => {
                let attempts = delivery.attempts;
                warn!(
                    delivery = id,
                    destination, study, object, status, attempts, "delivery failed, will be tried again"
                );
            }
            Settlement::Untried => {}
        }
        let settle = || self.parts.records.settle(delivery.id, how.clone(), self.parts.clock.now());
        record_end(id, settle).await;
    }
}

/// Tells the ledger how an attempt ended, again and again if need be.
pub(crate) async fn record_end<F: Future<Output = Result<(), Fault>>>(id: i64, settle: impl Fn() -> F) {
    let mut backoff = SETTLE_BACKOFF;
    for tries in 1..=SETTLE_TRIES {
        match settle().await {
            Ok(()) => return,
            Err(fault) => warn!(%fault, tries, delivery = id, "the end of an attempt was not recorded"),
        }
        tokio::time::sleep(backoff).await;
        backoff *= 2;
    }
    error!(delivery = id, "the end of an attempt could not be recorded; the next start sends it again");
}

fn name_of(delivery: &Delivery) -> Option<&ObjectName> {
    delivery.object()?.name.as_ref()
}

/// What a peer's final answer means.
fn answered(status: u16, comment: Option<String>) -> Settlement {
    match status {
        0x0000 => Settlement::Acknowledged { status, comment },
        status if WARNINGS.contains(&status) => Settlement::Acknowledged { status, comment },
        status => Settlement::Refused {
            status: Some(status),
            comment: comment.unwrap_or_else(|| format!("the peer answered with status {status:04X}")),
        },
    }
}

/// Whether the same may succeed later. An image that is gone does not come back.
pub(crate) fn is_passing(fault: &Fault) -> bool {
    fault.code == ErrorCode::StorageFailed || fault.code.class() == ErrorClass::Overload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_and_warnings_are_acknowledgements() {
        for status in [0x0000, 0xB000, 0xB006, 0xB007] {
            assert!(matches!(answered(status, None), Settlement::Acknowledged { .. }), "{status:04X}");
        }
        for status in [0x0001, 0x0110, 0x0117, 0x0122, 0x0124, 0x0212, 0xA900, 0xC000, 0xFE00, 0xFF00, 0xFFFF]
        {
            let Settlement::Refused { status: told, comment } = answered(status, None) else {
                panic!("{status:04X} is no acknowledgement")
            };
            assert!(told == Some(status) && comment.contains(&format!("{status:04X}")));
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (code, passes) in [
            (ErrorCode::StorageFailed, true),
            (ErrorCode::SpoolFull, true),
            (ErrorCode::Draining, true),
            (ErrorCode::NotFound, false),
            (ErrorCode::Internal, false),
            (ErrorCode::MalformedObject, false),
        ] {
            assert_eq!(is_passing(&Fault::new(code, "")), passes, "{code}");
        }
    }
}
