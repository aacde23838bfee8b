use std::path::Path;

use burn::module::Module as _;

use super::*;
use crate::checkpoint;
use crate::schedule::schedule;
use crate::weights::flatten;

fn plan() -> Plan {
    Plan {
        network: ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1], members: 1 },
        members: 1,
        folds: 2,
        deal: Deal::Shuffled,
        diet: Diet::Balanced,
        labels: 1,
        outputs: 2,
        size: 16,
        normalisation: Normalisation::STANDARD,
        strength: Strength::TRAINING,
        epochs: 6,
        batch: 8,
        peak_rate: 1e-2,
        weight_decay: 0.01,
        smoothing: 0.03,
        mixup: 0.2,
        average: 0.9,
        start: None,
        seed: 11,
    }
}

/// Bright discs with a dark centre are positive, with a bright centre negative.
fn samples() -> Vec<Sample> {
    (0..48)
        .map(|index| {
            let positive = index % 2 == 0;
            let pixels = Array2::from_shape_fn((24, 24), |(row, column)| {
                let (y, x) = (row as f32 - 11.5, column as f32 - 11.5);
                let radius = (x * x + y * y).sqrt();
                let inner = if positive { 60 } else { 230 };
                let noise = (index * 31 + row * 7 + column * 13) % 17;
                (if radius < 5.0 { inner } else { 140 } + noise) as u8
            });
            Sample {
                pixels,
                truths: vec![positive, index % 3 == 0],
                patient: format!("x{index}"),
                source: String::new(),
                view: String::new(),
            }
        })
        .collect()
}

fn train(session: &mut Session, epochs: usize) -> Vec<f32> {
    let samples = samples();
    let lessons = Lessons::new(&session.plan, &samples, (0..samples.len()).collect());
    (0..epochs).map(|_| session.train_epoch(&lessons, |_, _, _| {}).unwrap()).collect()
}

fn save(folder: &Path, session: &Session) -> Result<()> {
    checkpoint::save(folder, &session.plan, &session.learner, session.epoch, &[0u8])
}

fn load(folder: &Path, plan: &Plan) -> Result<Option<Session>> {
    let fresh = || Session::start(plan.clone(), 0, &Device::flex()).learner;
    let found = checkpoint::load::<Plan, u8>(folder, plan, fresh)?;
    Ok(found.map(|(learner, epoch, _)| Session { seed: plan.seed, plan: plan.clone(), learner, epoch }))
}

#[test]
fn a_small_network_learns() {
    let _alone = crate::draw::alone();
    let device = Device::flex();
    let mut session = Session::start(plan(), 0, &device);
    let losses = train(&mut session, 6);
    assert!(losses[5] < 0.8 * losses[0], "{losses:?}");
    let samples = samples();
    let views: Vec<_> =
        samples.iter().map(|sample| serving_view(&session.plan, sample.pixels.view())).collect();
    let answers = logits(&session.averaged(), &views, &session.plan, &device).unwrap();
    let right =
        answers.iter().zip(&samples).filter(|(logit, sample)| (logit[0] > 0.0) == sample.truths[0]).count();
    assert!(right > 40, "{right} of 48 right");
}

#[test]
fn the_same_seed_gives_the_same_weights_and_another_does_not() {
    let _alone = crate::draw::alone();
    let run = |seed| {
        let mut session = Session::start(Plan { seed, ..plan() }, 0, &Device::flex());
        train(&mut session, 1);
        flatten(&session.learner.net.valid())
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(run(11), one_thread.install(|| run(11)), "whatever the number of threads");
    assert_ne!(run(11), run(12));
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    let _alone = crate::draw::alone();
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let mut whole = Session::start(plan(), 0, &device);
    train(&mut whole, 3);

    let mut first = Session::start(plan(), 0, &device);
    train(&mut first, 1);
    save(folder.path(), &first).unwrap();
    train(&mut first, 1);
    save(folder.path(), &first).unwrap();
    drop(first);
    let mut second = load(folder.path(), &plan()).unwrap().unwrap();
    assert_eq!(second.epoch, 2);
    train(&mut second, 1);

    assert_eq!(second.learner.average, whole.learner.average);
    assert_eq!(flatten(&second.learner.net.valid()), flatten(&whole.learner.net.valid()));
}

#[test]
fn a_checkpoint_of_another_plan_is_not_taken_over() {
    let _alone = crate::draw::alone();
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    assert!(load(folder.path(), &plan()).unwrap().is_none());
    save(folder.path(), &Session::start(plan(), 0, &device)).unwrap();
    let other = Plan { epochs: 7, ..plan() };
    let error = load(folder.path(), &other).err().unwrap().to_string();
    assert!(error.contains("other settings"), "{error}");
    // A kill between the two renames of a save leaves the old checkpoint.
    std::fs::rename(folder.path().join("checkpoint"), folder.path().join("checkpoint.old")).unwrap();
    assert!(load(folder.path(), &plan()).unwrap().is_some());
}

#[test]
fn the_training_pass_is_the_networks_own() {
    let _alone = crate::draw::alone();
    let device = Device::flex().autodiff();
    let ours = Session::start(plan(), 0, &Device::flex()).learner.net;
    // Of the same seed, but without shared running statistics.
    let burns = Session::start(plan(), 0, &Device::flex()).learner.net;
    let values: Vec<f32> = (0..6 * 256).map(|i| (i as f32 * 0.37).sin() + (i as f32 * 0.011).cos()).collect();
    let images = Tensor::<4>::from_data(TensorData::new(values, [6, 1, 16, 16]), &device);
    let fast = forward_train(&ours, images.clone());
    let slow = burns.classify(burns.features(images));
    for (a, b) in fast.into_data().iter::<f32>().zip(slow.into_data().iter::<f32>()) {
        assert!((a - b).abs() < 1e-4, "{a} is not {b}");
    }
    for (a, b) in flatten(&ours.valid()).iter().zip(flatten(&burns.valid())) {
        assert!((a - b).abs() < 1e-5, "running statistics: {a} is not {b}");
    }
}

#[test]
fn the_learning_rate_rises_and_then_falls() {
    let _alone = crate::draw::alone();
    let rates: Vec<f64> = (0..100).map(|step| schedule(step, 100)).collect();
    let peak = rates.iter().position(|rate| *rate == 1.0).unwrap();
    assert!((1..=4).contains(&peak), "{peak}");
    assert!(rates[..peak].is_sorted(), "it rises first");
    assert!(rates[peak..].is_sorted_by(|a, b| a >= b), "and falls from there");
    assert!(rates[99] < 0.02);
}
