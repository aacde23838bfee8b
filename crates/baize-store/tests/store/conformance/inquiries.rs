//! What is asked about studies, which of them are priors, and orders that raise them.

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{Admission, DeliveryQuery, Inquiry, InquiryKind, Recipient, Takes};
use baize_core::{Lane, Timestamp};

use super::{Store, admit, summary, take_one};
use crate::fixtures::{admission, analysed, at, report, study};

const NOW: Timestamp = Timestamp::from_micros(10_000_000);
const DUE: Duration = Duration::from_secs(60);

async fn due(store: &impl Store, kind: InquiryKind, now: Timestamp) -> Option<Inquiry> {
    store.due_inquiry(kind, now).await.unwrap()
}

pub(crate) async fn a_new_study_is_asked_about_until_it_is_settled(store: Arc<impl Store>) {
    admit(&*store, &admission(1, 1)).await;
    assert_eq!(due(&*store, InquiryKind::Priors, NOW).await, None, "nothing was wanted");
    store.set_wanted(vec![InquiryKind::Priors]).await.unwrap();
    admit(&*store, &admission(1, 2)).await;
    assert_eq!(due(&*store, InquiryKind::Priors, NOW).await, None, "the study is not new");
    let report_first = Admission { facts: Default::default(), ..admission(2, 3) };
    admit(&*store, &report_first).await;
    admit(&*store, &admission(2, 4)).await;
    assert_eq!(due(&*store, InquiryKind::Order, NOW).await, None);
    assert_eq!(due(&*store, InquiryKind::Priors, at(999_999)).await, None);
    let inquiry = due(&*store, InquiryKind::Priors, NOW).await.unwrap();
    assert_eq!((inquiry.study.clone(), inquiry.attempts), (study(2), 0));
    assert_eq!(
        inquiry.facts.modality.as_deref(),
        Some("CR"),
        "the image tells more than what came before it"
    );

    let later = NOW + Duration::from_secs(5);
    store.settle_inquiry(InquiryKind::Priors, &study(2), Some(later), "nobody there".into()).await.unwrap();
    assert_eq!(due(&*store, InquiryKind::Priors, NOW).await, None);
    assert_eq!(due(&*store, InquiryKind::Priors, later).await.unwrap().attempts, 1);
    store.settle_inquiry(InquiryKind::Priors, &study(2), None, "2 fetched".into()).await.unwrap();
    assert_eq!(due(&*store, InquiryKind::Priors, at(u64::MAX >> 2)).await, None);
}

async fn destinations(store: &impl Store) -> Vec<String> {
    let query = DeliveryQuery { state: None, destination: None, before: None, limit: 100 };
    let mut names: Vec<String> =
        store.deliveries(query).await.unwrap().into_iter().map(|delivery| delivery.destination).collect();
    names.sort();
    names
}

async fn analyse(store: &impl Store, admission: &Admission) {
    admit(store, admission).await;
    let job = take_one(store).await;
    assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
}

pub(crate) async fn results_of_priors_stay_here_until_somebody_sends_the_study_himself(
    store: Arc<impl Store>,
) {
    store.set_wanted(vec![InquiryKind::Priors]).await.unwrap();
    let recipient = |name: &str, priors| Recipient {
        name: name.into(),
        takes: Takes::Objects,
        analysed: true,
        refused: true,
        failed: true,
        priors,
        commitment: false,
    };
    store.set_recipients(vec![recipient("all", true), recipient("pacs", false)]).await.unwrap();
    assert!(store.expect_prior(&study(7), NOW).await.unwrap());
    analyse(&*store, &admission(7, 1)).await;
    assert_eq!(due(&*store, InquiryKind::Priors, NOW).await, None, "a prior has none fetched for itself");
    assert_eq!(destinations(&*store).await, ["all"]);
    store.end_prior(&study(7), false).await.unwrap();
    assert!(store.expect_prior(&study(7), NOW).await.unwrap(), "something was missing");
    admit(&*store, &admission(7, 1)).await;
    store.end_prior(&study(7), true).await.unwrap();
    assert!(!store.expect_prior(&study(7), NOW).await.unwrap(), "it is here");
    assert_eq!(destinations(&*store).await, ["all"]);

    // The same image again, although nobody asked for it: it is somebody's new study.
    admit(&*store, &admission(7, 1)).await;
    assert_eq!(destinations(&*store).await, ["all", "pacs"]);
    assert_eq!(due(&*store, InquiryKind::Priors, NOW).await.unwrap().study, study(7));
    assert!(!store.expect_prior(&study(7), NOW).await.unwrap(), "now it stays what it is");
    admit(&*store, &admission(7, 1)).await;
    assert_eq!(destinations(&*store).await, ["all", "pacs"]);
}

pub(crate) async fn what_is_urgent_is_no_prior(store: Arc<impl Store>) {
    let recipient = Recipient {
        name: "pacs".into(),
        takes: Takes::Objects,
        analysed: true,
        refused: true,
        failed: true,
        priors: false,
        commitment: false,
    };
    store.set_recipients(vec![recipient]).await.unwrap();
    store.expect_prior(&study(7), NOW).await.unwrap();
    analyse(&*store, &Admission { lane: Lane::Stat, ..admission(7, 1) }).await;
    assert_eq!(destinations(&*store).await, ["pacs"]);
    // What is expected is forgotten at a start: nothing is being fetched then.
    store.expect_prior(&study(8), NOW).await.unwrap();
    store.set_wanted(vec![]).await.unwrap();
    analyse(&*store, &admission(8, 2)).await;
    assert_eq!(destinations(&*store).await, ["pacs", "pacs"]);
}

pub(crate) async fn a_raised_study_is_taken_ahead_of_routine_work(store: Arc<impl Store>) {
    for number in 1..=3 {
        admit(&*store, &admission(number, number)).await;
    }
    assert!(!store.raise(&study(9), Lane::Stat, DUE).await.unwrap(), "it is not here");
    assert!(store.raise(&study(3), Lane::Stat, DUE).await.unwrap());
    assert!(!store.raise(&study(3), Lane::Stat, DUE).await.unwrap());
    assert!(!store.raise(&study(3), Lane::Urgent, DUE).await.unwrap(), "nothing is lowered");
    let job = take_one(&*store).await;
    assert_eq!((job.identity.study.clone(), job.lane, job.deadline), (study(3), Lane::Stat, at(61_000_000)));
    assert_eq!(summary(&*store, 3).await.lane, Lane::Stat);
    assert_eq!(store.backlog().await.unwrap(), [2, 0, 1]);

    // An image of it that comes later, and one that is more urgent than the order.
    admit(&*store, &admission(3, 4)).await;
    let job = take_one(&*store).await;
    assert_eq!((job.identity.study.clone(), job.lane, job.deadline), (study(3), Lane::Stat, at(61_000_000)));
    assert!(store.raise(&study(2), Lane::Urgent, DUE).await.unwrap());
    admit(&*store, &Admission { lane: Lane::Stat, deadline: at(2_000_000), ..admission(2, 5) }).await;
    let job = take_one(&*store).await;
    assert_eq!((job.identity.study.clone(), job.lane, job.deadline), (study(2), Lane::Stat, at(2_000_000)));
    // A deadline that has come nearer already does not move back.
    let job = take_one(&*store).await;
    assert_eq!((job.identity.study, job.lane, job.deadline), (study(2), Lane::Urgent, at(61_000_000)));
    assert_eq!(take_one(&*store).await.identity.study, study(1));
}
