use serde_json::{Value, json};

use super::*;

fn convolution(name: &str, before: &str, filters: usize, side: usize, dilation: usize) -> Value {
    json!({"class_name": "Conv3D", "name": name, "inbound_nodes": [[[before, 0, 0, {}]]], "config": {
        "name": name, "filters": filters, "kernel_size": [side, side, side], "strides": [1, 1, 1],
        "dilation_rate": [dilation, dilation, dilation], "padding": "same", "data_format": "channels_last",
        "activation": "linear", "use_bias": true}})
}

fn weights(name: &str, ins: usize, outs: usize, side: usize) -> [Value; 2] {
    [
        json!({"name": format!("{name}/kernel"), "shape": [side, side, side, ins, outs], "dtype": "float32"}),
        json!({"name": format!("{name}/bias"), "shape": [outs], "dtype": "float32"}),
    ]
}

/// One hidden layer of two channels, three labels.
fn model() -> Value {
    let activation = json!({"class_name": "Activation", "name": "b", "inbound_nodes": [[["a", 0, 0, {}]]],
        "config": {"activation": "elu"}});
    let input = json!({"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
        "config": {"batch_input_shape": [null, 256, 256, 256, 1]}});
    let weights = [weights("a", 1, 2, 3), weights("c", 2, 3, 1)].concat();
    json!({
        "modelTopology": {"model_config": {"config": {"layers": [
            input, convolution("a", "in", 2, 3, 4), activation, convolution("c", "b", 3, 1, 1)]}}},
        "weightsManifest": [{"paths": ["w.bin"], "weights": weights}],
    })
}

fn numbers(count: usize) -> HashMap<String, Vec<u8>> {
    let bytes = (0..count).flat_map(|number| (number as f32).to_le_bytes()).collect();
    HashMap::from([("w.bin".to_owned(), bytes)])
}

const COUNT: usize = 27 * 2 + 2 + 2 * 3 + 3;

fn try_read(model: &Value, bytes: &HashMap<String, Vec<u8>>) -> Result<Network, String> {
    read(model.to_string().as_bytes(), bytes)
}

#[test]
fn a_network_is_read_with_its_numbers_in_place() {
    let network = try_read(&model(), &numbers(COUNT)).unwrap();
    assert_eq!(weight_files(model().to_string().as_bytes()).unwrap(), ["w.bin"]);
    assert_eq!((network.labels(), network.reach()), (3, 4));
    // The kernel of the last layer is [in][out]: label 1 has the numbers at 1 and 4 of it.
    assert_eq!(network.last[1], [57.0, 60.0]);
    assert_eq!(network.last_bias, [62.0, 63.0, 64.0]);
}

/// Nothing is left out and nothing is guessed.
#[test]
fn what_is_no_mesh_net_is_refused() {
    let check = |change: &dyn Fn(&mut Value), said: &str| {
        let mut changed = model();
        change(&mut changed);
        let problem = try_read(&changed, &numbers(COUNT)).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    };
    let layer = |number: usize| format!("/modelTopology/model_config/config/layers/{number}");
    let set = |pointer: String, value: Value| {
        move |model: &mut Value| {
            *model.pointer_mut(&pointer).unwrap() = value.clone();
        }
    };
    let a = layer(1);
    check(&set(format!("{a}/config/dilation_rate"), json!([17, 17, 17])), "dilation above 16");
    check(&set(format!("{a}/config/dilation_rate"), json!([1, 2, 2])), "layer a");
    check(&set(format!("{a}/config/strides"), json!([2, 2, 2])), "plain convolution");
    check(&set(format!("{a}/config/padding"), json!("valid")), "plain convolution");
    check(&set(format!("{a}/config/use_bias"), json!(false)), "plain convolution");
    check(&set(format!("{a}/config/activation"), json!("tanh")), "plain convolution");
    check(&set(format!("{a}/config/filters"), json!(3)), "a/kernel: has the shape");
    check(&set(format!("{a}/class_name"), json!("BatchNormalization")), "not Conv3D");
    check(&set(format!("{a}/inbound_nodes"), json!([[["c", 0, 0, {}]]])), "does not read in alone");
    check(&set(format!("{}/config/activation", layer(2)), json!("softplus")), "no activation");
    check(
        &set(format!("{}/config/batch_input_shape", layer(0)), json!([null, 256, 256, 256, 2])),
        "one channel",
    );
    check(&set("/weightsManifest/0/weights/0/dtype".to_owned(), json!("int32")), "32-bit floats");
    check(&set("/weightsManifest/0/weights/0/name".to_owned(), json!("z/kernel")), "a/kernel: is missing");
    let layers = "/modelTopology/model_config/config/layers";
    check(&|model| drop(model.pointer_mut(layers).unwrap().as_array_mut().unwrap().pop()), "1×1×1");

    let check = |bytes: &HashMap<String, Vec<u8>>, said: &str| {
        let problem = try_read(&model(), bytes).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    };
    check(&numbers(COUNT - 1), "ends within");
    check(&numbers(COUNT + 1), "more numbers");
    check(&HashMap::new(), "w.bin is missing");
    let mut bad = numbers(COUNT);
    bad.get_mut("w.bin").unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    check(&bad, "no number");
    assert!(read(b"{}", &HashMap::new()).is_err());
}
