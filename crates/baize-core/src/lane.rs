//! How urgent a piece of work is.

use std::fmt;
use std::str::FromStr;

/// The queue that an item travels in, through every stage. The order is the order of urgency:
/// `Lane::Routine < Lane::Urgent < Lane::Stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Reported within the working day.
    Routine,
    /// Before routine work.
    Urgent,
    /// At once; never waits behind routine work.
    Stat,
}

impl Lane {
    /// All lanes, least urgent first.
    pub const ALL: [Self; 3] = [Self::Routine, Self::Urgent, Self::Stat];

    /// The more urgent of the two. There is no way to lower a lane: urgency only rises.
    #[must_use]
    pub fn raised_to(self, other: Self) -> Self {
        self.max(other)
    }

    /// The stable lower-case name, used in configuration, storage and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Urgent => "urgent",
            Self::Stat => "stat",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = String;

    /// Reads the stable name. The error names the three lanes.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|lane| lane.as_str() == name)
            .ok_or_else(|| format!("'{name}' is not a lane: use routine, urgent or stat"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_only_rises() {
        for a in Lane::ALL {
            for b in Lane::ALL {
                assert!(a.raised_to(b) >= a);
                assert!(a.raised_to(b) >= b);
            }
        }
    }

    #[test]
    fn names_round_trip() {
        for lane in Lane::ALL {
            assert_eq!(lane.to_string().parse::<Lane>(), Ok(lane));
        }
        assert!("STAT".parse::<Lane>().unwrap_err().contains("routine, urgent or stat"));
    }
}
