//! The thread that owns the device and its models.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use baize_core::{Clock, ErrorCode, Fault};
use baize_models::{Executor, Prediction};
use baize_sched::Bucket;
use ndarray::{Array2, Array4, Axis};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::dispatch::{Command, Dispatcher, Waiting, Work};
use crate::metrics::Metrics;
use crate::model;

/// What the device thread is at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeviceState {
    /// Its models have not all run yet.
    Warming,
    /// It works.
    Ready,
    /// A model did not run in warm-up.
    Failed(Fault),
    /// It stopped working; the process should end and be started again.
    Lost,
    /// It was told to end.
    Stopped,
}

/// One device, its models, and what they need.
pub(crate) struct Device {
    pub(crate) executors: Vec<Box<dyn Executor>>,
    pub(crate) largest: Bucket,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) state: Arc<watch::Sender<DeviceState>>,
}

/// The device does not answer even an empty image.
struct Lost;

impl Device {
    /// Warms up, then runs what comes until told to stop or the device is lost.
    pub(crate) fn serve(mut self, commands: &Receiver<Command>) {
        // What runs models is guarded below; this catches mistakes of the loop itself, after which no batch
        // would ever run again.
        let end = catch_unwind(AssertUnwindSafe(|| self.work(commands))).unwrap_or(DeviceState::Lost);
        let fault = match &end {
            DeviceState::Failed(fault) => fault.clone(),
            DeviceState::Lost => lost(),
            DeviceState::Warming | DeviceState::Ready | DeviceState::Stopped => crate::dispatch::draining(),
        };
        if end == DeviceState::Lost {
            error!("the computing device was lost");
        }
        self.state.send_replace(end);
        self.dispatcher.end(&fault);
    }

    fn work(&mut self, commands: &Receiver<Command>) -> DeviceState {
        if let Err(fault) = self.warm_up() {
            return DeviceState::Failed(fault);
        }
        self.state.send_replace(DeviceState::Ready);
        loop {
            let idle_since = self.clock.now();
            self.dispatcher.slot_free();
            let command = commands.recv();
            self.metrics.idled(self.clock.now().saturating_since(idle_since));
            match command {
                Ok(Command::Run(work)) => {
                    if let Err(Lost) = self.run(work) {
                        return DeviceState::Lost;
                    }
                }
                Ok(Command::Stop) | Err(_) => return DeviceState::Stopped,
            }
        }
    }

    /// Runs every bucket of every model twice: the first run compiles and tunes, the second tells the time.
    fn warm_up(&mut self) -> Result<(), Fault> {
        for index in 0..self.executors.len() {
            for bucket in Bucket::up_to(self.largest) {
                self.warm(index, bucket)?;
                let time = self.warm(index, bucket)?;
                self.dispatcher.warmed(index, bucket, time);
            }
            let model = self.executors[index].manifest().model();
            info!(%model, largest = self.largest.size(), "model is warm");
        }
        Ok(())
    }

    fn warm(&mut self, index: usize, bucket: Bucket) -> Result<Duration, Fault> {
        let executor = &mut self.executors[index];
        let blank = Array2::zeros(executor.manifest().input_size());
        let begun = self.clock.now();
        run_guarded(executor.as_mut(), &[&blank], bucket)?;
        Ok(self.clock.now().saturating_since(begun))
    }

    fn run(&mut self, work: Work) -> Result<(), Lost> {
        let Work { id, model, bucket, images } = work;
        for image in &images {
            image.span.in_scope(|| debug!(stage = "infer", batch = id.0, bucket = bucket.size()));
        }
        let inputs: Vec<&Array2<f32>> = images.iter().filter_map(|image| image.input.as_ref()).collect();
        let begun = self.clock.now();
        let results = run_bisecting(self.executors[model].as_mut(), &inputs, bucket);
        let time = self.clock.now().saturating_since(begun);
        let clean = results.iter().all(Result::is_ok);
        // An image alone at fault leaves the device in order. A device at fault fails every image, and that
        // must not be held against them.
        let lost = !clean && (results.iter().any(is_lost) || self.warm(model, Bucket::ONE).is_err());
        if clean {
            self.metrics.ran(bucket, time);
        }
        for (Waiting { reply, span, .. }, result) in images.into_iter().zip(results) {
            let result = match result {
                Err(_) if lost => Err(self::lost()),
                Err(fault) => {
                    span.in_scope(|| warn!(code = %fault.code, "the model could not run on this image"));
                    Err(fault)
                }
                Ok(prediction) => Ok(prediction),
            };
            // A client that left is not told.
            let _ = reply.send(result);
        }
        self.dispatcher.batch_done(id, clean.then_some(time));
        if lost { Err(Lost) } else { Ok(()) }
    }
}

/// Runs a batch; if it fails, runs its halves, and so on, so that only the image at fault fails. One result
/// per input, in their order.
fn run_bisecting(
    executor: &mut dyn Executor,
    inputs: &[&Array2<f32>],
    bucket: Bucket,
) -> Vec<Result<Prediction, Fault>> {
    match (run_guarded(executor, inputs, bucket), inputs.len()) {
        (Ok(predictions), _) => predictions.into_iter().map(Ok).collect(),
        (Err(fault), 0 | 1) => inputs.iter().map(|_| Err(fault.clone())).collect(),
        (Err(fault), count) if fault.code == ErrorCode::DeviceLost => {
            (0..count).map(|_| Err(fault.clone())).collect()
        }
        (Err(_), count) => {
            let (first, second) = inputs.split_at(count / 2);
            let mut results = run_bisecting(executor, first, Bucket::holding(first.len(), bucket));
            results.extend(run_bisecting(executor, second, Bucket::holding(second.len(), bucket)));
            results
        }
    }
}

/// Pads the inputs to the bucket, runs them, and checks that there is a sound answer for each.
fn run_guarded(
    executor: &mut dyn Executor,
    inputs: &[&Array2<f32>],
    bucket: Bucket,
) -> Result<Vec<Prediction>, Fault> {
    let (height, width) = executor.manifest().input_size();
    let mut batch = Array4::zeros((bucket.size(), 1, height, width));
    for (mut place, input) in batch.axis_iter_mut(Axis(0)).zip(inputs) {
        if input.dim() != (height, width) {
            return Err(Fault::new(ErrorCode::Internal, "a prepared image has the wrong size for its model"));
        }
        place.index_axis_mut(Axis(0), 0).assign(input);
    }
    let run = catch_unwind(AssertUnwindSafe(|| executor.run(batch.view())));
    let mut predictions = match run {
        Ok(Ok(predictions)) => predictions,
        Ok(Err(fault)) if fault.code == ErrorCode::DeviceLost => return Err(fault),
        Ok(Err(fault)) => return Err(failed(&fault.message)),
        Err(_) => return Err(failed("the model ended unexpectedly on this image")),
    };
    if predictions.len() < inputs.len() {
        return Err(failed("the model gave no answer for this image"));
    }
    // The rest belongs to the padding.
    predictions.truncate(inputs.len());
    if predictions.iter().any(|prediction| !model::is_sound(executor.manifest(), prediction)) {
        return Err(failed("the model's answer is not a probability per label"));
    }
    Ok(predictions)
}

fn is_lost(result: &Result<Prediction, Fault>) -> bool {
    result.as_ref().is_err_and(|fault| fault.code == ErrorCode::DeviceLost)
}

fn failed(message: &str) -> Fault {
    Fault::new(ErrorCode::InferenceFailed, message)
}

fn lost() -> Fault {
    Fault::new(ErrorCode::DeviceLost, "the computing device was lost; the server must be started again")
}
