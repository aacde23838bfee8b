//! Certificates from PEM files, for both ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Where certificates and key are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, one's own first.
    pub certificates: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// What keeps TLS from being set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, empty or something else.
    #[error("TLS file {path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A peer's name that no certificate can have.
    #[error("TLS: '{0}' is neither a DNS name nor an IP address")]
    ServerName(String),
}

fn bad(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}

/// A server that shows this certificate and, where `peers` is given, serves only peers whose certificate was issued
/// by one of these authorities. Reads files: call it before serving.
///
/// # Errors
/// [`TlsError`] names the file.
pub fn server_config(own: &TlsFiles, peers: Option<&Path>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&own.certificates, error))?;
    let builder = match peers {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(|error| bad(path, error))?)
        }
    };
    let config = builder.with_single_cert(chain(&own.certificates)?, key(&own.key)?);
    Ok(Arc::new(config.map_err(|error| bad(&own.key, error))?))
}

/// A client that believes servers certified by these authorities and, where `own` is given, shows its certificate.
///
/// # Errors
/// [`TlsError`] names the file.
pub fn client_config(authorities: &Path, own: Option<&TlsFiles>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(authorities)?), Arc::clone(&provider));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(authorities, error))?
        .with_webpki_verifier(verifier.build().map_err(|error| bad(authorities, error))?);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(chain(&own.certificates)?, key(&own.key)?)
            .map_err(|error| bad(&own.key, error))?,
    };
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| bad(path, error))?;
    if chain.is_empty() { Err(bad(path, "it holds no certificate")) } else { Ok(chain) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| bad(path, error))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| bad(path, error))?;
    }
    Ok(roots)
}
