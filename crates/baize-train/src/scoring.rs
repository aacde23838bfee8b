//! Running a served model over prepared images.

use anyhow::Result;
use baize_models::{Executor, Prediction};
use ndarray::{Array2, Array4, Axis};

/// Images per pass.
const BATCH: usize = 16;

/// The probability of the model's first label for each prepared image.
///
/// # Errors
/// The model's fault.
pub(crate) fn score(executor: &mut dyn Executor, views: &[Array2<f32>]) -> Result<Vec<f64>> {
    Ok(scores(executor, views)?.iter().filter_map(|labels| labels.first().copied()).collect())
}

/// The probabilities of all labels for each prepared image.
///
/// # Errors
/// The model's fault.
pub(crate) fn scores(executor: &mut dyn Executor, views: &[Array2<f32>]) -> Result<Vec<Vec<f64>>> {
    let (height, width) = executor.manifest().input_size();
    let mut probabilities = Vec::with_capacity(views.len());
    for chunk in views.chunks(BATCH) {
        let mut batch = Array4::zeros((chunk.len(), 1, height, width));
        for (mut to, view) in batch.outer_iter_mut().zip(chunk) {
            to.index_axis_mut(Axis(0), 0).assign(view);
        }
        let predictions = executor.run(batch.view())?;
        let labels = |one: &Prediction| one.probabilities.iter().map(|p| f64::from(*p)).collect();
        probabilities.extend(predictions.iter().map(labels));
    }
    Ok(probabilities)
}
