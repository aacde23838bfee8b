//! Calibration of a logit by a scale and a shift (Platt 1999).

/// The pair `(scale, shift)` that makes `scale * logit + shift` the likeliest log-odds, found by Newton's method on the
/// convex log loss. Targets are smoothed as Platt did, so that separable data give finite numbers.
pub(crate) fn platt(logits: &[f64], positive: &[bool]) -> (f64, f64) {
    let positives = positive.iter().filter(|p| **p).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let target = |positive: &bool| {
        if *positive { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
    };
    // From no opinion at all, where the loss curves most: from afar Newton's steps can grow.
    let (mut scale, mut shift) = (0.0, ((positives + 1.0) / (negatives + 1.0)).ln());
    for _ in 0..50 {
        // Gradient and Hessian of the loss.
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (logit, positive) in logits.iter().zip(positive) {
            let p = 1.0 / (1.0 + (-(scale * logit + shift)).exp());
            let error = p - target(positive);
            let curvature = p * (1.0 - p);
            g0 += error * logit;
            g1 += error;
            h00 += curvature * logit * logit;
            h01 += curvature * logit;
            h11 += curvature;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        let (d0, d1) = ((g0 * h11 - g1 * h01) / determinant, (g1 * h00 - g0 * h01) / determinant);
        // A long step may leave the region where the loss is nearly quadratic.
        let shorter = 1.0 / (d0.abs().max(d1.abs()) / 2.0).max(1.0);
        scale -= shorter * d0;
        shift -= shorter * d1;
        if d0.abs().max(d1.abs()) < 1e-9 {
            break;
        }
    }
    (scale, shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_and_shifted_logits_are_put_right() {
        // True log-odds -1, 0 and 1; the model says 3 * truth + 2.
        let (mut logits, mut positive) = (Vec::new(), Vec::new());
        for truth in [-1.0, 0.0, 1.0f64] {
            let share = 1.0 / (1.0 + (-truth).exp());
            for case in 0..10_000 {
                logits.push(3.0 * truth + 2.0);
                positive.push(f64::from(case) < share * 10_000.0);
            }
        }
        let (scale, shift) = platt(&logits, &positive);
        assert!((scale - 1.0 / 3.0).abs() < 0.01, "{scale}");
        assert!((shift + 2.0 / 3.0).abs() < 0.01, "{shift}");
    }

    #[test]
    fn separable_logits_stay_finite() {
        let (scale, shift) = platt(&[-1.0, -2.0, 1.0, 2.0], &[false, false, true, true]);
        assert!(scale.is_finite() && shift.is_finite() && scale > 0.0);
    }
}
