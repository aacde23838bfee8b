//! Where in the image a model's evidence lies.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3};

/// Grad-CAM (Selvaraju et al. 2017) of a network that ends in global average pooling and one linear layer.
///
/// Grad-CAM weighs feature map `k` by the mean gradient of the logit over the map. Behind average pooling and a
/// linear layer that gradient is `weight[k] / (h * w)` at every place, so no backward pass is needed. The result
/// `[h, w]` is rectified and divided by its maximum: 0 to 1, all zeros where nothing speaks for the label.
/// `features` is `[k, h, w]`, `weight` is the label's column `[k]`.
pub fn grad_cam(features: ArrayView3<'_, f32>, weight: ArrayView1<'_, f32>) -> Array2<f32> {
    let (_, height, width) = features.dim();
    let mut map = Array2::zeros((height, width));
    for (feature, weight) in features.outer_iter().zip(weight) {
        map.scaled_add(*weight, &feature);
    }
    normalise(map)
}

/// Rectifies and divides by the maximum.
pub(crate) fn normalise(mut map: Array2<f32>) -> Array2<f32> {
    let peak = map.iter().copied().fold(0.0f32, f32::max);
    if !(peak.is_finite() && peak > 0.0) {
        map.fill(0.0);
        return map;
    }
    map.mapv_inplace(|value| (value / peak).clamp(0.0, 1.0));
    map
}

/// A rectangle of heat map cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotSpot {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
}

/// Where the evidence is strongest: the bounding rectangle of the connected region (cells that share a side) of
/// at least half the maximum that holds the peak; of equal peaks, the first in reading order. `None` for a map
/// without any heat.
pub fn hot_spot(heat: ArrayView2<'_, f32>) -> Option<HotSpot> {
    let mut peak = None;
    for (cell, value) in heat.indexed_iter() {
        if *value > peak.map_or(0.0, |(_, highest)| highest) {
            peak = Some((cell, *value));
        }
    }
    let (start, highest) = peak?;
    let (rows, columns) = heat.dim();
    let mut seen = Array2::from_elem((rows, columns), false);
    seen[start] = true;
    let mut open = vec![start];
    let (mut top, mut left) = start;
    let (mut bottom, mut right) = start;
    while let Some((row, column)) = open.pop() {
        (top, bottom) = (top.min(row), bottom.max(row));
        (left, right) = (left.min(column), right.max(column));
        let neighbours = [
            (row.wrapping_sub(1), column),
            (row + 1, column),
            (row, column.wrapping_sub(1)),
            (row, column + 1),
        ];
        for next in neighbours {
            let hot = heat.get(next).is_some_and(|value| *value >= 0.5 * highest);
            if hot && !seen[next] {
                seen[next] = true;
                open.push(next);
            }
        }
    }
    Some(HotSpot { left, top, width: right - left + 1, height: bottom - top + 1 })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};
    use ndarray::{Array1, Array3, Axis, arr2};

    use super::*;
    use crate::networks::ResidualShape;

    #[test]
    fn the_closed_form_equals_the_gradient_definition() {
        let device = Device::flex().autodiff();
        let shape = ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1] };
        let net = shape.init(2, &device);
        let images = Tensor::<4>::random([1, 1, 32, 32], Distribution::Normal(0.0, 1.0), &device);
        let features = net.features(images).detach().require_grad();
        let weights: Vec<f32> = net.head.weight.val().into_data().iter::<f32>().collect();
        for label in 0..2 {
            let logits = net.classify(features.clone());
            let gradients = logits.slice([0..1, label..label + 1]).sum().backward();
            let gradient = features.grad(&gradients).unwrap();
            // The definition: weigh each map by its mean gradient, add up, rectify.
            let maps = features.clone().inner() * gradient.mean_dim(3).mean_dim(2);
            let definition: Vec<f32> = maps.sum_dim(1).into_data().iter::<f32>().collect();
            let [_, channels, height, width] = features.dims();
            let definition = normalise(Array2::from_shape_vec((height, width), definition).unwrap());

            let values: Vec<f32> = features.clone().inner().into_data().iter::<f32>().collect();
            let values = Array3::from_shape_vec((channels, height, width), values).unwrap();
            let column: Array1<f32> = weights.iter().skip(label).step_by(2).copied().collect();
            let closed = grad_cam(values.view(), column.view());
            for (a, b) in closed.iter().zip(&definition) {
                assert!((a - b).abs() < 1e-4, "label {label}: {closed} is not {definition}");
            }
            assert!(
                values.axis_iter(Axis(0)).any(|map| map.iter().any(|v| *v > 0.0)),
                "the test sees something"
            );
        }
    }

    #[test]
    fn the_hot_spot_is_the_region_around_the_peak() {
        let spot = |left, top, width, height| Some(HotSpot { left, top, width, height });
        let cases = [
            (arr2(&[[0.0, 0.0], [0.0, 0.0]]), None),
            (arr2(&[[0.0, 1.0], [0.0, 0.4]]), spot(1, 0, 1, 1)),
            (arr2(&[[0.5, 1.0], [0.0, 0.6]]), spot(0, 0, 2, 2)),
            // A second hot region that touches only at a corner does not belong to it.
            (arr2(&[[1.0, 0.0, 0.0], [0.0, 0.9, 0.9], [0.0, 0.0, 0.0]]), spot(0, 0, 1, 1)),
            // Nor does one that lies apart, even a larger one.
            (arr2(&[[0.7, 0.0, 0.8], [0.7, 0.0, 1.0], [0.7, 0.0, 0.1]]), spot(2, 0, 1, 2)),
        ];
        for (heat, expected) in cases.into_iter() {
            assert_eq!(hot_spot(heat.view()), expected, "{heat}");
        }
    }

    #[test]
    fn a_map_without_evidence_stays_cold() {
        let features = Array3::from_elem((2, 3, 3), 1.0);
        let against = Array1::from_vec(vec![-1.0, -0.5]);
        assert_eq!(grad_cam(features.view(), against.view()), Array2::<f32>::zeros((3, 3)));
    }
}
