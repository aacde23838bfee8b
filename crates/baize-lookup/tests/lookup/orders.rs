//! How urgent orders are.

use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::{InquiryKind::Order, Ledger as _, LinkLost};
use tempfile::TempDir;

use crate::fakes::{Hospital, facts, study};

#[tokio::test]
async fn a_stat_order_is_taken_ahead_of_routine_work() {
    for (order, first) in [(Ok(Some(Lane::Stat)), 2), (Ok(Some(Lane::Routine)), 1), (Ok(None), 1)] {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path()).await;
        hospital.receive(1, facts("20240301")).await;
        assert_eq!(hospital.ask(Order).await, 1);
        hospital.receive(2, facts("20240301")).await;
        *hospital.worklist.0.lock().unwrap() = order.clone();
        assert_eq!(hospital.ask(Order).await, 1);
        let job = hospital.ledger.take_jobs(1).await.unwrap().remove(0);
        assert_eq!(job.identity.study, study(first), "{order:?}");
        assert_eq!(hospital.ask(Order).await, 0);
    }
}

#[tokio::test]
async fn a_worklist_that_is_down_is_asked_again() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path()).await;
    *hospital.worklist.0.lock().unwrap() = Err(LinkLost("nobody there".into()));
    hospital.receive(1, facts("20240301")).await;
    assert_eq!((hospital.ask(Order).await, hospital.ask(Order).await), (1, 0));
    *hospital.worklist.0.lock().unwrap() = Ok(Some(Lane::Urgent));
    hospital.clock.advance(Duration::from_secs(10));
    assert_eq!(hospital.ask(Order).await, 1);
    assert_eq!(hospital.ledger.backlog().await.unwrap(), [0, 1, 0]);
}
