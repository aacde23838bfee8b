//! Time that passes when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use baize_core::{Clock, Timestamp};

/// A [`Clock`] that stands still until it is advanced. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(start.as_micros())))
    }

    /// Lets `span` pass.
    pub fn advance(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for VirtualClock {
    /// 2025-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_micros(1_735_689_600_000_000))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_for_all_clones() {
        let clock = VirtualClock::default();
        let start = clock.now();
        clock.clone().advance(Duration::from_millis(5));
        assert_eq!(clock.now().saturating_since(start), Duration::from_millis(5));
    }
}
