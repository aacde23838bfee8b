//! Work that is in the ledger: every job ends in exactly one report.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use baize_core::ports::{Event, Events as _, HealthCheck as _, Novelty, Urgency as _};
use baize_core::{ErrorCode, Lane, Outcome, StudyUid, SystemClock};
use common::{Bench, Script, chest, config, eventually, fault, poison};
use futures_util::StreamExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn every_job_ends_in_one_report_with_its_picture() {
    let bench = Bench::start(config()).await;
    let events = bench.engine.subscribe();
    for seed in 0..12 {
        let lane = Lane::ALL[seed as usize % 3];
        let first = bench.accept(chest(seed).build(), lane).await.unwrap();
        assert_eq!(first.novelty, Novelty::New);
        assert_eq!(first.identity.sop.as_str(), chest(seed).sop_uid());
        let again = bench.accept(chest(seed).build(), lane).await.unwrap();
        assert_eq!(again.novelty, Novelty::Duplicate);
    }
    bench.reported(12).await;
    bench.engine.drain().await;
    assert_eq!((bench.ledger.reports().len(), bench.spool.overlays()), (12, 12));
    for seed in 0..12 {
        let Outcome::Analysed { findings, .. } = bench.ledger.outcome(&chest(seed).sop_uid()) else {
            panic!("image {seed} was not analysed");
        };
        assert!(!findings.is_empty());
    }
    let events: Vec<Event> = events.collect().await;
    let reported = events.iter().filter(|event| matches!(event, Event::Reported(_))).count();
    let received = events.iter().filter(|event| matches!(event, Event::Received { .. })).count();
    assert_eq!((received, reported), (12, 12), "the stream ends after draining, with all events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_image_fails_alone() {
    let bench = Bench::start(config()).await;
    bench.occupy_device().await;
    for seed in [1, 2, 3] {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    bench.accept(poison(4).build(), Lane::Routine).await.unwrap();
    eventually("all are decoded", || bench.decoded() == 5.0).await;
    bench.script.open();
    bench.reported(5).await;
    let Outcome::Failed(fault) = bench.ledger.outcome(&poison(4).sop_uid()) else {
        panic!("the poison image did not fail");
    };
    assert_eq!(fault.code, ErrorCode::InferenceFailed);
    for seed in [1, 2, 3] {
        let outcome = bench.ledger.outcome(&chest(seed).sop_uid());
        assert!(matches!(outcome, Outcome::Analysed { .. }), "image {seed}: {outcome:?}");
    }
    assert_eq!(bench.script.batches()[1], 4, "they shared a batch");
    assert!(bench.engine.health().ready, "one bad image is no bad device");
}

#[tokio::test(flavor = "multi_thread")]
async fn stat_work_overtakes_routine_work_that_waits() {
    let bench = Bench::start(config()).await;
    bench.occupy_device().await;
    for seed in 1..=6 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    bench.accept(chest(7).build(), Lane::Stat).await.unwrap();
    eventually("all are decoded", || bench.decoded() == 8.0).await;
    bench.script.open();
    bench.reported(8).await;
    // Six routine images would have gone as four and two: the single one in front is the STAT image. In which order the
    // reports are then written, microseconds apart, is up to the threads.
    assert_eq!(bench.script.batches(), [1, 1, 4, 2], "the STAT image goes alone, before the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_raises_a_study_wherever_its_images_are() {
    let mut config = config();
    config.admission = baize_sched::Limits { jobs: 4, bytes: 1 << 30, stat_jobs: 2, stat_bytes: 0 };
    let bench = Bench::start(config).await;
    bench.occupy_device().await;
    for seed in 1..=2 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    // Only then the others: which images get into memory must not be up to the threads.
    eventually("routine memory is full", || bench.decoded() == 3.0).await;
    for seed in 3..=6 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    let study = |seed: u64| StudyUid::parse(&chest(seed).study_uid()).unwrap();
    // One that waits in the ledger, one that waits for the device, and one that is still to come. The first before the
    // second, which gives its routine place back: that place would be for whoever comes first.
    assert!(bench.engine.raise(&study(6), Lane::Stat).await.unwrap());
    eventually("the one in the ledger got in before routine work", || bench.decoded() == 4.0).await;
    assert!(bench.engine.raise(&study(2), Lane::Stat).await.unwrap());
    assert!(!bench.engine.raise(&study(6), Lane::Urgent).await.unwrap(), "it is more urgent already");
    assert!(!bench.engine.raise(&study(7), Lane::Stat).await.unwrap(), "it is not here yet");
    let mut events = bench.engine.subscribe();
    bench.accept(chest(7).build(), Lane::Routine).await.unwrap();
    let Some(Event::Received { lane, .. }) = events.next().await else { panic!("nothing was received") };
    assert_eq!(lane, Lane::Stat);
    bench.script.open();
    bench.reported(8).await;
    assert_eq!(
        bench.script.batches()[..2],
        [1, 2],
        "both go together, and before the routine image in front"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_jobs_than_fit_into_memory_are_done_in_turn() {
    let mut config = config();
    config.admission = baize_sched::Limits { jobs: 3, bytes: 1 << 30, stat_jobs: 1, stat_bytes: 0 };
    let bench = Bench::start(config).await;
    bench.occupy_device().await;
    for seed in 1..=10 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    eventually("memory is full", || bench.decoded() == 3.0).await;
    assert_eq!(bench.metric("baize_queue_depth{model=\"fake@1.0.0\",lane=\"routine\"}"), 2.0);
    bench.script.open();
    bench.reported(11).await;
    assert_eq!(bench.metric("baize_inflight_bytes"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stat_work_gets_into_a_memory_full_of_routine_work() {
    let mut config = config();
    config.admission = baize_sched::Limits { jobs: 4, bytes: 1 << 30, stat_jobs: 2, stat_bytes: 0 };
    let bench = Bench::start(config).await;
    bench.occupy_device().await;
    for seed in 1..=6 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    eventually("routine memory is full", || bench.decoded() == 3.0).await;
    bench.accept(chest(7).build(), Lane::Stat).await.unwrap();
    eventually("the STAT image is in", || bench.decoded() == 4.0).await;
    bench.script.open();
    bench.reported(8).await;
    assert_eq!(bench.script.batches()[1], 1, "it goes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_no_model_reads_has_its_refusal_at_once() {
    let bench = Bench::start(config()).await;
    bench.script.close();
    let cases = [
        (chest(1).modality("MR"), ErrorCode::WrongModality),
        (chest(2).body_part("KNEE"), ErrorCode::WrongBodyPart),
        (chest(3).view("LL"), ErrorCode::WrongView),
    ];
    for (object, code) in cases {
        bench.accept(object.build(), Lane::Routine).await.unwrap();
        let Outcome::Refused(fault) = bench.ledger.outcome(&object.sop_uid()) else {
            panic!("{code} was not refused");
        };
        assert_eq!(fault.code, code);
    }
    assert_eq!(bench.spool.objects(), 3, "it is kept all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_refused_and_leaves_nothing() {
    let bench = Bench::start(config()).await;
    let not_dicom = fault(bench.accept(vec![7; 2000].into(), Lane::Routine).await);
    assert_eq!(not_dicom.code, ErrorCode::NotDicom);
    let too_large = fault(bench.accept(vec![0; (1 << 20) + 1].into(), Lane::Routine).await);
    assert_eq!(too_large.code, ErrorCode::ObjectTooLarge);
    assert_eq!((bench.spool.objects(), bench.ledger.reports().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_stored_as_often_as_it_takes() {
    let bench = Bench::start(config()).await;
    bench.ledger.fail(3);
    bench.accept(chest(1).build(), Lane::Stat).await.unwrap();
    bench.reported(1).await;
    assert!(matches!(bench.ledger.outcome(&chest(1).sop_uid()), Outcome::Analysed { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_object_is_gone_fails() {
    let script = Arc::new(Script::default());
    script.chill();
    let bench =
        Bench::on(config(), Arc::default(), Arc::default(), Arc::clone(&script), Arc::new(SystemClock)).await;
    bench.accept(chest(1).build(), Lane::Routine).await.unwrap();
    bench.spool.clear();
    script.open();
    bench.reported(1).await;
    let Outcome::Failed(fault) = bench.ledger.outcome(&chest(1).sop_uid()) else {
        panic!("there was nothing to read");
    };
    assert_eq!(fault.code, ErrorCode::StorageFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_took_the_process_down_too_often_is_given_up() {
    let ledger = Arc::default();
    let spool = Arc::default();
    let cold = Arc::new(Script::default());
    cold.chill();
    let bench = Bench::on(config(), ledger, spool, Arc::clone(&cold), Arc::new(SystemClock)).await;
    bench.accept(chest(1).build(), Lane::Routine).await.unwrap();
    bench.accept(chest(2).build(), Lane::Routine).await.unwrap();
    bench.ledger.set_attempts(4);
    cold.open();
    bench.reported(2).await;
    let Outcome::Failed(fault) = bench.ledger.outcome(&chest(1).sop_uid()) else {
        panic!("the job was tried a fifth time");
    };
    assert_eq!(fault.code, ErrorCode::InferenceFailed);
    assert_eq!(cold.batches(), [0; 0], "the model never saw it");
}
