//! A network as TensorFlow.js keeps it: `model.json` with topology and weights manifest, and files of numbers.
//!
//! Only what a MeshNet is made of is read, and everything is checked: a layer that would be left out, or taken for
//! another, is an error.

use std::collections::HashMap;

use serde::Deserialize;

use crate::network::{Activation, HiddenWeights, MAX_DILATION, Network};

#[derive(Deserialize)]
struct File {
    #[serde(rename = "modelTopology")]
    topology: Topology,
    #[serde(rename = "weightsManifest")]
    weights: Vec<WeightGroup>,
}

#[derive(Deserialize)]
struct Topology {
    model_config: ModelConfig,
}

#[derive(Deserialize)]
struct ModelConfig {
    config: Layers,
}

#[derive(Deserialize)]
struct Layers {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    class_name: String,
    name: String,
    config: LayerConfig,
    inbound_nodes: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct LayerConfig {
    batch_input_shape: Option<Vec<Option<usize>>>,
    filters: Option<usize>,
    kernel_size: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilation_rate: Option<Vec<usize>>,
    padding: Option<String>,
    data_format: Option<String>,
    groups: Option<usize>,
    use_bias: Option<bool>,
    activation: Option<String>,
}

#[derive(Deserialize)]
struct WeightGroup {
    paths: Vec<String>,
    weights: Vec<Weight>,
}

#[derive(Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<serde_json::Value>,
}

/// The files of numbers that `model.json` names, in its order.
///
/// # Errors
/// What is no `model.json`.
pub(crate) fn weight_files(model: &[u8]) -> Result<Vec<String>, String> {
    let file: File = serde_json::from_slice(model).map_err(|error| error.to_string())?;
    Ok(file.weights.into_iter().flat_map(|group| group.paths).collect())
}

/// Reads the network. `bytes` gives the files of [`weight_files`].
///
/// # Errors
/// What is no MeshNet, in words.
pub(crate) fn read(model: &[u8], bytes: &HashMap<String, Vec<u8>>) -> Result<Network, String> {
    let file: File = serde_json::from_slice(model).map_err(|error| error.to_string())?;
    let mut numbers = numbers(&file.weights, bytes)?;
    let mut layers = file.topology.model_config.config.layers.into_iter().peekable();
    let input = layers.next().ok_or("there are no layers")?;
    let shape = input.config.batch_input_shape.unwrap_or_default();
    if input.class_name != "InputLayer" || shape.len() != 5 || shape[4] != Some(1) {
        return Err("the first layer is no input of one channel, depth × height × width".to_owned());
    }
    let mut before = input.name;
    let mut channels = 1;
    let mut hidden = Vec::new();
    while let Some(layer) = layers.next() {
        let fail = |what: &str| format!("layer {}: {what}", layer.name);
        follows(&layer, &before).map_err(|what| fail(&what))?;
        let dilation = convolution(&layer).map_err(|what| fail(&what))?;
        let outs = layer.config.filters.unwrap_or(0);
        if outs == 0 || outs > 512 {
            return Err(fail("filters is not between 1 and 512"));
        }
        let side = layer.config.kernel_size.as_ref().and_then(|sizes| sizes.first()).copied().unwrap_or(0);
        let kernel = take(&mut numbers, &layer.name, "kernel", &[side, side, side, channels, outs])?;
        let bias = take(&mut numbers, &layer.name, "bias", &[outs])?;
        if side == 1 {
            if layers.peek().is_some() || !numbers.is_empty() {
                return Err(fail("more follows the last layer, or there are more weights than layers"));
            }
            if hidden.is_empty() || outs > usize::from(u8::MAX) {
                return Err(fail("there are no hidden layers, or more than 255 labels"));
            }
            let last =
                (0..outs).map(|out| kernel.iter().skip(out).step_by(outs).copied().collect()).collect();
            return Ok(Network::new(hidden, last, bias));
        }
        let next = layers.next().ok_or("the last layer is no 1×1×1 convolution")?;
        follows(&next, &layer.name).map_err(|what| format!("layer {}: {what}", next.name))?;
        let activation = match (next.class_name.as_str(), next.config.activation.as_deref()) {
            ("Activation", Some("relu")) => Activation::Relu,
            ("Activation", Some("elu")) => Activation::Elu,
            _ => return Err(format!("layer {}: is no activation that MeshNet has", next.name)),
        };
        hidden.push(HiddenWeights {
            channels_in: channels,
            channels_out: outs,
            dilation,
            activation,
            kernel,
            bias,
        });
        channels = outs;
        before = next.name;
    }
    Err("the last layer is no 1×1×1 convolution".to_owned())
}

/// All weights by name, with their shapes.
type Numbers = HashMap<String, (Vec<usize>, Vec<f32>)>;

fn numbers(groups: &[WeightGroup], bytes: &HashMap<String, Vec<u8>>) -> Result<Numbers, String> {
    let mut found = HashMap::new();
    for group in groups {
        let mut joined = Vec::new();
        for path in &group.paths {
            joined.extend_from_slice(bytes.get(path).ok_or_else(|| format!("{path} is missing"))?);
        }
        let mut rest = joined.as_slice();
        for weight in &group.weights {
            if weight.dtype != "float32" || weight.quantization.is_some() {
                return Err(format!("weight {}: is not of 32-bit floats", weight.name));
            }
            let count = weight.shape.iter().try_fold(4_usize, |product, side| product.checked_mul(*side));
            let (own, others) = count
                .and_then(|count| rest.split_at_checked(count))
                .ok_or_else(|| format!("weight {}: the file ends within it", weight.name))?;
            let values: Vec<f32> = own
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect();
            if !values.iter().all(|value| value.is_finite()) {
                return Err(format!("weight {}: holds what is no number", weight.name));
            }
            if found.insert(weight.name.clone(), (weight.shape.clone(), values)).is_some() {
                return Err(format!("weight {}: stands twice", weight.name));
            }
            rest = others;
        }
        if !rest.is_empty() {
            return Err("the file has more numbers than the weights need".to_owned());
        }
    }
    Ok(found)
}

fn take(numbers: &mut Numbers, layer: &str, part: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let name = format!("{layer}/{part}");
    let (found, values) = numbers.remove(&name).ok_or_else(|| format!("weight {name}: is missing"))?;
    if found != shape {
        return Err(format!("weight {name}: has the shape {found:?} where the layer needs {shape:?}"));
    }
    Ok(values)
}

/// The layer reads the one before it and no other.
fn follows(layer: &Layer, before: &str) -> Result<(), String> {
    let [node] = layer.inbound_nodes.as_slice() else { return Err("has not one input".to_owned()) };
    match node.as_array().map(Vec::as_slice) {
        Some([input]) if input.get(0).and_then(|name| name.as_str()) == Some(before) => Ok(()),
        _ => Err(format!("does not read {before} alone")),
    }
}

/// The dilation of a convolution that keeps the size, 3×3×3, or 1×1×1 without dilation.
fn convolution(layer: &Layer) -> Result<usize, String> {
    let config = &layer.config;
    let all = |values: &Option<Vec<usize>>| match values.as_deref() {
        Some([a, b, c]) if a == b && b == c => Some(*a),
        _ => None,
    };
    if layer.class_name != "Conv3D" {
        return Err(format!("is {}, not Conv3D", layer.class_name));
    }
    let plain = all(&config.strides) == Some(1)
        && config.padding.as_deref() == Some("same")
        && config.data_format.as_deref() == Some("channels_last")
        && config.use_bias == Some(true)
        && config.groups.unwrap_or(1) == 1
        && matches!(config.activation.as_deref(), None | Some("linear"));
    if !plain {
        return Err(
            "is no plain convolution: strides, padding, data format, bias, groups or activation".to_owned()
        );
    }
    match (all(&config.kernel_size), all(&config.dilation_rate)) {
        (Some(1), Some(1)) => Ok(1),
        (Some(3), Some(dilation)) if (1..=MAX_DILATION).contains(&dilation) => Ok(dilation),
        _ => Err(format!("has another kernel than 1 or 3, or a dilation above {MAX_DILATION}")),
    }
}

#[cfg(test)]
mod tests;
