use super::*;

/// Numbers that look random, the same every time.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = u64::from(seed) + 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    }
}

fn layer(ins: usize, outs: usize, dilation: usize, activation: Activation, seed: u32) -> HiddenWeights {
    let mut next = noise(seed);
    let scale = (2.0 / (27.0 * ins as f32)).sqrt() * 3.0;
    HiddenWeights {
        channels_in: ins,
        channels_out: outs,
        dilation,
        activation,
        kernel: (0..27 * ins * outs).map(|_| next() * scale).collect(),
        bias: (0..outs).map(|_| next() * 0.02).collect(),
    }
}

/// Every layer over the whole volume, one voxel at a time in double precision.
fn reference(
    layers: &[HiddenWeights],
    last: &[Vec<f32>],
    bias: &[f32],
    voxels: &[f32],
    size: Size,
) -> Vec<u8> {
    let at = |plane: usize, row: usize, column: usize| (plane * size.rows + row) * size.columns + column;
    let mut current: Vec<Vec<f64>> = vec![voxels.iter().map(|value| f64::from(*value)).collect()];
    for layer in layers {
        let mut next = vec![vec![0.0; size.voxels()]; layer.channels_out];
        for plane in 0..size.planes {
            for row in 0..size.rows {
                for column in 0..size.columns {
                    for (out, target) in next.iter_mut().enumerate() {
                        let mut sum = f64::from(layer.bias[out]);
                        for tap in 0..27 {
                            let shift = |place: usize, number: usize, limit: usize| {
                                (place + number * layer.dilation)
                                    .checked_sub(layer.dilation)
                                    .filter(|place| *place < limit)
                            };
                            let (Some(p), Some(r), Some(c)) = (
                                shift(plane, tap / 9, size.planes),
                                shift(row, tap / 3 % 3, size.rows),
                                shift(column, tap % 3, size.columns),
                            ) else {
                                continue;
                            };
                            for (channel, values) in current.iter().enumerate() {
                                let weight = layer.kernel
                                    [(tap * layer.channels_in + channel) * layer.channels_out + out];
                                sum += f64::from(weight) * values[at(p, r, c)];
                            }
                        }
                        target[at(plane, row, column)] = match layer.activation {
                            Activation::Relu => sum.max(0.0),
                            Activation::Elu if sum < 0.0 => sum.exp_m1(),
                            Activation::Elu => sum,
                        };
                    }
                }
            }
        }
        current = next;
    }
    (0..size.voxels())
        .map(|voxel| {
            let answers = last.iter().zip(bias).map(|(weights, bias)| {
                let products =
                    weights.iter().zip(&current).map(|(weight, channel)| f64::from(*weight) * channel[voxel]);
                f64::from(*bias) + products.sum::<f64>()
            });
            let strongest = answers.enumerate().fold((0, f64::NEG_INFINITY), |best, (number, answer)| {
                if answer > best.1 { (number, answer) } else { best }
            });
            strongest.0 as u8
        })
        .collect()
}

fn check(size: Size, channels: &[usize], dilations: &[usize], activation: Activation, labels: usize) {
    let layers: Vec<HiddenWeights> = dilations
        .iter()
        .enumerate()
        .map(|(number, dilation)| {
            layer(channels[number], channels[number + 1], *dilation, activation, number as u32)
        })
        .collect();
    let mut next = noise(99);
    let width = *channels.last().unwrap();
    let last: Vec<Vec<f32>> = (0..labels).map(|_| (0..width).map(|_| next()).collect()).collect();
    let bias: Vec<f32> = (0..labels).map(|_| next() * 0.01).collect();
    let voxels: Vec<f32> = (0..size.voxels()).map(|_| next() + 0.5).collect();
    let expected = reference(&layers, &last, &bias, &voxels, size);
    let network = Network::new(layers, last, bias);
    for threads in [1, 3] {
        let found = network.segment(&voxels, size, threads, &|_| {}).unwrap();
        let same = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
        // The reference sums in double precision: where two labels are as strong, another one may win.
        let agreement = same as f64 / size.voxels() as f64;
        assert!(agreement > 0.999, "{size:?} {channels:?} {dilations:?}: {agreement}");
        let told_apart = expected.iter().collect::<std::collections::HashSet<_>>().len();
        assert!(told_apart > 1 || size.voxels() == 1, "the test tells nothing");
    }
}

/// Streaming is the whole: also where a volume is smaller than a layer reaches, and for rows of odd lengths.
#[test]
fn planes_in_a_stream_are_the_whole_volume() {
    let size = |planes, rows, columns| Size { planes, rows, columns };
    check(size(12, 11, 37), &[1, 5, 5, 5], &[1, 2, 4], Activation::Relu, 3);
    check(size(19, 7, 33), &[1, 5, 5, 5, 5], &[1, 8, 4, 1], Activation::Elu, 4);
    check(size(3, 5, 70), &[1, 8, 9, 3], &[16, 2, 1], Activation::Elu, 9);
    check(size(1, 1, 1), &[1, 21], &[16], Activation::Relu, 2);
    check(size(40, 3, 3), &[1, 4, 4, 4], &[16, 16, 1], Activation::Relu, 5);
}

#[test]
fn what_is_no_number_is_a_failure_and_no_label() {
    let hidden = vec![layer(1, 2, 1, Activation::Elu, 1)];
    let network = Network::new(hidden, vec![vec![f32::NAN; 2]; 2], vec![0.0; 2]);
    let size = Size { planes: 2, rows: 2, columns: 2 };
    let fault = network.segment(&[0.5; 8], size, 1, &|_| {}).unwrap_err();
    assert_eq!(fault.code, ErrorCode::InferenceFailed);
    assert_eq!(network.segment(&[0.0; 7], size, 1, &|_| {}).unwrap_err().code, ErrorCode::Internal);
}

#[test]
fn memory_does_not_grow_with_the_planes() {
    let layers =
        (0..3).map(|number| layer(if number == 0 { 1 } else { 5 }, 5, 1 << number, Activation::Relu, 1));
    let network = Network::new(layers.collect(), vec![vec![0.0; 5]; 3], vec![0.0; 3]);
    let bytes = |planes| network.bytes(Size { planes, rows: 64, columns: 64 });
    assert_eq!(bytes(200) - bytes(100), 100 * 64 * 64 * 5, "only the volume and its labels do");
    assert_eq!(network.reach(), 7);
}
