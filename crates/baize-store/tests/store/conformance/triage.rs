//! The record of the triage desk.

use std::collections::BTreeSet;
use std::sync::Arc;

use baize_core::ports::{Appended, TriageEntry, TriageStep};

use super::Store;
use crate::fixtures::{at, model, triage_entry, visit};

pub(crate) async fn a_visit_comes_back_as_it_went_in(store: Arc<impl Store>) {
    let first = triage_entry(1, 1);
    let second = TriageEntry {
        step: TriageStep::Level,
        at: at(u64::from(u32::MAX) * 1_000_000),
        actor: "护士站 \"3\"; --".into(),
        sent: "{\"level\": \"急重\",\n \"reason\": \"O'Brien\\u0000\"}".into(),
        known: "{}".into(),
        assessment: "null".into(),
        level_cn: 4,
        acuity: 5,
        encounter: Some("住院\u{0}号-7".into()),
        model: Some(model("0.1.0")),
        ..triage_entry(1, 2)
    };
    let other = triage_entry(2, 1);
    for entry in [&first, &other, &second] {
        assert_eq!(store.append(entry.clone()).await.unwrap(), Appended::Kept);
    }
    assert_eq!(store.history(&visit(1)).await.unwrap(), [first, second]);
    assert_eq!(store.history(&visit(2)).await.unwrap(), [other]);
    assert_eq!(store.history(&visit(3)).await.unwrap(), []);
}

pub(crate) async fn an_entry_only_follows_the_last_one(store: Arc<impl Store>) {
    let conflicts = async |number: u32, sequence: u32| {
        let entry = TriageEntry { sent: "\"late\"".into(), ..triage_entry(number, sequence) };
        store.append(entry).await.unwrap() == Appended::Conflict
    };
    assert!(conflicts(1, 0).await);
    assert!(conflicts(1, 2).await, "nothing begins in the middle");
    store.append(triage_entry(1, 1)).await.unwrap();
    assert!(conflicts(1, 1).await, "the same place twice");
    assert!(conflicts(1, 3).await, "a gap");
    store.append(triage_entry(1, 2)).await.unwrap();
    assert!(conflicts(1, 2).await);
    assert!(conflicts(1, u32::MAX).await);
    assert_eq!(store.history(&visit(1)).await.unwrap(), [triage_entry(1, 1), triage_entry(1, 2)]);
}

pub(crate) async fn of_two_that_append_at_once_one_wins(store: Arc<impl Store>) {
    const WRITERS: u32 = 8;
    const EACH: u32 = 5;
    store.append(triage_entry(1, 1)).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut kept = 0;
            while kept < EACH {
                let length = store.history(&visit(1)).await.unwrap().len();
                let sequence = u32::try_from(length).unwrap() + 1;
                let sent = format!("[{writer}, {kept}]");
                let entry = TriageEntry { sent, ..triage_entry(1, sequence) };
                kept += u32::from(store.append(entry).await.unwrap() == Appended::Kept);
            }
        });
    }
    writers.join_all().await;
    let history = store.history(&visit(1)).await.unwrap();
    let sequences: Vec<u32> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=1 + WRITERS * EACH).collect::<Vec<_>>());
    let distinct: BTreeSet<&str> = history.iter().map(|entry| entry.sent.as_str()).collect();
    assert_eq!(distinct.len(), history.len(), "each was kept once");
}
