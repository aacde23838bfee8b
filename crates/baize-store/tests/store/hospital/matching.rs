//! Orders and studies find each other, from both sides, and the lane follows.

use baize_core::ports::{
    Admission, Cause, HospitalRecords, HospitalWork, Inquiries, Ledger as _, MadeMessage, MatchedBy,
    MessageId, MessageSettlement, News, OrderEvent, OrderNews, OutboxRecords as _, Recipient, Standing,
    Studies, Takes, Telling, Told,
};
use baize_core::{Lane, Sex};

use super::{MORNING, Site, image_of_wang, jobs, patient, placed, said, wang, with_accession};
use crate::fixtures::{analysed, at, identity, report, study};

fn stat(accession: &'static str) -> OrderNews {
    OrderNews { accession: said(accession), lane: Some(Lane::Stat), ..placed() }
}

fn found(number: u32, how: MatchedBy) -> Option<(String, &'static str)> {
    Some((study(number).to_string(), how.as_str()))
}

#[tokio::test]
async fn an_order_that_is_here_sets_the_lane_of_the_first_image_and_of_later_ones() {
    let mut site = Site::new().await;
    site.order(OrderNews { reason: said("气胸？"), ..stat("A1") }).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    site.image(image_of_wang(1, 2)).await;
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60), (Lane::Stat, 60)]);
    assert_eq!(site.matches().await, [found(1, MatchedBy::Accession)]);
    assert_eq!(site.waiting().await, [""; 0]);
    assert_eq!(site.ledger.due_raises(9).await.unwrap(), [(study(1), Lane::Stat)]);
    site.ledger.settle_raise(&study(1), Lane::Urgent).await.unwrap();
    assert_eq!(site.ledger.due_raises(9).await.unwrap().len(), 1, "a higher one is still due");
    site.ledger.settle_raise(&study(1), Lane::Stat).await.unwrap();
    assert_eq!(site.ledger.due_raises(9).await.unwrap(), []);
    let context = site.ledger.context(&study(1)).await.unwrap();
    let (order, how) = context.order.unwrap();
    assert_eq!((order.reason.as_deref(), how), (Some("气胸？"), MatchedBy::Accession));
    assert_eq!(context.encounter.unwrap().number, "V1");
    assert_eq!(site.ledger.studies_of_encounter("V1").await.unwrap(), [study(1)]);
    assert_eq!(site.ledger.context(&study(2)).await.unwrap(), Default::default());
}

#[tokio::test]
async fn an_order_that_comes_later_raises_what_is_queued() {
    let mut site = Site::new().await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.waiting().await, ["no_order"]);
    site.order(OrderNews { accession: said("A1"), lane: Some(Lane::Urgent), ..placed() }).await;
    assert_eq!(site.waiting().await, [""; 0]);
    assert_eq!(site.ledger.due_raises(9).await.unwrap(), [(study(1), Lane::Urgent)]);
    // The change names a priority only; a calmer one later changes nothing.
    site.order(stat("A1")).await;
    site.order(OrderNews { accession: said("A1"), lane: Some(Lane::Routine), ..placed() }).await;
    assert_eq!(site.ledger.due_raises(9).await.unwrap(), [(study(1), Lane::Stat)]);
    assert_eq!(site.ledger.study(&study(1)).await.unwrap().unwrap().lane, Lane::Stat);
    assert_eq!(site.orders().await.len(), 1);
    assert_eq!(site.orders().await[0].order.lane, Lane::Stat);
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)]);
}

#[tokio::test]
async fn a_cancelled_order_sets_no_lane_and_lowers_none() {
    let mut site = Site::new().await;
    let cancelled = |accession| OrderNews { event: OrderEvent::Cancelled, ..stat(accession) };
    site.order(stat("A1")).await;
    site.order(cancelled("A1")).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(jobs(&site.ledger).await, [(Lane::Routine, 7200)]);
    site.order(stat("A2")).await;
    site.image(with_accession(image_of_wang(2, 2), "A2")).await;
    site.order(cancelled("A2")).await;
    site.image(with_accession(image_of_wang(2, 3), "A2")).await;
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60), (Lane::Stat, 60)]);
    assert!(site.orders().await.iter().all(|one| one.order.cancelled));
}

#[tokio::test]
async fn the_study_uid_is_surer_than_the_accession_number() {
    let mut site = Site::new().await;
    site.order(OrderNews { study: Told::Value(study(1)), ..placed() }).await;
    site.order(stat("A1")).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    let by = [found(1, MatchedBy::StudyUid), found(1, MatchedBy::Accession)];
    assert_eq!(site.matches().await, by, "a study may answer several orders");
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)], "the most urgent one counts");
    let (_, how) = site.ledger.context(&study(1)).await.unwrap().order.unwrap();
    assert_eq!(how, MatchedBy::StudyUid);
}

#[tokio::test]
async fn patients_who_contradict_are_never_matched() {
    let other = |change: fn(&mut Admission)| {
        let mut image = with_accession(image_of_wang(1, 1), "A1");
        change(&mut image);
        image
    };
    for (image, reason) in [
        (other(|image| image.facts.patient_id = Some("L2".into())), "patient_id_differs"),
        (other(|image| image.facts.patient_id_issuer = Some("X".into())), "issuer_differs"),
        (other(|image| image.facts.birth_date = Some("19700102".into())), "birth_date_differs"),
        (other(|image| image.facts.sex = Some(Sex::Female)), "sex_differs"),
    ] {
        let from_the_his = super::PatientNews { issuer: Some("HIS".into()), ..wang() };
        // Order first, then study; and the other way round.
        let mut site = Site::new().await;
        site.order_of(from_the_his.clone(), stat("A1")).await;
        site.image(image.clone()).await;
        assert_eq!((site.matches().await, site.waiting().await), (vec![None], vec![reason]));
        assert_eq!(jobs(&site.ledger).await, [(Lane::Routine, 7200)]);
        let mut site = Site::new().await;
        site.image(image).await;
        site.order_of(from_the_his, stat("A1")).await;
        assert_eq!((site.matches().await, site.waiting().await), (vec![None], vec![reason]));
        assert_eq!(site.ledger.due_raises(9).await.unwrap(), []);
    }
    // What one of the two does not say contradicts nothing.
    let mut site = Site::new().await;
    site.order_of(patient("W1"), stat("A1")).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.matches().await, [found(1, MatchedBy::Accession)]);
}

#[tokio::test]
async fn a_correction_of_the_patient_ends_the_contradiction() {
    let mut site = Site::new().await;
    site.order_of(super::PatientNews { birth_date: said("19610102"), ..wang() }, stat("A1")).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.waiting().await, ["birth_date_differs"]);
    site.adt(super::EncounterEvent::Changed, wang(), super::EncounterNews::default()).await;
    assert_eq!(site.matches().await, [found(1, MatchedBy::Accession)]);
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)]);
    assert_eq!(site.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_merge_brings_orders_and_studies_together() {
    let mut site = Site::new().await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    site.order_of(super::PatientNews { id: "N9".into(), ..wang() }, stat("A1")).await;
    assert_eq!(site.waiting().await, ["patient_id_differs"]);
    site.tell(News::Merge {
        patient: patient("N9"),
        encounter: super::EncounterNews::default(),
        prior_id: Some("W1".into()),
        prior_encounter: None,
    })
    .await;
    assert_eq!(site.matches().await, [found(1, MatchedBy::Accession)]);
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60)]);
}

#[tokio::test]
async fn patient_modality_and_time_do_where_nothing_else_would() {
    let scheduled = |text| OrderNews { scheduled_at: said(text), lane: Some(Lane::Urgent), ..placed() };
    let named = |order: OrderNews, placer| OrderNews { placer_number: said(placer), ..order };
    for (orders, expected) in [
        // CR and DX are kin; the window is twelve hours on both sides of the study's day.
        (vec![scheduled("2026-03-15T09:30:00")], vec![found(1, MatchedBy::PatientAndTime)]),
        (vec![scheduled("2026-03-15")], vec![found(1, MatchedBy::PatientAndTime)]),
        (vec![scheduled("2026-03-16T11:00:00")], vec![found(1, MatchedBy::PatientAndTime)]),
        (vec![scheduled("2026-03-16T13:00:00")], vec![None]),
        (vec![scheduled("2026-03-14T11:00:00")], vec![None]),
        (vec![scheduled("2026-03-14T13:00:00")], vec![found(1, MatchedBy::PatientAndTime)]),
        (vec![placed()], vec![found(1, MatchedBy::PatientAndTime)]),
        (vec![OrderNews { modality: said("CT"), ..placed() }], vec![None]),
        (vec![OrderNews { modality: Told::Nothing, ..placed() }], vec![None]),
        (vec![OrderNews { study: Told::Value(study(9)), ..placed() }], vec![None]),
        (vec![OrderNews { event: OrderEvent::Cancelled, ..placed() }], vec![None]),
        // Two would fit: neither is taken.
        (vec![scheduled("2026-03-15"), scheduled("2026-03-15T10:00:00")], vec![None, None]),
        (
            vec![scheduled("2026-03-15"), scheduled("2026-04-15")],
            vec![found(1, MatchedBy::PatientAndTime), None],
        ),
    ] {
        let orders: Vec<OrderNews> =
            orders.into_iter().zip(["P1", "P2"]).map(|(order, placer)| named(order, placer)).collect();
        let mut site = Site::new().await;
        for order in &orders {
            site.order(order.clone()).await;
        }
        site.image(image_of_wang(1, 1)).await;
        assert_eq!(site.matches().await, expected, "{orders:?}");
        // The study first: an order that fits is taken at once, so ambiguity shows with one order only.
        if let [order] = orders.as_slice() {
            let mut site = Site::new().await;
            site.image(image_of_wang(1, 1)).await;
            site.order(order.clone()).await;
            assert_eq!(site.matches().await, expected, "study first: {order:?}");
        }
    }
}

#[tokio::test]
async fn of_two_studies_none_is_guessed() {
    let mut site = Site::new().await;
    site.image(image_of_wang(1, 1)).await;
    site.image(image_of_wang(2, 2)).await;
    site.order(OrderNews { placer_number: said("P1"), ..placed() }).await;
    assert_eq!((site.matches().await, site.waiting().await), (vec![None], vec!["ambiguous", "ambiguous"]));
    // The accession number arrives with a late image of one of them, and with a change of the order.
    site.order(OrderNews { placer_number: said("P1"), accession: said("A1"), ..placed() }).await;
    site.image(with_accession(image_of_wang(2, 3), "A1")).await;
    assert_eq!(site.matches().await, [found(2, MatchedBy::Accession)]);
    assert_eq!(site.waiting().await, ["ambiguous"]);
    // Another day's study of the same patient is none of it.
    let mut old = image_of_wang(3, 4);
    old.facts.study_date = Some("20240101".into());
    site.image(old).await;
    assert_eq!(site.matches().await, [found(2, MatchedBy::Accession)]);
}

#[tokio::test]
async fn a_guess_gives_way_to_an_accession_number() {
    let mut site = Site::new().await;
    site.order(OrderNews { placer_number: said("P1"), ..placed() }).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.matches().await, [found(1, MatchedBy::PatientAndTime)]);
    site.image(with_accession(image_of_wang(2, 2), "A2")).await;
    site.order(OrderNews { placer_number: said("P1"), ..stat("A2") }).await;
    assert_eq!(site.matches().await, [found(2, MatchedBy::Accession)]);
    assert_eq!(site.waiting().await, ["no_order"]);
}

#[tokio::test]
async fn a_second_study_under_a_taken_order_is_as_urgent_and_waits() {
    let mut site = Site::new().await;
    site.order(stat("A1")).await;
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    site.image(with_accession(image_of_wang(2, 2), "A1")).await;
    assert_eq!(jobs(&site.ledger).await, [(Lane::Stat, 60), (Lane::Stat, 60)]);
    assert_eq!(
        (site.matches().await, site.waiting().await),
        (vec![found(1, MatchedBy::Accession)], vec!["order_taken"])
    );
}

#[tokio::test]
async fn which_order_a_message_means() {
    let named = |placer, filler, accession| OrderNews {
        placer_number: placer,
        filler_number: filler,
        accession,
        ..placed()
    };
    let (p1, f1, f2, a1, a2) = (said("P1"), said("F1"), said("F2"), said("A1"), said("A2"));
    let no = || Told::Nothing;
    for (messages, orders) in [
        (vec![named(p1.clone(), no(), no()), named(p1.clone(), f1.clone(), a1.clone())], 1),
        (vec![named(p1.clone(), f1.clone(), no()), named(p1.clone(), f2.clone(), no())], 2),
        (vec![named(p1.clone(), no(), a1.clone()), named(p1.clone(), no(), a2.clone())], 2),
        (vec![named(p1.clone(), f1.clone(), a1.clone()), named(p1.clone(), f1.clone(), a2.clone())], 1),
        (vec![named(no(), f1.clone(), no()), named(p1.clone(), f1.clone(), no())], 1),
        (vec![named(no(), no(), a1.clone()), named(no(), no(), a1.clone())], 1),
        (vec![named(said("P2"), no(), a1.clone()), named(p1.clone(), no(), a1.clone())], 2),
    ] {
        let mut site = Site::new().await;
        for message in &messages {
            site.order(message.clone()).await;
        }
        assert_eq!(site.orders().await.len(), orders, "{messages:?}");
    }
    // Another patient's order of the same number is another order.
    let mut site = Site::new().await;
    site.order(named(p1.clone(), no(), no())).await;
    site.order_of(patient("L2"), named(p1.clone(), no(), no())).await;
    assert_eq!(site.orders().await.len(), 2);
    // The number that two procedures share means both.
    let mut site = Site::new().await;
    site.order(named(p1.clone(), f1, no())).await;
    site.order(named(p1.clone(), f2, no())).await;
    site.order(OrderNews { event: OrderEvent::Cancelled, ..named(p1, no(), no()) }).await;
    assert!(site.orders().await.iter().all(|one| one.order.cancelled));
}

#[tokio::test]
async fn priors_answer_no_order_until_somebody_sends_them() {
    let mut site = Site::new().await;
    site.order(stat("A1")).await;
    site.ledger.expect_prior(&study(1), at(MORNING)).await.unwrap();
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!((site.matches().await, site.waiting().await), (vec![None], vec![]));
    site.ledger.end_prior(&study(1), true).await.unwrap();
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.matches().await, [found(1, MatchedBy::Accession)]);
}

#[tokio::test]
async fn without_a_his_nothing_waits() {
    let site = Site::new().await;
    site.ledger.set_matching(None).await.unwrap();
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!(site.waiting().await, [""; 0]);
    assert_eq!(identity(1, 1).study, study(1));
}

#[tokio::test]
async fn an_order_whose_time_is_past_waits_for_a_person() {
    let mut site = Site::new().await;
    let hour = 3_600_000_000;
    let scheduled = |text| OrderNews { scheduled_at: said(text), ..stat("A1") };
    site.order(scheduled("2026-03-15T10:00:00")).await;
    assert_eq!(site.ledger.list_overdue(at(MORNING + 12 * hour), 9).await.unwrap(), 0);
    assert_eq!(site.ledger.list_overdue(at(MORNING + 13 * hour), 9).await.unwrap(), 1);
    assert_eq!(site.ledger.list_overdue(at(MORNING + 13 * hour), 9).await.unwrap(), 0, "it is listed");
    assert_eq!(site.waiting().await, ["overdue"]);
    // Put off, missed again, and then it comes.
    site.order(scheduled("2026-03-17T10:00:00")).await;
    assert_eq!(site.waiting().await, [""; 0]);
    assert_eq!(site.ledger.list_overdue(at(MORNING + 99 * hour), 9).await.unwrap(), 1);
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    assert_eq!((site.matches().await, site.waiting().await), (vec![found(1, MatchedBy::Accession)], vec![]));
    // A cancelled one is not missed.
    site.order(OrderNews { event: OrderEvent::Cancelled, ..stat("A2") }).await;
    assert_eq!(site.ledger.list_overdue(at(MORNING + 999 * hour), 9).await.unwrap(), 0);
}

#[tokio::test]
async fn a_study_that_was_told_of_is_told_of_again_with_its_order() {
    let mut site = Site::new().await;
    let his = Recipient {
        name: "his".into(),
        takes: Takes::Messages { studies: true, triage: false },
        analysed: true,
        refused: false,
        failed: true,
        priors: false,
        commitment: false,
    };
    site.ledger.set_recipients(vec![his]).await.unwrap();
    site.image(with_accession(image_of_wang(1, 1), "A1")).await;
    let job = site.ledger.take_jobs(1).await.unwrap().remove(0);
    site.ledger.finish(job.id, report(&job, analysed())).await.unwrap();
    let first = site.ledger.take_message("his", at(0)).await.unwrap().unwrap().delivery.id;
    let telling = Telling {
        standing: Standing::Preliminary,
        whole: false,
        content: [0; 32],
        results: [0; 32],
        corrections: [0; 32],
    };
    let made = MadeMessage { id: MessageId("M1".into()), payload: "MSH".into(), telling: Some(telling) };
    site.ledger.keep_message(first, made, at(0)).await.unwrap();
    let answer = MessageSettlement::Acknowledged { answer: "AA".into() };
    site.ledger.settle_message(first, answer, at(0)).await.unwrap();
    assert!(site.ledger.take_message("his", at(0)).await.unwrap().is_none());
    site.order(stat("A1")).await;
    let again = site.ledger.take_message("his", at(0)).await.unwrap().unwrap().delivery;
    assert_eq!(again.message().unwrap().causes, [Cause::Matched]);
    // A study of which nobody was told is told of when there is something to tell.
    site.image(with_accession(image_of_wang(2, 2), "A1")).await;
    assert!(site.ledger.take_message("his", at(0)).await.unwrap().is_none());
}
