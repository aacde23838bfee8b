//! An ensemble of perceptrons with one hidden layer, written as one wide perceptron.
//!
//! The mean of the logits of several such networks is again such a network: their hidden units side by side, their output
//! weights divided by their number. One hidden layer also gives exact explanations, see [`WideNet::attribute`].

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// The size of a [`WideNet`], as a manifest writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideShape {
    /// Values that go in.
    pub inputs: usize,
    /// Rectified units.
    pub hidden: usize,
    /// Logits that come out.
    pub outputs: usize,
}

impl WideShape {
    /// A network of this shape with fresh weights.
    pub fn init(&self, device: &Device) -> WideNet {
        WideNet {
            hidden: LinearConfig::new(self.inputs, self.hidden).init(device),
            output: LinearConfig::new(self.hidden, self.outputs).init(device),
        }
    }
}

/// The network. Its fields are public so that the training crate can put members together.
#[derive(Module, Debug)]
pub struct WideNet {
    /// From inputs to units; its weight is `[inputs, hidden]`.
    pub hidden: Linear,
    /// From rectified units to logits; its weight is `[hidden, outputs]`.
    pub output: Linear,
}

impl WideNet {
    /// `[n, inputs]` to logits `[n, outputs]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(input)))
    }

    /// What every input adds to one logit, against a reference: integrated gradients (Sundararajan et al. 2017) along the
    /// straight line from `reference` to `input`, both `[n, inputs]`; the answer is `[n, inputs]` too.
    ///
    /// On that line a rectified unit goes from `a` to `b` and is active for `(relu(b) - relu(a)) / (b - a)` of the way, so
    /// the integral has a closed form and the parts add up to the difference of the logits but for rounding.
    pub fn attribute(&self, input: Tensor<2>, reference: Tensor<2>, output: usize) -> Tensor<2> {
        let to = self.hidden.forward(input.clone());
        let from = self.hidden.forward(reference.clone());
        let step = to.clone() - from.clone();
        // A unit that stays where it is adds nothing: any finite share will do.
        let still = step.clone().abs().lower_elem(f32::EPSILON);
        let share = (relu(to) - relu(from)) / step.mask_fill(still.clone(), 1.0);
        let share = share.mask_fill(still, 0.0);
        let weight = self.output.weight.val();
        let [units, _] = weight.dims();
        let of_output = weight.narrow(1, output, 1).reshape([1, units]);
        let slope = (share * of_output).matmul(self.hidden.weight.val().transpose());
        (input - reference) * slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32], width: usize, device: &Device) -> Tensor<2> {
        let rows = values.len() / width;
        Tensor::from_data(burn::tensor::TensorData::new(values.to_vec(), [rows, width]), device)
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_parts_add_up_to_the_difference_of_the_logits() {
        let device = Device::flex();
        let shape = WideShape { inputs: 6, hidden: 33, outputs: 3 };
        let net = shape.init(&device);
        let input = rows(&(0..24).map(|i| ((i * 7 % 11) as f32 - 5.0) / 3.0).collect::<Vec<_>>(), 6, &device);
        let reference =
            rows(&(0..24).map(|i| ((i * 5 % 13) as f32 - 6.0) / 4.0).collect::<Vec<_>>(), 6, &device);
        let (here, there) = (numbers(net.forward(input.clone())), numbers(net.forward(reference.clone())));
        for output in 0..3 {
            let parts = numbers(net.attribute(input.clone(), reference.clone(), output));
            for row in 0..4 {
                let sum: f32 = parts[row * 6..(row + 1) * 6].iter().sum();
                let difference = here[row * 3 + output] - there[row * 3 + output];
                assert!((sum - difference).abs() < 1e-4, "row {row}, output {output}: {sum} {difference}");
            }
        }
    }

    #[test]
    fn what_does_not_differ_from_the_reference_adds_nothing() {
        let device = Device::flex();
        let net = WideShape { inputs: 3, hidden: 8, outputs: 1 }.init(&device);
        let input = rows(&[1.0, 0.5, 2.0], 3, &device);
        let reference = rows(&[1.0, -0.5, 2.0], 3, &device);
        let parts = numbers(net.attribute(input.clone(), reference, 0));
        assert_eq!((parts[0], parts[2]), (0.0, 0.0));
        let same = numbers(net.attribute(input.clone(), input, 0));
        assert_eq!(same, [0.0; 3]);
    }
}
