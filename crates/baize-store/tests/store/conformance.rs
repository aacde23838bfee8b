//! What every ledger must do. A store passes by `conformance!(fresh)`, where `fresh()` gives
//! `(guard, Arc<impl Ledger + Studies>)` of an empty ledger and the guard keeps it alive.

use std::sync::Arc;

use baize_core::ports::{
    Admission, Door, InstanceRecord, Job, JobId, Ledger, Novelty, Progress, Studies, StudySummary,
};
use baize_core::{ErrorCode, Lane, Outcome, Population, Report, Timestamp};

use crate::fixtures::{
    admission, analysed, at, digest, failed, finding, full_facts, model, refused, report, sop, study,
};

pub(crate) trait Store: Ledger + Studies + 'static {}
impl<T: Ledger + Studies + 'static> Store for T {}

macro_rules! conformance {
    ($fresh:path: $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (_guard, store) = $fresh();
            crate::conformance::$case(store).await;
        })*
    };
    ($fresh:path) => {
        crate::conformance::conformance! { $fresh:
            an_image_comes_back_as_it_went_in
            the_same_image_twice_is_one
            another_data_set_under_the_same_uid_is_kept_beside
            an_admission_needs_models_or_a_refusal
            jobs_come_most_urgent_first
            attempts_count_what_was_begun
            a_result_is_stored_once
            every_outcome_comes_back_as_it_went_in
            a_result_does_not_stand_under_another_image
            a_broken_number_is_refused
            a_refusal_is_a_final_report
            the_backlog_counts_per_lane
            progress_hides_no_failure
            a_late_image_freshens_its_study
            pages_lose_no_study_of_the_same_moment
            an_unknown_study_is_none
            concurrent_admissions_make_each_image_new_once
            concurrent_takers_share_no_job
        }
    };
}
pub(crate) use conformance;

async fn only_instance(store: &impl Store, number: u32) -> InstanceRecord {
    let mut instances = store.instances(&study(number)).await.unwrap();
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

async fn summary(store: &impl Store, number: u32) -> StudySummary {
    store.study(&study(number)).await.unwrap().unwrap()
}

async fn take_one(store: &impl Store) -> Job {
    let mut jobs = store.take_jobs(1).await.unwrap();
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

async fn admit(store: &impl Store, admission: &Admission) -> Novelty {
    store.admit(admission.clone()).await.unwrap()
}

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

pub(crate) async fn jobs_come_most_urgent_first(store: Arc<impl Store>) {
    // (image, deadline, lane); the deadline decides, then the lane, then who came first.
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
    assert_eq!(order, [3, 4, 2, 6, 1, 5, 7].map(sop));
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
