//! The end that opens a connection.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{TlsError, TlsFiles, client_config};

/// How to speak TLS to a peer.
#[derive(Clone)]
pub struct ClientTls {
    /// Whom to believe, and the own certificate where the peer wants one.
    pub config: Arc<ClientConfig>,
    /// The name that the peer's certificate must have.
    pub server_name: ServerName<'static>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Believes peers that one of the `authorities` has certified for `server_name`, a DNS name or an IP address, and
    /// shows them the `own` certificate where they ask for one. Reads files: call it before serving.
    ///
    /// # Errors
    /// [`TlsError`] names the file, or the name that is none.
    pub fn open(authorities: &Path, own: Option<&TlsFiles>, server_name: &str) -> Result<Self, TlsError> {
        let config = client_config(authorities, own)?;
        let server_name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| TlsError::ServerName(server_name.to_owned()))?;
        Ok(Self { config, server_name })
    }

    /// The handshake on a connection that stands. Takes as long as the peer does: bound it.
    ///
    /// # Errors
    /// What the peer's certificate lacks, or what the peer says about ours. With TLS 1.3 a peer that refuses our
    /// certificate may say so only when it is read from for the first time.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.config)).connect(self.server_name.clone(), stream).await
    }
}
