//! Putting the application on a socket.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use baize_tls::{TlsError, TlsFiles};
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Serve HTTPS with these; plain HTTP where `None`.
    pub tls: Option<TlsFiles>,
    /// A connection that has not sent a request's headers by then is closed.
    pub header_timeout: Duration,
    /// After shutdown begins, requests under way have this long to finish.
    pub drain: Duration,
}

/// Why serving could not begin, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A certificate or key file cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket cannot be used.
    #[error("http listener: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves until `shutdown` is cancelled and the requests under way are done, or [`ServeOptions::drain`] is over.
/// HTTP/1.1 and HTTP/2 both.
///
/// # Errors
/// [`ServeError`] before the first connection for unusable TLS files or an unusable socket.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let tls = match options.tls.clone() {
        Some(files) => {
            let read = tokio::task::spawn_blocking(move || tls_config(&files)).await;
            Some(read.map_err(std::io::Error::other)??)
        }
        None => None,
    };
    let handle = Handle::new();
    let stopper = {
        let (handle, drain) = (handle.clone(), options.drain);
        tokio::spawn(async move {
            shutdown.cancelled().await;
            handle.graceful_shutdown(Some(drain));
        })
    };
    let server = bounded(axum_server::from_tcp(listener)?, options.header_timeout).handle(handle);
    let service = router.into_make_service();
    let result = match tls {
        Some(config) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config));
            server.acceptor(acceptor.handshake_timeout(options.header_timeout)).serve(service).await
        }
        None => server.serve(service).await,
    };
    stopper.abort();
    Ok(result?)
}

/// Slow senders must not hold connections forever.
fn bounded(server: Server<SocketAddr>, header_timeout: Duration) -> Server<SocketAddr> {
    let mut server = server.first_request_timeout(header_timeout);
    server.http_builder().http1().header_read_timeout(header_timeout);
    server.http_builder().http2().keep_alive_interval(Duration::from_secs(20)).max_concurrent_streams(64);
    server
}

fn tls_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let mut config = Arc::unwrap_or_clone(baize_tls::server_config(files, None)?);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
