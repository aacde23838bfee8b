//! Studies that are here as a whole.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    CompletedBy, CompletedStudy, Completion, CompletionRecords, Event, Events as _, Silence, StudyWatch as _,
};
use baize_core::{ErrorCode, Fault, StudyUid, Timestamp};
use baize_engine::{Patience, StudyWatcher};
use baize_testkit::VirtualClock;
use common::{Bench, config};
use futures_util::StreamExt as _;

/// Notes what it is asked; has one study that is complete at the first question.
#[derive(Default)]
struct Notes {
    asked: Mutex<Vec<Silence>>,
    stowed: Mutex<Vec<Timestamp>>,
    is_broken: Mutex<bool>,
}

fn completed() -> CompletedStudy {
    CompletedStudy {
        study: StudyUid::parse("1.2").unwrap(),
        completion: Completion { by: CompletedBy::Quiet, at: Timestamp::from_micros(7) },
        revision: 1,
        instances: 1,
        expected: Some(2),
    }
}

#[async_trait]
impl CompletionRecords for Notes {
    async fn expect(&self, _: &StudyUid, _: u32) -> Result<(), Fault> {
        Ok(())
    }

    async fn stowed(&self, _: &StudyUid, now: Timestamp) -> Result<(), Fault> {
        self.stowed.lock().unwrap().push(now);
        Ok(())
    }

    async fn complete(&self, silence: Silence, _: Timestamp) -> Result<Vec<CompletedStudy>, Fault> {
        if *self.is_broken.lock().unwrap() {
            return Err(Fault::new(ErrorCode::StorageFailed, "no"));
        }
        let mut asked = self.asked.lock().unwrap();
        asked.push(silence);
        Ok(if asked.len() == 1 { vec![completed()] } else { Vec::new() })
    }
}

#[tokio::test]
async fn silence_counts_from_the_start_and_listeners_are_told_once() {
    let bench = Bench::start(config()).await;
    let mut events = bench.engine.subscribe();
    let start = Timestamp::from_micros(1_000_000_000);
    let clock = VirtualClock::at(start);
    let notes = Arc::new(Notes::default());
    let patience = Patience { quiet: Duration::from_secs(60), stow: Duration::from_secs(2) };
    let watcher = StudyWatcher::new(notes.clone(), bench.engine.clone(), Arc::new(clock.clone()), patience);

    *notes.is_broken.lock().unwrap() = true;
    assert_eq!(watcher.look().await.unwrap_err().code, ErrorCode::StorageFailed);
    *notes.is_broken.lock().unwrap() = false;
    for seconds in [1, 9, 60] {
        clock.advance(Duration::from_secs(seconds));
        watcher.look().await.unwrap();
    }
    let (never, second) = (Timestamp::from_micros(0), Duration::from_secs(1));
    let asked = notes.asked.lock().unwrap().clone();
    let expected = [
        // What was silent while the server was down may have had no way in.
        Silence { quiet: never, stow: never },
        Silence { quiet: never, stow: start + second * 8 },
        Silence { quiet: start + second * 10, stow: start + second * 68 },
    ];
    assert_eq!(asked, expected);
    assert_eq!(events.next().await, Some(Event::Completed(completed())));

    watcher.stowed(&completed().study).await.unwrap();
    assert_eq!(*notes.stowed.lock().unwrap(), [start + second * 70]);
    bench.engine.drain().await;
    assert_eq!(events.next().await, None, "told once");
}
