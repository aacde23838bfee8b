//! What becomes of deliveries, whatever the protocol.

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::DeliveryState::{Acknowledged, Pending, Refused, Waiting};
use baize_core::ports::{Event, Outbox, Rendition, Renditions};
use baize_core::{ErrorCode, Fault, Lane, Report};
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::fakes::{Does, FakePeer};
use crate::support::{
    CAP, CR, GIVE_UP_AFTER, Hospital, SECONDARY_CAPTURE, destination, object_name, object_uid, status,
};

const TWO: &[&str] = &[CR, SECONDARY_CAPTURE];

#[tokio::test]
async fn each_answer_leads_to_its_state() {
    use Does::{Answers, Declines, HangsUp, IsDown};
    // What the peer does with the first of two objects; then the states of both, and what it was shown.
    let cases = [
        (vec![], [Acknowledged, Acknowledged], 2),
        (vec![Answers(0xB000)], [Acknowledged, Acknowledged], 2),
        (vec![Answers(0x0122)], [Refused, Acknowledged], 2),
        (vec![Answers(0xC000)], [Refused, Acknowledged], 2),
        (vec![Answers(0xFF00)], [Refused, Acknowledged], 2),
        (vec![Declines], [Refused, Acknowledged], 2),
        (vec![Answers(0xA700)], [Waiting, Pending], 1),
        (vec![HangsUp], [Waiting, Pending], 1),
        (vec![IsDown], [Waiting, Pending], 0),
    ];
    for (script, states, shown) in cases {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let peer = FakePeer::new(&script);
        let service = hospital.service(TWO, vec![destination("pacs", 1, peer.courier())]).await;
        hospital.report(1, 1, Lane::Routine).await;
        assert_eq!(service.deliver_due("pacs").await.unwrap(), 1);
        assert_eq!(hospital.states().await, states, "{script:?}");
        assert_eq!(peer.seen().len(), shown, "{script:?}");
        // Nothing more happens until time has passed, and then all that waited goes out.
        assert_eq!(service.deliver_due("pacs").await.unwrap(), 0, "{script:?}");
        hospital.wait_out();
        service.deliver_due("pacs").await.unwrap();
        let end = states.map(|state| if state == Refused { Refused } else { Acknowledged });
        assert_eq!(hospital.states().await, end, "{script:?}");
    }
}

#[tokio::test]
async fn a_destination_that_is_down_for_hours_is_probed_by_one_and_not_given_up() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let outage = 50;
    let peer = FakePeer::new(&vec![Does::IsDown; outage]);
    let service = hospital.service(TWO, vec![destination("pacs", 1, peer.courier())]).await;
    for image in 1..=5 {
        hospital.report(image, image, Lane::Routine).await;
    }
    let mut waits = Vec::new();
    for attempt in 1..=outage {
        assert_eq!(service.deliver_due("pacs").await.unwrap(), 1, "attempt {attempt}");
        let deliveries = hospital.deliveries().await;
        let probes: Vec<_> = deliveries.iter().filter(|one| one.state == Waiting).collect();
        let [probe] = probes.as_slice() else { panic!("one probes for all") };
        assert_eq!(probe.attempts as usize, attempt);
        waits.push(probe.next_attempt_at.unwrap().saturating_since(probe.changed_at));
        assert_eq!(service.deliver_due("pacs").await.unwrap(), 0, "nobody tries meanwhile");
        hospital.wait_out();
    }
    assert_eq!(peer.connections(), outage);
    assert!(waits.iter().all(|wait| *wait <= CAP && *wait >= Duration::from_millis(2_500)), "{waits:?}");
    service.deliver_due("pacs").await.unwrap();
    assert!(hospital.states().await.iter().all(|state| *state == Acknowledged));
    let expected: Vec<String> =
        (1..=5).flat_map(|n| (0..2).map(move |k| object_uid(&format!("1.2.{n}.{n}"), k))).collect();
    assert_eq!(peer.seen(), expected);
}

#[tokio::test]
async fn a_peer_that_answers_now_and_then_is_not_left_alone_for_long() {
    use Does::{Answers, IsDown};
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let mut script = vec![IsDown; 20];
    script.extend([Answers(0), IsDown]);
    let peer = FakePeer::new(&script);
    let service = hospital.service(&[CR], vec![destination("pacs", 1, peer.courier())]).await;
    hospital.report(1, 1, Lane::Routine).await;
    hospital.report(2, 2, Lane::Routine).await;
    for _ in 0..20 {
        service.deliver_due("pacs").await.unwrap();
        hospital.wait_out();
    }
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged, Waiting]);
    hospital.clock.advance(Duration::from_secs(5));
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged, Acknowledged]);
}

#[tokio::test]
async fn one_bad_object_holds_up_its_study_only() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let peer = FakePeer::new(&[Does::HangsUp]);
    let service = hospital.service(&[CR], vec![destination("pacs", 1, peer.courier())]).await;
    hospital.report(1, 1, Lane::Routine).await;
    hospital.report(1, 2, Lane::Routine).await;
    hospital.report(2, 3, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Waiting, Pending, Acknowledged]);
    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    let order = ["1.2.1.1", "1.2.2.3", "1.2.1.1", "1.2.1.2"].map(|sop| object_uid(sop, 0));
    assert_eq!(peer.seen(), order);
}

#[tokio::test]
async fn a_stuck_destination_does_not_hold_up_another() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let (stuck, quick) = (FakePeer::stuck(), FakePeer::new(&[]));
    let destinations =
        vec![destination("slow", 1, stuck.courier()), destination("quick", 2, quick.courier())];
    let service = hospital.service(TWO, destinations).await;
    let shutdown = CancellationToken::new();
    let (say, events) = tokio::sync::mpsc::unbounded_channel::<Event>();
    let events =
        futures_util::stream::unfold(events, async |mut events| Some((events.recv().await?, events)));
    let running = tokio::spawn(Arc::clone(&service).run(Box::pin(events), shutdown.clone()));
    for image in 1..=4 {
        hospital.report(image, image, Lane::Routine).await;
        say.send(Event::Lagged(1)).unwrap();
    }
    while quick.seen().len() < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stuck.seen().len(), 0);
    // What is on its way at the end is finished.
    shutdown.cancel();
    stuck.let_go();
    running.await.unwrap();
    let to = |name: &str, deliveries: &[baize_core::ports::Delivery]| -> Vec<_> {
        deliveries.iter().filter(|one| one.destination == name).map(|one| one.state).collect()
    };
    let deliveries = hospital.deliveries().await;
    assert_eq!(to("quick", &deliveries), [Acknowledged; 8]);
    let slow = to("slow", &deliveries);
    assert_eq!(slow.iter().filter(|state| **state == Acknowledged).count(), 2, "{slow:?}");
    assert!(slow.iter().all(|state| matches!(state, Acknowledged | Pending)), "{slow:?}");
}

#[tokio::test]
async fn a_retry_does_not_wait() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let peer = FakePeer::new(&[Does::IsDown, Does::Answers(0x0124)]);
    let service = hospital.service(&[CR], vec![destination("pacs", 1, peer.courier())]).await;
    hospital.report(1, 1, Lane::Routine).await;
    for expected in [Waiting, Refused, Acknowledged] {
        service.deliver_due("pacs").await.unwrap();
        let delivery = hospital.deliveries().await.remove(0);
        assert_eq!(delivery.state, expected);
        let retried = service.retry(delivery.id).await.unwrap().unwrap();
        assert_eq!(retried.state, if expected == Acknowledged { Acknowledged } else { Pending });
    }
    assert_eq!(peer.seen().len(), 2);
}

/// Cannot make objects, or panics.
struct Broken(Option<ErrorCode>);

impl Renditions for Broken {
    fn objects(&self, _: &[u8], _: &Report, _: Option<&[u8]>) -> Result<Vec<Rendition>, Fault> {
        match self.0 {
            Some(code) => Err(Fault::new(code, "it cannot be")),
            None => panic!("a mistake in the making"),
        }
    }
}

#[tokio::test]
async fn a_result_without_objects_is_never_called_sent() {
    for (broken, expected) in [
        (Broken(Some(ErrorCode::MalformedObject)), Refused),
        (Broken(None), Refused),
        (Broken(Some(ErrorCode::StorageFailed)), Waiting),
    ] {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let peer = FakePeer::new(&[]);
        let service =
            hospital.service_with(Arc::new(broken), vec![destination("pacs", 1, peer.courier())]).await;
        hospital.report(1, 1, Lane::Routine).await;
        service.deliver_due("pacs").await.unwrap();
        let delivery = hospital.deliveries().await.remove(0);
        assert_eq!((delivery.state, object_name(&delivery), status(&delivery)), (expected, None, None));
        assert!(delivery.comment.is_some());
        assert_eq!(peer.connections(), 0);
        drop(service);
        // Once it is mended, a person retries.
        let mended = hospital.service(TWO, vec![destination("pacs", 1, peer.courier())]).await;
        mended.retry(delivery.id).await.unwrap();
        mended.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [Acknowledged, Acknowledged]);
    }
}

#[tokio::test]
async fn what_could_not_be_sent_for_a_month_is_given_up_until_a_person_retries() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let peer = FakePeer::new(&[Does::IsDown, Does::IsDown]);
    let service = hospital.service(&[CR], vec![destination("pacs", 1, peer.courier())]).await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    hospital.clock.advance(GIVE_UP_AFTER - Duration::from_secs(1));
    assert_eq!(hospital.states().await, [Waiting]);
    hospital.clock.advance(Duration::from_secs(1));
    service.deliver_due("pacs").await.unwrap();
    let dead = hospital.deliveries().await.remove(0);
    assert_eq!((dead.state, status(&dead)), (Refused, None));
    assert!(dead.comment.as_deref().unwrap().starts_with("given up after 30 days: "), "{dead:?}");
    hospital.clock.advance(GIVE_UP_AFTER);
    assert_eq!(service.deliver_due("pacs").await.unwrap(), 0, "nothing is tried any more");
    service.retry(dead.id).await.unwrap();
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged]);
}

#[tokio::test]
async fn what_waits_too_long_is_an_alarm_until_it_is_gone() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let peer = FakePeer::new(&[Does::IsDown, Does::Answers(0x0122)]);
    let service = hospital.service(TWO, vec![destination("pacs", 1, peer.courier())]).await;
    let mut registry = Registry::default();
    service.metrics().register(&mut registry);
    let metric = |name: &str| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{name} is not in {text}"))
    };
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    service.observe().await;
    assert_eq!(service.warnings(), Vec::<String>::new());
    hospital.clock.advance(Duration::from_secs(4500));
    service.observe().await;
    assert_eq!(service.warnings(), ["2 results wait for destination pacs, the oldest for 75 minutes"]);
    assert_eq!(metric("baize_outbox_alarm{destination=\"pacs\"}"), "1");
    assert_eq!(metric("baize_outbox_unfinished{destination=\"pacs\"}"), "2");
    assert_eq!(metric("baize_outbox_oldest_age_seconds{destination=\"pacs\"}"), "4500");
    service.deliver_due("pacs").await.unwrap();
    service.observe().await;
    assert_eq!(service.warnings(), ["destination pacs refused 1 results: see /v1/outbox"]);
    assert_eq!(metric("baize_outbox_alarm{destination=\"pacs\"}"), "0");
    assert_eq!(metric("baize_outbox_refused{destination=\"pacs\"}"), "1");
    let attempts = |result| {
        metric(&format!(
            "baize_outbox_attempts_total{{destination=\"pacs\",kind=\"object\",result=\"{result}\"}}"
        ))
    };
    assert_eq!(["acknowledged", "refused", "failed"].map(attempts), ["1", "1", "1"]);
}
