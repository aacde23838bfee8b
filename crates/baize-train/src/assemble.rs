//! Members as one network.

use anyhow::{Context, Result};
use baize_models::networks::{ResidualNet, ResidualShape};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

/// How a label's mean logit becomes the log-odds of its probability (Platt 1999).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Odds {
    /// The mean logit is multiplied by this.
    pub(crate) scale: f64,
    /// And this is added.
    pub(crate) shift: f64,
}

impl Odds {
    /// The probability that a mean logit stands for.
    pub(crate) fn probability(self, logit: f64) -> f64 {
        1.0 / (1.0 + (-(self.scale * logit + self.shift)).exp())
    }
}

/// An output of the members that is shipped, and its log-odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shipped {
    /// Which output of the members.
    pub(crate) output: usize,
    /// What becomes of it.
    pub(crate) odds: Odds,
}

/// One network of all members whose logits, divided by the returned temperature, are the log-odds of the mean of the
/// members' logits. The temperature is the first label's; whatever else calibrates lies in the head.
///
/// # Errors
/// Where there is no member, or no label.
pub(crate) fn assemble(
    shape: &ResidualShape,
    members: &[ResidualNet],
    shipped: &[Shipped],
) -> Result<(ResidualShape, ResidualNet, f64)> {
    let temperature = 1.0 / shipped.first().context("a model without labels says nothing")?.odds.scale;
    let (mut weights, mut biases) = (Vec::new(), vec![0.0; shipped.len()]);
    for member in members {
        let [_, outputs] = member.head.weight.dims();
        let own: Vec<f32> = member.head.weight.val().into_data().iter::<f32>().collect();
        for feature in own.chunks(outputs) {
            weights.extend(shipped.iter().map(|one| {
                let scale = one.odds.scale * temperature / members.len() as f64;
                (f64::from(feature[one.output]) * scale) as f32
            }));
        }
        let bias = member.head.bias.as_ref().context("a head has a bias")?;
        let bias: Vec<f32> = bias.val().into_data().iter::<f32>().collect();
        for (sum, one) in biases.iter_mut().zip(shipped) {
            *sum += f64::from(bias[one.output]) / members.len() as f64;
        }
    }
    let biases: Vec<f32> = biases
        .iter()
        .zip(shipped)
        .map(|(mean, one)| ((one.odds.scale * mean + one.odds.shift) * temperature) as f32)
        .collect();
    let device = Device::flex();
    let shape = ResidualShape { members: members.len(), ..shape.clone() };
    let mut net = shape.init(shipped.len(), &device);
    net.trunks = members.iter().flat_map(|member| member.trunks.clone()).collect();
    let size = [shape.features(), shipped.len()];
    net.head.weight = Param::from_tensor(Tensor::from_data(TensorData::new(weights, size), &device));
    net.head.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(biases, [size[1]]), &device)));
    Ok((shape, net, temperature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assembled_network_says_what_the_members_say_on_average() {
        let device = Device::flex();
        let shape = ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1], members: 1 };
        let members = [shape.init(3, &device), shape.init(3, &device)];
        let shipped = [
            Shipped { output: 2, odds: Odds { scale: 0.5, shift: -1.0 } },
            Shipped { output: 0, odds: Odds { scale: 1.5, shift: 0.3 } },
        ];
        let (shape, net, temperature) = assemble(&shape, &members, &shipped).unwrap();
        assert_eq!((shape.members, temperature), (2, 2.0));
        let wave: Vec<f32> = (0..2 * 32 * 32).map(|i| (i as f32 * 0.37).sin()).collect();
        let images = Tensor::<4>::from_data(TensorData::new(wave, [2, 1, 32, 32]), &device);
        let run = |net: &ResidualNet| -> Vec<f64> {
            net.classify(net.features(images.clone())).into_data().iter::<f32>().map(f64::from).collect()
        };
        let (all, one, two) = (run(&net), run(&members[0]), run(&members[1]));
        for image in 0..2 {
            for (label, shipped) in shipped.iter().enumerate() {
                let mean = (one[image * 3 + shipped.output] + two[image * 3 + shipped.output]) / 2.0;
                let probability = 1.0 / (1.0 + (-all[image * 2 + label] / temperature).exp());
                let expected = shipped.odds.probability(mean);
                assert!((probability - expected).abs() < 1e-5, "{probability} is not {expected}");
            }
        }
    }
}
