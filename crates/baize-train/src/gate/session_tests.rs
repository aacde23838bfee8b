use burn::module::Module as _;
use burn::tensor::Device;

use super::*;
use crate::gate::sources;
use crate::weights::flatten;

fn plan() -> Plan {
    Plan {
        network: ResidualShape { stem: 4, widths: vec![4, 6], blocks: vec![1, 1], members: 1 },
        size: 32,
        normalisation: Normalisation::STANDARD,
        epochs: 2,
        images: 96,
        batch: 16,
        peak_rate: 4e-3,
        weight_decay: 0.01,
        smoothing: 0.02,
        average: 0.9,
        seed: 3,
    }
}

fn pictures() -> Vec<Picture> {
    sources::tests::pictures()
}

fn train(session: &mut Session) -> f32 {
    let pictures = pictures();
    let all: Vec<usize> = (0..pictures.len()).collect();
    session.train_epoch(&pictures, &all, |_, _, _| {}).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_weights_whatever_the_number_of_threads() {
    let _alone = crate::draw::alone();
    let run = |seed| {
        let mut session = Session::start(Plan { seed, ..plan() }, &Device::flex());
        assert!(train(&mut session).is_finite());
        flatten(&session.learner.net.valid())
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(run(3), one_thread.install(|| run(3)));
    assert_ne!(run(3), run(4));
}

#[test]
fn an_epoch_shows_every_class_and_repeats_itself() {
    let pictures = pictures();
    let all: Vec<usize> = (0..pictures.len()).collect();
    let big = Plan { images: 1000, ..plan() };
    let order = lessons(&big, &pictures, &all, 0).unwrap();
    assert_eq!(order.len(), 1000);
    assert_eq!(order, lessons(&big, &pictures, &all, 0).unwrap());
    assert_ne!(order, lessons(&big, &pictures, &all, 1).unwrap());
    let count = |is: &dyn Fn(&Lesson) -> bool| order.iter().filter(|lesson| is(lesson)).count();
    for class in (0..OTHER).filter(|class| *class != CHEST) {
        let of_class = |lesson: &Lesson| matches!(lesson, Lesson::Real(at) if pictures[*at].class == class);
        assert_eq!(count(&of_class), 80, "{}", CLASSES[class]);
    }
    let chests = |lesson: &Lesson| matches!(lesson, Lesson::Real(at) if pictures[*at].class == CHEST);
    assert_eq!(count(&chests), 300);
    assert!(count(&|lesson| *lesson == Lesson::Drawn) > 100);
    assert!(lessons(&big, &pictures, &all[..1], 0).is_err(), "a class without images");
}
