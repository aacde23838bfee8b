//! What people see.

use std::sync::Arc;

use baize_core::ports::{Admission, Progress};
use baize_core::{Lane, Outcome, Timestamp};

use super::{Store, admit, summary};
use crate::fixtures::{admission, analysed, at, failed, full_facts, model, refused, report, sop, study};

pub(crate) async fn the_backlog_counts_per_lane(store: Arc<impl Store>) {
    let lanes = [Lane::Routine, Lane::Stat, Lane::Stat, Lane::Urgent, Lane::Stat];
    for (number, lane) in (0..).zip(lanes) {
        admit(&*store, &Admission { lane, deadline: at(u64::from(number)), ..admission(1, number) }).await;
    }
    assert_eq!(store.backlog().await.unwrap(), [1, 1, 3]);
    let jobs = store.take_jobs(3).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), [1, 1, 3], "a begun job is not done");
    store.finish(jobs[1].id, report(&jobs[1], failed())).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), [1, 1, 2]);
}

pub(crate) async fn progress_hides_no_failure(store: Arc<impl Store>) {
    // Per image: how its two models ended (None: not yet), and how it counts as (pending, analysed, refused,
    // failed).
    let table: [([Option<Outcome>; 2], [u64; 4]); 7] = [
        ([None, None], [2, 0, 0, 0]),
        ([Some(analysed()), None], [1, 1, 0, 0]),
        ([Some(refused()), None], [1, 0, 0, 0]),
        ([Some(analysed()), Some(analysed())], [0, 1, 0, 0]),
        ([Some(analysed()), Some(failed())], [0, 1, 0, 1]),
        ([Some(refused()), Some(failed())], [0, 0, 0, 1]),
        ([Some(refused()), Some(refused())], [0, 0, 1, 0]),
    ];
    let mut total = [0; 4];
    for (number, (outcomes, counted)) in (0..).zip(table) {
        let models = vec![model("1"), model("2")];
        // Due before what the images before left behind.
        let deadline = at(100 - u64::from(number));
        admit(&*store, &Admission { models, deadline, ..admission(1, number) }).await;
        for (job, outcome) in store.take_jobs(2).await.unwrap().iter().zip(outcomes) {
            match outcome {
                Some(outcome) => assert!(store.finish(job.id, report(job, outcome)).await.unwrap()),
                None => store.release(job.id).await.unwrap(),
            }
        }
        for (sum, count) in total.iter_mut().zip(counted) {
            *sum += count;
        }
        let [pending, analysed, refused, failed] = total;
        let expected = Progress { instances: u64::from(number) + 1, pending, analysed, refused, failed };
        assert_eq!(summary(&*store, 1).await.progress, expected, "after image {number}");
    }
}

pub(crate) async fn a_late_image_freshens_its_study(store: Arc<impl Store>) {
    // (when, lane) of each image; (updated_at, lane) of the study after it.
    let steps = [
        ((5, Lane::Routine), (5, Lane::Routine)),
        ((9, Lane::Urgent), (9, Lane::Urgent)),
        ((7, Lane::Routine), (9, Lane::Urgent)),
        ((10, Lane::Stat), (10, Lane::Stat)),
        ((11, Lane::Urgent), (11, Lane::Stat)),
    ];
    for (number, ((when, lane), (updated, raised))) in (0..).zip(steps) {
        let facts = if number == 0 { full_facts() } else { admission(1, 0).facts };
        admit(&*store, &Admission { accepted_at: at(when), lane, facts, ..admission(1, number) }).await;
        let study = summary(&*store, 1).await;
        assert_eq!((study.received_at, study.updated_at, study.lane), (at(5), at(updated), raised));
        assert_eq!(study.facts, full_facts(), "the facts are the first image's");
    }
    let order: Vec<_> =
        store.instances(&study(1)).await.unwrap().into_iter().map(|i| i.identity.sop).collect();
    assert_eq!(order, [0, 1, 2, 3, 4].map(sop), "in the order of arrival");
}

pub(crate) async fn pages_lose_no_study_of_the_same_moment(store: Arc<impl Store>) {
    for number in 0..7 {
        let moment = if number < 5 { 1_000 } else { 1_002 };
        admit(&*store, &Admission { accepted_at: at(moment), ..admission(number, number) }).await;
    }
    assert_eq!(store.list(None, 0).await.unwrap(), []);
    assert_eq!(store.list(Some(at(1_000)), 9).await.unwrap(), [], "strictly older");
    assert_eq!(store.list(Some(at(0)), 9).await.unwrap(), []);
    for limit in [1, 2, 3, 100] {
        let mut seen = Vec::new();
        let mut before: Option<Timestamp> = Some(at(u64::MAX));
        loop {
            let page = store.list(before, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(last.received_at);
            seen.extend(page.into_iter().map(|summary| summary.study));
        }
        let newest_first: Vec<_> = (0..7).rev().map(study).collect();
        assert_eq!(seen, newest_first, "pages of {limit}");
    }
}

pub(crate) async fn an_unknown_study_is_none(store: Arc<impl Store>) {
    assert_eq!(store.study(&study(9)).await.unwrap(), None);
    assert_eq!(store.instances(&study(9)).await.unwrap(), []);
    assert_eq!(store.list(None, 10).await.unwrap(), []);
    assert_eq!(store.backlog().await.unwrap(), [0, 0, 0]);
}
