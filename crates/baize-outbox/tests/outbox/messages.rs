//! Messages over the real ledger, with a receiver that does as told.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::DeliveryState::{Acknowledged, Covered, Pending, Refused, Waiting};
use baize_core::ports::{
    DeliveryState, LinkLost, MessageAnswer, MessageCourier, MessageId, Outbox, Presence, Recipient, Subject,
    Takes, TriageEntry, TriageRecords, TriageStep, Verdict, VisitId, Wording,
};
use baize_core::{Clock, ErrorCode, Fault, Lane, Outcome, Timestamp};
use baize_outbox::{DeliveryService, Destination, Way};
use bytes::Bytes;
use tempfile::TempDir;

use crate::support::{GIVE_UP_AFTER, Hospital};

/// Writes a message as one line: its identifier, whose it is, the standing, and each image's result.
pub(crate) struct Line;

impl Wording for Line {
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault> {
        let told = match subject {
            Subject::Study(result) => {
                let mut told = format!("{} {}", result.summary.study, result.standing.as_str());
                for report in result.instances.iter().flat_map(|instance| &instance.reports) {
                    let Outcome::Analysed { findings, population, .. } = &report.outcome else { continue };
                    let presence = Presence::of(&findings[0], population, result.review_of(report));
                    told.push_str(&format!(" {}:{presence:?}", report.instance.sop));
                }
                told
            }
            Subject::Visit(visit) => format!("{} {}", visit.entry.visit, visit.entry.sequence),
        };
        Ok(format!("{} {} {told}", id.0, now.as_micros()).into())
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Does {
    Answers(MessageAnswer),
    HangsUp,
}

/// Acknowledges everything, unless told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Receiver(Arc<Mutex<(VecDeque<Does>, Vec<String>)>>);

impl Receiver {
    fn then(&self, script: &[Does]) {
        self.0.lock().unwrap().0.extend(script.iter().cloned());
    }

    /// What came, without identifier and time.
    fn told(&self) -> Vec<String> {
        self.raw().iter().map(|line| line.splitn(3, ' ').last().unwrap().to_owned()).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl MessageCourier for Receiver {
    async fn send(&self, id: &MessageId, _: Lane, message: &Bytes) -> Result<MessageAnswer, LinkLost> {
        let mut state = self.0.lock().unwrap();
        let line = String::from_utf8(message.to_vec()).unwrap();
        assert!(line.starts_with(&id.0));
        state.1.push(line);
        match state.0.pop_front() {
            None => Ok(MessageAnswer::Accepted("AA".into())),
            Some(Does::Answers(answer)) => Ok(answer),
            Some(Does::HangsUp) => Err(LinkLost("gone".into())),
        }
    }
}

pub(crate) fn his(courier: Arc<dyn MessageCourier>, wording: Arc<dyn Wording>) -> Destination {
    Destination {
        recipient: Recipient {
            name: "his".into(),
            takes: Takes::Messages { studies: true, triage: true },
            analysed: true,
            refused: false,
            failed: true,
            priors: false,
            commitment: false,
        },
        way: Way::Messages { wording, courier },
        concurrency: NonZeroUsize::MIN,
    }
}

struct Scene {
    hospital: Hospital,
    receiver: Receiver,
    service: Arc<DeliveryService>,
    _folder: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let receiver = Receiver::default();
        let destination = his(Arc::new(receiver.clone()), Arc::new(Line));
        let service = hospital.service(&[], vec![destination]).await;
        Self { hospital, receiver, service, _folder: folder }
    }

    async fn deliver(&self) -> usize {
        self.hospital.clock.advance(Duration::from_secs(1));
        self.service.deliver_due("his").await.unwrap()
    }

    async fn states(&self) -> Vec<DeliveryState> {
        self.hospital.states().await
    }
}

fn later() -> Does {
    Does::Answers(MessageAnswer::Later("AE".into(), "busy".into()))
}

fn never() -> Does {
    Does::Answers(MessageAnswer::Refused("AR".into(), "unknown patient".into()))
}

#[tokio::test]
async fn a_result_goes_from_preliminary_over_corrected_to_final() {
    let scene = Scene::set().await;
    let hospital = &scene.hospital;
    hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
    scene.deliver().await;
    hospital.report(1, 2, Lane::Routine).await;
    hospital.silence().await;
    scene.deliver().await;
    // A late image.
    hospital.clock.advance(Duration::from_secs(60));
    hospital.report(1, 3, Lane::Routine).await;
    hospital.silence().await;
    scene.deliver().await;
    for sop in [1, 2, 3] {
        hospital.review(1, sop, Verdict::Confirmed, true).await;
    }
    scene.deliver().await;
    hospital.review(1, 2, Verdict::Corrected, true).await;
    scene.deliver().await;
    // One more image, before anybody signs it, and after.
    hospital.report_finding(1, 4, Lane::Routine, 0.9).await;
    scene.deliver().await;
    hospital.silence().await;
    hospital.review(1, 4, Verdict::Confirmed, true).await;
    scene.deliver().await;
    assert_eq!(
        scene.receiver.told(),
        [
            "1.2.1 preliminary 1.2.1.1:Present",
            "1.2.1 preliminary 1.2.1.1:Present 1.2.1.2:Absent",
            "1.2.1 corrected 1.2.1.1:Present 1.2.1.2:Absent 1.2.1.3:Absent",
            "1.2.1 final 1.2.1.1:Present 1.2.1.2:Absent 1.2.1.3:Absent",
            "1.2.1 amended 1.2.1.1:Present 1.2.1.2:Present 1.2.1.3:Absent",
            "1.2.1 corrected 1.2.1.1:Present 1.2.1.2:Present 1.2.1.3:Absent 1.2.1.4:Present",
            "1.2.1 amended 1.2.1.1:Present 1.2.1.2:Present 1.2.1.3:Absent 1.2.1.4:Present",
        ]
    );
    assert!(scene.states().await.iter().all(|state| *state == Acknowledged));
}

#[tokio::test]
async fn a_late_image_corrects_what_was_told_before_the_study_was_complete() {
    let scene = Scene::set().await;
    scene.hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
    scene.deliver().await;
    scene.hospital.silence().await;
    scene.deliver().await;
    assert_eq!(scene.states().await, [Acknowledged, Covered]);
    scene.hospital.clock.advance(Duration::from_secs(60));
    scene.hospital.report_finding(1, 2, Lane::Routine, 0.9).await;
    scene.deliver().await;
    assert_eq!(
        scene.receiver.told(),
        ["1.2.1 preliminary 1.2.1.1:Present", "1.2.1 corrected 1.2.1.1:Present 1.2.1.2:Present"]
    );
}

#[tokio::test]
async fn what_the_peer_knows_already_is_not_told_again() {
    let scene = Scene::set().await;
    scene.hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
    scene.deliver().await;
    scene.hospital.silence().await;
    scene.deliver().await;
    assert_eq!(scene.states().await, [Acknowledged, Covered]);
    assert_eq!(scene.receiver.told().len(), 1);
    // What a receiver has refused, it does not know.
    scene.receiver.then(&[never()]);
    scene.hospital.review(1, 1, Verdict::Corrected, false).await;
    scene.deliver().await;
    scene.hospital.review(1, 1, Verdict::Confirmed, false).await;
    scene.hospital.review(1, 1, Verdict::Corrected, false).await;
    scene.deliver().await;
    assert_eq!(scene.states().await, [Acknowledged, Covered, Refused, Acknowledged]);
    let corrected = "1.2.1 corrected 1.2.1.1:Absent";
    assert_eq!(scene.receiver.told()[1..], [corrected, corrected]);
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_and_only_an_answer_ends_it() {
    let scene = Scene::set().await;
    scene.hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
    let wish = MessageAnswer::LaterThan(Duration::from_secs(3600), "503".into(), "maintenance".into());
    scene.receiver.then(&[Does::HangsUp, later(), Does::HangsUp, Does::Answers(wish)]);
    for (attempts, answer, comment) in
        [(1, None, "gone"), (2, Some("AE"), "busy"), (3, None, "gone"), (4, Some("503"), "maintenance")]
    {
        scene.hospital.wait_out();
        scene.deliver().await;
        let delivery = scene.hospital.deliveries().await.remove(0);
        assert_eq!((delivery.state, delivery.attempts), (Waiting, attempts));
        assert_eq!(delivery.message().unwrap().answer.as_deref(), answer);
        assert_eq!(delivery.comment.as_deref(), Some(comment));
        // More becomes known meanwhile: it is for the next message.
        scene.hospital.report_finding(1, 1 + attempts, Lane::Routine, 0.9).await;
    }
    scene.hospital.wait_out();
    assert_eq!(scene.deliver().await, 0, "it asked for an hour");
    scene.hospital.clock.advance(Duration::from_secs(3600));
    scene.deliver().await;
    assert_eq!(scene.states().await, [Acknowledged, Acknowledged]);
    let raw = scene.receiver.raw();
    assert!(raw[..5].iter().all(|line| *line == raw[0]) && raw.len() == 6, "{raw:?}");
    let delivery = scene.hospital.deliveries().await.remove(0);
    assert_eq!(
        (delivery.message().unwrap().answer.as_deref(), delivery.comment.as_deref()),
        (Some("AA"), None)
    );
}

#[tokio::test]
async fn a_message_is_never_given_up_and_an_alarm_says_that_it_waits() {
    let scene = Scene::set().await;
    scene.hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
    scene.receiver.then(&[Does::HangsUp, Does::HangsUp, never()]);
    for _ in 0..2 {
        scene.deliver().await;
        scene.hospital.clock.advance(GIVE_UP_AFTER);
    }
    assert_eq!(scene.states().await, [Waiting]);
    scene.service.observe().await;
    assert_eq!(
        scene.service.warnings(),
        ["1 results wait for destination his, the oldest for 86400 minutes"]
    );
    scene.deliver().await;
    scene.service.observe().await;
    assert_eq!(scene.service.warnings(), ["destination his refused 1 results: see /v1/outbox"]);
    let refused = scene.hospital.deliveries().await.remove(0);
    assert_eq!(refused.message().unwrap().answer.as_deref(), Some("AR"));

    // Once the receiver is mended, a person retries: it tells what is known now, under another identifier.
    scene.hospital.report(1, 2, Lane::Routine).await;
    scene.service.retry(refused.id).await.unwrap();
    scene.deliver().await;
    assert_eq!(scene.states().await, [Acknowledged]);
    let raw = scene.receiver.raw();
    assert_ne!(raw[3].split(' ').next(), raw[0].split(' ').next());
    assert!(raw[3].ends_with("1.2.1.1:Present 1.2.1.2:Absent"), "{raw:?}");
}

#[tokio::test]
async fn one_message_that_the_peer_cannot_stand_holds_up_only_its_study() {
    let scene = Scene::set().await;
    for study in [1, 2, 3] {
        scene.hospital.report_finding(study, 1, Lane::Routine, 0.9).await;
    }
    scene.receiver.then(&[Does::HangsUp]);
    assert_eq!(scene.deliver().await, 3);
    assert_eq!(scene.states().await, [Waiting, Acknowledged, Acknowledged]);
    // Nobody there: the second that gets no answer makes the others wait.
    for study in [4, 5, 6] {
        scene.hospital.report_finding(study, 1, Lane::Routine, 0.9).await;
    }
    scene.receiver.then(&[Does::HangsUp, Does::HangsUp]);
    assert_eq!(scene.deliver().await, 2);
    assert_eq!(scene.states().await[3..], [Waiting, Waiting, Pending]);
    scene.hospital.wait_out();
    scene.deliver().await;
    assert!(scene.states().await.iter().all(|state| *state == Acknowledged));
}

#[tokio::test]
async fn steps_of_a_visit_are_told_in_their_order() {
    let scene = Scene::set().await;
    let visit = VisitId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    for sequence in 1..=3 {
        let entry = TriageEntry {
            visit: visit.clone(),
            sequence,
            step: if sequence == 1 { TriageStep::Assessed } else { TriageStep::Vitals },
            at: scene.hospital.clock.now(),
            actor: "triage-desk".into(),
            sent: "{}".into(),
            known: "{}".into(),
            assessment: "{}".into(),
            level_cn: 3,
            acuity: 3,
            encounter: None,
            model: None,
        };
        scene.hospital.ledger.append(entry).await.unwrap();
    }
    scene.receiver.then(&[later()]);
    scene.deliver().await;
    assert_eq!(scene.states().await, [Waiting, Pending, Pending]);
    scene.hospital.wait_out();
    scene.deliver().await;
    assert_eq!(scene.receiver.told(), [1, 1, 2, 3].map(|sequence| format!("{visit} {sequence}")));
}

/// Cannot word anything, or panics.
struct Speechless(Option<ErrorCode>);

impl Wording for Speechless {
    fn message(&self, _: &MessageId, _: &Subject, _: Timestamp) -> Result<Bytes, Fault> {
        match self.0 {
            Some(code) => Err(Fault::new(code, "it cannot be")),
            None => panic!("a mistake in the making"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_worded_is_never_called_sent() {
    for (code, expected) in
        [(Some(ErrorCode::Internal), Refused), (None, Refused), (Some(ErrorCode::StorageFailed), Waiting)]
    {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let receiver = Receiver::default();
        let speechless = his(Arc::new(receiver.clone()), Arc::new(Speechless(code)));
        let service = hospital.service(&[], vec![speechless]).await;
        hospital.report_finding(1, 1, Lane::Routine, 0.9).await;
        service.deliver_due("his").await.unwrap();
        let delivery = hospital.deliveries().await.remove(0);
        assert_eq!((delivery.state, &delivery.message().unwrap().id), (expected, &None));
        assert!(delivery.comment.is_some() && receiver.raw().is_empty());
        drop(service);
        let mended = hospital.service(&[], vec![his(Arc::new(receiver.clone()), Arc::new(Line))]).await;
        mended.retry(delivery.id).await.unwrap();
        mended.deliver_due("his").await.unwrap();
        assert_eq!(hospital.states().await, [Acknowledged]);
    }
}
