//! What people say of orders and studies.

use baize_core::Lane;
use baize_core::ports::{
    HospitalWork, OrderNews, OrderQuery, OrderState, ReconcileReason, Reconciled, Reconciliation, Say,
    Unmatched,
};

use super::{MORNING, Site, everything, image_of_wang, jobs, patient, placed, said, with_accession};
use crate::fixtures::{at, study};

fn say(reason: &str) -> Say {
    Say { actor: "dr-li".into(), at: at(MORNING), reason: reason.into() }
}

#[tokio::test]
async fn a_person_matches_what_the_rules_would_not() {
    let mut site = Site::new().await;
    let stat = OrderNews { accession: said("A1"), lane: Some(Lane::Stat), ..placed() };
    site.order_of(patient("N9"), stat).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    let entry = site.ledger.unmatched(None, 9).await.unwrap().remove(0);
    let Unmatched::Study { study: waiting, facts, candidates } = entry.subject else {
        panic!("a study waits")
    };
    assert_eq!((waiting, facts.accession.as_deref()), (study(1), Some("A1")));
    let differs = ReconcileReason::PatientIdDiffers;
    assert_eq!((entry.reason, candidates[0].1), (differs, Some(differs)));
    let order = candidates[0].0.id;

    let say_match = async |study: u32, reason: &str, confirmed| {
        site.ledger
            .match_by_person(&crate::fixtures::study(study), order, say(reason), confirmed)
            .await
            .unwrap()
    };
    assert_eq!(say_match(9, "", true).await, Reconciled::UnknownStudy);
    assert_eq!(say_match(1, "same person", false).await, Reconciled::Contradiction(differs));
    assert_eq!(say_match(1, " ", true).await, Reconciled::Contradiction(differs), "a reason is needed");
    assert_eq!(say_match(1, "same person", true).await, Reconciled::Done);
    assert_eq!(say_match(1, "same person", true).await, Reconciled::Already);
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)]);
    assert_eq!(site.matches().await, [Some((study(1).to_string(), "person"))]);
    assert_eq!(site.waiting().await, [""; 0]);

    // Undone: both wait, the lane stays, and the rules don't do it again.
    assert_eq!(site.ledger.unmatch(order, say("wrong")).await.unwrap(), Reconciled::Done);
    assert_eq!(site.ledger.unmatch(order, say("wrong")).await.unwrap(), Reconciled::Already);
    assert_eq!(site.waiting().await, ["undone", "undone"]);
    site.image(with_accession(image_of_wang(1, 2), "A1")).await;
    site.order_of(patient("N9"), OrderNews { accession: said("A1"), ..placed() }).await;
    assert_eq!(site.matches().await, [None]);
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)], "nothing lowers");

    // Dismissed: gone from the queue for good.
    for entry in site.ledger.unmatched(None, 9).await.unwrap() {
        assert_eq!(site.ledger.dismiss(entry.id, say("")).await.unwrap(), Reconciled::Done);
        assert_eq!(site.ledger.dismiss(entry.id, say("")).await.unwrap(), Reconciled::UnknownOrder);
    }
    site.image(with_accession(image_of_wang(1, 3), "A3")).await;
    assert_eq!(site.waiting().await, [""; 0]);
    assert_eq!(site.ledger.hospital_levels().await.unwrap().unmatched, 0);
}

#[tokio::test]
async fn an_order_has_one_study() {
    let mut site = Site::new().await;
    site.order(OrderNews { accession: said("A1"), ..placed() }).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    site.image(image_of_wang(2, 2)).await;
    let order = site.orders().await[0].order.id;
    let taken = site.ledger.match_by_person(&study(2), order, say(""), false).await.unwrap();
    assert_eq!(taken, Reconciled::OrderTaken);
}

#[tokio::test]
async fn orders_are_found_by_what_people_know() {
    let mut site = Site::new().await;
    site.order(OrderNews { accession: said("A1"), ..placed() }).await;
    site.order(OrderNews { accession: said("A2"), modality: said("CT"), ..placed() }).await;
    site.order_of(patient("L2"), OrderNews { accession: said("A3"), ..placed() }).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    for (query, expected) in [
        (everything(), vec!["A3", "A2", "A1"]),
        (OrderQuery { limit: 2, ..everything() }, vec!["A3", "A2"]),
        (OrderQuery { accession: Some("A2".into()), ..everything() }, vec!["A2"]),
        (OrderQuery { study: Some(study(1)), ..everything() }, vec!["A1"]),
        (OrderQuery { patient_id: Some("W1".into()), ..everything() }, vec!["A2", "A1"]),
        (OrderQuery { encounter: Some("V1".into()), ..everything() }, vec!["A3", "A2", "A1"]),
        (OrderQuery { state: Some(OrderState::Waiting), ..everything() }, vec!["A3", "A2"]),
        (OrderQuery { state: Some(OrderState::Matched), ..everything() }, vec!["A1"]),
        (OrderQuery { state: Some(OrderState::Cancelled), ..everything() }, vec![]),
        (OrderQuery { accession: Some("'; --".into()), ..everything() }, vec![]),
    ] {
        let orders = site.ledger.orders(query.clone()).await.unwrap();
        let found: Vec<_> = orders.iter().filter_map(|one| one.order.accession.as_deref()).collect();
        assert_eq!(found, expected, "{query:?}");
    }
    let oldest = site.orders().await[1].order.id;
    let older = site.ledger.orders(OrderQuery { before: Some(oldest), ..everything() }).await.unwrap();
    assert_eq!(older.len(), 1);
}
