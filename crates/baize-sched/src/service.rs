//! How long a batch takes, learnt per bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Bucket;

/// Weight of a new sample in the smoothed mean and deviation.
const GAIN: f64 = 0.125;

/// How many mean absolute deviations above the mean the estimate lies. For a normal distribution the mean
/// absolute deviation is 0.8 standard deviations, so that two of them are the 95th percentile.
const SPREAD: f64 = 2.0;

#[derive(Clone, Copy, Debug)]
struct Estimate {
    mean: f64,
    deviation: f64,
}

impl Estimate {
    fn first(seconds: f64) -> Self {
        Self { mean: seconds, deviation: 0.0 }
    }

    fn learn(&mut self, seconds: f64) {
        let error = seconds - self.mean;
        self.mean += GAIN * error;
        self.deviation += GAIN * (error.abs() - self.deviation);
    }
}

/// About the 95th percentile of the service time of each bucket of one model.
#[derive(Debug, Default)]
pub(crate) struct ServiceTimes {
    buckets: BTreeMap<Bucket, Estimate>,
}

impl ServiceTimes {
    /// Starts afresh for a bucket, from its warm-up run.
    pub(crate) fn seed(&mut self, bucket: Bucket, time: Duration) {
        self.buckets.insert(bucket, Estimate::first(time.as_secs_f64()));
    }

    /// Learns from a batch that ran.
    pub(crate) fn learn(&mut self, bucket: Bucket, time: Duration) {
        let seconds = time.as_secs_f64();
        self.buckets
            .entry(bucket)
            .and_modify(|estimate| estimate.learn(seconds))
            .or_insert(Estimate::first(seconds));
    }

    /// The estimate; `None` where the bucket was neither warmed up nor used.
    pub(crate) fn of(&self, bucket: Bucket) -> Option<Duration> {
        let estimate = self.buckets.get(&bucket)?;
        Duration::try_from_secs_f64(estimate.mean + SPREAD * estimate.deviation).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_the_slow_side_of_what_it_sees() {
        let mut times = ServiceTimes::default();
        assert_eq!(times.of(Bucket::ONE), None);
        times.seed(Bucket::ONE, Duration::from_millis(10));
        assert_eq!(times.of(Bucket::ONE), Some(Duration::from_millis(10)));
        for round in 0..1000 {
            times.learn(Bucket::ONE, Duration::from_millis(if round % 2 == 0 { 20 } else { 40 }));
        }
        let settled = times.of(Bucket::ONE).unwrap();
        assert!(settled > Duration::from_millis(40), "above the mean of 30 ms by twice 10 ms: {settled:?}");
        assert!(settled < Duration::from_millis(60), "{settled:?}");
    }
}
