//! How we log in to a server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use baize_core::ports::LinkLost;
use baize_core::{Clock, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Client;
use reqwest::header::{ACCEPT, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::client::{FhirClientError, because, bounded};

/// How long an assertion holds; five minutes at most.
const ASSERTION: Duration = Duration::from_secs(240);
/// So long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(30);
/// Of a token whose server does not say.
const SHORT: Duration = Duration::from_secs(60);

/// How to log in.
#[derive(Clone, Debug)]
pub enum Login {
    /// Not at all.
    None,
    /// With the one line of this file as the Authorization header; read anew for each request.
    File(PathBuf),
    /// By SMART Backend Services.
    Smart(SmartLogin),
}

/// Client credentials with a signed assertion (SMART App Launch, Backend Services; RFC 7523).
#[derive(Clone, Debug)]
pub struct SmartLogin {
    /// Where tokens are given out.
    pub token_url: String,
    /// As which client we are registered.
    pub client_id: String,
    /// What the assertion is signed with.
    pub key: SmartKey,
    /// The `kid` under which the key is registered.
    pub key_id: Option<String>,
    /// What is asked for, such as `system/*.cruds`.
    pub scope: String,
}

/// A private key in PEM.
#[derive(Clone)]
pub enum SmartKey {
    /// ES384.
    Es384(String),
    /// RS384.
    Rs384(String),
}

impl fmt::Debug for SmartKey {
    /// Names the algorithm only: the key must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Es384(_) => "Es384(..)",
            Self::Rs384(_) => "Rs384(..)",
        })
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    /// Seconds since the Unix epoch.
    exp: u64,
    jti: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// Gets tokens and keeps the last one while it holds.
pub(crate) struct Tokens {
    login: SmartLogin,
    key: EncodingKey,
    algorithm: Algorithm,
    last: Mutex<Option<(HeaderValue, Timestamp)>>,
}

impl Tokens {
    pub(crate) fn new(login: SmartLogin) -> Result<Self, FhirClientError> {
        let bad = |error: jsonwebtoken::errors::Error| FhirClientError::Key(error.to_string());
        let (algorithm, key) = match &login.key {
            SmartKey::Es384(pem) => {
                (Algorithm::ES384, EncodingKey::from_ec_pem(pem.as_bytes()).map_err(bad)?)
            }
            SmartKey::Rs384(pem) => {
                (Algorithm::RS384, EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(bad)?)
            }
        };
        Ok(Self { login, key, algorithm, last: Mutex::new(None) })
    }

    /// The Authorization header of a request that is sent now.
    pub(crate) async fn header(&self, http: &Client, clock: &dyn Clock) -> Result<HeaderValue, LinkLost> {
        let now = clock.now();
        let mut last = self.last.lock().await;
        if let Some((value, until)) = &*last
            && now < *until
        {
            return Ok(value.clone());
        }
        let granted = self.ask(http, now).await?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", granted.access_token))
            .map_err(|_| LinkLost("the token of the authorization server is not text".to_owned()))?;
        value.set_sensitive(true);
        let lasts = granted.expires_in.map_or(SHORT, Duration::from_secs).saturating_sub(MARGIN);
        *last = Some((value.clone(), now + lasts));
        Ok(value)
    }

    /// Has the next request ask for a new token: the server did not accept the last one.
    pub(crate) async fn forget(&self) {
        *self.last.lock().await = None;
    }

    async fn ask(&self, http: &Client, now: Timestamp) -> Result<Granted, LinkLost> {
        let SmartLogin { token_url, client_id, key_id, scope, .. } = &self.login;
        let claims = Claims {
            iss: client_id,
            sub: client_id,
            aud: token_url,
            exp: (now + ASSERTION).as_micros() / 1_000_000,
            jti: uuid::Uuid::new_v4().to_string(),
        };
        let mut header = Header::new(self.algorithm);
        header.kid = key_id.clone();
        let assertion = encode(&header, &claims, &self.key)
            .map_err(|error| LinkLost(format!("the login could not be signed: {error}")))?;
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let request = http.post(token_url).header(ACCEPT, "application/json").form(&form);
        let answer = request
            .send()
            .await
            .map_err(|error| LinkLost(format!("authorization server: {}", because(&error))))?;
        let status = answer.status().as_u16();
        let told = bounded(answer).await?;
        if status != 200 {
            return Err(LinkLost(format!("the authorization server answered HTTP {status}")));
        }
        serde_json::from_slice(&told)
            .map_err(|_| LinkLost("the authorization server gave no token".to_owned()))
    }
}
