//! Work that a client waits for.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{Door, HealthCheck as _, Identify as _, Intake as _, Reader as _};
use baize_core::{ErrorCode, Lane, Outcome, SystemClock};
use baize_engine::Engine;
use baize_testkit::VirtualClock;
use common::{Bench, FakeModel, Script, chest, config, eventually, fault, manifest, poison, unguided};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_read_without_storage() {
    let model = FakeModel::new(manifest(), Arc::default());
    let engine = Engine::start(
        config(),
        vec![Box::new(model)],
        unguided(),
        "fake".to_owned(),
        Arc::new(SystemClock),
        None,
    )
    .await
    .unwrap();
    engine.warmed_up().await.unwrap();
    let reading = engine.read(chest(1).build(), Lane::Routine).await.unwrap();
    assert_eq!(reading.report.instance.sop.as_str(), chest(1).sop_uid());
    assert_eq!(reading.report.model, Some(manifest().model()));
    let Outcome::Analysed { findings, .. } = reading.report.outcome else { panic!("it was not analysed") };
    assert!(findings[0].is_positive() && findings[0].region.is_some());
    assert!(reading.overlay_png.unwrap().starts_with(b"\x89PNG"));
    let door = Door::Stow { client: "test".to_owned() };
    let nowhere = fault(engine.accept(chest(1).build(), door, Lane::Routine).await);
    assert_eq!(nowhere.code, ErrorCode::Internal);
    let identity = engine.identify(&chest(2).build()).await.unwrap();
    assert_eq!(identity.study.as_str(), chest(2).study_uid());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_reported_and_what_is_no_object_is_a_fault() {
    let bench = Bench::start(config()).await;
    let outcome_of = async |object| bench.engine.read(object, Lane::Routine).await.unwrap().report.outcome;
    let refused = outcome_of(chest(1).body_part("KNEE").build()).await;
    assert!(matches!(refused, Outcome::Refused(fault) if fault.code == ErrorCode::WrongBodyPart));
    let failed = outcome_of(poison(2).build()).await;
    assert!(matches!(failed, Outcome::Failed(fault) if fault.code == ErrorCode::InferenceFailed));
    let object = chest(3).build();
    let cut_short = outcome_of(object.slice(..object.len() - 100)).await;
    assert!(matches!(cut_short, Outcome::Failed(_)), "{cut_short:?}");
    let nothing = fault(bench.engine.read(vec![1; 999].into(), Lane::Routine).await);
    assert_eq!(nothing.code, ErrorCode::NotDicom);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_when_to_come_back_and_still_takes_stat_work() {
    let mut config = config();
    config.admission = baize_sched::Limits { jobs: 3, bytes: 1 << 30, stat_jobs: 2, stat_bytes: 0 };
    let bench = Bench::start(config).await;
    bench.occupy_device().await;
    let read = |seed, lane| {
        let engine = Arc::clone(&bench.engine);
        tokio::spawn(async move { engine.read(chest(seed).build(), lane).await })
    };
    let routine = read(1, Lane::Routine);
    eventually("it is in", || bench.decoded() == 2.0).await;
    let refused = fault(read(2, Lane::Routine).await.unwrap());
    assert_eq!(refused.code, ErrorCode::Saturated);
    assert!(refused.retry_after.unwrap() >= Duration::from_secs(1));
    let stat = read(3, Lane::Stat);
    eventually("the STAT image is in", || bench.decoded() == 3.0).await;
    bench.script.open();
    assert!(matches!(stat.await.unwrap().unwrap().report.outcome, Outcome::Analysed { .. }));
    assert!(matches!(routine.await.unwrap().unwrap().report.outcome, Outcome::Analysed { .. }));
    assert_eq!(bench.metric("baize_rejected_total{reason=\"jobs_full\"}"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_client_leaves_is_not_run() {
    let bench = Bench::start(config()).await;
    bench.occupy_device().await;
    let engine = Arc::clone(&bench.engine);
    let leaving = tokio::spawn(async move { engine.read(chest(1).build(), Lane::Stat).await });
    eventually("it waits for the device", || bench.decoded() == 2.0).await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    bench.script.open();
    bench.engine.read(chest(2).build(), Lane::Stat).await.unwrap();
    bench.reported(1).await;
    assert_eq!(bench.script.batches(), [1, 1], "the device ran the first and the last, not the one between");
    let cancelled: f64 = ["decode", "device"]
        .map(|stage| bench.metric(&format!("baize_cancelled_total{{stage=\"{stage}\"}}")))
        .iter()
        .sum();
    assert_eq!(cancelled, 1.0);
    eventually("its memory is free", || bench.metric("baize_inflight_bytes") == 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_waits_past_its_deadline_is_told() {
    let clock = VirtualClock::default();
    let bench = Bench::on(
        config(),
        Arc::default(),
        Arc::default(),
        Arc::new(Script::default()),
        Arc::new(clock.clone()),
    )
    .await;
    bench.engine.warmed_up().await.unwrap();
    bench.occupy_device().await;
    let engine = Arc::clone(&bench.engine);
    let late = tokio::spawn(async move { engine.read(chest(1).build(), Lane::Stat).await });
    eventually("it waits for the device", || bench.decoded() == 2.0).await;
    clock.advance(Duration::from_secs(61));
    // Anything that happens makes the engine look at the clock, which stands still otherwise.
    bench.accept(chest(2).build(), Lane::Stat).await.unwrap();
    assert_eq!(fault(late.await.unwrap()).code, ErrorCode::DeadlineExceeded);
    bench.script.open();
    bench.reported(2).await;
    assert_eq!(
        bench.metric("baize_deadline_missed_total{lane=\"stat\"}"),
        2.0,
        "its own and the running one's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_before_all_buckets_are_warm() {
    let script = Arc::new(Script::default());
    script.chill();
    let bench =
        Bench::on(config(), Arc::default(), Arc::default(), Arc::clone(&script), Arc::new(SystemClock)).await;
    let health = bench.engine.health();
    assert!(!health.ready);
    assert_eq!(health.reasons.len(), 1);
    assert_eq!(health.models, [manifest().model()]);
    let cold = fault(bench.engine.read(chest(1).build(), Lane::Stat).await);
    assert_eq!(cold.code, ErrorCode::NotReady);
    assert!(cold.retry_after.is_some());
    bench.accept(chest(2).build(), Lane::Stat).await.unwrap();
    script.open();
    bench.reported(1).await;
    assert!(bench.engine.health().ready);
    assert!(bench.engine.read(chest(1).build(), Lane::Stat).await.is_ok());
}
