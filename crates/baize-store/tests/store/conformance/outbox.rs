//! Deliveries: made with the report, in order, each to its end.

use std::sync::Arc;

use baize_core::ports::{
    Admission, Consignment, Delivery, DeliveryId, DeliveryQuery, DeliveryState, Freight, ObjectFreight,
    ObjectName, Recipient, Settlement, Takes,
};
use baize_core::{ErrorCode, Fault, Lane, Outcome, Timestamp};

use super::{Store, admit, take_one};
use crate::fixtures::{admission, analysed, at, failed, identity, refused, report};

const NOW: Timestamp = Timestamp::from_micros(10_000_000);

fn recipient(name: &str, analysed: bool, refused: bool, failed: bool) -> Recipient {
    Recipient {
        name: name.into(),
        takes: Takes::Objects,
        analysed,
        refused,
        failed,
        priors: false,
        commitment: false,
    }
}

async fn all_to(store: &impl Store, names: &[&str]) {
    let recipients = names.iter().map(|name| recipient(name, true, true, true)).collect();
    store.set_recipients(recipients).await.unwrap();
}

/// Admits an image and stores its report.
async fn finish(store: &impl Store, study: u32, sop: u32, outcome: Outcome) {
    admit(store, &admission(study, sop)).await;
    let job = take_one(store).await;
    assert!(store.finish(job.id, report(&job, outcome)).await.unwrap());
}

async fn list(store: &impl Store) -> Vec<Delivery> {
    let query = DeliveryQuery { state: None, destination: None, before: None, limit: 100 };
    store.deliveries(query).await.unwrap()
}

async fn take(store: &impl Store, destination: &str, now: Timestamp) -> Option<Consignment> {
    store.take_consignment(destination, now).await.unwrap()
}

/// The SOP Instance UID of the image whose results come next.
async fn next_sop(store: &impl Store, destination: &str) -> Option<String> {
    Some(take(store, destination, NOW).await?.report.instance.sop.to_string())
}

fn sop_of(delivery: &Delivery) -> String {
    delivery.object().unwrap().instance.sop.to_string()
}

fn status(delivery: &Delivery) -> Option<u16> {
    delivery.object().unwrap().status
}

fn names(count: usize) -> Vec<ObjectName> {
    let name = |number| ObjectName { sop_class: "1.2.840.1".into(), sop_instance: format!("2.25.{number}") };
    (0..count).map(name).collect()
}

fn acknowledged() -> Settlement {
    Settlement::Acknowledged { status: 0xB000, comment: Some("coerced".into()) }
}

fn waiting(until: Timestamp) -> Settlement {
    Settlement::Waiting { until, status: Some(0xA700), comment: "no room".into() }
}

fn not_taken() -> Settlement {
    Settlement::Refused { status: Some(0x0122), comment: "not supported".into() }
}

fn states(deliveries: &[Delivery]) -> Vec<DeliveryState> {
    deliveries.iter().map(|delivery| delivery.state).collect()
}

pub(crate) async fn a_report_makes_a_delivery_for_each_recipient_that_wants_it(store: Arc<impl Store>) {
    finish(&*store, 1, 1, analysed()).await;
    assert_eq!(list(&*store).await, [], "nobody was named");
    store
        .set_recipients(vec![
            recipient("results", true, false, false),
            recipient("trouble", false, true, true),
            recipient("all", true, true, true),
        ])
        .await
        .unwrap();
    finish(&*store, 1, 2, analysed()).await;
    finish(&*store, 1, 3, refused()).await;
    finish(&*store, 1, 4, failed()).await;
    let no_model = Fault::new(ErrorCode::WrongModality, "no model reads MR");
    admit(&*store, &Admission { models: vec![], refusal: Some(no_model), ..admission(1, 5) }).await;
    let made: Vec<(String, String)> = list(&*store)
        .await
        .into_iter()
        .rev()
        .map(|delivery| (sop_of(&delivery), delivery))
        .map(|(sop, delivery)| (delivery.destination, sop))
        .collect();
    let expected = [
        ("all", "1.2.3.2"),
        ("results", "1.2.3.2"),
        ("all", "1.2.3.3"),
        ("trouble", "1.2.3.3"),
        ("all", "1.2.3.4"),
        ("trouble", "1.2.3.4"),
        ("all", "1.2.3.5"),
        ("trouble", "1.2.3.5"),
    ];
    assert_eq!(made, expected.map(|(name, sop)| (name.to_owned(), sop.to_owned())));
    all_to(&*store, &[]).await;
    finish(&*store, 1, 6, analysed()).await;
    assert_eq!(list(&*store).await.len(), expected.len(), "nobody is named any more");
}

pub(crate) async fn our_own_results_and_objects_without_image_are_not_reported_about(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    for (sop, code) in [(1, ErrorCode::OwnResult), (2, ErrorCode::NoPixelData)] {
        let refusal = Some(Fault::new(code, "not for us"));
        admit(&*store, &Admission { models: vec![], refusal, ..admission(1, sop) }).await;
    }
    assert_eq!(list(&*store).await, []);
    // An object that bears the name of one that we sent.
    finish(&*store, 1, 3, analysed()).await;
    let placeholder = take(&*store, "pacs", NOW).await.unwrap().deliveries.remove(0);
    let sent = ObjectName { sop_class: "1.2".into(), sop_instance: "2.25.77".into() };
    store.name_objects(placeholder.id, vec![sent]).await.unwrap();
    let mut back = admission(1, 4);
    back.identity.sop = baize_core::SopUid::parse("2.25.77").unwrap();
    admit(&*store, &back).await;
    let job = take_one(&*store).await;
    assert!(store.finish(job.id, report(&job, analysed())).await.unwrap());
    assert_eq!(list(&*store).await.len(), 1);
}

pub(crate) async fn a_consignment_holds_what_is_needed_to_send_it(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    admit(&*store, &Admission { lane: Lane::Stat, ..admission(1, 1) }).await;
    let job = take_one(&*store).await;
    let told = report(&job, analysed());
    store.finish(job.id, told.clone()).await.unwrap();
    assert!(take(&*store, "elsewhere", NOW).await.is_none());
    let consignment = take(&*store, "pacs", NOW).await.unwrap();
    assert_eq!((consignment.report, consignment.lane, consignment.source), (told, Lane::Stat, job.spool_key));
    let [placeholder] = consignment.deliveries.as_slice() else { panic!("one delivery stands for all") };
    assert_eq!(
        *placeholder,
        Delivery {
            id: placeholder.id,
            destination: "pacs".into(),
            freight: Freight::Object(ObjectFreight {
                instance: identity(1, 1),
                model: Some(job.model.clone()),
                name: None,
                status: None,
                committed_at: None,
            }),
            state: DeliveryState::Sending,
            attempts: 1,
            created_at: at(5_000_000),
            changed_at: NOW,
            next_attempt_at: None,
            comment: None,
        }
    );
    assert!(take(&*store, "pacs", NOW).await.is_none(), "it is being sent");
    let named = store.name_objects(placeholder.id, names(3)).await.unwrap();
    let objects: Vec<ObjectName> =
        named.iter().filter_map(|delivery| delivery.object()?.name.clone()).collect();
    assert_eq!(objects, names(3));
    assert!(named.iter().all(|one| one.state == DeliveryState::Sending && one.attempts == 1));
    for bad in [names(0), names(1)] {
        let error = store.name_objects(placeholder.id, bad).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Internal);
    }
}

pub(crate) async fn each_delivery_ends_on_its_own(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    let unnamed = take(&*store, "pacs", NOW).await.unwrap().deliveries.remove(0);
    store.settle(unnamed.id, acknowledged(), NOW).await.unwrap_err();
    let named = store.name_objects(unnamed.id, names(4)).await.unwrap();
    let ends = [acknowledged(), not_taken(), waiting(at(20_000_000)), Settlement::Untried];
    for (delivery, end) in named.iter().zip(ends) {
        store.settle(delivery.id, end, at(11_000_000)).await.unwrap();
    }
    let mut ended = list(&*store).await;
    ended.reverse();
    use DeliveryState::{Acknowledged, Pending, Refused, Waiting};
    assert_eq!(states(&ended), [Acknowledged, Refused, Waiting, Pending]);
    assert_eq!(ended.iter().map(|one| one.attempts).collect::<Vec<_>>(), [1, 1, 1, 0]);
    assert_eq!(
        ended.iter().map(|one| (status(one), one.comment.as_deref())).collect::<Vec<_>>(),
        [
            (Some(0xB000), Some("coerced")),
            (Some(0x0122), Some("not supported")),
            (Some(0xA700), Some("no room")),
            (None, None)
        ]
    );
    assert_eq!(ended[2].next_attempt_at, Some(at(20_000_000)));
    assert!(ended.iter().all(|one| one.changed_at == at(11_000_000)));
    // What is over stays over.
    for settled in &ended {
        store.settle(settled.id, not_taken(), at(12_000_000)).await.unwrap();
    }
    let mut after = list(&*store).await;
    after.reverse();
    assert_eq!(after, ended);
}

pub(crate) async fn what_waits_is_due_in_its_time_and_keeps_the_order_of_its_study(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    finish(&*store, 1, 2, analysed()).await;
    finish(&*store, 2, 3, analysed()).await;
    let first = take(&*store, "pacs", NOW).await.unwrap();
    let named = store.name_objects(first.deliveries[0].id, names(3)).await.unwrap();
    assert_eq!(next_sop(&*store, "pacs").await.unwrap(), "1.2.3.3", "another study goes past");
    store.settle(named[0].id, acknowledged(), NOW).await.unwrap();
    store.settle(named[1].id, waiting(at(20_000_000)), NOW).await.unwrap();
    store.settle(named[2].id, Settlement::Untried, NOW).await.unwrap();
    assert!(take(&*store, "pacs", at(19_999_999)).await.is_none(), "the study waits as a whole");
    let again = take(&*store, "pacs", at(20_000_000)).await.unwrap();
    assert_eq!(again.report.instance.sop.as_str(), "1.2.3.1");
    let ids: Vec<DeliveryId> = again.deliveries.iter().map(|one| one.id).collect();
    assert_eq!(ids, [named[1].id, named[2].id], "what is acknowledged is not sent again");
    assert_eq!(again.deliveries[0].attempts, 2);
    for id in ids {
        store.settle(id, not_taken(), NOW).await.unwrap();
    }
    assert_eq!(next_sop(&*store, "pacs").await.unwrap(), "1.2.3.2", "a refusal holds nobody up");
}

pub(crate) async fn stat_results_go_first(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    admit(&*store, &Admission { lane: Lane::Stat, ..admission(2, 2) }).await;
    let job = take_one(&*store).await;
    store.finish(job.id, report(&job, analysed())).await.unwrap();
    assert_eq!(next_sop(&*store, "pacs").await.unwrap(), "1.2.3.2");
    assert_eq!(next_sop(&*store, "pacs").await.unwrap(), "1.2.3.1");
}

pub(crate) async fn what_was_interrupted_goes_out_again(store: Arc<impl Store>) {
    all_to(&*store, &["archive", "pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    let first = take(&*store, "pacs", NOW).await.unwrap().deliveries.remove(0);
    let named = store.name_objects(first.id, names(2)).await.unwrap();
    store.settle(named[0].id, acknowledged(), NOW).await.unwrap();
    assert_eq!(store.resume_interrupted().await.unwrap(), 1);
    let again = take(&*store, "pacs", NOW).await.unwrap();
    assert_eq!(again.deliveries.len(), 1);
    assert_eq!((again.deliveries[0].id, again.deliveries[0].attempts), (named[1].id, 2));
    assert!(take(&*store, "archive", NOW).await.is_some(), "a destination of its own");
}

pub(crate) async fn a_person_may_retry_what_is_not_acknowledged(store: Arc<impl Store>) {
    all_to(&*store, &["pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    let first = take(&*store, "pacs", NOW).await.unwrap().deliveries.remove(0);
    let named = store.name_objects(first.id, names(3)).await.unwrap();
    for (delivery, end) in named.iter().zip([acknowledged(), not_taken(), waiting(at(u64::MAX / 4))]) {
        store.settle(delivery.id, end, NOW).await.unwrap();
    }
    let mut after = Vec::new();
    for delivery in &named {
        after.push(store.retry(delivery.id, at(12_000_000)).await.unwrap().unwrap());
    }
    use DeliveryState::{Acknowledged, Pending};
    assert_eq!(states(&after), [Acknowledged, Pending, Pending]);
    assert_eq!(status(&after[1]), Some(0x0122), "what was said last is kept until something else is said");
    assert_eq!(store.retry(DeliveryId(4_711), NOW).await.unwrap(), None);
    let again = take(&*store, "pacs", NOW).await.unwrap();
    assert_eq!(again.deliveries.len(), 2);
}

pub(crate) async fn the_level_tells_what_waits_and_since_when(store: Arc<impl Store>) {
    all_to(&*store, &["archive", "pacs"]).await;
    finish(&*store, 1, 1, analysed()).await;
    let first = take(&*store, "pacs", NOW).await.unwrap().deliveries.remove(0);
    let named = store.name_objects(first.id, names(3)).await.unwrap();
    store.settle(named[0].id, acknowledged(), NOW).await.unwrap();
    store.settle(named[1].id, not_taken(), NOW).await.unwrap();
    all_to(&*store, &["new"]).await;
    let levels: Vec<_> = store
        .levels()
        .await
        .unwrap()
        .into_iter()
        .map(|level| (level.destination, level.unfinished, level.oldest, level.refused))
        .collect();
    let since = Some(at(5_000_000));
    assert_eq!(
        levels,
        [
            ("archive".to_owned(), 1, since, 0),
            ("new".to_owned(), 0, None, 0),
            ("pacs".to_owned(), 1, since, 1)
        ]
    );
    let query = |state, destination: Option<&str>| DeliveryQuery {
        state,
        destination: destination.map(str::to_owned),
        before: Some(named[2].id),
        limit: 10,
    };
    let refused = store.deliveries(query(Some(DeliveryState::Refused), Some("pacs"))).await.unwrap();
    assert_eq!(refused.iter().map(|one| one.id).collect::<Vec<_>>(), [named[1].id]);
    assert_eq!(store.deliveries(query(None, Some("archive"))).await.unwrap().len(), 1);
}
