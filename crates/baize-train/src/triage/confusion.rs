//! Five levels called against five levels true.

use baize_triage::Acuity;
use serde::Serialize;

/// Levels of the scale.
pub(super) const LEVELS: usize = 5;
/// Levels 1 to this are urgent.
pub(super) const URGENT: u8 = 2;

/// How often each true level (row) was called each level (column), 1 first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Confusion {
    pub(super) counts: [[f64; LEVELS]; LEVELS],
}

/// Whether a level is 1 or 2.
pub(super) fn is_urgent(level: Acuity) -> bool {
    level.get() <= URGENT
}

impl Confusion {
    /// Counts pairs of true and called level, each as often as its weight says.
    pub(super) fn of(pairs: &[(Acuity, Acuity)], weights: &[u32]) -> Self {
        let mut confusion = Self::default();
        for ((truth, called), weight) in pairs.iter().zip(weights) {
            let place = |level: Acuity| usize::from(level.get()) - 1;
            confusion.counts[place(*truth)][place(*called)] += f64::from(*weight);
        }
        confusion
    }

    /// Every cell with the numbers of its true and called level.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let row = |(truth, row): (usize, &[f64; LEVELS])| {
            let row = *row;
            (0..LEVELS).map(move |called| (truth + 1, called + 1, row[called]))
        };
        self.counts.iter().enumerate().flat_map(row)
    }

    /// The share of the cells that `is_right` names; `NaN` of nothing.
    fn share(&self, is_right: impl Fn(usize, usize) -> bool) -> f64 {
        let all: f64 = self.cells().map(|(.., count)| count).sum();
        let right = self.cells().filter(|(truth, called, _)| is_right(*truth, *called));
        right.map(|(.., count)| count).sum::<f64>() / all
    }

    /// Called as they are.
    pub(super) fn accuracy(&self) -> f64 {
        self.share(|truth, called| truth == called)
    }

    /// Called calmer than they are.
    pub(super) fn under_triage(&self) -> f64 {
        self.share(|truth, called| called > truth)
    }

    /// Called more urgent than they are.
    pub(super) fn over_triage(&self) -> f64 {
        self.share(|truth, called| called < truth)
    }

    /// Of those truly at level 1 or 2, the share called level 1 or 2.
    pub(super) fn recall_urgent(&self) -> f64 {
        let urgent = |level: usize| level <= usize::from(URGENT);
        let all = self.share(|truth, _| urgent(truth));
        self.share(|truth, called| urgent(truth) && urgent(called)) / all
    }

    /// Cohen's kappa with quadratic weights (Cohen 1968): 1 is agreement, 0 what chance would give. `NaN` where
    /// chance alone agrees entirely.
    pub(super) fn quadratic_kappa(&self) -> f64 {
        let all: f64 = self.cells().map(|(.., count)| count).sum();
        let row = |truth: usize| self.counts[truth - 1].iter().sum::<f64>();
        let column = |called: usize| self.counts.iter().map(|row| row[called - 1]).sum::<f64>();
        let rows: Vec<f64> = (1..=LEVELS).map(row).collect();
        let columns: Vec<f64> = (1..=LEVELS).map(column).collect();
        let (mut seen, mut expected) = (0.0, 0.0);
        for (truth, called, count) in self.cells() {
            let weight = (truth as f64 - called as f64).powi(2);
            seen += weight * count;
            expected += weight * rows[truth - 1] * columns[called - 1] / all;
        }
        1.0 - seen / expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(pairs: &[(u8, u8)], weights: &[u32]) -> Confusion {
        let level = |number: u8| Acuity::new(number).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(truth, called)| (level(*truth), level(*called))).collect();
        Confusion::of(&pairs, weights)
    }

    #[test]
    fn rates_are_shares_of_all_and_kappa_is_cohens() {
        // Six visits: 1→1, 2→3 (calmer), 2→2, 3→2 (more urgent), 3→3, 5→4 (more urgent).
        let pairs = [(1, 1), (2, 3), (2, 2), (3, 2), (3, 3), (5, 4)];
        let all = confusion(&pairs, &[1; 6]);
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-12, "{value}");
        close(all.accuracy(), 3.0 / 6.0);
        close(all.under_triage(), 1.0 / 6.0);
        close(all.over_triage(), 2.0 / 6.0);
        close(all.recall_urgent(), 2.0 / 3.0);
        // Squared distances seen: 0 + 1 + 0 + 1 + 0 + 1 = 3. By chance, over all 36 pairs of a truth (1 2 2 3 3 5)
        // and a call (1 3 2 2 3 4), divided by 6: truth 1: 0+4+1+1+4+9 = 19; truth 2, twice: 1+1+0+0+1+4 = 7;
        // truth 3, twice: 4+0+1+1+0+1 = 7; truth 5: 16+4+9+9+4+1 = 43; together 19 + 14 + 14 + 43 = 90, of 6: 15.
        close(all.quadratic_kappa(), 1.0 - 3.0 / 15.0);
        assert_eq!(all.counts[1], [0.0, 1.0, 1.0, 0.0, 0.0]);

        // The calm call three times, the last pair not at all.
        let weighted = confusion(&pairs, &[1, 3, 1, 1, 1, 0]);
        close(weighted.under_triage(), 3.0 / 7.0);
        close(weighted.recall_urgent(), 2.0 / 5.0);
    }

    #[test]
    fn agreement_and_its_opposite() {
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-12, "{value}");
        close(confusion(&[(1, 1), (3, 3), (5, 5)], &[1; 3]).quadratic_kappa(), 1.0);
        close(confusion(&[(1, 5), (5, 1)], &[1; 2]).quadratic_kappa(), -1.0);
        assert!(confusion(&[(3, 3)], &[1]).quadratic_kappa().is_nan());
        assert!(confusion(&[(3, 3)], &[1]).recall_urgent().is_nan());
        assert!(confusion(&[], &[]).accuracy().is_nan());
    }
}
