//! Starting, watching and stopping.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use baize_core::Clock;
use baize_core::ports::{Announce, Event, EventStream, Events, Health, HealthCheck, Ledger, Spool};
use baize_models::Executor;
use baize_sched::{Config, Scheduler};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::device::{Device, DeviceState};
use crate::dispatch::{Command, Dispatcher, draining};
use crate::events::Hub;
use crate::intake::kib;
use crate::metrics::Metrics;
use crate::model::Models;
use crate::pool::Pool;
use crate::shared::Shared;
use crate::{EngineConfig, EngineError, Guidance};

/// Drawing one image: what is left to do after the device, counted before the deadline.
const POST: Duration = Duration::from_millis(100);
/// How long tasks get to notice that the time for draining is over.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// Where a server keeps what comes in and what is found.
#[derive(Clone)]
pub struct Storage {
    /// The jobs and their results.
    pub ledger: Arc<dyn Ledger>,
    /// The objects and pictures.
    pub spool: Arc<dyn Spool>,
}

/// A running engine; see the [crate's description](crate). Dropping it stops it without waiting.
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    device: Mutex<Option<JoinHandle<()>>>,
    timer: AbortHandle,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("device", &self.shared.device_name).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts threads and tasks, and the warm-up of all models. Jobs that an earlier process had begun are
    /// opened again. `device` is the name of what the executors compute on. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// Settings that contradict each other, rules or a gate that don't fit the models, threads that can't be started, a ledger that can't be read.
    pub async fn start(
        config: EngineConfig,
        executors: Vec<Box<dyn Executor>>,
        guidance: Guidance,
        device: String,
        clock: Arc<dyn Clock>,
        storage: Option<Storage>,
    ) -> Result<Self, EngineError> {
        config.check()?;
        let manifests: Vec<_> = executors.iter().map(|executor| executor.manifest().clone()).collect();
        if let Some(problem) = guidance.problem(&manifests) {
            return Err(EngineError::Guidance(problem));
        }
        let runtime = Handle::try_current()?;
        if let Some(Storage { ledger, .. }) = &storage {
            let reopened = ledger.reopen_interrupted().await.map_err(EngineError::Ledger)?;
            if reopened > 0 {
                info!(reopened, "jobs of an earlier run are open again");
            }
        }
        let (engine, worker, commands) =
            Self::assemble(config, executors, guidance, device, clock, storage, &runtime)?;
        let thread = Builder::new().name("baize-device".to_owned()).spawn(move || worker.serve(&commands))?;
        *engine.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        if engine.shared.storage.is_some() {
            let shared = Arc::clone(&engine.shared);
            engine.shared.tasks.spawn(async move {
                let mut state = shared.device.subscribe();
                tokio::select! {
                    // Jobs begin once the models are warm, lest decoding disturbs their timing.
                    ready = state.wait_for(|state| *state == DeviceState::Ready) => drop(ready),
                    () = shared.stopping.cancelled() => return,
                }
                shared.wake.notify_one();
                shared.feed().await;
            });
        }
        Ok(engine)
    }

    fn assemble(
        config: EngineConfig,
        executors: Vec<Box<dyn Executor>>,
        guidance: Guidance,
        device_name: String,
        clock: Arc<dyn Clock>,
        storage: Option<Storage>,
        runtime: &Handle,
    ) -> Result<(Self, Device, mpsc::Receiver<Command>), EngineError> {
        let metrics = Metrics::default();
        let models = Models::new(
            executors.iter().map(|one| (one.manifest().clone(), one.familiarity().cloned())).collect(),
            config.outside,
        );
        let wake = Arc::new(Notify::new());
        let (orders, commands) = mpsc::channel();
        let dispatcher = Arc::new(Dispatcher::new(
            Scheduler::new(scheduling(&config)),
            Arc::clone(&clock),
            metrics.clone(),
            models.refs().iter().map(ToString::to_string).collect(),
            orders,
            Arc::clone(&wake),
        ));
        let receiving = kib(config.receive_bytes) as usize;
        // Every admitted image and every object that is being taken in has one task at most.
        let pool = Pool::start(config.threads, config.admission.jobs + receiving)?;
        let state = Arc::new(watch::Sender::new(DeviceState::Warming));
        let worker = Device {
            executors,
            largest: config.largest_bucket,
            dispatcher: Arc::clone(&dispatcher),
            clock: Arc::clone(&clock),
            metrics: metrics.clone(),
            state: Arc::clone(&state),
        };
        let time_keeper = Arc::clone(&dispatcher);
        let timer = runtime.spawn(async move { time_keeper.keep_time().await }).abort_handle();
        let shared = Arc::new(Shared {
            config,
            clock,
            metrics,
            models,
            guidance,
            pool,
            dispatcher,
            device: state,
            device_name,
            storage,
            events: Hub::new(),
            receiving: Semaphore::new(receiving),
            wake,
            // After a start there may be any job in the ledger.
            stat_waits: AtomicBool::new(true),
            raised: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            abandoned: CancellationToken::new(),
        });
        Ok((Self { shared, device: Mutex::new(None), timer }, worker, commands))
    }

    /// What is counted and timed.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Waits until all models are warm.
    ///
    /// # Errors
    /// [`EngineError::WarmUp`] where a model does not run, [`EngineError::Stopped`] where it never will.
    pub async fn warmed_up(&self) -> Result<(), EngineError> {
        let mut state = self.shared.device.subscribe();
        let settled = state.wait_for(|state| *state != DeviceState::Warming).await;
        match settled.map(|state| state.clone()) {
            Ok(DeviceState::Ready) => Ok(()),
            Ok(DeviceState::Failed(fault)) => Err(EngineError::WarmUp(fault)),
            Ok(DeviceState::Warming | DeviceState::Lost | DeviceState::Stopped) | Err(_) => {
                Err(EngineError::Stopped)
            }
        }
    }

    /// Waits until the device is lost (or its models turn out not to run). The process should then end, so
    /// that its supervisor starts it again.
    pub async fn device_lost(&self) {
        let mut state = self.shared.device.subscribe();
        let is_lost = |state: &DeviceState| matches!(state, DeviceState::Lost | DeviceState::Failed(_));
        if state.wait_for(is_lost).await.is_err() {
            // The engine is gone without a loss.
            std::future::pending::<()>().await;
        }
    }

    /// Stops: takes nothing new, finishes what runs and what clients wait for, gives the other jobs back to
    /// the ledger, and ends the threads. What is not done after the configured time is left to the next start.
    pub async fn drain(&self) {
        let shared = &self.shared;
        info!("draining");
        shared.stopping.cancel();
        shared.dispatcher.drain();
        shared.tasks.close();
        if timeout(shared.config.drain_timeout, shared.tasks.wait()).await.is_err() {
            warn!(left = shared.tasks.len(), "the time for draining is over");
            shared.dispatcher.end(&draining());
            shared.abandoned.cancel();
            if timeout(LAST_GRACE, shared.tasks.wait()).await.is_err() {
                warn!(left = shared.tasks.len(), "tasks did not end; their jobs are done at the next start");
            }
        }
        self.stop();
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).take();
        let joined = Arc::clone(shared);
        let joining = tokio::task::spawn_blocking(move || {
            if let Some(device) = device {
                // Its panics are caught within.
                let _ = device.join();
            }
            joined.pool.join();
        });
        if timeout(LAST_GRACE, joining).await.is_err() {
            warn!("a thread is still busy; it ends with the process");
        }
        info!("drained");
    }

    /// Tells all threads to end.
    fn stop(&self) {
        self.shared.dispatcher.end(&draining());
        self.shared.dispatcher.stop_device();
        self.shared.pool.close();
        self.shared.events.close();
        self.timer.abort();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.shared.abandoned.cancel();
        self.stop();
    }
}

impl Events for Engine {
    fn subscribe(&self) -> EventStream {
        self.shared.events.subscribe()
    }
}

impl Announce for Engine {
    fn announce(&self, event: Event) {
        self.shared.events.publish(event);
    }
}

impl HealthCheck for Engine {
    fn health(&self) -> Health {
        let shared = &self.shared;
        let mut reasons = Vec::new();
        match &*shared.device.borrow() {
            DeviceState::Ready => {}
            DeviceState::Warming => reasons.push("the models are warming up".to_owned()),
            DeviceState::Failed(fault) => reasons.push(format!("a model does not run: {}", fault.message)),
            DeviceState::Lost => reasons.push("the computing device was lost".to_owned()),
            DeviceState::Stopped => reasons.push("the server has stopped".to_owned()),
        }
        if shared.stopping.is_cancelled() {
            reasons.push("the server is shutting down".to_owned());
        }
        Health {
            ready: reasons.is_empty(),
            reasons,
            warnings: Vec::new(),
            device: shared.device_name.clone(),
            models: shared.models.refs(),
        }
    }
}

fn scheduling(config: &EngineConfig) -> Config {
    Config {
        limits: config.admission,
        largest: config.largest_bucket,
        routine_largest: config.routine_bucket,
        stat_budget: config.stat_budget,
        delay: config.delay,
        post: POST,
    }
}
