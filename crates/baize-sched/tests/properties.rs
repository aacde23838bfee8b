//! The promises of the scheduler, under random arrivals, lanes, cancellations, service times and panics.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod sim;

use std::time::Duration;

use baize_core::Lane;
use baize_sched::{Attachment, Bucket, Config, Limits, QueueId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sim::{Arrival, Devices, End, Sim};

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![4 => Just(Lane::Routine), 1 => Just(Lane::Urgent), 2 => Just(Lane::Stat)]
}

fn bucket() -> impl Strategy<Value = Bucket> {
    proptest::sample::select(Bucket::ALL.to_vec())
}

fn limits() -> impl Strategy<Value = Limits> {
    (2..24_usize, 40..400_u64, 0.0..0.8_f64).prop_map(|(jobs, bytes, share)| Limits {
        jobs,
        bytes,
        stat_jobs: (jobs as f64 * share) as usize,
        stat_bytes: (bytes as f64 * share) as u64,
    })
}

fn config() -> impl Strategy<Value = Config> {
    let delay = prop_oneof![2 => Just(Duration::ZERO), 1 => millis(1..60)];
    (limits(), bucket(), bucket(), option::of(millis(5..60)), delay, millis(0..5)).prop_map(
        |(limits, largest, routine_largest, stat_budget, delay, post)| Config {
            limits,
            largest,
            routine_largest,
            stat_budget,
            delay,
            post,
        },
    )
}

fn devices() -> impl Strategy<Value = Devices> {
    (1..4_usize, millis(0..20), millis(1..10), prop_oneof![Just(0), 1..5_u64])
        .prop_map(|(count, base, per_item, panic_every)| Devices { count, base, per_item, panic_every })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let when = (millis(0..20), millis(0..400), millis(0..30), millis(0..10));
    let what = (0..3_usize, lane(), any::<bool>(), 0..80_u64, prop::bool::weighted(0.9));
    let later = (option::weighted(0.2, millis(0..200)), option::weighted(0.1, millis(0..100)));
    (when, what, later).prop_map(
        |(
            (after, slack, decode, post),
            (queue, lane, attached, bytes, decodes),
            (cancel_after, raise_after),
        )| Arrival {
            after,
            queue: QueueId(queue),
            lane,
            attachment: if attached { Attachment::Attached } else { Attachment::Detached },
            slack,
            bytes,
            decode,
            decodes,
            cancel_after,
            raise_after,
            post,
        },
    )
}

/// A detached image that decodes and stays, for the tests that reckon with time.
fn plain(after: Duration, lane: Lane, queue: usize, slack: Duration) -> Arrival {
    Arrival {
        after,
        queue: QueueId(queue),
        lane,
        attachment: Attachment::Detached,
        slack,
        bytes: 1,
        decode: Duration::ZERO,
        decodes: true,
        cancel_after: None,
        raise_after: None,
        post: Duration::ZERO,
    }
}

fn ample(largest: Bucket, routine_largest: Bucket) -> Config {
    Config {
        limits: Limits { jobs: 1000, bytes: 1000, stat_jobs: 0, stat_bytes: 0 },
        largest,
        routine_largest,
        stat_budget: None,
        delay: Duration::ZERO,
        post: Duration::ZERO,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The sim checks at every step: limits exact, earliest deadline first, STAT first, no device idle while
    /// work waits, expiry on time, one batch per device; and at the end: every admitted item ended once.
    #[test]
    fn every_admitted_item_ends_exactly_once(
        config in config(),
        devices in devices(),
        arrivals in vec(arrival(), 0..80),
        drain_at in option::of(millis(0..800)),
    ) {
        let sim = Sim::run(config, devices, arrivals.clone(), drain_at);
        for (arrival, record) in arrivals.iter().zip(&sim.records) {
            let may_leave = arrival.cancel_after.is_some() || !arrival.decodes;
            match record.ends.first() {
                Some(End::Withdrawn) => prop_assert!(may_leave),
                Some(End::Expired) => prop_assert_eq!(arrival.attachment, Attachment::Attached),
                Some(End::Ran) => prop_assert!(record.started_at.is_some()),
                None => prop_assert!(record.rejected.is_some() || drain_at.is_some()),
            }
        }
    }

    /// STAT work takes at most half of one device. Then a routine image waits no longer than the batches of
    /// those that are due before it take at the half that is left, whatever the STAT flow.
    #[test]
    fn routine_work_is_not_starved(
        routine in vec((millis(0..40), 0..2_usize, millis(0..400)), 1..30),
        stat_flow in 1..120_usize,
        routine_largest in bucket(),
        per_item in millis(1..10),
    ) {
        let devices = Devices { count: 1, base: Duration::ZERO, per_item, panic_every: 0 };
        // STAT images come one at a time; a rider fits into no bucket of one, so they help nobody.
        let longest = devices.service_time(routine_largest);
        let gap = longest * 2;
        let config = ample(Bucket::ALL[6], routine_largest);
        let mut timed: Vec<(Duration, Arrival)> = Vec::new();
        let mut at = Duration::ZERO;
        for (after, queue, slack) in &routine {
            at += *after;
            timed.push((at, plain(Duration::ZERO, Lane::Routine, *queue, *slack)));
        }
        for turn in 0..stat_flow {
            let at = gap * u32::try_from(turn).unwrap();
            timed.push((at, plain(Duration::ZERO, Lane::Stat, 0, Duration::from_secs(1))));
        }
        timed.sort_by_key(|(at, _)| *at);
        let mut before = Duration::ZERO;
        let mut arrivals = Vec::new();
        for (at, arrival) in timed {
            arrivals.push(Arrival { after: at - before, ..arrival });
            before = at;
        }
        let sim = Sim::run(config, devices, arrivals.clone(), None);
        let due = |index: usize| {
            let record = &sim.records[index];
            record.admitted_at.unwrap() + arrivals[index].slack
        };
        for index in (0..arrivals.len()).filter(|index| arrivals[*index].lane == Lane::Routine) {
            let record = &sim.records[index];
            let ahead = (0..arrivals.len())
                .filter(|other| arrivals[*other].lane == Lane::Routine && due(*other) <= due(index))
                .count();
            let waited = record.started_at.unwrap().saturating_since(record.decoded_at.unwrap());
            let bound = longest * 2 * u32::try_from(ahead + 3).unwrap();
            prop_assert!(waited <= bound, "waited {waited:?}, bound {bound:?}, {ahead} ahead");
        }
    }

    /// A decoded STAT image with no other STAT image before it waits for at most one running batch.
    #[test]
    fn stat_work_waits_for_one_running_batch_at_most(
        routine in vec((millis(0..6), 0..3_usize, millis(0..400), lane()), 1..80),
        stat_at in 0..80_usize,
        routine_largest in bucket(),
        count in 1..3_usize,
        panic_every in 0..4_u64,
    ) {
        let devices = Devices {
            count,
            base: Duration::from_millis(5),
            per_item: Duration::from_millis(2),
            panic_every,
        };
        let longest = devices.service_time(routine_largest);
        let mut arrivals: Vec<Arrival> = routine
            .into_iter()
            .map(|(after, queue, slack, lane)| {
                plain(after, lane.min(Lane::Urgent), queue, slack)
            })
            .collect();
        let stat_at = stat_at.min(arrivals.len());
        let stat = plain(Duration::from_millis(1), Lane::Stat, 1, Duration::from_secs(3600));
        arrivals.insert(stat_at, stat);
        let sim = Sim::run(ample(Bucket::ALL[6], routine_largest), devices, arrivals, None);
        let record = &sim.records[stat_at];
        let waited = record.started_at.unwrap().saturating_since(record.decoded_at.unwrap());
        prop_assert!(record.batches_waited <= 1, "{} batches", record.batches_waited);
        prop_assert!(waited <= longest, "{waited:?} is longer than one batch, {longest:?}");
    }
}
