//! How fast one peer may go: a pure rule (`Pace`), and who is how far (`RateLimits`).
//!
//! A peer is a calling AE title at an IP address. What is too fast never costs an object: an association is rejected
//! for the time being, so that the peer comes back, and an object is read later, which the peer feels as a slow
//! network. STAT peers are not slowed: urgency comes before fairness.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use baize_core::Timestamp;

use super::ScpConfig;

/// How many peers are told apart; further ones share one account. Peers that are not in a hurry need none.
const MAX_PEERS: usize = 1024;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerKey {
    pub(super) calling_ae: String,
    pub(super) address: IpAddr,
}

/// So many in a period, at once or spread: the generic cell rate algorithm (ITU-T I.371 annex A).
#[derive(Clone, Copy, Debug)]
struct Pace {
    interval: Duration,
    tolerance: Duration,
}

impl Pace {
    /// `None` for no limit.
    fn new(most: u32, period: Duration) -> Option<Self> {
        let interval = period.checked_div(most)?;
        Some(Self { interval, tolerance: period.saturating_sub(interval) })
    }

    /// How long the next one has to wait, where `due` is when it would come at an even pace.
    fn wait(&self, due: Timestamp, now: Timestamp) -> Duration {
        due.saturating_since(now + self.tolerance)
    }
}

/// The accounts of one limit.
#[derive(Debug)]
struct Accounts {
    pace: Option<Pace>,
    /// When the next one of each peer would come at an even pace. `None` is the peer that stands for all whom
    /// there is no room for.
    due: Mutex<HashMap<Option<PeerKey>, Timestamp>>,
}

impl Accounts {
    fn new(pace: Option<Pace>) -> Self {
        Self { pace, due: Mutex::default() }
    }

    /// How long the peer has to wait. It is counted where that is at most `patience`.
    fn count(&self, peer: &PeerKey, now: Timestamp, patience: Duration) -> Duration {
        let Some(pace) = self.pace else { return Duration::ZERO };
        let mut accounts = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Some(peer.clone());
        if !accounts.contains_key(&key) && accounts.len() >= MAX_PEERS {
            accounts.retain(|_, due| *due > now);
            if accounts.len() >= MAX_PEERS {
                key = None;
            }
        }
        let due = accounts.entry(key).or_insert(now);
        *due = (*due).max(now);
        let wait = pace.wait(*due, now);
        if wait <= patience {
            *due = *due + pace.interval;
        }
        wait
    }
}

/// The limits of one provider.
#[derive(Debug)]
pub(super) struct RateLimits {
    associations: Accounts,
    objects: Accounts,
}

impl RateLimits {
    pub(super) fn new(config: &ScpConfig) -> Self {
        Self {
            associations: Accounts::new(Pace::new(config.associations_per_minute, MINUTE)),
            objects: Accounts::new(Pace::new(config.objects_per_second, SECOND)),
        }
    }

    /// Whether the peer may have one more association now.
    pub(super) fn admits_association(&self, peer: &PeerKey, now: Timestamp) -> bool {
        self.associations.count(peer, now, Duration::ZERO).is_zero()
    }

    /// How long the peer's next object has to wait. It is counted in any case.
    pub(super) fn wait_for_object(&self, peer: &PeerKey, now: Timestamp) -> Duration {
        self.objects.count(peer, now, Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::good_config;
    use super::*;

    fn limits(associations_per_minute: u32, objects_per_second: u32) -> RateLimits {
        RateLimits::new(&ScpConfig { associations_per_minute, objects_per_second, ..good_config() })
    }

    fn peer(calling_ae: &str, last: u8) -> PeerKey {
        PeerKey { calling_ae: calling_ae.to_owned(), address: [10, 0, 0, last].into() }
    }

    const START: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);

    fn at(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn associations_come_at_once_or_spread_but_not_more() {
        let limits = limits(3, 0);
        let cr = peer("CR1", 1);
        let admitted = |seconds| limits.admits_association(&cr, at(seconds));
        assert_eq!([0, 0, 0, 0, 19].map(admitted), [true, true, true, false, false]);
        // One more every 20 seconds; being rejected costs nothing.
        assert_eq!([20, 20, 40, 59].map(admitted), [true, false, true, false]);
        // After a minute of silence all three are there again.
        assert_eq!([120, 120, 120, 120].map(admitted), [true, true, true, false]);
        // Others are not concerned, be it by title or by address.
        assert!(limits.admits_association(&peer("CR2", 1), at(120)));
        assert!(limits.admits_association(&peer("CR1", 2), at(120)));
    }

    #[test]
    fn objects_wait_for_their_turn_and_all_get_one() {
        let limits = limits(0, 4);
        let cr = peer("CR1", 1);
        let waits: Vec<u128> = (0..7).map(|_| limits.wait_for_object(&cr, START).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250, 500, 750]);
        assert_eq!(limits.wait_for_object(&cr, at(10)), Duration::ZERO);
        assert!(limits.admits_association(&cr, START), "associations are not limited here");
    }

    #[test]
    fn nothing_is_limited_by_default() {
        let limits = limits(0, 0);
        for _ in 0..10_000 {
            assert!(limits.admits_association(&peer("CR1", 1), START));
            assert!(limits.wait_for_object(&peer("CR1", 1), START).is_zero());
        }
    }

    #[test]
    fn the_memory_for_peers_is_bounded_and_strangers_get_no_free_ride() {
        let limits = limits(1, 0);
        let many = u32::try_from(MAX_PEERS).unwrap() + 10;
        let numbered =
            |number: u32| PeerKey { calling_ae: "CR".to_owned(), address: number.to_be_bytes().into() };
        let admitted =
            (0..many).filter(|number| limits.admits_association(&numbered(*number), START)).count();
        assert_eq!(admitted, MAX_PEERS + 1, "those without room share one account");
        assert_eq!(limits.associations.due.lock().unwrap().len(), MAX_PEERS + 1);
        // Once they are forgotten there is room again.
        assert!(limits.admits_association(&numbered(many), at(60)));
        assert!(!limits.admits_association(&numbered(many), at(60)));
        assert_eq!(limits.associations.due.lock().unwrap().len(), 1);
    }
}
