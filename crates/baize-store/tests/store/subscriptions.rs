//! Subscriptions: places in the record of changes that outlive the process.

use std::time::Duration;

use baize_core::ports::{
    Subscription, SubscriptionStatus, SubscriptionWish, Subscriptions as _, TriageRecords as _,
};
use baize_store::SqliteLedger;

use crate::fixtures::{at, open_ledger, triage_entry};

fn wish() -> SubscriptionWish {
    SubscriptionWish {
        criteria: "RiskAssessment?encounter=E1".into(),
        reason: "test".into(),
        endpoint: "https://his.example/hook".into(),
        with_payload: true,
        headers: vec!["Authorization: Bearer a".into(), "X-Site: 1".into()],
        is_off: false,
    }
}

async fn add(ledger: &SqliteLedger, id: &str) -> Option<Subscription> {
    ledger.subscribe(id.into(), "his".into(), wish(), 2, at(10)).await.unwrap()
}

async fn due(ledger: &SqliteLedger, now: u64) -> Vec<(String, u64)> {
    let due = ledger.due_subscriptions(at(now), 10).await.unwrap();
    due.into_iter().map(|one| (one.id, one.cursor)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_moves_only_by_what_was_told_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(triage_entry(1, 1)).await.unwrap();
    let made = add(&ledger, "a").await.unwrap();
    assert_eq!((made.cursor, made.revision, &made.wish), (1, 1, &wish()), "what was before is not told");
    assert_eq!(due(&ledger, 100).await, []);
    ledger.append(triage_entry(2, 1)).await.unwrap();
    ledger.append(triage_entry(3, 1)).await.unwrap();
    assert_eq!(due(&ledger, 100).await, [("a".to_owned(), 1)]);
    ledger.told("a", 1, 2, at(100)).await.unwrap();
    ledger.close().await;
    drop(ledger);

    let ledger = open_ledger(folder.path());
    assert_eq!(due(&ledger, 100).await, [("a".to_owned(), 2)]);
    ledger.told("a", 1, 1, at(100)).await.unwrap();
    assert_eq!(due(&ledger, 100).await, [("a".to_owned(), 2)], "never back");
    let off = SubscriptionWish { is_off: true, ..wish() };
    ledger.replace_subscription("a", off, at(101)).await.unwrap().unwrap();
    assert_eq!(due(&ledger, 200).await, []);
    ledger.replace_subscription("a", wish(), at(102)).await.unwrap().unwrap();
    ledger.told("a", 1, 3, at(103)).await.unwrap();
    assert_eq!(due(&ledger, 200).await, [("a".to_owned(), 2)], "an earlier wish moves nothing");
    assert_eq!(ledger.replace_subscription("x", wish(), at(102)).await.unwrap(), None);

    add(&ledger, "b").await.unwrap();
    assert_eq!(add(&ledger, "c").await, None, "there are enough");
    assert!(ledger.unsubscribe("a").await.unwrap() && !ledger.unsubscribe("a").await.unwrap());
    assert_eq!(ledger.subscriptions().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_waits_becomes_an_error_and_ends_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    add(&ledger, "a").await.unwrap();
    ledger.append(triage_entry(1, 1)).await.unwrap();
    let hour = Duration::from_secs(3600);
    let start = at(10_000_000_000);
    for (now, status, attempts) in [
        (start, SubscriptionStatus::Active, 1),
        (start + hour / 2, SubscriptionStatus::Active, 2),
        (start + hour, SubscriptionStatus::Error, 3),
        (start + hour * 48, SubscriptionStatus::Error, 4),
    ] {
        let again = now + Duration::from_secs(1);
        ledger.not_told("a", 1, "down".into(), again, now - hour, now).await.unwrap();
        let one = ledger.subscription("a").await.unwrap().unwrap();
        assert_eq!((one.status, one.attempts, one.failing_since), (status, attempts, Some(start)));
        assert!(ledger.due_subscriptions(now, 1).await.unwrap().is_empty());
        assert_eq!(ledger.due_subscriptions(again, 1).await.unwrap().len(), 1, "tried without end");
    }
    ledger.told("a", 1, 1, start).await.unwrap();
    let one = ledger.subscription("a").await.unwrap().unwrap();
    assert_eq!((one.status, one.attempts, one.last_error), (SubscriptionStatus::Active, 0, None));
}
