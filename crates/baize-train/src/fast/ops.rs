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

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
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

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
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
        let run = || Flex::fast_conv2d(input.primitive().clone(), weight.primitive().clone(), stride, padding);
        match FastConv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&input), prep.checkpoint(&weight), stride, padding);
                prep.finish(state, run())
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(run())
            }
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
