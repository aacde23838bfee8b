//! ONNX graphs (`onnx.proto`, IR version 3 and later): the convolutions, normalisations and linear layers in their order.

use std::collections::HashMap;

use prost::Message;

use super::Values;
use super::ordered::{Ordered, Step};

/// What stands between the layers with weights in DenseNet and ResNet, and the arithmetic that some exporters put before
/// and behind them.
const PLAIN: [&str; 26] = [
    "Relu",
    "Concat",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "ReduceMean",
    "Flatten",
    "Reshape",
    "Add",
    "Sigmoid",
    "Identity",
    "Constant",
    "Shape",
    "Gather",
    "Unsqueeze",
    "Squeeze",
    "Cast",
    "Slice",
    "Pad",
    "Mul",
    "Div",
    "Sub",
    "Dropout",
    "Transpose",
    "Where",
    "Less",
];

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(float, tag = "2")]
    pub(super) f: f32,
    #[prost(int64, tag = "3")]
    pub(super) i: i64,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<TensorProto>,
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(super) float_data: Vec<f32>,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>,
    #[prost(int32, tag = "14")]
    pub(super) data_location: i32,
}

/// Reads an ONNX file.
pub(super) fn read(bytes: &[u8]) -> Result<Ordered, String> {
    let model = ModelProto::decode(bytes).map_err(|error| format!("no ONNX file: {error}"))?;
    let graph = model.graph.ok_or("the ONNX file has no graph")?;
    let mut constants = HashMap::new();
    for tensor in &graph.initializer {
        constants.insert(tensor.name.as_str(), tensor);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut nodes = graph.node.iter().peekable();
    while let Some(node) = nodes.next() {
        let name = if node.name.is_empty() { node.op_type.clone() } else { node.name.clone() };
        let constant = |number: usize| {
            let input = node.input.get(number).ok_or_else(|| format!("{name} lacks an input"))?;
            let tensor = constants.get(input.as_str());
            values(tensor.ok_or_else(|| format!("{name}: {input} is no constant"))?)
        };
        match node.op_type.as_str() {
            "Conv" => {
                plain_convolution(node, &name)?;
                let bias = node.input.get(2).map(|_| constant(2)).transpose()?;
                let (strides, pads) = (ints(node, "strides", 2, 1), ints(node, "pads", 4, 0));
                steps.push(Step::Conv { weight: constant(1)?, bias, strides, pads, name });
            }
            "BatchNormalization" => steps.push(Step::Norm {
                gamma: constant(1)?,
                beta: constant(2)?,
                mean: constant(3)?,
                variance: constant(4)?,
                epsilon: attribute(node, "epsilon").map_or(1e-5, |found| found.f),
                name,
            }),
            "Gemm" => {
                let is_transposed = attribute(node, "transB").is_some_and(|found| found.i == 1);
                let weight = constant(1)?;
                let weight = if is_transposed { weight } else { transposed(weight, &name)? };
                steps.push(Step::Linear { weight, bias: constant(2)?, name });
            }
            "MatMul" => {
                // A linear layer in two parts.
                let sum = nodes.next_if(|next| next.op_type == "Add" && next.input.contains(&node.output[0]));
                let bias =
                    sum.and_then(|sum| sum.input.iter().find_map(|input| constants.get(input.as_str())));
                let bias = values(bias.ok_or_else(|| format!("{name}: no bias behind it"))?)?;
                steps.push(Step::Linear { weight: transposed(constant(1)?, &name)?, bias, name });
            }
            "Identity" => {
                // Exporters keep equal constants once and hand them on.
                let handed_on = node.input.first().and_then(|input| constants.get(input.as_str()).copied());
                if let (Some(tensor), Some(output)) = (handed_on, node.output.first()) {
                    constants.insert(output, tensor);
                }
            }
            "Constant" => {
                let value = attribute(node, "value").and_then(|found| found.t.as_ref());
                if let (Some(tensor), Some(output)) = (value, node.output.first()) {
                    constants.insert(output, tensor);
                }
            }
            other if PLAIN.contains(&other) => {}
            other => return Err(format!("{name}: the operation {other} is in none of our networks")),
        }
    }
    Ok(Ordered::new(steps))
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn ints(node: &NodeProto, name: &str, count: usize, usual: i64) -> Vec<i64> {
    attribute(node, name).map_or_else(|| vec![usual; count], |found| found.ints.clone())
}

/// Refuses what our convolutions cannot do.
fn plain_convolution(node: &NodeProto, name: &str) -> Result<(), String> {
    let dilations = ints(node, "dilations", 2, 1);
    let groups = attribute(node, "group").map_or(1, |found| found.i);
    if dilations != [1, 1] || groups != 1 {
        return Err(format!("{name} has dilations {dilations:?} and {groups} groups; ours have neither"));
    }
    Ok(())
}

fn values(tensor: &TensorProto) -> Result<Values, String> {
    let name = &tensor.name;
    if tensor.data_location != 0 {
        return Err(format!("{name} lies in another file; export the model as one file"));
    }
    if tensor.data_type != FLOAT {
        return Err(format!("{name} is not of 32-bit floating point; export the model as float32"));
    }
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let shape = shape.ok_or_else(|| format!("{name} has a negative dimension"))?;
    let numbers: Vec<f32> = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        tensor.raw_data.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
    };
    let count = shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim));
    if count != Some(numbers.len()) {
        return Err(format!("{name} holds {} numbers for the shape {shape:?}", numbers.len()));
    }
    Ok(Values { shape, numbers })
}

/// `[in, out]` to `[out, in]`.
fn transposed(values: Values, name: &str) -> Result<Values, String> {
    let &[rows, columns] = values.shape.as_slice() else {
        return Err(format!("{name}: its weight is no matrix"));
    };
    let numbers = (0..columns * rows)
        .filter_map(|place| values.numbers.get(place % rows * columns + place / rows).copied())
        .collect();
    Ok(Values { shape: vec![columns, rows], numbers })
}
