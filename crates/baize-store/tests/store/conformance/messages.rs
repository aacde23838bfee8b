//! Messages: owed with their causes, one subject's in their order, each to its end.

use std::sync::Arc;

use baize_core::ports::{
    Admission, Cause, Delivery, DeliveryId, DeliveryQuery, DeliveryState, MadeMessage, MessageId,
    MessageSettlement, OwedMessage, Recipient, Review, Silence, Standing, SubjectKey, Takes, Telling,
    ToldBefore, TriageEntry, Verdict,
};
use baize_core::{ErrorCode, Fault, Finding, Lane, Outcome, Population, Timestamp};

use super::{Store, admit, review, take_one};
use crate::fixtures::{
    admission, analysed, at, failed, finding, refused, report, study, triage_entry, visit,
};

const NOW: Timestamp = Timestamp::from_micros(10_000_000);

fn told_of(name: &str, studies: bool, triage: bool) -> Recipient {
    Recipient {
        name: name.into(),
        takes: Takes::Messages { studies, triage },
        analysed: true,
        refused: false,
        failed: true,
        priors: false,
        commitment: false,
    }
}

async fn his(store: &impl Store) {
    store.set_recipients(vec![told_of("his", true, true)]).await.unwrap();
}

fn calm() -> Outcome {
    let findings = vec![finding("233604007", 0.1, None)];
    Outcome::Analysed { findings, population: Population::Validated, caveats: vec![] }
}

async fn finish(store: &impl Store, study: u32, sop: u32, outcome: Outcome) {
    admit(store, &admission(study, sop)).await;
    let job = take_one(store).await;
    assert!(store.finish(job.id, report(&job, outcome)).await.unwrap());
}

/// Every study that is here becomes complete.
async fn silence(store: &impl Store) {
    let never = at(u64::from(u32::MAX) * 1_000_000);
    store.complete(Silence { quiet: never, stow: at(0) }, NOW).await.unwrap();
}

async fn list(store: &impl Store) -> Vec<Delivery> {
    let query = DeliveryQuery { state: None, destination: None, before: None, limit: 100 };
    let mut deliveries = store.deliveries(query).await.unwrap();
    deliveries.reverse();
    deliveries
}

/// What is owed: the causes and the state of each message.
async fn owed(store: &impl Store) -> Vec<(String, DeliveryState)> {
    let causes = |delivery: &Delivery| {
        let names: Vec<&str> =
            delivery.message().unwrap().causes.iter().map(|cause| cause.as_str()).collect();
        (names.join(" "), delivery.state)
    };
    list(store).await.iter().map(causes).collect()
}

async fn take(store: &impl Store, now: Timestamp) -> Option<OwedMessage> {
    store.take_message("his", now).await.unwrap()
}

fn telling(standing: Standing, seed: u8) -> Telling {
    Telling { standing, whole: true, content: [seed; 32], results: [1; 32], corrections: [2; 32] }
}

fn made(id: &str, telling: Option<Telling>) -> MadeMessage {
    MadeMessage { id: MessageId(id.into()), payload: format!("MSH|{id}").into_bytes().into(), telling }
}

async fn keep(store: &impl Store, delivery: DeliveryId, id: &str, standing: Standing) {
    store.keep_message(delivery, made(id, Some(telling(standing, 0))), NOW).await.unwrap();
}

fn acknowledged() -> MessageSettlement {
    MessageSettlement::Acknowledged { answer: "AA".into() }
}

fn waiting(until: u64) -> MessageSettlement {
    let comment = "busy".into();
    MessageSettlement::Waiting { until: at(until), answer: Some("AE".into()), comment }
}

fn not_taken() -> MessageSettlement {
    MessageSettlement::Refused { answer: Some("AR".into()), comment: "unknown patient".into() }
}

async fn settle(store: &impl Store, delivery: DeliveryId, how: MessageSettlement) {
    store.settle_message(delivery, how, NOW).await.unwrap();
}

use DeliveryState::{Acknowledged, Covered, Pending, Refused, Sending, Waiting};

/// A finding that is there and not critical.
fn found() -> Outcome {
    let Outcome::Analysed { mut findings, population, caveats } = analysed() else { unreachable!() };
    findings.iter_mut().for_each(|finding| finding.critical = None);
    Outcome::Analysed { findings, population, caveats }
}

pub(crate) async fn a_message_is_owed_when_a_study_is_complete_and_nothing_is_pending(
    store: Arc<impl Store>,
) {
    his(&*store).await;
    finish(&*store, 1, 1, calm()).await;
    assert_eq!(owed(&*store).await, [], "more images may come");
    silence(&*store).await;
    assert_eq!(owed(&*store).await, [("complete".to_owned(), Pending)]);

    admit(&*store, &admission(2, 2)).await;
    silence(&*store).await;
    assert_eq!(owed(&*store).await.len(), 1, "complete, but a job is pending");
    let job = take_one(&*store).await;
    store.finish(job.id, report(&job, failed())).await.unwrap();
    let expected = [study(1), study(2)].map(SubjectKey::Study);
    let subjects: Vec<_> =
        list(&*store).await.iter().map(|one| one.message().unwrap().subject.clone()).collect();
    assert_eq!(subjects, expected);
    assert!(!store.finish(job.id, report(&job, failed())).await.unwrap());
    assert_eq!(owed(&*store).await.len(), 2, "a result that is stored once is told once");
}

pub(crate) async fn a_finding_is_told_at_once(store: Arc<impl Store>) {
    his(&*store).await;
    finish(&*store, 1, 1, found()).await;
    let [one] = list(&*store).await.try_into().unwrap();
    assert_eq!((one.created_at, one.state, one.attempts), (at(5_000_000), Pending, 0));
    assert_eq!(one.message().unwrap().causes, [Cause::Finding]);
    assert!(store.take_consignment("his", NOW).await.unwrap().is_none(), "it is no object");
    // What is critical goes ahead, and takes along what is still to be told of its study.
    finish(&*store, 2, 2, found()).await;
    let critical = Finding { critical: Some(0.9), ..finding("36118008", 0.95, None) };
    let critical =
        Outcome::Analysed { findings: vec![critical], population: Population::Validated, caveats: vec![] };
    finish(&*store, 2, 3, critical).await;
    let first = take(&*store, NOW).await.unwrap();
    assert_eq!(first.delivery.message().unwrap().causes, [Cause::Finding, Cause::Critical]);
    assert_eq!(first.lane, Lane::Stat);
}

pub(crate) async fn reviews_that_sign_or_correct_are_told(store: Arc<impl Store>) {
    finish(&*store, 1, 1, found()).await;
    his(&*store).await;
    let confirmed = Review { verdict: Verdict::Confirmed, findings: vec![], ..review(1) };
    store.review(Review { signed: false, ..confirmed.clone() }).await.unwrap();
    assert_eq!(owed(&*store).await, [], "an opinion that changes nothing");
    for told in [Review { signed: false, ..review(1) }, confirmed] {
        store.review(told.clone()).await.unwrap();
        store.review(told).await.unwrap();
        let message = take(&*store, NOW).await.unwrap();
        assert_eq!(message.delivery.message().unwrap().causes, [Cause::Reviewed]);
        assert!(take(&*store, NOW).await.is_none(), "said twice, told once");
        settle(&*store, message.delivery.id, MessageSettlement::Covered { whole: false }).await;
    }
    assert_eq!(owed(&*store).await, [("reviewed".to_owned(), Covered), ("reviewed".to_owned(), Covered)]);
}

pub(crate) async fn each_step_of_a_visit_is_told_in_its_order(store: Arc<impl Store>) {
    store.set_recipients(vec![told_of("his", true, true), told_of("imaging", true, false)]).await.unwrap();
    for (sequence, level_cn) in [(1, 4), (2, 3)] {
        store.append(TriageEntry { level_cn, ..triage_entry(1, sequence) }).await.unwrap();
    }
    store.append(TriageEntry { level_cn: 1, ..triage_entry(2, 1) }).await.unwrap();
    store.append(triage_entry(2, 1)).await.unwrap();
    let expected = ["assessed", "vitals", "assessed"].map(|cause| (cause.to_owned(), Pending));
    assert_eq!(owed(&*store).await, expected);
    let first = take(&*store, NOW).await.unwrap();
    assert_eq!(first.delivery.message().unwrap().subject, SubjectKey::Visit(visit(2), 1));
    assert_eq!((first.lane, first.told), (Lane::Stat, None));
    let second = take(&*store, NOW).await.unwrap();
    assert_eq!(second.delivery.message().unwrap().subject, SubjectKey::Visit(visit(1), 1));
    assert_eq!(second.lane, Lane::Urgent, "as urgent as what comes behind it");
    assert!(take(&*store, NOW).await.is_none(), "the next step waits for it");
    store.keep_message(second.delivery.id, made("T1", None), NOW).await.unwrap();
    settle(&*store, second.delivery.id, acknowledged()).await;
    let third = take(&*store, NOW).await.unwrap();
    assert_eq!(third.delivery.message().unwrap().subject, SubjectKey::Visit(visit(1), 2));
}

pub(crate) async fn causes_join_a_message_that_is_not_made_yet(store: Arc<impl Store>) {
    his(&*store).await;
    finish(&*store, 1, 1, found()).await;
    finish(&*store, 1, 2, found()).await;
    silence(&*store).await;
    store.review(review(1)).await.unwrap();
    assert_eq!(owed(&*store).await, [("finding complete reviewed".to_owned(), Pending)]);
    let first = take(&*store, NOW).await.unwrap();
    store.review(review(2)).await.unwrap();
    let both = ["finding complete reviewed", "reviewed"].map(str::to_owned);
    assert_eq!(owed(&*store).await.into_iter().map(|(causes, _)| causes).collect::<Vec<_>>(), both);
    assert!(take(&*store, NOW).await.is_none());
    settle(&*store, first.delivery.id, waiting(20_000_000)).await;
    silence(&*store).await;
    assert_eq!(owed(&*store).await.len(), 2);
}

pub(crate) async fn a_message_is_kept_as_it_was_made_until_it_is_acknowledged(store: Arc<impl Store>) {
    his(&*store).await;
    finish(&*store, 1, 1, found()).await;
    let first = take(&*store, NOW).await.unwrap();
    assert_eq!((first.made, first.told), (None, None));
    let id = first.delivery.id;
    store.settle_message(id, acknowledged(), NOW).await.unwrap_err();
    store.keep_message(id, made("M1", None), NOW).await.unwrap_err();
    keep(&*store, id, "M1", Standing::Final).await;
    let again = store.keep_message(id, made("M2", Some(telling(Standing::Final, 0))), NOW).await;
    assert_eq!(again.unwrap_err().code, ErrorCode::Internal);
    settle(&*store, id, waiting(20_000_000)).await;
    assert!(take(&*store, at(19_999_999)).await.is_none());
    let bytes = Some((MessageId("M1".into()), "MSH|M1".into()));
    assert_eq!(take(&*store, at(20_000_000)).await.unwrap().made, bytes);
    assert_eq!(store.resume_interrupted().await.unwrap(), 1);
    let third = take(&*store, NOW).await.unwrap();
    assert_eq!((third.made, third.delivery.attempts), (bytes, 3));
    store
        .settle_message(id, MessageSettlement::Acknowledged { answer: String::new() }, NOW)
        .await
        .unwrap_err();
    settle(&*store, id, acknowledged()).await;
    for late in [not_taken(), waiting(0), MessageSettlement::Covered { whole: true }] {
        settle(&*store, id, late).await;
    }
    let [done] = list(&*store).await.try_into().unwrap();
    let message = done.message().unwrap();
    assert_eq!((done.state, message.answer.as_deref()), (Acknowledged, Some("AA")));
    assert_eq!((message.id.clone(), message.standing), (Some(MessageId("M1".into())), Some(Standing::Final)));
    assert_eq!(store.retry(id, NOW).await.unwrap().unwrap().state, Acknowledged);

    // The next one knows what was told.
    silence(&*store).await;
    let next = take(&*store, NOW).await.unwrap();
    assert_eq!(next.told, Some(ToldBefore { last: telling(Standing::Final, 0), was_final: true }));
    store
        .keep_message(next.delivery.id, made("M2", Some(telling(Standing::Corrected, 9))), at(11_000_000))
        .await
        .unwrap();
    settle(&*store, next.delivery.id, acknowledged()).await;
    store.review(review(1)).await.unwrap();
    let told = take(&*store, NOW).await.unwrap().told;
    assert_eq!(told, Some(ToldBefore { last: telling(Standing::Corrected, 9), was_final: true }));
}

pub(crate) async fn a_messages_subject_waits_with_it_and_stat_goes_first(store: Arc<impl Store>) {
    his(&*store).await;
    finish(&*store, 1, 1, found()).await;
    finish(&*store, 2, 2, found()).await;
    admit(&*store, &Admission { lane: Lane::Stat, ..admission(3, 3) }).await;
    let job = take_one(&*store).await;
    store.finish(job.id, report(&job, found())).await.unwrap();
    let subject = |owed: &OwedMessage| owed.delivery.message().unwrap().subject.clone();
    let stat = take(&*store, NOW).await.unwrap();
    assert_eq!((subject(&stat), stat.lane), (SubjectKey::Study(study(3)), Lane::Stat));
    let first = take(&*store, NOW).await.unwrap();
    assert_eq!(subject(&first), SubjectKey::Study(study(1)));
    keep(&*store, first.delivery.id, "M1", Standing::Preliminary).await;
    settle(&*store, first.delivery.id, waiting(20_000_000)).await;
    store.review(review(1)).await.unwrap();
    assert_eq!(subject(&take(&*store, NOW).await.unwrap()), SubjectKey::Study(study(2)));
    assert!(take(&*store, NOW).await.is_none(), "the review waits with what was told before it");
    let again = take(&*store, at(20_000_000)).await.unwrap();
    assert_eq!(again.delivery.id, first.delivery.id);
    settle(&*store, first.delivery.id, not_taken()).await;
    let next = take(&*store, NOW).await.unwrap();
    assert_eq!((subject(&next), next.told), (SubjectKey::Study(study(1)), None), "a refusal holds nobody up");
}

pub(crate) async fn a_refused_message_is_made_anew_and_after_what_is_made_already(store: Arc<impl Store>) {
    his(&*store).await;
    finish(&*store, 1, 1, found()).await;
    let first = take(&*store, NOW).await.unwrap().delivery.id;
    keep(&*store, first, "M1", Standing::Preliminary).await;
    settle(&*store, first, not_taken()).await;
    store.review(review(1)).await.unwrap();
    let second = take(&*store, NOW).await.unwrap().delivery.id;
    let retried = store.retry(first, NOW).await.unwrap().unwrap();
    assert_eq!((retried.state, retried.message().unwrap().id.clone()), (Pending, None));
    assert!(take(&*store, NOW).await.is_none(), "one at a time");
    keep(&*store, second, "M2", Standing::Final).await;
    settle(&*store, second, waiting(20_000_000)).await;
    assert!(take(&*store, NOW).await.is_none(), "what was made goes first");
    let again = take(&*store, at(20_000_000)).await.unwrap();
    assert_eq!(again.delivery.id, second);
    settle(&*store, second, acknowledged()).await;
    let anew = take(&*store, NOW).await.unwrap();
    assert_eq!((anew.delivery.id, anew.made), (first, None));
    assert_eq!(anew.told.unwrap().last.standing, Standing::Final);
    settle(&*store, first, MessageSettlement::Covered { whole: false }).await;
    let states: Vec<_> = list(&*store).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [Covered, Acknowledged]);
}

pub(crate) async fn who_has_nothing_to_be_told_of_is_owed_nothing(store: Arc<impl Store>) {
    let everything = Recipient { refused: true, ..told_of("all", true, false) };
    store.set_recipients(vec![everything, told_of("his", true, false)]).await.unwrap();
    finish(&*store, 1, 1, refused()).await;
    for (sop, code) in [(2, ErrorCode::OwnResult), (3, ErrorCode::NoPixelData)] {
        let refusal = Some(Fault::new(code, "not for us"));
        admit(&*store, &Admission { models: vec![], refusal, ..admission(2, sop) }).await;
    }
    silence(&*store).await;
    store.append(triage_entry(1, 1)).await.unwrap();
    let made: Vec<_> = list(&*store).await.into_iter().map(|one| (one.destination, one.state)).collect();
    assert_eq!(made, [("all".to_owned(), Pending)]);

    // A prior, until somebody sends it on his own account.
    store.expect_prior(&study(4), NOW).await.unwrap();
    finish(&*store, 4, 4, found()).await;
    silence(&*store).await;
    assert_eq!(list(&*store).await.len(), 1);
    store.end_prior(&study(4), true).await.unwrap();
    admit(&*store, &admission(4, 4)).await;
    let mut made = owed(&*store).await;
    made.sort_by_key(|(causes, _)| causes.clone());
    assert_eq!(made[1..], ["finding complete"; 2].map(|causes| (causes.to_owned(), Pending)));
    assert_eq!(take(&*store, NOW).await.unwrap().delivery.state, Sending);
    assert!(!made.iter().any(|(_, state)| matches!(state, Waiting | Refused)));
}
