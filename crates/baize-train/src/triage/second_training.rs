//! Training the second reader on the visits whose level experts agreed on.

use anyhow::{Result, ensure};
use baize_models::networks::{WideNet, WideShape};
use baize_models::triage::levels::logistic;
use baize_models::triage::{AlertFile, SIGNS};
use baize_triage::Acuity;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::perceptron::{Answers, Lessons, Recipe, calibrated, join, logits, shuffled, train_member};
use crate::metrics::{Scored, auc};
use crate::platt::platt;

/// Members of the ensemble, each on its own draw of the visits.
const MEMBERS: usize = 10;
/// Parts of the cross-validation.
const FOLDS: usize = 10;
/// The shares of visits for which a threshold is kept.
const SHARES: [f32; 12] = [0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.125, 0.15, 0.20, 0.25, 0.30, 0.50];

/// One visit as the second reader sees it.
#[derive(Clone, Debug)]
pub(super) struct Second {
    pub(super) signs: [f32; SIGNS],
    pub(super) nurse: Acuity,
    pub(super) experts: Acuity,
}

impl Second {
    fn under_triaged(&self) -> bool {
        self.experts < self.nurse
    }
}

/// The trained second reader.
pub(super) struct Trained {
    pub(super) net: WideNet,
    pub(super) alerts: Vec<AlertFile>,
    /// The probability of every visit by a second reader that never saw it.
    pub(super) unseen: Vec<f32>,
}

/// What becomes of the nurses' levels where the alerts of a second reader that never saw the visit are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrossValidated {
    pub(super) visits: usize,
    pub(super) auc: f64,
    pub(super) alert_rate: f64,
    /// Of the alerts, those where the nurse had under-triaged.
    pub(super) precision: f64,
    pub(super) before: Mistriage,
    pub(super) after: Mistriage,
}

/// Shares of all visits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mistriage {
    pub(super) under: f64,
    pub(super) wrong: f64,
}

impl CrossValidated {
    /// Measures at the probability from which on the desk alerts.
    pub(super) fn measure(visits: &[Second], unseen: &[f32], threshold: f32) -> Self {
        let alerts: Vec<bool> = unseen.iter().map(|probability| *probability >= threshold).collect();
        let share = |count: usize, all: usize| count as f64 / all.max(1) as f64;
        let mistriage = |raise: bool| {
            let called = visits.iter().zip(&alerts).map(|(visit, alert)| {
                let nurse = visit.nurse.get();
                (visit.experts.get(), if raise && *alert { nurse - 1 } else { nurse })
            });
            Mistriage {
                under: share(called.clone().filter(|(truth, called)| called > truth).count(), visits.len()),
                wrong: share(called.filter(|(truth, called)| called != truth).count(), visits.len()),
            }
        };
        let scored: Vec<Scored> = visits
            .iter()
            .zip(unseen)
            .map(|(visit, probability)| Scored {
                probability: f64::from(*probability),
                positive: visit.under_triaged(),
                group: String::new(),
            })
            .collect();
        let alerted = alerts.iter().filter(|alert| **alert).count();
        let hits =
            visits.iter().zip(&alerts).filter(|(visit, alert)| **alert && visit.under_triaged()).count();
        Self {
            visits: visits.len(),
            auc: auc(&scored),
            alert_rate: share(alerted, visits.len()),
            precision: share(hits, alerted),
            before: mistriage(false),
            after: mistriage(true),
        }
    }
}

struct SecondLessons<'a> {
    visits: &'a [Second],
    mean: [f32; SIGNS],
    deviation: [f32; SIGNS],
}

impl<'a> SecondLessons<'a> {
    fn new(visits: &'a [Second], rows: &[usize]) -> Self {
        let n = rows.len().max(1) as f32;
        let mut mean = [0.0; SIGNS];
        let mut deviation = [0.0; SIGNS];
        for at in 0..SIGNS {
            mean[at] = rows.iter().map(|row| visits[*row].signs[at]).sum::<f32>() / n;
            let spread = rows.iter().map(|row| (visits[*row].signs[at] - mean[at]).powi(2)).sum::<f32>() / n;
            // A sign that nobody shows stays silent.
            deviation[at] = if spread > 0.0 { spread.sqrt() } else { f32::MAX };
        }
        Self { visits, mean, deviation }
    }

    fn standard(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        (0..SIGNS).map(move |at| (self.visits[row].signs[at] - self.mean[at]) / self.deviation[at])
    }
}

impl Lessons for SecondLessons<'_> {
    fn rows(&self) -> usize {
        self.visits.len()
    }

    fn inputs(&self, rows: &[usize], _: &mut ChaCha8Rng) -> Vec<f32> {
        rows.iter().flat_map(|row| self.standard(*row)).collect()
    }

    fn answers(&self, rows: &[usize]) -> Answers {
        let yes = rows.iter().map(|row| f32::from(u8::from(self.visits[*row].under_triaged()))).collect();
        Answers { yes, asked: vec![1.0; rows.len()] }
    }
}

/// Trains on all visits; calibration and thresholds come from a cross-validation, in which every visit is judged by a
/// second reader that never saw it.
///
/// # Errors
/// A loss that is no number any more, visits of one kind only.
pub(super) fn train(visits: &[Second], seed: u64) -> Result<Trained> {
    let under: Vec<bool> = visits.iter().map(Second::under_triaged).collect();
    ensure!(under.contains(&true) && under.contains(&false), "the second reader needs visits of both kinds");
    let folds = folds(&under, seed);
    let mut unseen = vec![0.0; visits.len()];
    for fold in 0..FOLDS {
        let (rest, held): (Vec<usize>, Vec<usize>) = (0..visits.len()).partition(|row| folds[*row] != fold);
        let net = ensemble(visits, &rest, seed + 1000 * (fold as u64 + 1))?;
        for row in held {
            unseen[row] = logits(&net, &visits[row].signs)[0][0];
        }
    }
    let (scale, shift) = platt(&unseen.iter().map(|logit| f64::from(*logit)).collect::<Vec<_>>(), &under);
    let pair = (scale as f32, shift as f32);
    let unseen: Vec<f32> = unseen.iter().map(|logit| logistic(pair.0 * logit + pair.1)).collect();
    let everyone: Vec<usize> = (0..visits.len()).collect();
    let net = calibrated(&ensemble(visits, &everyone, seed)?, &[pair]);
    tracing::info!(visits = visits.len(), scale, shift, "second reader trained");
    Ok(Trained { net, alerts: alerts(&unseen), unseen })
}

fn ensemble(visits: &[Second], rows: &[usize], seed: u64) -> Result<WideNet> {
    let recipe = Recipe {
        shape: WideShape { inputs: SIGNS, hidden: 16, outputs: 1 },
        epochs: 30,
        batch: 64,
        peak_rate: 0.01,
        weight_decay: 0.3,
        dropout: 0.0,
        input_dropout: 0.0,
    };
    let lessons = SecondLessons::new(visits, rows);
    let mut members = Vec::new();
    for member in 0..MEMBERS as u64 {
        let mut draw = ChaCha8Rng::seed_from_u64(seed + 100 * (member + 1));
        let drawn: Vec<usize> = rows.iter().map(|_| rows[draw.random_range(0..rows.len())]).collect();
        let order = |rng: &mut ChaCha8Rng| shuffled(&drawn, rng);
        members.push(train_member(&recipe, &lessons, &order, seed + member, |_| {})?);
    }
    Ok(raw(&join(&members)?, &lessons))
}

/// The network for signs as they are: the standardisation moves into the first layer.
fn raw(net: &WideNet, lessons: &SecondLessons<'_>) -> WideNet {
    use burn::module::Param;
    use burn::tensor::{Tensor, TensorData};
    let mut net = net.clone();
    let weight = net.hidden.weight.val();
    let device = weight.device();
    let [inputs, hidden] = weight.dims();
    let row = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, inputs]), &device);
    let scale: Vec<f32> = lessons.deviation.iter().map(|deviation| 1.0 / deviation).collect();
    let weight = weight * row(&scale).reshape([inputs, 1]).expand([inputs, hidden]);
    let moved = row(&lessons.mean).matmul(weight.clone()).reshape([hidden]);
    let bias = net.hidden.bias.as_ref().map_or_else(|| Tensor::zeros([hidden], &device), |bias| bias.val());
    net.hidden.weight = Param::from_tensor(weight);
    net.hidden.bias = Some(Param::from_tensor(bias - moved));
    net
}

/// The part of each visit; both kinds are spread evenly.
fn folds(under: &[bool], seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut folds = vec![0; under.len()];
    for kind in [true, false] {
        let rows: Vec<usize> = (0..under.len()).filter(|row| under[*row] == kind).collect();
        for (place, row) in shuffled(&rows, &mut rng).into_iter().enumerate() {
            folds[row] = place % FOLDS;
        }
    }
    folds
}

/// For each share, the probability that so many visits reach.
fn alerts(unseen: &[f32]) -> Vec<AlertFile> {
    let mut falling = unseen.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let row = |share: f32| {
        let reached = ((f64::from(share) * falling.len() as f64).round() as usize).clamp(1, falling.len());
        AlertFile { share, threshold: falling[reached - 1] }
    };
    SHARES.map(row).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(count: usize) -> Vec<Second> {
        let level = |number| Acuity::new(number).unwrap();
        (0..count)
            .map(|at| {
                let mut signs = [0.0; SIGNS];
                signs[4] = ((at * 37) % 101) as f32 / 25.0 - 2.0;
                signs[9] = f32::from(u8::from(at % 7 == 0));
                let under = signs[4] > 1.5 || (signs[9] > 0.0 && signs[4] > 0.0);
                Second { signs, nurse: level(3), experts: level(if under { 2 } else { 3 }) }
            })
            .collect()
    }

    #[test]
    fn it_learns_who_is_under_triaged_and_judges_only_whom_it_never_saw() {
        let _alone = crate::draw::alone();
        let visits = visits(400);
        let trained = train(&visits, 7).unwrap();
        assert_eq!(trained.alerts[5].share, 0.10);
        let judged = CrossValidated::measure(&visits, &trained.unseen, trained.alerts[5].threshold);
        assert!(judged.auc > 0.95 && judged.precision > 0.9, "{judged:?}");
        assert_eq!(judged.alert_rate, 0.10);
        let fixed = judged.alert_rate * judged.precision;
        assert!((judged.before.under - judged.after.under - fixed).abs() < 1e-9, "{judged:?}");
        assert!(trained.alerts.windows(2).all(|pair| pair[0].threshold >= pair[1].threshold));
    }

    #[test]
    fn standardisation_moves_into_the_network() {
        let _alone = crate::draw::alone();
        let visits = visits(128);
        let rows: Vec<usize> = (0..visits.len()).collect();
        let lessons = SecondLessons::new(&visits, &rows);
        let device = burn::tensor::Device::flex();
        let net = crate::draw::drawn(3, &device, || {
            WideShape { inputs: SIGNS, hidden: 5, outputs: 1 }.init(&device)
        });
        let moved = raw(&net, &lessons);
        for row in [0, 7, 63] {
            let standard: Vec<f32> = lessons.standard(row).collect();
            let (a, b) = (logits(&net, &standard)[0][0], logits(&moved, &visits[row].signs)[0][0]);
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn visits_of_one_kind_teach_nothing() {
        let _alone = crate::draw::alone();
        let mut all = visits(50);
        all.retain(|visit| !visit.under_triaged());
        assert!(train(&all, 1).is_err());
    }
}
