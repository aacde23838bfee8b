//! Where in the image a model's evidence lies.

use ndarray::{Array2, ArrayView1, ArrayView3};

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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};
    use ndarray::{Array1, Array3, Axis};

    use super::*;
    use crate::networks::ResidualShape;

    #[test]
    fn the_closed_form_equals_the_gradient_definition() {
        let device = Device::flex().autodiff();
        let shape = ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1], members: 1 };
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
    fn a_map_without_evidence_stays_cold() {
        let features = Array3::from_elem((2, 3, 3), 1.0);
        let against = Array1::from_vec(vec![-1.0, -0.5]);
        assert_eq!(grad_cam(features.view(), against.view()), Array2::<f32>::zeros((3, 3)));
    }
}
