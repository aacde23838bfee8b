//! When a study is here as a whole, and which studies come before it.

use std::sync::Arc;

use baize_core::ImageFacts;
use baize_core::ports::{Admission, CompletedBy, Completion, Silence};

use super::{Store, admit, summary};
use crate::fixtures::{admission, at, digest, study};

/// What is silent since this moment is complete.
fn quiet(moment: u64) -> Silence {
    Silence { quiet: at(moment), stow: at(0) }
}

fn arriving(study_number: u32, sop_number: u32, moment: u64) -> Admission {
    Admission { accepted_at: at(moment), ..admission(study_number, sop_number) }
}

pub(crate) async fn silence_completes_a_study_once(store: Arc<impl Store>) {
    admit(&*store, &arriving(1, 1, 100)).await;
    admit(&*store, &arriving(2, 2, 150)).await;
    assert_eq!(store.complete(quiet(99), at(200)).await.unwrap(), []);
    assert_eq!(summary(&*store, 1).await.arrival.complete, None);

    let completed = store.complete(quiet(100), at(201)).await.unwrap();
    let [one] = completed.as_slice() else { panic!("one study is silent: {completed:?}") };
    assert_eq!((&one.study, one.instances, one.expected, one.revision), (&study(1), 1, None, 1));
    let completion = Completion { by: CompletedBy::Quiet, at: at(201) };
    assert_eq!(one.completion, completion);
    assert_eq!(summary(&*store, 1).await.arrival.complete, Some(completion));
    assert_eq!(store.complete(quiet(100), at(202)).await.unwrap(), []);
}

pub(crate) async fn a_late_image_opens_its_study_again_and_a_repeated_one_does_not(store: Arc<impl Store>) {
    admit(&*store, &arriving(1, 1, 100)).await;
    store.complete(quiet(100), at(200)).await.unwrap();
    admit(&*store, &arriving(1, 1, 300)).await;
    let variant = Admission { digest: digest(2), ..arriving(1, 1, 300) };
    admit(&*store, &variant).await;
    assert!(summary(&*store, 1).await.arrival.complete.is_some());

    admit(&*store, &arriving(1, 2, 300)).await;
    let arrival = summary(&*store, 1).await.arrival;
    assert_eq!((arrival.complete, arrival.revision), (None, 1));
    let completed = store.complete(quiet(300), at(400)).await.unwrap();
    assert_eq!((completed[0].revision, completed[0].instances), (2, 2));
    assert_eq!(summary(&*store, 1).await.arrival.revision, 2);
}

pub(crate) async fn a_whole_stow_request_needs_little_silence(store: Arc<impl Store>) {
    let silence = |moment| Silence { quiet: at(0), stow: at(moment) };
    admit(&*store, &arriving(1, 1, 100)).await;
    store.stowed(&study(1), at(110)).await.unwrap();
    assert_eq!(store.complete(silence(109), at(120)).await.unwrap(), []);
    // The next batch of the same study.
    admit(&*store, &arriving(1, 2, 120)).await;
    assert_eq!(store.complete(silence(119), at(130)).await.unwrap(), [], "an image takes the word back");
    store.stowed(&study(1), at(130)).await.unwrap();
    let completed = store.complete(silence(130), at(140)).await.unwrap();
    assert_eq!((completed[0].completion.by, completed[0].instances), (CompletedBy::Stow, 2));
    store.stowed(&study(1), at(150)).await.unwrap();
    assert_eq!(store.complete(silence(150), at(160)).await.unwrap(), [], "it is complete already");
    store.stowed(&study(7), at(150)).await.unwrap();
}

pub(crate) async fn an_announced_number_completes_a_study_at_once(store: Arc<impl Store>) {
    let never = Silence { quiet: at(0), stow: at(0) };
    store.expect(&study(1), 9).await.unwrap();
    store.expect(&study(1), 2).await.unwrap();
    admit(&*store, &arriving(1, 1, 100)).await;
    assert_eq!(summary(&*store, 1).await.arrival.expected, Some(2));
    assert_eq!(store.complete(never, at(110)).await.unwrap(), []);
    admit(&*store, &arriving(1, 2, 120)).await;
    let completed = store.complete(never, at(130)).await.unwrap();
    assert_eq!((completed[0].completion.by, completed[0].expected), (CompletedBy::Order, Some(2)));
}

pub(crate) async fn what_is_missing_after_the_silence_is_told(store: Arc<impl Store>) {
    store.expect(&study(1), 3).await.unwrap();
    admit(&*store, &arriving(1, 1, 100)).await;
    let completed = store.complete(quiet(100), at(200)).await.unwrap();
    let one = &completed[0];
    assert_eq!((one.completion.by, one.instances, one.expected), (CompletedBy::Quiet, 1, Some(3)));
}

fn of_patient(number: u32, patient: Option<&str>, date: Option<&str>, moment: u64) -> Admission {
    let facts = ImageFacts {
        patient_id: patient.map(str::to_owned),
        study_date: date.map(str::to_owned),
        ..admission(number, number).facts
    };
    Admission { facts, ..arriving(number, number, moment) }
}

pub(crate) async fn earlier_studies_of_a_patient_are_found_by_day_and_moment(store: Arc<impl Store>) {
    let sent = [
        of_patient(1, Some("P1"), Some("20250301"), 500),
        of_patient(2, Some("P1"), Some("20260101"), 100),
        // Fetched later, but of an earlier day.
        of_patient(3, Some("P1"), Some("20240101"), 600),
        of_patient(4, Some("P2"), Some("20240101"), 200),
        of_patient(5, Some("P1"), None, 50),
        of_patient(6, None, Some("20240101"), 60),
        of_patient(7, Some("P1"), Some("20250301"), 400),
    ];
    for admission in &sent {
        admit(&*store, admission).await;
    }
    let earlier = async |number, limit| -> Vec<_> {
        let found = store.earlier(&study(number), limit).await.unwrap();
        found.into_iter().map(|summary| summary.study).collect()
    };
    assert_eq!(earlier(2, 9).await, [study(1), study(7), study(3), study(5)]);
    assert_eq!(earlier(2, 2).await, [study(1), study(7)]);
    assert_eq!(earlier(1, 9).await, [study(7), study(3), study(5)]);
    assert_eq!(earlier(3, 9).await, [study(5)]);
    assert_eq!(earlier(6, 9).await, [], "without a patient id there is nobody to be the same");
    assert_eq!(earlier(9, 9).await, []);
}
