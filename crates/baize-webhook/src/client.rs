//! The requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{LinkLost, MessageAnswer, MessageCourier, MessageId};
use baize_core::{Clock, Lane};
use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::net::TcpStream;

use crate::secret::{Secret, signature};

/// Of an answer that is no success, as much is kept for a person.
const MAX_COMMENT_BYTES: usize = 400;

/// The settings of a [`Webhook`].
#[derive(Clone)]
pub struct WebhookConfig {
    /// Where messages are posted to.
    pub url: String,
    /// What they are signed with.
    pub secret: Secret,
    /// How to speak TLS; with the authorities of this machine where absent.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, from its first byte to the answer's last.
    pub response_timeout: Duration,
}

/// Why there is no way to the receiver.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none.
    #[error("'{0}' is not an address of http or https")]
    Url(String),
    /// The secret is not there, or too short.
    #[error("{0}")]
    Secret(String),
    /// The client cannot be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The way to one receiver.
#[derive(Clone)]
pub struct Webhook {
    http: Client,
    url: Url,
    secret: Secret,
    connect_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("secret", &self.secret).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Opens nothing, but reads the secret: call it before serving.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(config: WebhookConfig, clock: Arc<dyn Clock>) -> Result<Self, WebhookError> {
        let bad_url = || WebhookError::Url(config.url.clone());
        let url = Url::parse(&config.url).map_err(|_| bad_url())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad_url());
        }
        config.secret.check().map_err(WebhookError::Secret)?;
        // Fails where there is one already, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.response_timeout)
            // Results go where the configuration says, and nowhere else.
            .redirect(Policy::none())
            .no_proxy();
        if let Some(tls) = config.tls {
            builder = builder.tls_backend_preconfigured((*tls).clone());
        }
        let http = builder.build().map_err(|error| WebhookError::Client(because(&error)))?;
        Ok(Self { http, url, secret: config.secret, connect_timeout: config.connect_timeout, clock })
    }

    /// Whether somebody listens. Sends nothing: every request would be a message.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn probe(&self) -> Result<(), LinkLost> {
        // Brackets belong into a URL, not into an address.
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or_default();
        match tokio::time::timeout(self.connect_timeout, TcpStream::connect((host, port))).await {
            Ok(Ok(_stream)) => Ok(()),
            Ok(Err(error)) => Err(LinkLost(format!("no connection: {error}"))),
            Err(_) => Err(LinkLost("no connection in time".to_owned())),
        }
    }

    async fn post(&self, id: &MessageId, message: &Bytes) -> Result<Response, LinkLost> {
        let secret = self.secret.read().await.map_err(LinkLost)?;
        let timestamp = (self.clock.now().as_micros() / 1_000_000).to_string();
        let signature = signature(&secret, &timestamp, message);
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Baize-Message-Id", &id.0)
            .header("X-Baize-Timestamp", timestamp)
            .header("X-Baize-Signature", signature)
            .body(message.clone());
        request.send().await.map_err(|error| LinkLost(because(&error)))
    }

    /// How long the receiver wants to be left alone: seconds, or a date (RFC 9110 section 10.2.3).
    fn wish(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = OffsetDateTime::parse(text, &Rfc2822).ok()?.unix_timestamp();
        let now = self.clock.now().as_micros() / 1_000_000;
        Some(Duration::from_secs(u64::try_from(date).ok()?.saturating_sub(now)))
    }
}

#[async_trait]
impl MessageCourier for Webhook {
    async fn send(&self, id: &MessageId, _: Lane, message: &Bytes) -> Result<MessageAnswer, LinkLost> {
        let answer = self.post(id, message).await?;
        let status = answer.status().as_u16();
        let code = status.to_string();
        let wish = self.wish(answer.headers());
        Ok(match status {
            200..=299 => MessageAnswer::Accepted(code),
            300..=399 => {
                let comment = "the receiver has moved; configure its new address".to_owned();
                MessageAnswer::Later(code, comment)
            }
            401 | 403 | 407 | 408 | 425 | 429 | 500.. => {
                let comment = comment(answer).await;
                match wish {
                    Some(wish) => MessageAnswer::LaterThan(wish, code, comment),
                    None => MessageAnswer::Later(code, comment),
                }
            }
            _ => MessageAnswer::Refused(code, comment(answer).await),
        })
    }
}

/// The beginning of the body, as far as it comes.
async fn comment(answer: Response) -> String {
    let mut told = Vec::new();
    let mut parts = answer.bytes_stream();
    while let Some(Ok(part)) = parts.next().await {
        told.extend_from_slice(&part);
        if told.len() >= MAX_COMMENT_BYTES {
            told.truncate(MAX_COMMENT_BYTES);
            break;
        }
    }
    let text = String::from_utf8_lossy(&told);
    text.trim_end_matches(char::REPLACEMENT_CHARACTER).trim().replace(char::is_control, " ")
}

/// An error with its causes, without the URL: it may hold a token.
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
