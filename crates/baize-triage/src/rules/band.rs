//! A table of bands over one measured value.

/// One end of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    /// No limit.
    Open,
    /// The limit belongs to the band (`from`, `to`).
    Included(f64),
    /// The limit does not (`above`, `below`).
    Excluded(f64),
}

impl End {
    fn of(included: Option<f64>, excluded: Option<f64>) -> Result<Self, String> {
        let end = match (included, excluded) {
            (None, None) => Self::Open,
            (Some(limit), None) => Self::Included(limit),
            (None, Some(limit)) => Self::Excluded(limit),
            (Some(limit), Some(_)) => {
                return Err(format!("the limit at {limit} is both included and excluded"));
            }
        };
        match end {
            Self::Included(limit) | Self::Excluded(limit) if !limit.is_finite() => {
                Err("a limit is not finite".to_owned())
            }
            end => Ok(end),
        }
    }
}

/// A band and what it means.
#[derive(Clone, Debug)]
pub(super) struct Band<T> {
    low: End,
    high: End,
    outcome: T,
}

/// The four ways to write the ends of a band.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) from: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) to: Option<f64>,
    pub(super) below: Option<f64>,
}

impl<T> Band<T> {
    pub(super) fn new(ends: Ends, outcome: T) -> Result<Self, String> {
        let (low, high) = (End::of(ends.from, ends.above)?, End::of(ends.to, ends.below)?);
        if let (Some(bottom), Some(top)) = (limit(low), limit(high))
            && bottom >= top
        {
            return Err(format!("the band from {bottom} to {top} holds nothing"));
        }
        Ok(Self { low, high, outcome })
    }

    fn starts_at_or_below(&self, value: f64) -> bool {
        match self.low {
            End::Open => true,
            End::Included(limit) => value >= limit,
            End::Excluded(limit) => value > limit,
        }
    }

    fn ends_at_or_above(&self, value: f64) -> bool {
        match self.high {
            End::Open => true,
            End::Included(limit) => value <= limit,
            End::Excluded(limit) => value < limit,
        }
    }
}

fn limit(end: End) -> Option<f64> {
    match end {
        End::Open => None,
        End::Included(limit) | End::Excluded(limit) => Some(limit),
    }
}

/// Bands in ascending order that leave no value out.
#[derive(Clone, Debug)]
pub(super) struct BandTable<T> {
    bands: Vec<Band<T>>,
}

impl<T> BandTable<T> {
    /// Checks that the bands follow one another without gap or overlap. Two bands may touch in one value, and
    /// may leave one printed step between them (`to = 38.0`, `from = 38.1`).
    pub(super) fn new(bands: Vec<Band<T>>, step: f64) -> Result<Self, String> {
        if !(step > 0.0 && step.is_finite()) {
            return Err("step must be positive".to_owned());
        }
        let (Some(first), Some(last)) = (bands.first(), bands.last()) else {
            return Err("there is no band".to_owned());
        };
        if first.low != End::Open || last.high != End::Open {
            return Err("the first band must be open below and the last open above".to_owned());
        }
        for pair in bands.windows(2) {
            let follows = match (pair[0].high, pair[1].low) {
                (End::Included(end), End::Excluded(start)) | (End::Excluded(end), End::Included(start)) => {
                    end == start
                }
                (End::Included(end), End::Included(start)) => {
                    start == end || (start - end - step).abs() < step * 1e-6
                }
                _ => false,
            };
            if !follows {
                let (end, start) = (limit(pair[0].high), limit(pair[1].low));
                return Err(format!(
                    "gap or overlap between a band that ends at {end:?} and one from {start:?}"
                ));
            }
        }
        Ok(Self { bands })
    }

    /// What the band of a value means; both meanings where two bands touch in it, or where it lies within the
    /// step between them. The caller takes the more urgent.
    pub(super) fn at(&self, value: f64) -> impl Iterator<Item = &T> {
        let index = self.bands.iter().position(|band| band.ends_at_or_above(value)).unwrap_or(0);
        let inside = self.bands.get(index).is_some_and(|band| band.starts_at_or_below(value));
        let chosen = if inside {
            let touched = self.bands.get(index + 1).is_some_and(|next| next.starts_at_or_below(value));
            index..=index + usize::from(touched)
        } else {
            index.saturating_sub(1)..=index
        };
        self.bands[chosen].iter().map(|band| &band.outcome)
    }

    pub(super) fn outcomes(&self) -> impl Iterator<Item = &T> {
        self.bands.iter().map(|band| &band.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ends: &[Ends], step: f64) -> Result<BandTable<usize>, String> {
        let bands = ends.iter().enumerate().map(|(i, ends)| Band::new(*ends, i)).collect::<Result<_, _>>()?;
        BandTable::new(bands, step)
    }

    fn to(limit: f64) -> Ends {
        Ends { to: Some(limit), ..Ends::default() }
    }
    fn from(limit: f64) -> Ends {
        Ends { from: Some(limit), ..Ends::default() }
    }
    fn below(limit: f64) -> Ends {
        Ends { below: Some(limit), ..Ends::default() }
    }
    fn above(limit: f64) -> Ends {
        Ends { above: Some(limit), ..Ends::default() }
    }

    #[test]
    fn bands_touch_or_follow_and_never_leave_a_gap() {
        assert!(table(&[to(38.0), from(38.1)], 0.1).is_ok());
        assert!(table(&[to(38.0), from(38.0)], 0.1).is_ok());
        assert!(table(&[to(38.0), above(38.0)], 0.1).is_ok());
        assert!(table(&[below(38.0), from(38.0)], 0.1).is_ok());
        assert!(table(&[below(38.0), above(38.0)], 0.1).is_err(), "38.0 itself is left out");
        assert!(table(&[to(38.0), from(38.2)], 0.1).is_err(), "gap");
        assert!(table(&[to(38.0), from(37.9)], 0.1).is_err(), "overlap");
        assert!(table(&[from(38.0), from(38.0)], 0.1).is_err(), "open below");
        assert!(table(&[], 0.1).is_err());
    }

    #[test]
    fn a_value_between_or_on_two_bands_has_both_meanings() {
        let at = |table: &BandTable<usize>, value| table.at(value).copied().collect::<Vec<_>>();
        let stepped = table(&[to(38.0), from(38.1)], 0.1).unwrap();
        assert_eq!(at(&stepped, 38.0), [0]);
        assert_eq!(at(&stepped, 38.04), [0, 1]);
        assert_eq!(at(&stepped, 38.1), [1]);
        let touching = table(&[to(50.0), from(50.0)], 1.0).unwrap();
        assert_eq!(at(&touching, 49.0), [0]);
        assert_eq!(at(&touching, 50.0), [0, 1]);
        assert_eq!(at(&touching, 51.0), [1]);
        let strict = table(&[to(180.0), above(180.0)], 1.0).unwrap();
        assert_eq!(at(&strict, 180.0), [0]);
        assert_eq!(at(&strict, 180.01), [1]);
    }
}
