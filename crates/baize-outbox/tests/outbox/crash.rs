//! `kill -9` of the sender at random moments: every object reaches the peer, in the order of its study, and none is
//! called acknowledged that the peer did not get.
//!
//! The child is this test binary again, running [`child`] only.

use std::collections::HashSet;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::DeliveryState;
use tempfile::TempDir;

use crate::peers::OurScp;
use crate::support::{
    CR, Hospital, PATIENT, SECONDARY_CAPTURE, destination, image, object_name, object_uid, scu,
};

const FOLDER: &str = "BAIZE_OUTBOX_CRASH_FOLDER";
const PEER: &str = "BAIZE_OUTBOX_CRASH_PEER";
const ROUND: &str = "BAIZE_OUTBOX_CRASH_ROUND";
const ROUNDS: u32 = 12;
const STUDIES: u32 = 3;
const CLASSES: &[&str] = &[CR, SECONDARY_CAPTURE, CR];

/// Not a test by itself: does nothing unless started by the test below.
#[test]
fn child() {
    let (Ok(folder), Ok(peer), Ok(round)) = (env::var(FOLDER), env::var(PEER), env::var(ROUND)) else {
        return;
    };
    let first = 1 + 100_000 * round.parse::<u32>().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let hospital = Hospital::open(Path::new(&folder));
        let courier = Arc::new(scu(peer.parse().unwrap(), PATIENT));
        let service = hospital.service(CLASSES, vec![destination("pacs", 2, courier)]).await;
        // The virtual time of an earlier run is not kept: what waits is due.
        hospital.wait_out();
        for sop in first.. {
            let (report, sending) =
                tokio::join!(hospital.report(sop % STUDIES, sop, Lane::Routine), service.deliver_due("pacs"));
            let () = report;
            sending.unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sender_loses_nothing_and_claims_nothing() {
    let folder = TempDir::new().unwrap();
    let peer = OurScp::start().await;
    for round in 0..ROUNDS {
        let before = peer.received().len();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(PEER, peer.address.to_string())
            .env(ROUND, round.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Somewhere in the middle: after some objects have come, and a little more.
        while peer.received().len() < before + 3 + round as usize % 4 {
            assert!(child.try_wait().unwrap().is_none(), "the sender ended by itself");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(u64::from(round) * 700)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let hospital = Hospital::open(folder.path());
    let sent: HashSet<String> = peer.received().into_iter().collect();
    for delivery in hospital.deliveries().await {
        let claimed = delivery.state == DeliveryState::Acknowledged;
        assert!(
            !claimed || sent.contains(&object_name(&delivery).unwrap().sop_instance),
            "claimed but not sent"
        );
    }
    let courier = Arc::new(scu(peer.address, PATIENT));
    let service = hospital.service(CLASSES, vec![destination("pacs", 1, courier)]).await;
    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    let deliveries = hospital.deliveries().await;
    assert!(deliveries.iter().all(|delivery| delivery.state == DeliveryState::Acknowledged));
    check_order(&peer.received(), &deliveries);
}

/// Each study's objects came first in the order of its reports; the same names every time.
fn check_order(received: &[String], deliveries: &[baize_core::ports::Delivery]) {
    let mut first = received.to_vec();
    let mut seen = HashSet::new();
    first.retain(|uid| seen.insert(uid.clone()));
    for study in 0..STUDIES {
        let mut images: Vec<u32> = deliveries
            .iter()
            .filter(|delivery| image(delivery).study.as_str() == format!("1.2.{study}"))
            .map(|delivery| image(delivery).sop.as_str().rsplit_once('.').unwrap().1.parse().unwrap())
            .collect();
        images.sort_unstable();
        images.dedup();
        let of_image =
            |sop: u32| (0..CLASSES.len()).map(move |k| object_uid(&format!("1.2.{study}.{sop}"), k));
        let expected: Vec<String> = images.into_iter().flat_map(of_image).collect();
        let came: Vec<String> =
            first.iter().filter(|uid| uid.starts_with(&format!("2.25.{study}."))).cloned().collect();
        assert!(came.len() > CLASSES.len(), "study {study} had some");
        assert_eq!(came, expected, "study {study}");
    }
}
