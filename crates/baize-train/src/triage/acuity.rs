//! Training the network of acuity and admission.

use anyhow::Result;
use baize_models::networks::{WideNet, WideShape};
use baize_models::triage::levels::{OUTPUTS, answers};
use baize_models::triage::{Encoding, InputsFile};
use baize_triage::{FeatureSchema, Features};
use indicatif::ProgressBar;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::inputs::{Forget, Forgetting, choose, reference};
use super::perceptron::{Answers, Lessons, Recipe, calibrated, join, logits, shuffled, train_member};
use super::visit::Visit;
use crate::platt::platt;

/// Hidden units of one member.
const UNITS: usize = 256;
/// Of ten lessons, so many forget the history and the prior visits, one or the other.
const FORGET: [(f32, Forget); 3] = [(0.30, Forget::Both), (0.40, Forget::History), (0.50, Forget::Prior)];

/// Visits with the features that the desk made of them.
pub(super) struct Labelled<'a> {
    pub(super) visits: &'a [Visit],
    pub(super) features: Vec<Features>,
}

/// A trained and calibrated network with what it belongs to.
pub(super) struct Acuity {
    pub(super) net: WideNet,
    pub(super) inputs: InputsFile,
    pub(super) reference: Vec<f32>,
}

struct AcuityLessons<'a> {
    labelled: &'a Labelled<'a>,
    encoding: &'a Encoding,
    reference: &'a [f32],
    forgetting: &'a Forgetting,
}

impl Lessons for AcuityLessons<'_> {
    fn rows(&self) -> usize {
        self.labelled.visits.len()
    }

    fn inputs(&self, rows: &[usize], rng: &mut ChaCha8Rng) -> Vec<f32> {
        let drawn: Vec<(usize, Forget)> = rows
            .iter()
            .map(|row| {
                let draw = rng.random::<f32>();
                let forget = FORGET.iter().find(|(limit, _)| draw < *limit);
                (*row, forget.map_or(Forget::Nothing, |(_, forget)| *forget))
            })
            .collect();
        let encode = |(row, forget): (usize, Forget)| {
            let values = self.forgetting.of(&self.labelled.features[row], forget);
            self.encoding.encode(&values, self.reference)
        };
        drawn.into_par_iter().map(encode).collect::<Vec<_>>().concat()
    }

    fn answers(&self, rows: &[usize]) -> Answers {
        let mut all = Answers::default();
        for row in rows {
            let visit = &self.labelled.visits[*row];
            for answer in answers(visit.acuity).into_iter().chain([Some(visit.admitted)]) {
                all.yes.push(f32::from(u8::from(answer == Some(true))));
                all.asked.push(f32::from(u8::from(answer.is_some())));
            }
        }
        all
    }
}

/// Trains `members` networks on `training`, joins them, and calibrates every logit on `validation`, with and without the
/// history.
///
/// # Errors
/// A loss that is no number any more, too few visits.
pub(super) fn train(
    schema: &FeatureSchema,
    training: &Labelled<'_>,
    validation: &Labelled<'_>,
    (members, epochs, seed): (usize, usize, u64),
    bar: &ProgressBar,
) -> Result<Acuity> {
    let inputs = choose(schema, &training.features);
    let encoding = Encoding::new(&inputs, schema).map_err(anyhow::Error::msg)?;
    let reference = reference(&encoding, &training.features);
    let forgetting = Forgetting::new(schema);
    let lessons = AcuityLessons {
        labelled: training,
        encoding: &encoding,
        reference: &reference,
        forgetting: &forgetting,
    };
    let recipe = Recipe {
        shape: WideShape { inputs: encoding.inputs(), hidden: UNITS, outputs: OUTPUTS },
        epochs,
        batch: 512,
        peak_rate: 2e-3,
        weight_decay: 0.01,
        dropout: 0.4,
        input_dropout: 0.1,
    };
    let rows: Vec<usize> = (0..lessons.rows()).collect();
    let mut nets = Vec::new();
    for member in 0..members {
        let name = format!("member {} of {members}", member + 1);
        let progress = |loss: f32| {
            bar.set_message(format!("{name}, loss {loss:.4}"));
            bar.inc(1);
        };
        let order = |rng: &mut ChaCha8Rng| shuffled(&rows, rng);
        nets.push(train_member(&recipe, &lessons, &order, seed + member as u64, progress)?);
    }
    let joined = join(&nets)?;
    let view = |forget: Forget| -> Vec<Vec<f32>> {
        let encode = |visit| encoding.encode(&forgetting.of(visit, forget), &reference);
        logits(&joined, &validation.features.par_iter().map(encode).collect::<Vec<_>>().concat())
    };
    let views = [view(Forget::Nothing), view(Forget::Both)];
    let pairs: Vec<(f32, f32)> = (0..OUTPUTS)
        .map(|output| {
            let (mut values, mut truth) = (Vec::new(), Vec::new());
            for (row, visit) in validation.visits.iter().enumerate() {
                let [a, b, c, d] = answers(visit.acuity);
                let Some(answer) = [a, b, c, d, Some(visit.admitted)][output] else { continue };
                for view in &views {
                    values.push(f64::from(view[row][output]));
                    truth.push(answer);
                }
            }
            let (scale, shift) = platt(&values, &truth);
            (scale as f32, shift as f32)
        })
        .collect();
    tracing::info!(?pairs, "logits calibrated on the validation visits");
    Ok(Acuity { net: calibrated(&joined, &pairs), inputs, reference })
}
