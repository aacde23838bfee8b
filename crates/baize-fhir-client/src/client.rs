//! The requests.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{LinkLost, MessageAnswer, MessageCourier, MessageId};
use baize_core::{Clock, Lane};
use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::answer::{Came, read};
use crate::login::{Login, Tokens};

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Longest wait that a server may ask for.
const LONGEST_WAIT: u64 = 24 * 60 * 60;
const FHIR_JSON: &str = "application/fhir+json";

/// The settings of a [`FhirClient`].
#[derive(Clone, Debug)]
pub struct FhirClientConfig {
    /// The base of the server, without a slash at its end.
    pub url: String,
    /// How to log in.
    pub login: Login,
    /// PEM file of the authorities that vouch for the server; those of this machine where absent.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, from its first byte to the answer's last.
    pub response_timeout: Duration,
}

/// Why there is no way to the server.
#[derive(Debug, thiserror::Error)]
pub enum FhirClientError {
    /// The address is none.
    #[error("'{0}' is not the address of a FHIR server")]
    Url(String),
    /// A file that cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The private key is none.
    #[error("the private key of the login is not what its algorithm needs: {0}")]
    Key(String),
    /// The client cannot be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The way to one FHIR server.
pub struct FhirClient {
    http: Client,
    base: Url,
    login: LoggingIn,
    clock: Arc<dyn Clock>,
}

enum LoggingIn {
    Not,
    File(PathBuf),
    Smart(Box<Tokens>),
}

impl fmt::Debug for FhirClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FhirClient").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl FhirClient {
    /// Opens nothing, but reads the file of authorities: call it before serving.
    ///
    /// # Errors
    /// [`FhirClientError`].
    pub fn new(config: FhirClientConfig, clock: Arc<dyn Clock>) -> Result<Self, FhirClientError> {
        let base = Url::parse(&config.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.ok_or_else(|| FhirClientError::Url(config.url.clone()))?;
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
        let http = builder.build().map_err(|error| FhirClientError::Client(because(&error)))?;
        let login = match config.login {
            Login::None => LoggingIn::Not,
            Login::File(path) => LoggingIn::File(path),
            Login::Smart(smart) => LoggingIn::Smart(Box::new(Tokens::new(smart)?)),
        };
        Ok(Self { http, base, login, clock })
    }

    /// Asks the server whether it is there, by its CapabilityStatement.
    ///
    /// # Errors
    /// Why it is not, or what it answered instead.
    pub async fn probe(&self) -> Result<(), LinkLost> {
        let url = format!("{}/metadata", self.base.as_str().trim_end_matches('/'));
        let (http, _, body) = self.exchange(self.http.get(url)).await?;
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        match http {
            200 if told["resourceType"] == "CapabilityStatement" => Ok(()),
            200 => Err(LinkLost("it answers, but not as a FHIR server".to_owned())),
            401 | 403 => Err(LinkLost(format!("HTTP {http}: it does not accept our login"))),
            _ => Err(LinkLost(format!("it answered with HTTP {http}"))),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<(u16, Option<Duration>, Vec<u8>), LinkLost> {
        let mut request = request.header(ACCEPT, FHIR_JSON);
        if let Some(header) = self.authorization().await? {
            request = request.header(AUTHORIZATION, header);
        }
        let answer = request.send().await.map_err(|error| LinkLost(because(&error)))?;
        let http = answer.status().as_u16();
        if let (401, LoggingIn::Smart(tokens)) = (http, &self.login) {
            tokens.forget().await;
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        let wait = wait.map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST_WAIT)));
        Ok((http, wait, bounded(answer).await?))
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, LinkLost> {
        match &self.login {
            LoggingIn::Not => Ok(None),
            LoggingIn::Smart(tokens) => tokens.header(&self.http, &*self.clock).await.map(Some),
            LoggingIn::File(path) => {
                let unreadable = |error| LinkLost(format!("authorization_file cannot be read: {error}"));
                let line = tokio::fs::read_to_string(path).await.map_err(unreadable)?;
                let mut value = HeaderValue::from_str(line.trim()).map_err(|_| {
                    LinkLost("authorization_file holds more than one line of text".to_owned())
                })?;
                value.set_sensitive(true);
                Ok(Some(value))
            }
        }
    }
}

#[async_trait]
impl MessageCourier for FhirClient {
    async fn send(&self, id: &MessageId, _lane: Lane, message: &Bytes) -> Result<MessageAnswer, LinkLost> {
        let bundle: Value = serde_json::from_slice(message).unwrap_or_default();
        let entries = bundle["entry"].as_array().map_or(0, Vec::len);
        let mut request = self
            .http
            .post(self.base.clone())
            .header(CONTENT_TYPE, FHIR_JSON)
            // The resources are ours already.
            .header("prefer", "return=minimal")
            .body(message.clone());
        // For the logs of both sides.
        if let Ok(name) = HeaderValue::from_str(&id.0) {
            request = request.header("x-request-id", name);
        }
        let (http, retry_after, body) = self.exchange(request).await?;
        read(&Came { http, retry_after, body: &body }, entries)
    }
}

/// The body, if it is of a length that an answer may have.
pub(crate) async fn bounded(answer: Response) -> Result<Vec<u8>, LinkLost> {
    let mut told = Vec::new();
    let mut parts = answer.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| LinkLost(because(&error)))?;
        if told.len() + part.len() > MAX_ANSWER_BYTES {
            return Err(LinkLost("the answer is longer than any answer to one message".to_owned()));
        }
        told.extend_from_slice(&part);
    }
    Ok(told)
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, FhirClientError> {
    let failed = |cause: String| FhirClientError::File { path: path.to_owned(), cause };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| failed(because(&error)))?;
    match found.is_empty() {
        true => Err(failed("it holds no certificate".to_owned())),
        false => Ok(found),
    }
}

/// An error with its causes, without the URL: hosts and paths are known, and a query may hold more than that.
pub(crate) fn because(error: &reqwest::Error) -> String {
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
