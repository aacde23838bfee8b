//! When to try again.

use std::time::Duration;

/// The wait after the first failed attempt.
const FIRST: Duration = Duration::from_secs(5);

/// Waits that double up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after so many attempts, at least half of the doubled time and at most all of it: `jitter`, from 0 to 1,
    /// says where between, so that what failed together is not tried again together.
    pub fn wait(&self, attempts: u32, jitter: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let whole = FIRST.saturating_mul(1 << doublings).min(self.cap);
        whole / 2 + (whole / 2).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let backoff = Backoff { cap: Duration::from_secs(900) };
        for (attempts, seconds) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (7, 320), (8, 640), (9, 900), (40, 900), (u32::MAX, 900)]
        {
            assert_eq!(backoff.wait(attempts, 1.0), Duration::from_secs(seconds), "after {attempts}");
            assert_eq!(backoff.wait(attempts, 0.0), Duration::from_secs(seconds) / 2, "after {attempts}");
        }
        let between = backoff.wait(2, 0.5);
        assert!(between > Duration::from_secs(5) && between < Duration::from_secs(10));
    }
}
