//! Earlier studies of the patient.

use std::time::Duration;

use baize_core::ports::{Inquiries as _, InquiryKind::Priors, PatientIdentity};
use baize_core::{Clock as _, ImageFacts};
use tempfile::TempDir;

use crate::fakes::{Hospital, Sends, archived, facts, study};

const DAY: &str = "20240301";
/// As long as any wait between attempts.
const WAIT: Duration = Duration::from_secs(900);

#[tokio::test]
async fn the_newest_ones_come_and_their_results_stay_here() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    let stranger = PatientIdentity { birth_date: Some("19990909".into()), ..archived(4, DAY).patient };
    *hospital.archive.studies.lock().unwrap() = vec![
        archived(1, "20210101"),
        archived(2, "20230101"),
        archived(66, "20240101"),
        archived(3, "20220101"),
        baize_core::ports::ArchivedStudy { patient: stranger, ..archived(4, "20240201") },
        archived(9, DAY),
    ];
    hospital.receive(9, facts(DAY)).await;
    assert_eq!(hospital.ask(Priors).await, 1);
    assert_eq!(
        hospital.asked(),
        ["1.2.2", "1.2.3"],
        "two, neither the hand nor another patient's, newest first"
    );
    assert_eq!(hospital.read_all().await, ["1.2.9"]);
    assert_eq!(hospital.ask(Priors).await, 0, "a prior has none fetched for itself");

    // The patient comes again: what is here is not fetched again.
    hospital.receive(10, facts("20240401")).await;
    assert_eq!(hospital.ask(Priors).await, 1);
    assert_eq!(hospital.asked().len(), 2, "study 9 and study 2 are here");
}

#[tokio::test]
async fn an_archive_that_is_down_or_sends_half_is_asked_again() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    *hospital.archive.studies.lock().unwrap() = vec![archived(1, "20230101")];
    *hospital.archive.is_down.lock().unwrap() = true;
    hospital.receive(9, facts(DAY)).await;
    for _ in 0..3 {
        assert_eq!(hospital.ask(Priors).await, 1);
        assert_eq!(hospital.ask(Priors).await, 0, "not at once");
        hospital.clock.advance(WAIT);
    }
    *hospital.archive.is_down.lock().unwrap() = false;
    hospital.archive.script.lock().unwrap().extend([Sends::Half, Sends::HangsUp, Sends::Nothing]);
    for _ in 0..4 {
        assert_eq!(hospital.ask(Priors).await, 1);
        hospital.clock.advance(WAIT);
    }
    assert_eq!(hospital.asked(), ["1.2.1"; 4]);
    assert_eq!(hospital.ask(Priors).await, 0, "now it is whole");
    assert_eq!(hospital.read_all().await, ["1.2.9"], "also what came in halves is a prior");
}

#[tokio::test]
async fn after_a_day_it_is_given_up() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    *hospital.archive.is_down.lock().unwrap() = true;
    hospital.receive(9, facts(DAY)).await;
    let mut asked = 0;
    for _ in 0..200 {
        asked += hospital.ask(Priors).await;
        hospital.clock.advance(WAIT);
    }
    assert!((96..120).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_crash_while_a_prior_comes_loses_nothing_and_marks_nothing_wrongly() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    hospital.receive(9, facts(DAY)).await;
    let now = hospital.clock.now();
    assert!(hospital.ledger.expect_prior(&study(1), now).await.unwrap());
    hospital.ledger.close().await;
    drop(hospital);

    let hospital = Hospital::open(folder.path()).await;
    // Nobody fetches it any more: who sends it now does so himself.
    hospital.receive(1, facts("20230101")).await;
    *hospital.archive.studies.lock().unwrap() = vec![archived(1, "20230101")];
    assert_eq!(hospital.ask(Priors).await, 2, "about both studies");
    assert_eq!(hospital.asked(), [""; 0], "it is here");
    assert_eq!(hospital.read_all().await, ["1.2.1", "1.2.9"]);
}

#[tokio::test]
async fn without_a_patient_or_a_date_there_are_no_priors() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    *hospital.archive.studies.lock().unwrap() = vec![archived(1, "20230101")];
    hospital.receive(8, ImageFacts { patient_id: None, ..facts(DAY) }).await;
    hospital.receive(9, ImageFacts { study_date: None, ..facts(DAY) }).await;
    assert_eq!(hospital.ask(Priors).await, 2);
    assert_eq!(hospital.asked(), [""; 0]);
}
