//! The ports: one for plain connections and, where configured, one for TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::ScpConfig;

/// How many connections may be about to negotiate, besides the associations that stand. Further ones wait in
/// the system's queue, so that idle connections cannot fill the memory.
const MAX_HANDSHAKES: usize = 32;

/// How long to rest after the system could give us no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection that was accepted.
pub(super) struct Caller {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// What speaks TLS with it, where it came through that port.
    pub(super) tls: Option<TlsAcceptor>,
    /// To be given back once the association stands.
    pub(super) handshake: OwnedSemaphorePermit,
}

/// The listening sockets.
pub(super) struct Doors {
    plain: TcpListener,
    tls: Option<(TcpListener, TlsAcceptor)>,
    handshakes: Arc<Semaphore>,
}

impl Doors {
    pub(super) async fn open(config: &ScpConfig) -> io::Result<Self> {
        let tls = match &config.tls {
            Some(tls) => {
                let listener = TcpListener::bind(tls.bind).await.map_err(|error| {
                    io::Error::new(error.kind(), format!("the port for TLS, {}: {error}", tls.bind))
                })?;
                Some((listener, TlsAcceptor::from(Arc::clone(&tls.config))))
            }
            None => None,
        };
        let plain = TcpListener::bind(config.bind).await?;
        Ok(Self { plain, tls, handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)) })
    }

    pub(super) fn plain_addr(&self) -> io::Result<SocketAddr> {
        self.plain.local_addr()
    }

    pub(super) fn tls_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.tls.as_ref().map(|(listener, _)| listener.local_addr()).transpose()
    }

    /// Waits for the next connection. May be cancelled and called again.
    pub(super) async fn next(&self) -> Caller {
        loop {
            // The semaphore is never closed; were it, there would be nobody to serve.
            let Ok(handshake) = Arc::clone(&self.handshakes).acquire_owned().await else {
                return std::future::pending().await;
            };
            let through_tls = async {
                match &self.tls {
                    Some((listener, acceptor)) => (listener.accept().await, acceptor.clone()),
                    None => std::future::pending().await,
                }
            };
            let (accepted, tls) = tokio::select! {
                accepted = self.plain.accept() => (accepted, None),
                (accepted, acceptor) = through_tls => (accepted, Some(acceptor)),
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Responses are small and the peer waits for each.
                    if let Err(error) = stream.set_nodelay(true) {
                        warn!(%error, "nagle's algorithm stays on");
                    }
                    return Caller { stream, peer, tls, handshake };
                }
                Err(error) => {
                    warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
