//! The requests.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::Lane;
use baize_core::ports::{Courier, Handover, LinkLost, PeerAnswer, Rendition};
use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, Url};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::answer;

/// Longest answer that is read: that to one object has a few hundred bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// The settings of a [`StowClient`].
#[derive(Clone, Debug)]
pub struct StowConfig {
    /// The root of the DICOMweb service, without a slash at its end.
    pub url: String,
    /// A file whose one line is sent as the Authorization header.
    pub authorization_file: Option<PathBuf>,
    /// PEM file of the authorities that vouch for the service; those of this machine where absent.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, from its first byte to the answer's last.
    pub response_timeout: Duration,
}

/// Why there is no way to the service.
#[derive(Debug, thiserror::Error)]
pub enum StowError {
    /// The address is none.
    #[error("'{0}' is not the address of a DICOMweb service")]
    Url(String),
    /// A file that cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The client cannot be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The way to one DICOMweb service.
#[derive(Clone)]
pub struct StowClient {
    http: Client,
    studies: Url,
    /// What is connected to.
    host: String,
    port: u16,
    config: StowConfig,
}

impl fmt::Debug for StowClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StowClient").field("studies", &self.studies.as_str()).finish_non_exhaustive()
    }
}

impl StowClient {
    /// Opens nothing, but reads the file of authorities: call it before serving.
    ///
    /// # Errors
    /// [`StowError`].
    pub fn new(config: StowConfig) -> Result<Self, StowError> {
        let bad_url = || StowError::Url(config.url.clone());
        let studies = Url::parse(&format!("{}/studies", config.url)).map_err(|_| bad_url())?;
        // Brackets belong into a URL, not into an address.
        let host = studies.host_str().ok_or_else(bad_url)?.trim_matches(['[', ']']).to_owned();
        let port = studies.port_or_known_default().ok_or_else(bad_url)?;
        // Fails where there is one already, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.response_timeout)
            // A POST that is redirected becomes a GET, and its token goes to somebody else.
            .redirect(Policy::none())
            .no_proxy();
        if let Some(path) = &config.ca_file {
            builder = builder.tls_certs_only(authorities(path)?);
        }
        let http = builder.build().map_err(|error| StowError::Client(because(&error)))?;
        Ok(Self { http, studies, host, port, config })
    }

    /// Asks the service whether it is there and accepts our login, by a search for one study.
    ///
    /// # Errors
    /// Why it is not, or what it answered instead.
    pub async fn probe(&self) -> Result<(), LinkLost> {
        let mut url = self.studies.clone();
        url.set_query(Some("limit=1"));
        let answer = self.send(self.http.get(url)).await?;
        match answer.status().as_u16() {
            // Nothing found is an answer too.
            200..=299 => Ok(()),
            401 | 403 => {
                Err(LinkLost(format!("HTTP {}: it does not accept our login", answer.status().as_u16())))
            }
            status => Err(LinkLost(format!("it answered a search with HTTP {status}"))),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, LinkLost> {
        let mut request = request.header(ACCEPT, "application/dicom+json");
        if let Some(path) = &self.config.authorization_file {
            // Read each time: tokens are short-lived, and whoever renews them writes the file.
            let line = tokio::fs::read_to_string(path)
                .await
                .map_err(|error| LinkLost(format!("authorization_file cannot be read: {error}")))?;
            let mut value = HeaderValue::from_str(line.trim())
                .map_err(|_| LinkLost("authorization_file holds more than one line of text".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.send().await.map_err(|error| LinkLost(because(&error)))
    }

    /// Sends one object.
    async fn store(&self, object: &Rendition) -> Result<PeerAnswer, LinkLost> {
        let boundary = Uuid::new_v4().simple().to_string();
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        let body = [head.as_bytes(), &object.object, tail.as_bytes()].concat();
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let request = self.http.post(self.studies.clone()).header(CONTENT_TYPE, kind).body(body);
        let answer = self.send(request).await?;
        let status = answer.status().as_u16();
        let told = bounded(answer).await?;
        answer::read(status, &told, &object.name.sop_instance)
    }
}

/// The body, if it is of a length that an answer may have.
async fn bounded(answer: Response) -> Result<Vec<u8>, LinkLost> {
    let mut told = Vec::new();
    let mut parts = answer.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| LinkLost(because(&error)))?;
        if told.len() + part.len() > MAX_ANSWER_BYTES {
            return Err(LinkLost("the answer is longer than any answer to one object".to_owned()));
        }
        told.extend_from_slice(&part);
    }
    Ok(told)
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, StowError> {
    let failed = |cause: String| StowError::File { path: path.to_owned(), cause };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| failed(because(&error)))?;
    match found.is_empty() {
        true => Err(failed("it holds no certificate".to_owned())),
        false => Ok(found),
    }
}

/// An error with its causes, without the URL: hosts and paths are known, and a query may hold more than that.
fn because(error: &reqwest::Error) -> String {
    let mut text = match () {
        () if error.is_timeout() => "no answer in time".to_owned(),
        () if error.is_connect() => "no connection".to_owned(),
        () => "the request failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[async_trait]
impl Courier for StowClient {
    async fn connect(&self, _objects: &[Rendition], _lane: Lane) -> Result<Box<dyn Handover>, LinkLost> {
        // HTTP has connections of its own; this one finds out for all objects at once that nobody listens.
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        match tokio::time::timeout(self.config.connect_timeout, connecting).await {
            Ok(Ok(_stream)) => Ok(Box::new(Storing(self.clone()))),
            Ok(Err(error)) => Err(LinkLost(format!("no connection: {error}"))),
            Err(_) => Err(LinkLost("no connection in time".to_owned())),
        }
    }
}

/// The service, while the objects of one result are sent to it.
struct Storing(StowClient);

#[async_trait]
impl Handover for Storing {
    async fn send(&mut self, object: &Rendition) -> Result<PeerAnswer, LinkLost> {
        self.0.store(object).await
    }

    async fn close(self: Box<Self>) {}
}
