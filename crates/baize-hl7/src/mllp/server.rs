//! The server: one task per connection, so many and no more.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::Clock;
use baize_core::ports::MessageKey;
use rustls::ServerConfig as TlsConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::ack::{Acknowledger, Receipt};
use super::connection::serve;
use super::metrics::Metrics;
use crate::codec::{Issue, Limits, Message};

/// How long to rest after the system could give us no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A message that came in and can be read.
#[derive(Clone, Debug)]
pub struct Inbound<'a> {
    /// The message.
    pub message: &'a Message,
    /// As it came, without its frame.
    pub bytes: &'a [u8],
    /// What makes it the same message when it comes again.
    pub key: MessageKey,
    /// What was odd about it, no error among them.
    pub warnings: &'a [Issue],
    /// Who sent it.
    pub peer: SocketAddr,
}

/// Takes messages in.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Takes one message. [`Receipt::Accepted`] only after it is durable: the peer may forget it then. A peer that
    /// missed an acknowledgement sends the same message again: it must be accepted again, and nothing follow from it
    /// a second time. That is the receiver's part, because only in the transaction that keeps a message can it be
    /// told for sure whether it was kept before.
    async fn receive(&self, inbound: Inbound<'_>) -> Receipt;
}

/// How to serve.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Connections at once; a further one is closed at once. Each may hold one message of `limits.max_bytes`.
    pub max_connections: usize,
    /// What a message may take.
    pub limits: Limits,
    /// A connection without a message for so long is closed.
    pub idle_timeout: Duration,
    /// A frame must be complete so long after it began, and an answer taken.
    pub frame_timeout: Duration,
    /// Speak TLS.
    pub tls: Option<Arc<TlsConfig>>,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    pub(super) receiver: Arc<dyn Receiver>,
    pub(super) acknowledger: Acknowledger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
}

/// An MLLP server that listens.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    slots: Arc<Semaphore>,
    /// Empty: anybody.
    peers: Vec<IpAddr>,
    shared: Shared,
}

impl Server {
    /// Opens the port. Nobody is served before [`run`](Self::run).
    ///
    /// # Errors
    /// What the system says about the address; [`io::ErrorKind::InvalidInput`] where no connection would be let in.
    pub async fn bind(
        config: ServerConfig,
        receiver: Arc<dyn Receiver>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        if config.max_connections == 0 || config.idle_timeout.is_zero() || config.frame_timeout.is_zero() {
            let what = "connections and timeouts must be above zero";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let listener = TcpListener::bind(config.bind).await?;
        let local_addr = listener.local_addr()?;
        let slots = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        let acknowledger = Acknowledger::new(Arc::clone(&clock));
        let metrics = Metrics::new([]);
        let shared = Shared { config, receiver, acknowledger, clock, metrics };
        Ok(Self { listener, local_addr, slots, peers: Vec::new(), shared })
    }

    /// Counts in these.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.shared.metrics = metrics;
        self
    }

    /// Takes connections from these addresses only; from anybody where the list is empty.
    #[must_use]
    pub fn only_from(mut self, peers: Vec<IpAddr>) -> Self {
        self.peers = peers;
        self
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` is cancelled, then stops listening, lets every connection finish the message that it
    /// is in and answer it, and returns. Dropping the future ends everything at once; nothing that was not durable
    /// has been acknowledged.
    pub async fn run(self, shutdown: CancellationToken) {
        info!(address = %self.local_addr, tls = self.shared.config.tls.is_some(), "hl7 port open");
        let shared = Arc::new(self.shared);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => report(ended),
                (stream, peer) = accept(&self.listener) => {
                    if !self.peers.is_empty() && !self.peers.contains(&peer.ip().to_canonical()) {
                        warn!(%peer, "hl7 connection from an address that is not allowed");
                        continue;
                    }
                    let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                        warn!(%peer, "too many hl7 connections");
                        continue;
                    };
                    let task = connect(stream, peer, Arc::clone(&shared), shutdown.clone(), slot);
                    connections.spawn(task.instrument(info_span!("hl7", %peer)));
                }
            }
        }
        drop(self.listener);
        info!(connections = connections.len(), "hl7 port closed");
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Acknowledgements are small and the peer waits for each.
                if let Err(error) = stream.set_nodelay(true) {
                    warn!(%error, "nagle's algorithm stays on");
                }
                return (stream, peer);
            }
            Err(error) => {
                warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let _counted = shared.metrics.connected();
    let Some(tls) = shared.config.tls.clone() else {
        return serve(stream, peer, &shared, &shutdown).await;
    };
    match timeout(shared.config.frame_timeout, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => serve(Box::new(stream), peer, &shared, &shutdown).await,
        Ok(Err(error)) => warn!(%error, "tls handshake failed"),
        Err(_) => warn!("tls handshake took too long"),
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "hl7 connection task failed");
    }
}
