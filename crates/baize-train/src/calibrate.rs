//! Temperature and threshold.

use crate::metrics::Scored;

/// The temperature that makes the probabilities of logits likeliest (Guo et al. 2017), both classes counting the
/// same, so that the class sizes of the validation images don't pass for a prevalence.
pub(crate) fn temperature(logits: &[f64], positive: &[bool]) -> f64 {
    let positives = positive.iter().filter(|p| **p).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let loss = |log_temperature: f64| -> f64 {
        let scale = (-log_temperature).exp();
        let terms = logits.iter().zip(positive).map(|(logit, positive)| {
            let (signed, weight) =
                if *positive { (-logit, 1.0 / positives) } else { (*logit, 1.0 / negatives) };
            // ln(1 + exp(x)) without overflow.
            let x = signed * scale;
            weight * (x.max(0.0) + (-x.abs()).exp().ln_1p())
        });
        terms.sum()
    };
    // The loss has one minimum in the inverse temperature: narrow it down by thirds.
    let (mut low, mut high) = (-3.0f64, 3.0f64);
    for _ in 0..100 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    ((low + high) / 2.0).exp()
}

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
    fn the_temperature_undoes_overconfidence() {
        // Logits of +-2 that are right 73.1 % of the time (the logistic function of 1) deserve +-1.
        let (mut logits, mut positive) = (Vec::new(), Vec::new());
        for (logit, is_positive, count) in
            [(2.0, true, 731), (2.0, false, 269), (-2.0, false, 731), (-2.0, true, 269)]
        {
            logits.extend(std::iter::repeat_n(logit, count));
            positive.extend(std::iter::repeat_n(is_positive, count));
        }
        let found = temperature(&logits, &positive);
        assert!((found - 2.0).abs() < 0.01, "{found}");
        let halved: Vec<f64> = logits.iter().map(|logit| logit / 4.0).collect();
        let found = temperature(&halved, &positive);
        assert!((found - 0.5).abs() < 0.01, "{found}");
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
