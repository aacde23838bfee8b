//! The service class provider: C-ECHO and C-STORE on one port, one task per association.
//!
//! `config` and `status` are the two tables of rules; `negotiate` decides who may associate and how;
//! `association` is the protocol's state machine, `operation` what a single request does, `incoming` and `budget`
//! the memory that it takes.

mod association;
mod budget;
mod config;
mod incoming;
mod metrics;
mod negotiate;
mod operation;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::Intake;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

pub use self::config::{ConfigError, ScpConfig};
pub use self::metrics::Metrics;

use self::association::{Shared, serve};
use self::budget::Budget;

/// How many connections may be about to negotiate, besides the associations that stand. Further ones wait in
/// the system's queue, so that idle connections cannot fill the memory.
const MAX_HANDSHAKES: usize = 32;

/// How long to rest after the system could give us no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A DICOM service class provider that listens.
pub struct Scp {
    listener: TcpListener,
    local_addr: SocketAddr,
    handshakes: Arc<Semaphore>,
    shared: Arc<Shared>,
}

impl Scp {
    /// Opens the port. Nobody is served before [`run`](Self::run).
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] with a [`ConfigError`] for settings that make no sense; otherwise what
    /// the system says about the address.
    pub async fn bind(config: ScpConfig, intake: Arc<dyn Intake>) -> io::Result<Self> {
        config.validate().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = TcpListener::bind(config.bind).await?;
        let local_addr = listener.local_addr()?;
        let shared = Shared {
            budget: Arc::new(Budget::new(config.receive_budget_bytes, config.max_object_bytes)),
            slots: Arc::new(Semaphore::new(config.max_associations.min(Semaphore::MAX_PERMITS))),
            metrics: Metrics::default(),
            intake,
            config,
        };
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        Ok(Self { listener, local_addr, handshakes, shared: Arc::new(shared) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What it counts, to be registered.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Serves until `shutdown` is cancelled, then stops listening, lets every association finish the operation
    /// that it is in, ends it, and returns. A peer that stalls in the middle of an object holds this up for at
    /// most the idle timeout per PDU; dropping the future ends everything at once, and nothing that was not
    /// durable has been acknowledged.
    pub async fn run(self, shutdown: CancellationToken) {
        info!(address = %self.local_addr, ae_title = self.shared.config.ae_title, "dicom port open");
        let mut associations = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = associations.join_next() => report(ended),
                (stream, peer, handshake) = self.accept() => {
                    let span = info_span!("association", %peer, calling_ae = tracing::field::Empty);
                    let shared = Arc::clone(&self.shared);
                    let shutdown = shutdown.clone();
                    let task = async move { serve(stream, &shared, shutdown, handshake).await };
                    associations.spawn(task.instrument(span));
                }
            }
        }
        drop(self.listener);
        info!(associations = associations.len(), "dicom port closed");
        while let Some(ended) = associations.join_next().await {
            report(ended);
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            // The semaphore is never closed; were it, there would be nobody to serve.
            let Ok(handshake) = Arc::clone(&self.handshakes).acquire_owned().await else {
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Responses are small and the peer waits for each.
                    if let Err(error) = stream.set_nodelay(true) {
                        warn!(%error, "nagle's algorithm stays on");
                    }
                    return (stream, peer, handshake);
                }
                Err(error) => {
                    warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "association task failed");
    }
}
