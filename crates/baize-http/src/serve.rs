//! Putting the application on a socket.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

/// Where certificate and key are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub certificates: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

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
    #[error("TLS {what} {path}: {reason}")]
    Tls {
        /// Which of the files.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
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
    let bad = |what, path: &PathBuf, reason: String| ServeError::Tls { what, path: path.clone(), reason };
    let certificate_error = |reason| bad("certificate", &files.certificates, reason);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificates)
        .and_then(Iterator::collect)
        .map_err(|error| certificate_error(error.to_string()))?;
    if chain.is_empty() {
        return Err(certificate_error("it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| bad("key", &files.key, error.to_string()))?;
    // The provider is named: which one is the process's default depends on what else is linked in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| certificate_error(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad("key", &files.key, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
