//! What is to be done and what was found.

use std::sync::Arc;

use baize_core::ports::{Admission, JobId};
use baize_core::{ErrorCode, Lane, Outcome, Population, Report};

use super::{Store, admit, only_instance, take_one};
use crate::fixtures::{admission, analysed, at, failed, finding, model, refused, report, sop};

pub(crate) async fn jobs_come_most_urgent_first(store: Arc<impl Store>) {
    // (image, deadline, lane); STAT comes first, then the deadline decides, then the lane, then who came first.
    let waiting = [
        (1, 50, Lane::Routine),
        (2, 40, Lane::Routine),
        (3, 40, Lane::Stat),
        (4, 40, Lane::Urgent),
        (5, 60, Lane::Stat),
        (6, 40, Lane::Routine),
        (7, u64::MAX, Lane::Routine),
    ];
    for (number, deadline, lane) in waiting {
        admit(&*store, &Admission { deadline: at(deadline), lane, ..admission(1, number) }).await;
    }
    assert_eq!(store.take_jobs(0).await.unwrap(), []);
    let mut order = Vec::new();
    for limit in [2, 3, 9] {
        order.extend(store.take_jobs(limit).await.unwrap().into_iter().map(|job| job.identity.sop));
    }
    assert_eq!(order, [3, 5, 4, 2, 6, 1, 7].map(sop));
    assert_eq!(store.take_jobs(9).await.unwrap(), [], "a taken job is not handed out again");
}

pub(crate) async fn attempts_count_what_was_begun(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    let job = take_one(&*store).await;
    assert_eq!(job.attempts, 0);
    store.release(job.id).await.unwrap();
    store.release(job.id).await.unwrap();
    store.release(JobId(-1)).await.unwrap();
    assert_eq!(take_one(&*store).await.attempts, 0, "a job given back was not attempted");
    assert_eq!(store.reopen_interrupted().await.unwrap(), 1);
    assert_eq!(store.reopen_interrupted().await.unwrap(), 0);
    assert_eq!(take_one(&*store).await.attempts, 1);
    store.release(job.id).await.unwrap();
    assert_eq!(take_one(&*store).await.attempts, 1);
    assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
    store.release(job.id).await.unwrap();
    assert_eq!(store.reopen_interrupted().await.unwrap(), 0);
    assert_eq!(store.take_jobs(1).await.unwrap(), [], "a finished job stays finished");
}

pub(crate) async fn a_result_is_stored_once(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    let job = take_one(&*store).await;
    // It went back, as after a crash, and is finished by the one who had it all the same.
    store.release(job.id).await.unwrap();
    assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
    assert!(!store.finish(job.id, report(&job, failed())).await.unwrap());
    let instance = only_instance(&*store, 1).await;
    assert_eq!((instance.pending, instance.reports), (0, vec![report(&job, analysed())]));
    let unknown = store.finish(JobId(4_711), report(&job, analysed())).await;
    assert_eq!(unknown.unwrap_err().code, ErrorCode::Internal);
}

pub(crate) async fn every_outcome_comes_back_as_it_went_in(store: Arc<impl Store>) {
    let clean =
        Outcome::Analysed { findings: Vec::new(), population: Population::Validated, caveats: Vec::new() };
    let outcomes = [analysed(), clean, refused(), failed()];
    let versions = ["1", "2", "3", "4"];
    let models = versions.map(model).to_vec();
    admit(&*store, &Admission { models, ..admission(1, 1) }).await;
    let mut expected = Vec::new();
    for (job, outcome) in store.take_jobs(9).await.unwrap().iter().zip(outcomes) {
        expected.push(report(job, outcome));
        assert!(
            store.finish(job.id, report(job, expected[expected.len() - 1].outcome.clone())).await.unwrap()
        );
    }
    assert_eq!(expected.len(), versions.len());
    let version = |report: &Report| report.model.clone();
    expected.sort_by_key(version);
    assert_eq!(only_instance(&*store, 1).await.reports, expected);
}

pub(crate) async fn a_result_does_not_stand_under_another_image(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    admit(&*store, &admission(1, 2)).await;
    let jobs = store.take_jobs(2).await.unwrap();
    let good = report(&jobs[0], analysed());
    for wrong in [
        report(&jobs[1], analysed()),
        Report { model: Some(model("2.0.0")), ..good.clone() },
        Report { model: None, ..good.clone() },
    ] {
        assert_eq!(store.finish(jobs[0].id, wrong).await.unwrap_err().code, ErrorCode::Internal);
    }
    assert_eq!(store.backlog().await.unwrap(), [2, 0, 0]);
    assert!(store.finish(jobs[0].id, good).await.unwrap(), "the right one still goes");
}

pub(crate) async fn a_broken_number_is_refused(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    let job = take_one(&*store).await;
    for probability in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
        let outcome = Outcome::Analysed {
            findings: vec![finding("1", probability, None)],
            population: Population::Validated,
            caveats: Vec::new(),
        };
        let fault = store.finish(job.id, report(&job, outcome)).await.unwrap_err();
        assert_eq!(fault.code, ErrorCode::Internal, "{probability}");
    }
    assert_eq!(only_instance(&*store, 1).await.reports, []);
}

pub(crate) async fn concurrent_takers_share_no_job(store: Arc<impl Store>) {
    for number in 0..24 {
        admit(&*store, &admission(1, number)).await;
    }
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let jobs = store.take_jobs(2).await.unwrap();
                    if jobs.is_empty() {
                        return mine;
                    }
                    for job in jobs {
                        assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
                        mine.push(job.identity.sop);
                    }
                }
            })
        })
        .collect();
    let mut done = Vec::new();
    for taker in takers {
        done.extend(taker.await.unwrap());
    }
    done.sort_unstable();
    let mut all: Vec<_> = (0..24).map(sop).collect();
    all.sort_unstable();
    assert_eq!(done, all);
    assert_eq!(store.backlog().await.unwrap(), [0, 0, 0]);
}
