//! Storage commitment: who is asked about what, and what an answer does.

use std::sync::Arc;

use baize_core::Timestamp;
use baize_core::ports::{
    CommitmentAnswer, Delivery, DeliveryQuery, DeliveryState, ObjectName, Recipient, Settlement, Takes,
};

use super::{Store, admit, take_one};
use crate::fixtures::{admission, analysed, at, report};

const NOW: Timestamp = Timestamp::from_micros(10_000_000);
const LATER: Timestamp = Timestamp::from_micros(20_000_000);

fn object(number: usize) -> ObjectName {
    ObjectName { sop_class: "1.2.840.1".into(), sop_instance: format!("2.25.{number}") }
}

/// Two destinations get two objects; both acknowledge them, one is asked for commitment.
async fn acknowledged(store: &impl Store) {
    let recipient = |name: &str, commitment| Recipient {
        name: name.into(),
        takes: Takes::Objects,
        analysed: true,
        refused: true,
        failed: true,
        priors: false,
        commitment,
    };
    store.set_recipients(vec![recipient("asked", true), recipient("other", false)]).await.unwrap();
    admit(store, &admission(1, 1)).await;
    let job = take_one(store).await;
    store.finish(job.id, report(&job, analysed())).await.unwrap();
    for destination in ["asked", "other"] {
        send(store, destination, NOW).await;
    }
}

/// Sends what is due and has it acknowledged.
async fn send(store: &impl Store, destination: &str, now: Timestamp) {
    let deliveries = store.take_consignment(destination, now).await.unwrap().unwrap().deliveries;
    let named = match deliveries.as_slice() {
        [placeholder] if placeholder.object().is_some_and(|object| object.name.is_none()) => {
            store.name_objects(placeholder.id, vec![object(1), object(2)]).await.unwrap()
        }
        named => named.to_vec(),
    };
    for delivery in named {
        let end = Settlement::Acknowledged { status: 0, comment: None };
        store.settle(delivery.id, end, now).await.unwrap();
    }
}

fn committed_at(delivery: &Delivery) -> Option<Timestamp> {
    delivery.object().unwrap().committed_at
}

async fn of(store: &impl Store, destination: &str) -> Vec<Delivery> {
    let query =
        DeliveryQuery { state: None, destination: Some(destination.into()), before: None, limit: 100 };
    let mut deliveries = store.deliveries(query).await.unwrap();
    deliveries.reverse();
    deliveries
}

async fn uncommitted(store: &impl Store, destination: &str, transaction: &str, now: Timestamp) -> usize {
    store.take_uncommitted(destination, transaction, now, LATER, 100).await.unwrap().len()
}

fn answer(transaction: &str, committed: &[usize], failed: &[usize]) -> CommitmentAnswer {
    let uid = |number: &usize| object(*number).sop_instance;
    CommitmentAnswer {
        transaction: transaction.into(),
        committed: committed.iter().map(uid).collect(),
        failed: failed.iter().map(|number| (uid(number), 0x0112)).collect(),
    }
}

pub(crate) async fn what_an_archive_commits_itself_to_is_noted_once(store: Arc<impl Store>) {
    acknowledged(&*store).await;
    assert_eq!(uncommitted(&*store, "other", "2.25.90", NOW).await, 0, "it is not asked");
    let first = store.take_uncommitted("asked", "2.25.91", NOW, LATER, 1).await.unwrap();
    assert_eq!(first, [object(1)]);
    assert_eq!(store.take_uncommitted("asked", "2.25.92", NOW, LATER, 100).await.unwrap(), [object(2)]);
    assert_eq!(uncommitted(&*store, "asked", "2.25.93", NOW).await, 0, "both were asked about");
    // An answer counts for what its own transaction named.
    assert_eq!(
        store.settle_commitment(answer("2.25.91", &[1, 2], &[]), at(11_000_000), LATER).await.unwrap(),
        1
    );
    assert_eq!(store.settle_commitment(answer("2.25.91", &[1, 2], &[1]), LATER, LATER).await.unwrap(), 0);
    let committed: Vec<_> = of(&*store, "asked").await.iter().map(committed_at).collect();
    assert_eq!(committed, [Some(at(11_000_000)), None]);
    assert!(of(&*store, "other").await.iter().all(|one| committed_at(one).is_none()));
    // No answer about the second: asked again, in a new transaction; the old one's late answer says nothing.
    assert_eq!(uncommitted(&*store, "asked", "2.25.94", LATER).await, 1);
    assert_eq!(store.settle_commitment(answer("2.25.92", &[2], &[]), LATER, LATER).await.unwrap(), 0);
    assert_eq!(store.settle_commitment(answer("2.25.94", &[2], &[]), LATER, LATER).await.unwrap(), 1);
    let states: Vec<_> = of(&*store, "asked").await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Acknowledged; 2]);
}

pub(crate) async fn what_an_archive_does_not_keep_goes_out_again(store: Arc<impl Store>) {
    acknowledged(&*store).await;
    assert_eq!(uncommitted(&*store, "asked", "2.25.91", NOW).await, 2);
    // Named both ways: it is not kept.
    let told = answer("2.25.91", &[1, 2], &[2]);
    assert_eq!(store.settle_commitment(told, NOW, LATER).await.unwrap(), 2);
    let deliveries = of(&*store, "asked").await;
    assert_eq!((deliveries[0].state, committed_at(&deliveries[0])), (DeliveryState::Acknowledged, Some(NOW)));
    let denied = &deliveries[1];
    assert_eq!((denied.state, committed_at(denied)), (DeliveryState::Waiting, None));
    assert_eq!(denied.next_attempt_at, Some(LATER));
    assert!(denied.comment.as_ref().unwrap().contains("no such object"), "{denied:?}");
    assert!(store.take_consignment("asked", NOW).await.unwrap().is_none());
    send(&*store, "asked", LATER).await;
    assert_eq!(of(&*store, "asked").await[1].state, DeliveryState::Acknowledged);
    assert_eq!(store.take_uncommitted("asked", "2.25.92", LATER, LATER, 9).await.unwrap(), [object(2)]);
    assert!(of(&*store, "other").await.iter().all(|one| one.state == DeliveryState::Acknowledged));
}

pub(crate) async fn a_peer_that_could_not_be_asked_is_asked_later(store: Arc<impl Store>) {
    acknowledged(&*store).await;
    assert_eq!(uncommitted(&*store, "asked", "2.25.91", NOW).await, 2);
    store.postpone_commitment("2.25.91", at(12_000_000)).await.unwrap();
    assert_eq!(uncommitted(&*store, "asked", "2.25.92", at(11_000_000)).await, 0);
    assert_eq!(uncommitted(&*store, "asked", "2.25.92", at(12_000_000)).await, 2);
}
