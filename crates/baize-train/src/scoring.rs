//! Running a served model over prepared images.

use anyhow::{Result, ensure};
use baize_models::{Executor, Prediction};
use ndarray::{Array2, Array4, Axis};

/// Images per pass.
const BATCH: usize = 16;

/// The probabilities of all labels for each prepared image.
///
/// # Errors
/// The model's fault.
pub(crate) fn scores(executor: &mut dyn Executor, views: &[Array2<f32>]) -> Result<Vec<Vec<f64>>> {
    Ok(predictions(executor, views)?.iter().map(probabilities).collect())
}

/// The probabilities of all labels.
pub(crate) fn probabilities(prediction: &Prediction) -> Vec<f64> {
    prediction.probabilities.iter().map(|probability| f64::from(*probability)).collect()
}

/// All that the model says about each prepared image.
///
/// # Errors
/// The model's fault, and images without an answer.
pub(crate) fn predictions(executor: &mut dyn Executor, views: &[Array2<f32>]) -> Result<Vec<Prediction>> {
    let (height, width) = executor.manifest().input_size();
    let mut all = Vec::with_capacity(views.len());
    for chunk in views.chunks(BATCH) {
        let mut batch = Array4::zeros((chunk.len(), 1, height, width));
        for (mut to, view) in batch.outer_iter_mut().zip(chunk) {
            to.index_axis_mut(Axis(0), 0).assign(view);
        }
        all.extend(executor.run(batch.view())?);
    }
    ensure!(all.len() == views.len(), "the model left images without an answer");
    Ok(all)
}
