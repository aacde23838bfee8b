//! A model that does as a test says.

use std::sync::{Arc, Condvar, Mutex};

use baize_core::{ErrorCode, Fault};
use baize_models::{Executor, Familiarity, Manifest, Prediction};
use ndarray::{Array3, ArrayView2, ArrayView4, Axis};

/// The probability that [`FakeModel`] gives every image.
const PROBABILITY: f32 = 0.75;

#[derive(Default)]
struct State {
    closed: bool,
    cold: bool,
    dead: bool,
    waiting: usize,
    batches: Vec<usize>,
}

/// What a [`FakeModel`] shall do and what it did.
#[derive(Default)]
pub(crate) struct Script {
    state: Mutex<State>,
    changed: Condvar,
}

impl Script {
    /// From now on, batches wait.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    /// Batches that wait go on, and all later ones.
    pub(crate) fn open(&self) {
        let mut state = self.state.lock().unwrap();
        state.closed = false;
        state.cold = false;
        self.changed.notify_all();
    }

    /// Warm-up waits until [`Self::open`].
    pub(crate) fn chill(&self) {
        self.state.lock().unwrap().cold = true;
    }

    /// From now on the device does nothing any more.
    pub(crate) fn die(&self) {
        self.state.lock().unwrap().dead = true;
    }

    /// How many batches wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting
    }

    /// How many images each batch had that ran, in order; those of warm-up and probes not counted.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }
}

/// Finds the same in every image, and panics on a poison image.
pub(crate) struct FakeModel {
    manifest: Manifest,
    familiarity: Option<Familiarity>,
    script: Arc<Script>,
}

impl FakeModel {
    pub(crate) fn new(manifest: Manifest, script: Arc<Script>) -> Self {
        Self { manifest, familiarity: None, script }
    }

    /// The same where this is what the model knows.
    pub(crate) fn knowing(self, familiarity: Familiarity) -> Self {
        Self { familiarity: Some(familiarity), ..self }
    }
}

/// Padding, warm-up and probes are black; no prepared image is.
fn is_image(image: ArrayView2<'_, f32>) -> bool {
    image.iter().any(|value| *value != 0.0)
}

/// An image of two values only has them one standard deviation from its mean.
fn is_poison(image: ArrayView2<'_, f32>) -> bool {
    image.iter().all(|value| (value.abs() - 1.0).abs() < 0.1)
}

impl Executor for FakeModel {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn familiarity(&self) -> Option<&Familiarity> {
        self.familiarity.as_ref()
    }

    fn run(&mut self, batch: ArrayView4<'_, f32>) -> Result<Vec<Prediction>, Fault> {
        let places = || batch.axis_iter(Axis(0)).map(|place| place.index_axis_move(Axis(0), 0));
        let images = places().filter(|place| is_image(*place)).count();
        let mut state = self.script.state.lock().unwrap();
        if images == 0 {
            while state.cold {
                state = self.script.changed.wait(state).unwrap();
            }
        } else {
            state.waiting += 1;
            while state.closed {
                state = self.script.changed.wait(state).unwrap();
            }
            state.waiting -= 1;
        }
        if state.dead {
            return Err(Fault::new(ErrorCode::InferenceFailed, "the driver says no"));
        }
        if images > 0 {
            state.batches.push(images);
        }
        drop(state);
        assert!(!places().any(is_poison), "the fake model panics on a poison image");
        let labels = self.manifest.labels().len();
        let predict = || Prediction {
            probabilities: vec![PROBABILITY; labels],
            features: vec![3.0, 4.0],
            heat: Array3::from_shape_fn((labels, 4, 4), |(_, row, column)| {
                f32::from(u8::from(row == column))
            }),
        };
        Ok(places().map(|_| predict()).collect())
    }
}

/// A manifest of no network in particular.
pub(crate) fn manifest() -> Manifest {
    Manifest::parse(MANIFEST, "a test").unwrap()
}

const MANIFEST: &str = include_str!("fake.toml");
