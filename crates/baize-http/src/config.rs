//! What the server must tell this crate. Plain values: reading them from a file is the server's job.

use std::time::Duration;

use baize_core::Language;

use crate::Role;
use crate::layers::is_origin;

/// Settings of the REST edge.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// How clients reach the server, such as `https://baize.hospital.example`, without a trailing slash; goes
    /// into the Retrieve URLs of STOW-RS. Never taken from a request's `Host`, which anyone may forge.
    pub public_url: String,
    /// Origins of web pages that may call from a browser, each as [`is_origin`](crate::is_origin) takes it: viewers such as
    /// OHIF that are served from elsewhere.
    pub allowed_origins: Vec<String>,
    /// Who may call. `None` lets everybody do everything: only for a server that listens on loopback.
    pub auth: Option<AuthConfig>,
    /// The language where a request names none.
    pub default_language: Language,
    /// The most bytes of one DICOM object.
    pub max_object_bytes: u64,
    /// The most bytes of one request body.
    pub max_request_bytes: u64,
    /// The most objects in one STOW-RS request.
    pub max_parts: usize,
    /// The most bytes that all uploads together may hold in memory. One object's worth of it is kept for
    /// uploads of the STAT lane.
    pub upload_memory_bytes: u64,
    /// An upload that brings nothing for this long is given up.
    pub upload_idle_timeout: Duration,
    /// A client that takes no more of an answer with objects for this long loses its place among those that get some.
    pub download_stall_timeout: Duration,
    /// The most requests one client may have under way.
    pub max_in_flight_per_client: usize,
    /// The most listeners on the event stream.
    pub max_event_streams: usize,
    /// How often a silent event stream sends a comment, so that proxies keep it open.
    pub event_keep_alive: Duration,
    /// What `/version` says.
    pub build: BuildInfo,
}

/// How callers prove who they are. A caller needs one of the two.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// The accepted API keys.
    pub api_keys: Vec<ApiKey>,
    /// Whose tokens are accepted.
    pub jwt: Option<JwtConfig>,
}

/// An API key, of which only the hash is known.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Whose key it is; shows up in logs and in the ledger.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// SHA-256 of the key in hexadecimal, as [`generate_api_key`](crate::generate_api_key) gives it.
    pub sha256: String,
}

/// Whose tokens are accepted. A token must carry `exp`, `iss`, `aud`, `sub` and `roles` (a list of role names).
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// What the signature is checked with; fixes the algorithm.
    pub key: JwtKey,
    /// The only accepted `iss`.
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    /// How far the clocks of issuer and server may differ.
    pub leeway: Duration,
}

/// What a token's signature is checked with.
#[derive(Clone)]
pub enum JwtKey {
    /// HS256 with this secret of at least 32 bytes (RFC 7518 section 3.2).
    Hs256(Vec<u8>),
    /// RS256 with this public key in PEM.
    Rs256(String),
    /// ES256 with this public key in PEM.
    Es256(String),
}

impl std::fmt::Debug for JwtKey {
    /// Names the algorithm only: the secret must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hs256(_) => "Hs256(..)",
            Self::Rs256(_) => "Rs256(..)",
            Self::Es256(_) => "Es256(..)",
        })
    }
}

/// What was built, for `/version`.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// The release, such as `0.1.0`.
    pub version: String,
    /// The commit it was built from, where known.
    pub git_sha: Option<String>,
    /// How it was built, such as `release, cpu`.
    pub build: String,
}

/// Why a configuration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An API key's hash is malformed.
    #[error("api key '{name}': sha256 must be 64 hexadecimal digits")]
    BadKeyHash {
        /// Whose key.
        name: String,
    },
    /// An API key or its name is there twice.
    #[error("api key '{name}': the name or the hash is used twice")]
    DuplicateKey {
        /// Whose key.
        name: String,
    },
    /// An API key that may do nothing.
    #[error("api key '{name}': it needs at least one role")]
    NoRoles {
        /// Whose key.
        name: String,
    },
    /// Authentication is on but nobody could pass.
    #[error("authentication has neither an api key nor a token issuer, so nobody could call")]
    NobodyMayCall,
    /// The token secret is too short.
    #[error("the HS256 secret must have at least 32 bytes")]
    ShortSecret,
    /// The public key is not what its algorithm needs.
    #[error("the token issuer's public key is not a PEM public key for {algorithm}: {reason}")]
    BadPublicKey {
        /// RS256 or ES256.
        algorithm: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// A limit that would refuse everything.
    #[error("{key} must be at least {least}")]
    TooSmall {
        /// The field of [`HttpConfig`].
        key: &'static str,
        /// The least sensible value.
        least: u64,
    },
    /// An origin is none.
    #[error("allowed_origins: '{origin}' is not an origin such as https://viewer.hospital.example")]
    BadOrigin {
        /// What stands there.
        origin: String,
    },
    /// The public URL is none.
    #[error("public_url must begin with http:// or https:// and must not end with a slash")]
    BadPublicUrl,
}

impl HttpConfig {
    /// Checks what can be checked before a port is bound.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let least = |key, value: u64, least| {
            if value < least { Err(ConfigError::TooSmall { key, least }) } else { Ok(()) }
        };
        least("max_object_bytes", self.max_object_bytes, 1)?;
        least("max_request_bytes", self.max_request_bytes, self.max_object_bytes)?;
        least("max_parts", self.max_parts as u64, 1)?;
        // One share for everybody and one that only STAT may use.
        least("upload_memory_bytes", self.upload_memory_bytes, self.max_object_bytes.saturating_mul(2))?;
        least("max_in_flight_per_client", self.max_in_flight_per_client as u64, 1)?;
        let is_http = self.public_url.starts_with("http://") || self.public_url.starts_with("https://");
        if !is_http || self.public_url.ends_with('/') {
            return Err(ConfigError::BadPublicUrl);
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError::BadOrigin { origin: origin.clone() });
        }
        Ok(())
    }
}
