//! Tokens of a hospital's identity provider (RFC 7519).

use std::time::Duration;

use baize_core::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::Principal;
use crate::access::Role;
use crate::fhir::Scope;
use crate::{ConfigError, JwtConfig, JwtKey};

/// Shorter secrets can be guessed from one token (RFC 7518 section 3.2).
const LEAST_SECRET_BYTES: usize = 32;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds since the Unix epoch, fractions allowed (RFC 7519 section 2, NumericDate).
    exp: f64,
    nbf: Option<f64>,
    /// Names that are no roles of ours are left out: providers put all of a user's roles here.
    #[serde(default)]
    roles: Vec<String>,
    /// SMART Backend Services scopes, parted by spaces (RFC 8693 section 4.2). Those that are none of ours are left out.
    #[serde(default)]
    scope: String,
}

/// Checks signature, algorithm, issuer, audience and time of a token.
pub(super) struct Verifier {
    key: DecodingKey,
    validation: Validation,
    leeway: Duration,
}

impl Verifier {
    pub(super) fn new(config: &JwtConfig) -> Result<Self, ConfigError> {
        let bad_key = |algorithm| {
            move |bad: jsonwebtoken::errors::Error| ConfigError::BadPublicKey {
                algorithm,
                reason: bad.to_string(),
            }
        };
        let (algorithm, key) = match &config.key {
            JwtKey::Hs256(secret) if secret.len() < LEAST_SECRET_BYTES => {
                return Err(ConfigError::ShortSecret);
            }
            JwtKey::Hs256(secret) => (Algorithm::HS256, DecodingKey::from_secret(secret)),
            JwtKey::Rs256(pem) => {
                let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(bad_key("RS256"))?;
                (Algorithm::RS256, key)
            }
            JwtKey::Es256(pem) => {
                let key = DecodingKey::from_ec_pem(pem.as_bytes()).map_err(bad_key("ES256"))?;
                (Algorithm::ES256, key)
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would ask the machine's clock; `subject` asks ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { key, validation, leeway: config.leeway })
    }

    /// Whose token this is; `None` where any check fails. The caller learns no more than that.
    pub(super) fn subject(&self, token: &str, now: Timestamp) -> Option<Principal> {
        let claims = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let now = now.as_micros() as f64 / 1e6;
        let leeway = self.leeway.as_secs_f64();
        let is_current = now <= claims.exp + leeway && claims.nbf.is_none_or(|from| now >= from - leeway);
        if !is_current || claims.sub.is_empty() {
            return None;
        }
        let roles: Vec<Role> = claims.roles.iter().filter_map(|name| name.parse().ok()).collect();
        let scopes = claims.scope.split(' ').filter_map(Scope::parse).collect();
        Some(Principal { name: claims.sub, roles, scopes })
    }
}
