//! What comes in.

use std::sync::Arc;

use baize_core::ports::{Admission, Arrival, Door, InstanceRecord, Job, Novelty, Progress, StudySummary};
use baize_core::{ErrorCode, Lane, Outcome, Report};

use super::{Store, admit, only_instance, summary, take_one};
use crate::fixtures::{admission, analysed, at, digest, full_facts, model, refused, report, study};

pub(crate) async fn an_image_comes_back_as_it_went_in(store: Arc<impl Store>) {
    let sparse = admission(1, 1);
    let full = Admission {
        facts: full_facts(),
        door: Door::Stow { client: "pacs".into() },
        lane: Lane::Stat,
        deadline: at(3_000_000),
        accepted_at: at(2_000_000),
        ..admission(2, 2)
    };
    for (number, sent) in [(1, &sparse), (2, &full)] {
        assert_eq!(admit(&*store, sent).await, Novelty::New);
        let instance = only_instance(&*store, number).await;
        let expected = InstanceRecord {
            identity: sent.identity.clone(),
            facts: sent.facts.clone(),
            received_at: sent.accepted_at,
            pending: 1,
            reports: Vec::new(),
        };
        assert_eq!(instance, expected);
        let expected = StudySummary {
            study: study(number),
            facts: sent.facts.clone(),
            received_at: sent.accepted_at,
            updated_at: sent.accepted_at,
            lane: sent.lane,
            progress: Progress { instances: 1, pending: 1, analysed: 0, refused: 0, failed: 0 },
            arrival: Arrival::default(),
        };
        assert_eq!(summary(&*store, number).await, expected);
    }
    for sent in [full, sparse] {
        let job = take_one(&*store).await;
        let expected = Job {
            id: job.id,
            identity: sent.identity,
            spool_key: sent.spool_key,
            model: model("1.0.0"),
            lane: sent.lane,
            accepted_at: sent.accepted_at,
            deadline: sent.deadline,
            attempts: 0,
        };
        assert_eq!(job, expected);
    }
}

pub(crate) async fn the_same_image_twice_is_one(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    let job = take_one(&*store).await;
    assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
    let before = summary(&*store, 1).await;
    let again = Admission { accepted_at: at(9_000_000), lane: Lane::Stat, ..admission(1, 1) };
    assert_eq!(admit(&*store, &again).await, Novelty::Duplicate);
    assert_eq!(summary(&*store, 1).await, before);
    assert_eq!(store.backlog().await.unwrap(), [0, 0, 0]);
    assert_eq!(only_instance(&*store, 1).await.reports.len(), 1);
}

pub(crate) async fn another_data_set_under_the_same_uid_is_kept_beside(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    let other_content = Admission { digest: digest(2), facts: full_facts(), ..admission(1, 1) };
    let other_study = admission(2, 1);
    for copy in [&other_content, &other_study] {
        assert_eq!(admit(&*store, copy).await, Novelty::Variant);
        assert_eq!(admit(&*store, copy).await, Novelty::Duplicate, "the copy is here already");
    }
    assert_eq!(admit(&*store, &admission(1, 1)).await, Novelty::Duplicate, "the first is still known");
    let instance = only_instance(&*store, 1).await;
    assert_eq!(instance.facts, admission(1, 1).facts, "the first stays the one that is read");
    assert_eq!(instance.pending, 1);
    assert_eq!(store.backlog().await.unwrap(), [1, 0, 0], "a copy makes no job");
    assert_eq!(store.study(&study(2)).await.unwrap(), None, "a copy makes no study");
}

pub(crate) async fn an_admission_needs_models_or_a_refusal(store: Arc<impl Store>) {
    let Outcome::Refused(fault) = refused() else { unreachable!() };
    for wrong in [
        Admission { models: Vec::new(), ..admission(1, 1) },
        Admission { refusal: Some(fault.clone()), ..admission(1, 1) },
    ] {
        assert_eq!(store.admit(wrong).await.unwrap_err().code, ErrorCode::Internal);
    }
    assert_eq!(store.study(&study(1)).await.unwrap(), None);
}

pub(crate) async fn a_refusal_is_a_final_report(store: Arc<impl Store>) {
    let Outcome::Refused(fault) = refused() else { unreachable!() };
    let unreadable = Admission { models: Vec::new(), refusal: Some(fault), ..admission(1, 1) };
    assert_eq!(admit(&*store, &unreadable).await, Novelty::New);
    assert_eq!(admit(&*store, &unreadable).await, Novelty::Duplicate);
    assert_eq!(store.take_jobs(1).await.unwrap(), []);
    let expected = Report {
        instance: unreadable.identity,
        model: None,
        outcome: refused(),
        finished_at: unreadable.accepted_at,
    };
    let instance = only_instance(&*store, 1).await;
    assert_eq!((instance.pending, instance.reports), (0, vec![expected]));
    let progress = Progress { instances: 1, pending: 0, analysed: 0, refused: 1, failed: 0 };
    assert_eq!(summary(&*store, 1).await.progress, progress);
}

pub(crate) async fn concurrent_admissions_make_each_image_new_once(store: Arc<impl Store>) {
    let senders: Vec<_> = (0..32_u32)
        .map(|sender| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut fresh = Vec::new();
                // Everybody sends the same 12 images, each beginning at another one.
                for step in 0..12 {
                    let number = (sender + step) % 12;
                    if admit(&*store, &admission(number % 4, number)).await == Novelty::New {
                        fresh.push(number);
                    }
                }
                fresh
            })
        })
        .collect();
    let mut fresh = Vec::new();
    for sender in senders {
        fresh.extend(sender.await.unwrap());
    }
    fresh.sort_unstable();
    assert_eq!(fresh, (0..12).collect::<Vec<_>>());
    assert_eq!(store.backlog().await.unwrap(), [12, 0, 0]);
    assert_eq!(store.list(None, 100).await.unwrap().len(), 4);
}
