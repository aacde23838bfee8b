//! Training members of a [`WideNet`] and putting them together.

use anyhow::{Result, ensure};
use baize_models::networks::{WideNet, WideShape};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::draw::drawn;
use crate::schedule::schedule;

/// How members are trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    /// The size of one member.
    pub(super) shape: WideShape,
    pub(super) epochs: usize,
    pub(super) batch: usize,
    /// Learning rate after the warm-up.
    pub(super) peak_rate: f64,
    /// Decoupled weight decay of AdamW.
    pub(super) weight_decay: f32,
    /// Share of hidden units that a step does without.
    pub(super) dropout: f32,
    /// Share of inputs that a step does without.
    pub(super) input_dropout: f32,
}

/// Yes-or-no questions with their answers: `[n, outputs]` each, row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// 1 for yes.
    pub(super) yes: Vec<f32>,
    /// 1 where the question comes up, 0 where it does not.
    pub(super) asked: Vec<f32>,
}

/// What a member learns from.
pub(super) trait Lessons {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// The inputs of these rows, one after the other, as this member shall see them this time.
    fn inputs(&self, rows: &[usize], rng: &mut ChaCha8Rng) -> Vec<f32>;

    /// The answers of these rows.
    fn answers(&self, rows: &[usize]) -> Answers;
}

/// Trains one member on rows drawn with the seed; `progress` is called after every epoch with the mean loss.
///
/// # Errors
/// Where the loss is no number any more, or there are fewer rows than one batch.
pub(super) fn train_member(
    recipe: &Recipe,
    lessons: &dyn Lessons,
    order: &dyn Fn(&mut ChaCha8Rng) -> Vec<usize>,
    seed: u64,
    mut progress: impl FnMut(f32),
) -> Result<WideNet> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let device = Device::flex().autodiff();
    let mut net = drawn(seed, &device, || recipe.shape.init(&device));
    let mut optimizer = AdamWConfig::new().with_weight_decay(recipe.weight_decay).with_epsilon(1e-8).init();
    let per_epoch = order(&mut rng.clone()).len() / recipe.batch;
    ensure!(per_epoch > 0, "fewer rows than one batch of {}", recipe.batch);
    let steps = per_epoch * recipe.epochs;
    for epoch in 0..recipe.epochs {
        let mut total = 0.0;
        for (index, rows) in order(&mut rng).chunks_exact(recipe.batch).enumerate() {
            let loss = loss(recipe, &net, lessons, rows, &mut rng, &device);
            let value = loss.clone().into_scalar::<f32>();
            ensure!(value.is_finite(), "the loss is {value} in epoch {epoch}: lower the learning rate");
            total += value;
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            let rate = recipe.peak_rate * schedule(epoch * per_epoch + index, steps);
            net = optimizer.step(rate, net, gradients);
        }
        progress(total / per_epoch as f32);
    }
    Ok(net.valid())
}

/// The mean over the rows of the cross entropies of the questions that come up.
fn loss(
    recipe: &Recipe,
    net: &WideNet,
    lessons: &dyn Lessons,
    rows: &[usize],
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<1> {
    let WideShape { inputs, hidden, outputs } = recipe.shape;
    let tensor = |values: Vec<f32>, width: usize| {
        Tensor::<2>::from_data(TensorData::new(values, [rows.len(), width]), device)
    };
    let mut values = lessons.inputs(rows, rng);
    for (value, kept) in values.iter_mut().zip(mask(rows.len() * inputs, recipe.input_dropout, rng)) {
        // Not scaled up: most inputs are flags, whose size means something.
        *value *= f32::from(u8::from(kept));
    }
    let scale = 1.0 / (1.0 - recipe.dropout);
    let units = mask(rows.len() * hidden, recipe.dropout, rng).map(|kept| if kept { scale } else { 0.0 });
    let units = tensor(units.collect(), hidden);
    let answers = lessons.answers(rows);
    let logits = net.output.forward(relu(net.hidden.forward(tensor(values, inputs))) * units);
    // Binary cross entropy in its overflow-free form: max(z, 0) - z * y + ln(1 + exp(-|z|)).
    let losses = relu(logits.clone()) - logits.clone() * tensor(answers.yes, outputs)
        + logits.abs().neg().exp().log1p();
    (losses * tensor(answers.asked, outputs)).sum() / rows.len() as f32
}

/// Which of `count` things are kept, to a 256th.
fn mask(count: usize, dropped: f32, rng: &mut ChaCha8Rng) -> impl Iterator<Item = bool> + use<> {
    let mut bytes = vec![0; if dropped > 0.0 { count } else { 0 }];
    rng.fill_bytes(&mut bytes);
    let limit = (dropped * 256.0) as u8;
    let all = bytes.is_empty();
    (0..count).map(move |at| all || bytes[at] >= limit)
}

/// Every row once, in a random order.
pub(super) fn shuffled(rows: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order = rows.to_vec();
    for last in (1..order.len()).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

/// The network whose logits are the means of the members' logits.
///
/// # Errors
/// Without members.
pub(super) fn join(members: &[WideNet]) -> Result<WideNet> {
    ensure!(!members.is_empty(), "an ensemble needs a member");
    let weights = |layer: fn(&WideNet) -> &Linear| members.iter().map(move |net| layer(net).weight.val());
    let biases = |layer: fn(&WideNet) -> &Linear| {
        members.iter().filter_map(move |net| layer(net).bias.as_ref().map(|bias| bias.val()))
    };
    let share = 1.0 / members.len() as f32;
    let hidden = Tensor::cat(weights(|net| &net.hidden).collect(), 1);
    let hidden_bias = Tensor::cat(biases(|net| &net.hidden).collect(), 0);
    let output = Tensor::cat(weights(|net| &net.output).collect(), 0) * share;
    let output_bias = Tensor::stack::<2>(biases(|net| &net.output).collect(), 0).sum_dim(0) * share;
    let [_, outputs] = output.dims();
    Ok(WideNet {
        hidden: linear(hidden, hidden_bias),
        output: linear(output, output_bias.reshape([outputs])),
    })
}

/// The network that scales and shifts its logits as told: one pair `(scale, shift)` an output.
pub(super) fn calibrated(net: &WideNet, pairs: &[(f32, f32)]) -> WideNet {
    let weight = net.output.weight.val();
    let device = weight.device();
    let [hidden, outputs] = weight.dims();
    let row = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [outputs]), &device);
    let scale = row(pairs.iter().map(|pair| pair.0).collect());
    let shift = row(pairs.iter().map(|pair| pair.1).collect());
    let bias = net.output.bias.as_ref().map_or_else(|| Tensor::zeros([outputs], &device), |bias| bias.val());
    let weight = weight * scale.clone().reshape([1, outputs]).expand([hidden, outputs]);
    WideNet { hidden: net.hidden.clone(), output: linear(weight, bias * scale + shift) }
}

fn linear(weight: Tensor<2>, bias: Tensor<1>) -> Linear {
    Linear { weight: Param::from_tensor(weight), bias: Some(Param::from_tensor(bias)) }
}

/// Logits `[n, outputs]` of inputs, row by row.
pub(super) fn logits(net: &WideNet, inputs: &[f32]) -> Vec<Vec<f32>> {
    let weight = net.hidden.weight.val();
    let [width, _] = weight.dims();
    let [_, outputs] = net.output.weight.val().dims();
    let device = weight.device();
    let part = |values: &[f32]| {
        let rows = values.len() / width;
        let input = Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, width]), &device);
        net.forward(input).into_data().iter::<f32>().collect::<Vec<f32>>()
    };
    let all: Vec<f32> = inputs.chunks(width * 1024).flat_map(part).collect();
    all.chunks_exact(outputs).map(<[f32]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two inputs of which exactly one must be 1: not linearly separable.
    struct Either;

    impl Lessons for Either {
        fn rows(&self) -> usize {
            64
        }

        fn inputs(&self, rows: &[usize], _: &mut ChaCha8Rng) -> Vec<f32> {
            rows.iter().flat_map(|row| [(row % 2) as f32, (row / 2 % 2) as f32]).collect()
        }

        fn answers(&self, rows: &[usize]) -> Answers {
            let either = |row: &usize| f32::from(u8::from(row % 2 != row / 2 % 2));
            // The second question comes up for odd rows only and is always answered yes.
            let yes = rows.iter().flat_map(|row| [either(row), 1.0]).collect();
            let asked = rows.iter().flat_map(|row| [1.0, (row % 2) as f32]).collect();
            Answers { yes, asked }
        }
    }

    fn recipe() -> Recipe {
        Recipe {
            shape: WideShape { inputs: 2, hidden: 16, outputs: 2 },
            epochs: 60,
            batch: 16,
            peak_rate: 0.05,
            weight_decay: 1e-4,
            dropout: 0.1,
            input_dropout: 0.0,
        }
    }

    fn member(seed: u64) -> WideNet {
        let rows: Vec<usize> = (0..Either.rows()).collect();
        train_member(&recipe(), &Either, &|rng| shuffled(&rows, rng), seed, |_| {}).unwrap()
    }

    const CORNERS: [f32; 8] = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0];

    #[test]
    fn a_member_learns_and_the_same_seed_learns_the_same() {
        let _alone = crate::draw::alone();
        let net = member(3);
        let found = logits(&net, &CORNERS);
        for (logits, expected) in found.iter().zip([false, true, true, false]) {
            assert_eq!(logits[0] > 0.0, expected, "{found:?}");
        }
        assert_eq!(found, logits(&member(3), &CORNERS));
        assert_ne!(found, logits(&member(4), &CORNERS));
    }

    #[test]
    fn joined_members_answer_with_their_mean_and_calibration_scales_it() {
        let _alone = crate::draw::alone();
        let members = [member(1), member(2), member(5)];
        let joined = join(&members).unwrap();
        let scaled = calibrated(&joined, &[(2.0, 0.5), (1.0, -1.0)]);
        for at in 0..4 {
            let corner = &CORNERS[at * 2..at * 2 + 2];
            let of = |net: &WideNet| logits(net, corner).remove(0);
            for output in 0..2 {
                let mean = members.iter().map(|net| of(net)[output]).sum::<f32>() / 3.0;
                assert!((of(&joined)[output] - mean).abs() < 1e-4);
            }
            assert!((of(&scaled)[0] - (2.0 * of(&joined)[0] + 0.5)).abs() < 1e-3);
            assert!((of(&scaled)[1] - (of(&joined)[1] - 1.0)).abs() < 1e-3);
        }
        assert!(join(&[]).is_err());
    }

    #[test]
    fn about_the_share_asked_for_is_dropped() {
        let _alone = crate::draw::alone();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let kept = mask(10_000, 0.4, &mut rng).filter(|kept| *kept).count();
        assert!((5_800..6_300).contains(&kept), "{kept}");
        assert_eq!(mask(100, 0.0, &mut rng).filter(|kept| *kept).count(), 100);
    }
}
