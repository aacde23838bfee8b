//! The settings of the edges from the configuration.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::Language;
use baize_dicom::scp::{ScpConfig, ScpTls};
use baize_http::{ApiKey, AuthConfig, BuildInfo, HttpConfig, JwtConfig, JwtKey, ServeOptions};
use baize_tls::{ClientTls, TlsFiles};

use super::{MIB, VERSION};
use crate::config::{Auth, Config, DimseTls, Jwt, JwtAlgorithm, PeerTls};

/// Objects in one STOW request; a large CT study has a few thousand.
const MAX_PARTS: usize = 10_000;
const MAX_EVENT_STREAMS: usize = 64;
/// Proxies close what is silent for a minute.
const EVENT_KEEP_ALIVE: Duration = Duration::from_secs(15);
const UPLOAD_IDLE: Duration = Duration::from_secs(60);
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How far the identity provider's clock may be off (RFC 7519 section 4.1.4: "no more than a few minutes").
const JWT_LEEWAY: Duration = Duration::from_secs(60);

/// The REST edge at the address that was bound.
///
/// # Errors
/// A key file that cannot be read, a role that does not exist.
pub(super) fn http(config: &Config, bound: SocketAddr) -> anyhow::Result<HttpConfig> {
    let http = &config.http;
    let auth = &config.auth;
    let has_auth = !auth.api_keys.is_empty() || auth.jwt.is_some();
    Ok(HttpConfig {
        public_url: http.public_url.clone().unwrap_or_else(|| local_url(config, bound)),
        auth: if has_auth { Some(authentication(auth)?) } else { None },
        default_language: Language::English,
        max_object_bytes: config.limits.max_object_mib * MIB,
        max_request_bytes: http.max_request_mib * MIB,
        max_parts: MAX_PARTS,
        upload_memory_bytes: config.limits.receive_budget_mib * MIB,
        upload_idle_timeout: UPLOAD_IDLE,
        max_in_flight_per_client: http.in_flight_per_client,
        max_event_streams: MAX_EVENT_STREAMS,
        event_keep_alive: EVENT_KEEP_ALIVE,
        build: BuildInfo {
            version: VERSION.to_owned(),
            git_sha: option_env!("BAIZE_GIT_SHA").map(str::to_owned),
            build: build_kind(),
        },
    })
}

/// Scheme and address as a client on this machine would write them.
pub(super) fn local_url(config: &Config, bound: SocketAddr) -> String {
    let scheme = if config.http.tls_cert.is_some() { "https" } else { "http" };
    format!("{scheme}://{bound}")
}

fn build_kind() -> String {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let device = if cfg!(feature = "cuda") { "cpu and cuda" } else { "cpu" };
    format!("{profile}, {device}")
}

fn authentication(auth: &Auth) -> anyhow::Result<AuthConfig> {
    let api_keys = auth
        .api_keys
        .iter()
        .map(|key| {
            let roles = key.roles.iter().map(|role| role.parse()).collect::<Result<Vec<_>, String>>();
            Ok(ApiKey {
                name: key.name.clone(),
                roles: roles.map_err(anyhow::Error::msg)?,
                sha256: key.sha256.clone(),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(AuthConfig { api_keys, jwt: auth.jwt.as_ref().map(token_issuer).transpose()? })
}

fn token_issuer(jwt: &Jwt) -> anyhow::Result<JwtConfig> {
    let unreadable = || format!("auth.jwt.key_file: cannot read {}", jwt.key_file.display());
    let text = || std::fs::read_to_string(&jwt.key_file).with_context(unreadable);
    Ok(JwtConfig {
        key: match jwt.algorithm {
            // An editor's line end is no part of the secret.
            JwtAlgorithm::HS256 => JwtKey::Hs256(text()?.trim_end().as_bytes().to_vec()),
            JwtAlgorithm::RS256 => JwtKey::Rs256(text()?),
            JwtAlgorithm::ES256 => JwtKey::Es256(text()?),
        },
        issuer: jwt.issuer.clone(),
        audience: jwt.audience.clone(),
        leeway: JWT_LEEWAY,
    })
}

/// How HTTP connections are treated.
pub(super) fn serving(config: &Config) -> ServeOptions {
    let files = config.http.tls_cert.clone().zip(config.http.tls_key.clone());
    ServeOptions {
        tls: files.map(|(certificates, key)| TlsFiles { certificates, key }),
        header_timeout: HEADER_TIMEOUT,
        drain: Duration::from_secs(config.engine.drain_seconds),
    }
}

/// The metrics listener speaks plain HTTP.
pub(super) fn serving_metrics() -> ServeOptions {
    ServeOptions { tls: None, header_timeout: HEADER_TIMEOUT, drain: Duration::ZERO }
}

/// The DICOM edge. Reads certificates.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(super) fn dimse(config: &Config) -> anyhow::Result<ScpConfig> {
    let dimse = &config.dimse;
    Ok(ScpConfig {
        bind: dimse.bind,
        tls: dimse.tls.as_ref().map(dimse_tls).transpose()?,
        ae_title: dimse.ae_title.clone(),
        allowed_calling_aes: dimse.allowed_calling_aes.clone(),
        allow_any_calling_ae: dimse.allow_any_calling_ae,
        stat_calling_aes: dimse.stat_calling_aes.clone(),
        max_associations: dimse.max_associations,
        associations_per_minute: dimse.associations_per_minute,
        objects_per_second: dimse.objects_per_second,
        max_pdu: dimse.max_pdu,
        max_object_bytes: config.limits.max_object_mib * MIB,
        receive_budget_bytes: config.limits.receive_budget_mib * MIB,
        idle_timeout: Duration::from_secs(dimse.idle_timeout_seconds),
    })
}

/// The port for TLS, with its certificate read.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(crate) fn dimse_tls(tls: &DimseTls) -> anyhow::Result<ScpTls> {
    let own = TlsFiles { certificates: tls.certificate.clone(), key: tls.key.clone() };
    let config = baize_tls::server_config(&own, tls.client_ca.as_deref()).context("dimse.tls")?;
    Ok(ScpTls { bind: tls.bind, config })
}

/// How to speak TLS to the peer at an address `host:port`, with certificates read.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(super) fn peer_tls(tls: &PeerTls, address: &str) -> anyhow::Result<ClientTls> {
    let own = tls.certificate.clone().zip(tls.key.clone());
    let own = own.map(|(certificates, key)| TlsFiles { certificates, key });
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    // IPv6 addresses stand in brackets before a port.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = tls.server_name.as_deref().unwrap_or(host);
    Ok(ClientTls::open(&tls.ca, own.as_ref(), name)?)
}
