//! Weights in the order in which an image meets them, as a graph gives them.

use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;

use super::{Layer, Normal, Values, set_conv, set_linear, set_norm};

/// What stays of a step of the graph.
#[derive(Debug)]
pub(super) enum Step {
    Conv {
        name: String,
        weight: Values,
        bias: Option<Values>,
        strides: Vec<i64>,
        pads: Vec<i64>,
    },
    Norm {
        name: String,
        gamma: Values,
        beta: Values,
        mean: Values,
        variance: Values,
        epsilon: f32,
    },
    /// Its weight is `[out, in]`.
    Linear {
        name: String,
        weight: Values,
        bias: Values,
    },
}

impl Step {
    fn name(&self) -> &str {
        match self {
            Self::Conv { name, .. } | Self::Norm { name, .. } | Self::Linear { name, .. } => name,
        }
    }
}

/// The steps of a graph.
#[derive(Debug)]
pub(crate) struct Ordered(Vec<Step>);

impl Ordered {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// Puts every weight into the layer of its turn.
    ///
    /// Exporters melt a normalisation behind a convolution into it, which leaves the convolution with a bias: the
    /// normalisation then only adds that. Which is why the networks' own convolutions must have none.
    pub(super) fn fill(self, layers: Vec<(String, Layer<'_>)>) -> Result<(), String> {
        let mut steps = self.0.into_iter();
        let mut bias: Option<Vec<f32>> = None;
        for (name, layer) in layers {
            if bias.is_some() && !matches!(layer, Layer::Norm(_)) {
                return Err(format!("the convolution before {name} has a bias, the network's has none"));
            }
            match layer {
                Layer::Conv(conv) => {
                    let step = steps.next().ok_or_else(|| format!("the graph ends before {name}"))?;
                    bias = fill_conv(conv, step, &name)?;
                }
                Layer::Norm(norm) => fill_norm(norm, &mut steps, bias.take(), &name)?,
                Layer::Linear(linear) => match steps.next() {
                    Some(Step::Linear { name, weight, bias }) => {
                        let [inputs, outputs] = linear.weight.val().dims();
                        let weight = weight.of_shape(&[outputs, inputs], &name)?;
                        set_linear(linear, weight, bias.of_shape(&[outputs], &name)?);
                    }
                    other => return Err(unexpected(&name, "a linear layer", other.as_ref())),
                },
            }
        }
        match steps.next() {
            None => Ok(()),
            Some(step) => Err(format!("the graph goes on behind the network's end, with {}", step.name())),
        }
    }
}

/// The bias that the convolution brings along, if any.
fn fill_conv(conv: &mut Conv2d, step: Step, layer: &str) -> Result<Option<Vec<f32>>, String> {
    let Step::Conv { name, weight, bias, strides, pads } = step else {
        return Err(unexpected(layer, "a convolution", Some(&step)));
    };
    let shape = conv.weight.val().dims();
    let margin = (conv.kernel_size[0] / 2) as i64;
    if strides != conv.stride.map(|stride| stride as i64) || pads != [margin; 4] {
        return Err(format!(
            "{name} has the strides {strides:?} and pads {pads:?}, {layer} of the network {:?} and {:?}",
            conv.stride, [margin; 4]
        ));
    }
    set_conv(conv, weight.of_shape(&shape, &name)?);
    bias.map(|bias| bias.of_shape(&[shape[0]], &name)).transpose()
}

/// A normalisation that is in the graph, or the one that was melted into the convolution with this bias.
fn fill_norm(
    norm: &mut BatchNorm,
    steps: &mut impl Iterator<Item = Step>,
    bias: Option<Vec<f32>>,
    layer: &str,
) -> Result<(), String> {
    let shape = norm.gamma.val().dims();
    let own_epsilon = norm.epsilon as f32;
    if let Some(beta) = bias {
        let (gamma, mean) = (vec![1.0; shape[0]], vec![0.0; shape[0]]);
        set_norm(norm, Normal { gamma, beta, mean, variance: vec![1.0 - own_epsilon; shape[0]] });
        return Ok(());
    }
    let step = steps.next();
    let Some(Step::Norm { name, gamma, beta, mean, variance, epsilon }) = step else {
        return Err(unexpected(layer, "a normalisation", step.as_ref()));
    };
    let variance = variance.of_shape(&shape, &name)?;
    let values = Normal {
        gamma: gamma.of_shape(&shape, &name)?,
        beta: beta.of_shape(&shape, &name)?,
        mean: mean.of_shape(&shape, &name)?,
        variance: variance.into_iter().map(|variance| variance + epsilon - own_epsilon).collect(),
    };
    set_norm(norm, values);
    Ok(())
}

fn unexpected(layer: &str, wanted: &str, found: Option<&Step>) -> String {
    let found = found.map_or("its end", Step::name);
    format!("where {layer} should come, {wanted}, the graph has {found}")
}
