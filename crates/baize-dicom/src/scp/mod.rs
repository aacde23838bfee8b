//! The service class provider: C-ECHO and C-STORE, plain and over TLS, one task per association.
//!
//! `config` and `status` are the two tables of rules; `doors` are the ports; `negotiate` decides who may associate and
//! how, `rate` how fast; `association` is the protocol's state machine, `operation` what a single request does, `incoming` and `budget`
//! the memory that it takes.

mod association;
mod budget;
mod config;
mod doors;
mod incoming;
mod metrics;
mod negotiate;
mod operation;
mod rate;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use baize_core::ports::Intake;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span};

pub use self::config::{ConfigError, ScpConfig, ScpTls};
pub use self::metrics::Metrics;

use self::association::{Shared, serve};
use self::doors::Doors;

/// A DICOM service class provider that listens.
pub struct Scp {
    doors: Doors,
    local_addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    shared: Arc<Shared>,
}

impl Scp {
    /// Opens the ports. Nobody is served before [`run`](Self::run).
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] with a [`ConfigError`] for settings that make no sense; otherwise what
    /// the system says about the address.
    pub async fn bind(config: ScpConfig, intake: Arc<dyn Intake>) -> io::Result<Self> {
        config.validate().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let doors = Doors::open(&config).await?;
        let (local_addr, tls_addr) = (doors.plain_addr()?, doors.tls_addr()?);
        Ok(Self { doors, local_addr, tls_addr, shared: Arc::new(Shared::new(config, intake)) })
    }

    /// Where it listens for plain connections.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where it listens for TLS, if it does.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
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
        if let Some(address) = self.tls_addr {
            info!(%address, ae_title = self.shared.config.ae_title, "dicom port for tls open");
        }
        let mut associations = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = associations.join_next() => report(ended),
                caller = self.doors.next() => {
                    let span =
                        info_span!("association", peer = %caller.peer, calling_ae = tracing::field::Empty);
                    let task = serve(caller, Arc::clone(&self.shared), shutdown.clone());
                    associations.spawn(task.instrument(span));
                }
            }
        }
        drop(self.doors);
        info!(associations = associations.len(), "dicom port closed");
        while let Some(ended) = associations.join_next().await {
            report(ended);
        }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "association task failed");
    }
}

/// Serves one connection that comes from a test.
#[cfg(fuzzing)]
pub(crate) async fn converse(
    stream: crate::upper_layer::BoxedStream,
    config: ScpConfig,
    intake: Arc<dyn Intake>,
) {
    let shared = Shared::new(config, intake);
    let peer = shared.config.bind;
    association::converse(stream, peer, &shared).await;
}
