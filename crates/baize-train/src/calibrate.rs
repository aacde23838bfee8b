//! Thresholds.

use crate::metrics::Scored;

/// The highest threshold, rounded down to a thousandth, at which at least `sensitivity` of the positives are
/// found; within 0.001 to 0.999.
pub(crate) fn threshold(scored: &[Scored], sensitivity: f64) -> f64 {
    let mut positives: Vec<f64> =
        scored.iter().filter(|one| one.positive).map(|one| one.probability).collect();
    positives.sort_by(f64::total_cmp);
    let may_miss = ((1.0 - sensitivity) * positives.len() as f64 + 1e-9).floor() as usize;
    let lowest_found = positives.get(may_miss).copied().unwrap_or(0.5);
    ((lowest_found * 1000.0).floor() / 1000.0).clamp(0.001, 0.999)
}

/// The lowest cut, rounded up to a thousandth, at which at least `specificity` of the negatives stay below; `None` where
/// no cut up to 0.999 does, or there are too few negatives to tell.
pub(crate) fn critical(scored: &[Scored], specificity: f64) -> Option<f64> {
    let mut negatives: Vec<f64> =
        scored.iter().filter(|one| !one.positive).map(|one| one.probability).collect();
    negatives.sort_by(f64::total_cmp);
    let may_be_above = ((1.0 - specificity) * negatives.len() as f64 + 1e-9).floor() as usize;
    // One negative must be able to make a difference of less than what is asked for.
    let last_below = negatives.len().checked_sub(1 + may_be_above).filter(|_| may_be_above > 0)?;
    let highest_below = negatives.get(last_below)?;
    let cut = ((highest_below * 1000.0).floor() + 1.0) / 1000.0;
    (cut <= 0.999).then_some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(values: &[(f64, bool)]) -> Vec<Scored> {
        let one = |(index, (probability, positive)): (usize, &(f64, bool))| Scored {
            probability: *probability,
            positive: *positive,
            group: index.to_string(),
        };
        values.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_threshold_finds_as_many_as_asked_and_no_fewer() {
        let mut values: Vec<(f64, bool)> = (0..100).map(|i| (f64::from(i) / 100.0 + 0.0051, true)).collect();
        values.push((0.999, false));
        let found = threshold(&scored(&values), 0.97);
        assert_eq!(found, 0.035, "three of a hundred may be missed: 0.0351 is the lowest found");
        let sensitivity = values[..100].iter().filter(|(p, _)| *p >= found).count();
        assert_eq!(sensitivity, 97);
        assert_eq!(threshold(&scored(&values), 1.0), 0.005);
    }

    #[test]
    fn the_critical_cut_leaves_as_few_negatives_above_as_asked() {
        let mut values: Vec<(f64, bool)> = (0..200).map(|i| (f64::from(i) / 400.0, false)).collect();
        values.push((0.9, true));
        let cut = critical(&scored(&values), 0.99).unwrap();
        assert_eq!(cut, 0.493, "two of two hundred may lie above: 0.4925 is the highest below");
        assert_eq!(values[..200].iter().filter(|(p, _)| *p >= cut).count(), 2);
        assert_eq!(critical(&scored(&values[150..]), 0.99), None, "fifty negatives cannot tell one per cent");
        let sure: Vec<(f64, bool)> = (0..200).map(|_| (0.9999, false)).collect();
        assert_eq!(critical(&scored(&sure), 0.99), None);
    }
}
