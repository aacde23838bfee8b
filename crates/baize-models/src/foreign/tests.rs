//! Files that PyTorch wrote (`tests/data/`, by `benches/parity/golden_networks.py`), and graphs of our own making.

use burn::tensor::{Device, Tensor, TensorData};
use prost::Message as _;

use super::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use super::read;
use crate::networks::{DenseNet, DenseShape, Layered, ResNet, ResNetShape};

const DENSE: &[u8] = include_bytes!("../../tests/data/dense.pt");
const DENSE_LEGACY: &[u8] = include_bytes!("../../tests/data/dense-legacy.pt");
const DENSE_ONNX: &[u8] = include_bytes!("../../tests/data/dense.onnx");
const RESNET: &[u8] = include_bytes!("../../tests/data/resnet.pt");
const RESNET_ONNX: &[u8] = include_bytes!("../../tests/data/resnet.onnx");
const BOTTLENECK: &[u8] = include_bytes!("../../tests/data/bottleneck.pt");
/// What PyTorch answers, as `[name, logits]`.
const ANSWERS: &str = include_str!("../../tests/data/answers.json");

fn answers(name: &str) -> Vec<f32> {
    let all: serde_json::Value = serde_json::from_str(ANSWERS).unwrap();
    all[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

/// The image that the script shows to the networks, once for each channel.
fn image(channels: usize) -> Tensor<4> {
    let value = |place: usize| {
        let (row, column) = (place / 64 % 64, place % 64);
        ((row * 7 + column * 13 + row * column % 31) % 256) as f32 / 128.0 - 1.0
    };
    let numbers: Vec<f32> = (0..channels * 64 * 64).map(value).collect();
    Tensor::from_data(TensorData::new(numbers, [1, channels, 64, 64]), &Device::flex())
}

fn logits(maps: Tensor<4>, head: &burn::nn::Linear) -> Vec<f32> {
    let [n, channels, height, width] = maps.dims();
    let pooled = maps.reshape([n, channels, height * width]).mean_dim(2).reshape([n, channels]);
    head.forward(pooled).into_data().iter::<f32>().collect()
}

fn dense() -> DenseNet {
    DenseShape { stem: 8, growth: 4, bottleneck: 2, blocks: vec![2, 1, 2] }.init(1, 3, &Device::flex())
}

fn resnet(bottleneck: bool, channels: usize) -> ResNet {
    ResNetShape { stem: 8, blocks: vec![1, 2], bottleneck }.init(channels, 3, &Device::flex())
}

fn fill(network: &mut impl Layered, name: &str, bytes: &[u8]) -> Result<(), String> {
    read(name, bytes)?.ok_or("no foreign file")?.fill(network.layers())
}

fn close(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{what}: {ours:?} is not {theirs:?}");
    }
}

#[test]
fn the_networks_answer_as_pytorch_does() {
    for (name, file, bytes) in [
        ("dense", "dense.pt", DENSE),
        ("dense", "dense-legacy.pth", DENSE_LEGACY),
        ("dense", "dense.onnx", DENSE_ONNX),
    ] {
        let mut network = dense();
        fill(&mut network, file, bytes).unwrap();
        close(&logits(network.features(image(1)), &network.head), &answers(name), file);
    }
    for (name, file, bytes, bottleneck, channels) in [
        ("resnet", "resnet.pt", RESNET, false, 3),
        ("resnet", "resnet.onnx", RESNET_ONNX, false, 3),
        ("bottleneck", "bottleneck.pt", BOTTLENECK, true, 1),
    ] {
        let mut network = resnet(bottleneck, channels);
        fill(&mut network, file, bytes).unwrap();
        close(&logits(network.features(image(channels)), &network.head), &answers(name), file);
    }
}

#[test]
fn a_file_of_another_network_is_refused_with_the_name_of_what_does_not_fit() {
    let refusal = |network: &mut dyn Fn() -> Result<(), String>| network().unwrap_err();
    for (expected, try_it) in [
        (
            "the file has no conv1.weight with fc.weight: it holds",
            &mut (|| fill(&mut resnet(false, 1), "x.pt", DENSE)) as &mut dyn Fn() -> Result<(), String>,
        ),
        ("conv1.weight has the shape [8, 3, 7, 7], the network needs [8, 1, 7, 7]", &mut || {
            fill(&mut resnet(false, 1), "x.pt", RESNET)
        }),
        ("layer1.0.conv1.weight has the shape", &mut || fill(&mut resnet(true, 3), "x.pt", RESNET)),
        ("weights that the network lacks, such as", &mut || {
            let shape = ResNetShape { stem: 8, blocks: vec![1, 1], bottleneck: false };
            fill(&mut shape.init(3, 3, &Device::flex()), "x.pt", RESNET)
        }),
        ("the network needs", &mut || fill(&mut dense(), "x.onnx", RESNET_ONNX)),
        ("", &mut || fill(&mut dense(), "x.pt", &DENSE[..DENSE.len() / 2])),
        ("no ONNX file", &mut || fill(&mut dense(), "x.onnx", &DENSE_ONNX[..DENSE_ONNX.len() / 2])),
    ] {
        let message = refusal(try_it);
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    assert!(read("model.bpk", DENSE).unwrap().is_none(), "our own format is read elsewhere");
}

/// A graph of one convolution, whose weight is `numbers`, and one more node.
fn graph(numbers: Vec<f32>, conv: Vec<AttributeProto>, next: &str) -> Vec<u8> {
    let node = |op: &str, attribute| NodeProto {
        input: vec!["image".to_owned(), "weight".to_owned()],
        output: vec!["out".to_owned()],
        name: format!("{op}_0"),
        op_type: op.to_owned(),
        attribute,
    };
    let weight = TensorProto {
        dims: vec![8, 1, 7, 7],
        data_type: 1,
        float_data: numbers,
        name: "weight".to_owned(),
        ..Default::default()
    };
    let graph =
        GraphProto { node: vec![node("Conv", conv), node(next, Vec::new())], initializer: vec![weight] };
    ModelProto { graph: Some(graph) }.encode_to_vec()
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: ints.to_vec(), ..Default::default() }
}

#[test]
fn a_graph_that_computes_something_else_is_refused() {
    let weight = || vec![0.5; 8 * 49];
    let sound = || vec![ints("strides", &[2, 2]), ints("pads", &[3, 3, 3, 3])];
    let mut grouped = sound();
    grouped.push(AttributeProto { name: "group".to_owned(), i: 2, ..Default::default() });
    for (expected, bytes) in [
        ("has the strides [1, 1]", graph(weight(), vec![ints("pads", &[3, 3, 3, 3])], "Relu")),
        ("2 groups", graph(weight(), grouped, "Relu")),
        ("the operation LSTM is in none of our networks", graph(weight(), sound(), "LSTM")),
        ("holds 3 numbers for the shape", graph(vec![1.0; 3], sound(), "Relu")),
        ("values that are no numbers", graph(vec![f32::NAN; 8 * 49], sound(), "Relu")),
        (
            "where features.norm0 should come, a normalisation, the graph has its end",
            graph(weight(), sound(), "Relu"),
        ),
    ] {
        let message = fill(&mut dense(), "x.onnx", &bytes).unwrap_err();
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
}
