//! The kernels as differentiable Burn operations.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Shape, Tensor, TensorData};

use super::{conv, norm};

/// The operations that flex lacks in a fast form. Tensors are contiguous f32.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait FastOps: Backend {
    /// `[n, in, h, w]` and `[out, in, k, k]` to `[n, out, h', w']`.
    fn fast_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// Batch normalisation with the batch's own statistics, rectified where `rectify`: the output, and mean and
    /// biased variance per channel, through which no gradient flows.
    fn fast_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The values of a tensor in row-major order.
fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or(&[])
}

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

fn conv_geometry(input: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> conv::Geometry {
    let [batch, channels_in, height, width] = input.layout().shape().dims();
    let [channels_out, _, kernel, _] = weight.layout().shape().dims();
    conv::Geometry { batch, channels_in, channels_out, height, width, kernel, stride, padding }
}

fn norm_geometry(input: &FlexTensor, epsilon: f64, rectify: bool) -> norm::Geometry {
    let [batch, channels, height, width] = input.layout().shape().dims();
    norm::Geometry { batch, channels, pixels: height * width, epsilon: epsilon as f32, rectify }
}

impl FastOps for Flex {
    fn fast_conv2d(input: FlexTensor, weight: FlexTensor, stride: usize, padding: usize) -> FlexTensor {
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let g = conv_geometry(&input, &weight, stride, padding);
        let output = conv::forward(&g, values(&input), values(&weight));
        tensor(output, [g.batch, g.channels_out, g.height_out(), g.width_out()])
    }

    fn fast_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        rectify: bool,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (input, gamma, beta) = (input.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let g = norm_geometry(&input, epsilon, rectify);
        let result = norm::forward(&g, values(&input), values(&gamma), values(&beta));
        let shape = input.layout().shape().clone();
        (
            tensor(result.output, shape),
            tensor(result.mean, [g.channels]),
            tensor(result.variance, [g.channels]),
        )
    }
}

#[derive(Debug)]
struct FastConv;

impl Backward<Flex, 2> for FastConv {
    type State = (NodeId, NodeId, usize, usize);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let above = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (input, weight, stride, padding) = ops.state;
        let input: FlexTensor = checkpointer.retrieve_node_output::<FlexTensor>(input).to_contiguous();
        let weight: FlexTensor = checkpointer.retrieve_node_output::<FlexTensor>(weight).to_contiguous();
        let g = conv_geometry(&input, &weight, stride, padding);
        if let Some(node) = input_node {
            let gradient = conv::input_gradient(&g, values(&weight), values(&above));
            gradients.register::<Flex>(node.id, tensor(gradient, input.layout().shape().clone()));
        }
        if let Some(node) = weight_node {
            let gradient = conv::weight_gradient(&g, values(&input), values(&above));
            gradients.register::<Flex>(node.id, tensor(gradient, weight.layout().shape().clone()));
        }
    }
}

#[derive(Debug)]
struct FastNorm;

/// What the backward pass of [`FastNorm`] needs again.
#[derive(Clone, Debug)]
struct NormState {
    input: NodeId,
    gamma: NodeId,
    output: FlexTensor,
    mean: FlexTensor,
    variance: FlexTensor,
    epsilon: f64,
    rectify: bool,
}

impl Backward<Flex, 3> for FastNorm {
    type State = NormState;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [input_node, gamma_node, beta_node] = ops.parents;
        let above = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let state = ops.state;
        let input: FlexTensor = checkpointer.retrieve_node_output::<FlexTensor>(state.input).to_contiguous();
        let gamma: FlexTensor = checkpointer.retrieve_node_output::<FlexTensor>(state.gamma).to_contiguous();
        let g = norm_geometry(&input, state.epsilon, state.rectify);
        let forward = norm::State {
            output: values(&state.output),
            mean: values(&state.mean),
            variance: values(&state.variance),
        };
        let result = norm::backward(&g, values(&input), values(&gamma), &forward, values(&above));
        if let Some(node) = input_node {
            gradients.register::<Flex>(node.id, tensor(result.input, input.layout().shape().clone()));
        }
        if let Some(node) = gamma_node {
            gradients.register::<Flex>(node.id, tensor(result.gamma, [g.channels]));
        }
        if let Some(node) = beta_node {
            gradients.register::<Flex>(node.id, tensor(result.beta, [g.channels]));
        }
    }
}

impl<C: CheckpointStrategy> FastOps for Autodiff<Flex, C> {
    fn fast_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let run =
            || Flex::fast_conv2d(input.primitive().clone(), weight.primitive().clone(), stride, padding);
        match FastConv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&input), prep.checkpoint(&weight), stride, padding);
                prep.finish(state, run())
            }
            OpsKind::UnTracked(prep) => prep.finish(run()),
        }
    }

    fn fast_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        rectify: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [input.node(), gamma.node(), beta.node()];
        let (output, mean, variance) = Flex::fast_norm(
            input.primitive().clone(),
            gamma.primitive().clone(),
            beta.primitive().clone(),
            epsilon,
            rectify,
        );
        let output = match FastNorm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = NormState {
                    input: prep.checkpoint(&input),
                    gamma: prep.checkpoint(&gamma),
                    output: output.clone(),
                    mean: mean.clone(),
                    variance: variance.clone(),
                    epsilon,
                    rectify,
                };
                prep.finish(state, output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        (output, FloatTensor::<Self>::new(mean), FloatTensor::<Self>::new(variance))
    }
}

/// A square convolution with the same padding on all sides; see [`FastOps::fast_conv2d`].
pub(crate) fn conv2d(input: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let output =
        <Dispatch as FastOps>::fast_conv2d(input.into_dispatch(), weight.into_dispatch(), stride, padding);
    Tensor::from_dispatch(output)
}

/// Batch normalisation with the batch's statistics, then a rectifier where `rectify`; also mean and biased
/// variance of the batch.
pub(crate) fn norm_act(
    input: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    rectify: bool,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let (output, mean, variance) = <Dispatch as FastOps>::fast_norm(
        input.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
        rectify,
    );
    (Tensor::from_dispatch(output), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use burn::tensor::activation::relu;
    use burn::tensor::module::batch_norm_train;
    use burn::tensor::module::conv2d as burn_conv2d;
    use burn::tensor::ops::ConvOptions;

    use super::*;

    fn device() -> Device {
        Device::flex().autodiff()
    }

    /// Values without a pattern that a kernel could miss, another one for each `start`.
    fn uneven<const D: usize>(start: f32, shape: [usize; D]) -> Tensor<D> {
        let count: usize = shape.iter().product();
        let value = |i: usize| (start + i as f32 * 1.7).sin() + 0.8 * (start + i as f32 * 0.61).cos() + 0.2;
        Tensor::from_data(TensorData::new((0..count).map(value).collect::<Vec<_>>(), shape), &device())
    }

    fn assert_close<const D: usize>(ours: Tensor<D>, burns: Tensor<D>, what: &str) {
        assert_eq!(ours.dims(), burns.dims(), "{what}");
        let (ours, burns) = (ours.into_data(), burns.into_data());
        for (a, b) in ours.iter::<f32>().zip(burns.iter::<f32>()) {
            assert!((a - b).abs() <= 2e-4 * (1.0 + b.abs()), "{what}: {a} is not {b}");
        }
    }

    #[test]
    fn convolutions_and_their_gradients_are_those_of_burn() {
        // Batch, channels in, channels out, height, width, kernel, stride.
        let cases = [
            (1, 1, 3, 8, 8, 5, 2),
            (5, 3, 4, 7, 9, 3, 1),
            (6, 4, 2, 8, 6, 3, 2),
            (3, 4, 5, 9, 7, 1, 2),
            (2, 2, 3, 5, 5, 1, 1),
        ];
        for case in cases {
            let (n, channels_in, channels_out, height, width, kernel, stride) = case;
            let padding = kernel / 2;
            let input = uneven(0.1, [n, channels_in, height, width]);
            let weight = uneven(2.3, [channels_out, channels_in, kernel, kernel]);
            let run = |fast: bool| {
                let (input, weight) =
                    (input.clone().detach().require_grad(), weight.clone().detach().require_grad());
                let output = if fast {
                    conv2d(input.clone(), weight.clone(), stride, padding)
                } else {
                    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
                    burn_conv2d(input.clone(), weight.clone(), None, options)
                };
                // A loss whose gradient differs from place to place.
                let gradients = (output.clone() * output.clone()).sum().backward();
                let gradient = (input.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap());
                (output.inner(), gradient.0, gradient.1)
            };
            let (ours, burns) = (run(true), run(false));
            assert_close(ours.0, burns.0, &format!("output of {case:?}"));
            assert_close(ours.1, burns.1, &format!("input gradient of {case:?}"));
            assert_close(ours.2, burns.2, &format!("weight gradient of {case:?}"));
        }
    }

    #[test]
    fn normalisations_and_their_gradients_are_those_of_burn() {
        for (shape, rectify) in [([4, 3, 5, 5], false), ([4, 3, 5, 5], true), ([1, 2, 4, 6], true)] {
            let (input, gamma, beta) = (uneven(0.4, shape), uneven(1.1, [shape[1]]), uneven(5.0, [shape[1]]));
            let run = |fast: bool| {
                let input = input.clone().detach().require_grad();
                let (gamma, beta) =
                    (gamma.clone().detach().require_grad(), beta.clone().detach().require_grad());
                let (output, mean, variance) = if fast {
                    norm_act(input.clone(), gamma.clone(), beta.clone(), 1e-5, rectify)
                } else {
                    let result = batch_norm_train(input.clone(), gamma.clone(), beta.clone(), 1e-5);
                    let output = if rectify { relu(result.output) } else { result.output };
                    (output, result.mean, result.variance)
                };
                let cubed = output.clone() * output.clone() * output.clone();
                let gradients = cubed.sum().backward();
                (
                    output.inner(),
                    [
                        mean.inner(),
                        variance.inner(),
                        gamma.grad(&gradients).unwrap(),
                        beta.grad(&gradients).unwrap(),
                    ],
                    input.grad(&gradients).unwrap(),
                )
            };
            let (ours, burns) = (run(true), run(false));
            assert_close(ours.0, burns.0, "output");
            assert_close(ours.2, burns.2, "input gradient");
            for ((ours, burns), what) in
                ours.1.into_iter().zip(burns.1).zip(["mean", "variance", "gamma", "beta"])
            {
                assert_close(ours, burns, what);
            }
        }
    }
}
