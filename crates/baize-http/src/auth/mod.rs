//! Who is calling: an API key or a token.

mod jwt;
mod keys;

use baize_core::Timestamp;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::access::Role;
use crate::fhir::Scope;
use crate::{AuthConfig, ConfigError};

pub use keys::generate_api_key;

/// The caller, once known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The key's name or the token's subject.
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
    /// What the token may do on the FHIR side; empty where the roles decide.
    pub(crate) scopes: Vec<Scope>,
}

impl Principal {
    /// Everybody, where authentication is switched off.
    pub(crate) fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), roles: vec![Role::Admin], scopes: Vec::new() }
    }

    pub(crate) fn has_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

/// Why a caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Nothing was presented.
    Missing,
    /// What was presented is wrong or has expired.
    Wrong,
}

/// Checks credentials.
pub(crate) struct Authenticator {
    keys: keys::Keys,
    jwt: Option<jwt::Verifier>,
}

impl Authenticator {
    pub(crate) fn new(config: &AuthConfig) -> Result<Self, ConfigError> {
        if config.api_keys.is_empty() && config.jwt.is_none() {
            return Err(ConfigError::NobodyMayCall);
        }
        let keys = keys::Keys::new(&config.api_keys)?;
        let jwt = config.jwt.as_ref().map(jwt::Verifier::new).transpose()?;
        Ok(Self { keys, jwt })
    }

    /// The caller that the headers prove: `Authorization: Bearer` with a key or a token, or `X-API-Key`.
    pub(crate) fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Result<Principal, Unknown> {
        let presented = credential(headers).ok_or(Unknown::Missing)?;
        if let Some(principal) = self.keys.owner(presented) {
            return Ok(principal);
        }
        self.jwt.as_ref().and_then(|verifier| verifier.subject(presented, now)).ok_or(Unknown::Wrong)
    }
}

fn credential(headers: &HeaderMap) -> Option<&str> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let (scheme, rest) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim());
    }
    headers.get("x-api-key")?.to_str().ok()
}
