//! From logits to the probabilities of the five acuities: nested dichotomies (Frank and Kramer 2004).
//!
//! Four yes-or-no questions lead to a level, the clinically weightiest first: is it 1 or 2? If so, is it 1? If not, is it 3?
//! If not, is it 4? The first one's log-odds are the urgency that explanations are about.

use baize_triage::Acuity;

/// The logits of a patient, in this order: 1 or 2; 1, if 1 or 2; 3, if 3 to 5; 4, if 4 or 5; admission.
pub const OUTPUTS: usize = 5;
/// The logit that explanations are about: acuity 1 or 2.
pub const URGENT: usize = 0;
/// The logit of admission.
pub const ADMISSION: usize = 4;

/// The answers that a patient of known acuity gives to the four questions; `None` where a question does not come up.
pub fn answers(acuity: Acuity) -> [Option<bool>; 4] {
    match acuity.get() {
        1 => [Some(true), Some(true), None, None],
        2 => [Some(true), Some(false), None, None],
        3 => [Some(false), None, Some(true), None],
        4 => [Some(false), None, Some(false), Some(true)],
        _ => [Some(false), None, Some(false), Some(false)],
    }
}

/// The probabilities of acuity 1 to 5; they add up to 1.
pub fn probabilities(logits: &[f32; OUTPUTS]) -> [f32; 5] {
    let [urgent, first, third, fourth, _] = logits.map(logistic);
    let (calm, calmest) = (1.0 - urgent, (1.0 - urgent) * (1.0 - third));
    [urgent * first, urgent * (1.0 - first), calm * third, calmest * fourth, calmest * (1.0 - fourth)]
}

/// The logistic function.
pub fn logistic(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Its inverse, for probabilities kept away from 0 and 1.
pub fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(1e-4, 1.0 - 1e-4);
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_answers_lead_to_their_level_and_all_add_up() {
        for acuity in (1..=5).filter_map(Acuity::new) {
            let logits = answers(acuity).map(|answer| match answer {
                Some(true) => 40.0,
                Some(false) => -40.0,
                None => 0.3,
            });
            let [a, b, c, d] = logits;
            let probabilities = probabilities(&[a, b, c, d, 0.0]);
            assert!((probabilities[usize::from(acuity.get()) - 1] - 1.0).abs() < 1e-6, "{acuity:?}");
        }
        let mixed = probabilities(&[0.3, -2.0, 1.5, 0.2, 3.0]);
        assert!((mixed.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((mixed[0] + mixed[1] - logistic(0.3)).abs() < 1e-6);
        assert!((log_odds(logistic(1.25)) - 1.25).abs() < 1e-4);
    }
}
