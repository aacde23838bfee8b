//! The rules one by one, by example.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use baize_core::{Lane, Timestamp};
use baize_sched::{
    Action, Attachment, Batch, Bucket, Config, DeviceId, Event, FireReason, ItemId, Limits, QueueId,
    Rejection, Scheduler,
};

const QUEUE: QueueId = QueueId(0);
const DEVICE: DeviceId = DeviceId(0);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000 + millis * 1000)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn config() -> Config {
    Config {
        limits: Limits { jobs: 100, bytes: 1000, stat_jobs: 10, stat_bytes: 100 },
        largest: Bucket::of_size(8).unwrap(),
        routine_largest: Bucket::of_size(8).unwrap(),
        stat_budget: None,
        delay: Duration::ZERO,
        post: Duration::ZERO,
    }
}

/// A scheduler that is warm: a batch of n takes 10 n milliseconds.
fn warm(config: Config) -> Scheduler {
    let mut scheduler = Scheduler::new(config);
    for bucket in Bucket::up_to(Bucket::of_size(8).unwrap()) {
        let service_time = ms(10 * bucket.size() as u64);
        scheduler.on(at(0), Event::Warmed { queue: QUEUE, bucket, service_time });
    }
    scheduler
}

fn offer(item: u64, lane: Lane, deadline: Timestamp, attachment: Attachment) -> Event {
    Event::Offer { item: ItemId(item), queue: QUEUE, lane, deadline, bytes: 1, attachment }
}

/// Offers and decodes detached items and gives back what was answered to the last of them.
fn ready(scheduler: &mut Scheduler, now: Timestamp, items: &[(u64, Lane, u64)]) -> Vec<Action> {
    let mut last = Vec::new();
    for (item, lane, deadline) in items {
        scheduler.on(now, offer(*item, *lane, at(*deadline), Attachment::Detached));
        last = scheduler.on(now, Event::Decoded { item: ItemId(*item) });
    }
    last
}

fn run_of(actions: &[Action]) -> Option<(&Batch, Vec<u64>)> {
    actions.iter().find_map(|action| match action {
        Action::Run { batch, .. } => Some((batch, batch.items.iter().map(|item| item.0).collect())),
        _ => None,
    })
}

#[test]
fn the_earliest_deadline_runs_first_and_ties_go_to_the_lane() {
    let mut scheduler = warm(config());
    let items =
        [(1, Lane::Routine, 900), (2, Lane::Routine, 500), (3, Lane::Urgent, 500), (4, Lane::Routine, 500)];
    ready(&mut scheduler, at(0), &items);
    let actions = scheduler.on(at(1), Event::SlotFree { device: DEVICE });
    assert_eq!(run_of(&actions).unwrap().1, [3, 2, 4, 1]);
}

#[test]
fn riders_fill_a_stat_batch_without_making_it_larger() {
    let mut scheduler = warm(config());
    let mut items: Vec<_> = (1..=3).map(|item| (item, Lane::Stat, 5000)).collect();
    items.extend((4..=7).map(|item| (item, Lane::Routine, 100 + item)));
    ready(&mut scheduler, at(0), &items);
    let actions = scheduler.on(at(1), Event::SlotFree { device: DEVICE });
    let (batch, items) = run_of(&actions).unwrap();
    assert_eq!(items, [1, 2, 3, 4], "three STAT items leave one place in a bucket of four");
    assert_eq!((batch.bucket.size(), batch.reason), (4, FireReason::Stat));
}

#[test]
fn a_batch_without_stat_work_keeps_within_the_stat_budget() {
    for (budget, size) in [(None, 8), (Some(80), 8), (Some(79), 4), (Some(15), 1), (Some(1), 1)] {
        let mut scheduler = warm(Config { stat_budget: budget.map(ms), ..config() });
        let items: Vec<_> = (1..=8).map(|item| (item, Lane::Routine, 5000)).collect();
        ready(&mut scheduler, at(0), &items);
        let actions = scheduler.on(at(1), Event::SlotFree { device: DEVICE });
        assert_eq!(run_of(&actions).unwrap().0.bucket.size(), size, "with a budget of {budget:?} ms");
    }
}

#[test]
fn a_slow_device_shrinks_routine_batches() {
    let mut scheduler = warm(Config { stat_budget: Some(ms(80)), ..config() });
    let items: Vec<_> = (1..=16).map(|item| (item, Lane::Routine, 5000)).collect();
    ready(&mut scheduler, at(0), &items);
    let actions = scheduler.on(at(1), Event::SlotFree { device: DEVICE });
    let batch = run_of(&actions).unwrap().0.id;
    let done = Event::BatchDone { device: DEVICE, batch, service_time: Some(ms(200)) };
    scheduler.on(at(201), done);
    let actions = scheduler.on(at(201), Event::SlotFree { device: DEVICE });
    assert_eq!(run_of(&actions).unwrap().0.bucket.size(), 4);
}

#[test]
fn with_a_delay_a_batch_waits_for_company_but_not_past_its_deadline() {
    let mut scheduler = warm(Config { delay: ms(50), ..config() });
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    let actions = ready(&mut scheduler, at(0), &[(1, Lane::Routine, 5000)]);
    assert_eq!(actions, [Action::WakeAt(at(50))]);
    assert_eq!(run_of(&scheduler.on(at(49), Event::Tick)), None);
    let actions = scheduler.on(at(50), Event::Tick);
    assert_eq!(run_of(&actions).unwrap().0.reason, FireReason::Waited);

    let mut scheduler = warm(Config { delay: ms(50), post: ms(5), ..config() });
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    // Due at 60, with 20 for a bucket of two and 5 for what follows.
    let actions = ready(&mut scheduler, at(0), &[(1, Lane::Routine, 60)]);
    assert_eq!(actions, [Action::WakeAt(at(35))]);
    assert_eq!(run_of(&scheduler.on(at(35), Event::Tick)).unwrap().0.reason, FireReason::Deadline);
}

#[test]
fn a_stat_arrival_fires_at_once_and_a_full_batch_too() {
    let mut scheduler = warm(Config { delay: ms(1000), ..config() });
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    assert_eq!(run_of(&ready(&mut scheduler, at(0), &[(1, Lane::Routine, 9000)])), None);
    let actions = ready(&mut scheduler, at(0), &[(2, Lane::Stat, 9000)]);
    assert_eq!(run_of(&actions).unwrap().1, [2], "the rider would make the bucket larger");

    let mut scheduler = warm(Config { delay: ms(1000), ..config() });
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    let items: Vec<_> = (1..=8).map(|item| (item, Lane::Routine, 9000)).collect();
    assert_eq!(run_of(&ready(&mut scheduler, at(0), &items)).unwrap().0.reason, FireReason::Full);
}

#[test]
fn late_work_is_turned_away_only_where_somebody_waits() {
    let mut scheduler = warm(config());
    let items: Vec<_> = (1..=8).map(|item| (item, Lane::Routine, 50)).collect();
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    ready(&mut scheduler, at(0), &items);
    // The first runs alone for 10; seven wait and take 10 each; one's own batch takes 10.
    let reason = |scheduler: &mut Scheduler, event| match scheduler.on(at(0), event).first() {
        Some(Action::Reject { reason, .. }) => Some(*reason),
        _ => None,
    };
    let tight = |item, deadline| offer(item, Lane::Routine, deadline, Attachment::Attached);
    assert_eq!(reason(&mut scheduler, tight(19, at(89))), Some(Rejection::TooLate), "10 + 70 + 10 is 90");
    assert_eq!(reason(&mut scheduler, tight(20, at(90))), None);
    assert_eq!(reason(&mut scheduler, tight(21, at(19))), Some(Rejection::TooLate), "it is ahead of all");
    assert_eq!(reason(&mut scheduler, tight(22, at(20))), None);
    let overdue = offer(23, Lane::Routine, at(0), Attachment::Detached);
    assert_eq!(reason(&mut scheduler, overdue), None, "work of the ledger is late, never dropped");
    let stat = offer(24, Lane::Stat, at(20), Attachment::Attached);
    assert_eq!(reason(&mut scheduler, stat), None, "STAT work has nothing before it but the running batch");
}

#[test]
fn retry_after_is_the_backlog_at_the_present_throughput() {
    let mut scheduler = warm(Config {
        limits: Limits { jobs: 90, bytes: 1000, stat_jobs: 0, stat_bytes: 0 },
        largest: Bucket::ONE,
        ..config()
    });
    scheduler.on(at(0), Event::Warmed { queue: QUEUE, bucket: Bucket::ONE, service_time: ms(50) });
    for item in 0..90 {
        scheduler.on(at(0), offer(item, Lane::Routine, at(1), Attachment::Detached));
    }
    let actions = scheduler.on(at(0), offer(90, Lane::Routine, at(1), Attachment::Detached));
    let expected =
        Action::Reject { item: ItemId(90), reason: Rejection::JobsFull, retry_after: Duration::from_secs(5) };
    assert_eq!(actions, [expected], "90 times 50 ms is 4.5 s");
}

#[test]
fn an_attached_item_expires_just_after_its_deadline() {
    let mut scheduler = warm(config());
    let actions = scheduler.on(at(0), offer(1, Lane::Routine, at(100), Attachment::Attached));
    let just_after = at(100) + Duration::from_micros(1);
    assert_eq!(actions, [Action::Admit { item: ItemId(1) }, Action::WakeAt(just_after)]);
    scheduler.on(at(5), Event::Decoded { item: ItemId(1) });
    assert_eq!(scheduler.on(at(100), Event::Tick), []);
    assert_eq!(scheduler.on(just_after, Event::Tick), [Action::Expire { item: ItemId(1) }]);
    assert_eq!(scheduler.jobs_in_use(), 0);
    assert_eq!(run_of(&scheduler.on(just_after, Event::SlotFree { device: DEVICE })), None);
}

#[test]
fn raising_moves_an_item_forward_and_never_back() {
    let mut scheduler = warm(config());
    ready(&mut scheduler, at(0), &[(1, Lane::Urgent, 100), (2, Lane::Routine, 200), (3, Lane::Routine, 300)]);
    let raise = |item, lane, deadline| Event::Raise { item: ItemId(item), lane, deadline: at(deadline) };
    scheduler.on(at(1), raise(1, Lane::Routine, 999));
    scheduler.on(at(1), raise(3, Lane::Stat, 999));
    assert_eq!(scheduler.depth(QUEUE, Lane::Stat), 1);
    let actions = scheduler.on(at(2), Event::SlotFree { device: DEVICE });
    let (batch, items) = run_of(&actions).unwrap();
    assert_eq!(items, [3]);
    let done = Event::BatchDone { device: DEVICE, batch: batch.id, service_time: None };
    scheduler.on(at(3), done);
    let actions = scheduler.on(at(3), Event::SlotFree { device: DEVICE });
    assert_eq!(run_of(&actions).unwrap().1, [1, 2]);
}

#[test]
fn permits_are_held_until_the_owner_lets_go() {
    let mut scheduler = warm(config());
    ready(&mut scheduler, at(0), &[(1, Lane::Routine, 100), (2, Lane::Routine, 100)]);
    let actions = scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    let batch = run_of(&actions).unwrap().0.id;
    scheduler.on(at(1), Event::Released { item: ItemId(1) });
    assert_eq!(scheduler.jobs_in_use(), 2, "a device still holds it");
    scheduler.on(at(20), Event::BatchDone { device: DEVICE, batch, service_time: Some(ms(20)) });
    assert_eq!(scheduler.jobs_in_use(), 1);
    scheduler.on(at(21), Event::Released { item: ItemId(2) });
    assert_eq!((scheduler.jobs_in_use(), scheduler.bytes_in_use()), (0, 0));
}

#[test]
fn draining_turns_new_work_away_and_ends_when_the_rest_is_done() {
    let mut scheduler = warm(Config { delay: ms(1000), ..config() });
    scheduler.on(at(0), Event::SlotFree { device: DEVICE });
    ready(&mut scheduler, at(0), &[(1, Lane::Routine, 9000)]);
    let actions = scheduler.on(at(1), Event::Drain);
    let (batch, _) = run_of(&actions).unwrap();
    assert_eq!(batch.reason, FireReason::Draining);
    let refused = scheduler.on(at(2), offer(2, Lane::Stat, at(9000), Attachment::Detached));
    assert!(matches!(refused[..], [Action::Reject { reason: Rejection::Draining, .. }]));
    scheduler.on(at(20), Event::BatchDone { device: DEVICE, batch: batch.id, service_time: None });
    assert_eq!(scheduler.on(at(21), Event::Released { item: ItemId(1) }), [Action::Drained]);
}
