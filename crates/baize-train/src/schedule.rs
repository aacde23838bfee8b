//! The learning rate over a run.

/// The learning rate's factor: a linear warm-up over the first 4 %, then half a cosine to a hundredth.
pub(crate) fn schedule(step: usize, steps: usize) -> f64 {
    let warm = (steps / 25).max(1);
    if step < warm {
        return (step + 1) as f64 / warm as f64;
    }
    let done = (step - warm) as f64 / (steps - warm).max(1) as f64;
    0.01 + 0.99 * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
}
