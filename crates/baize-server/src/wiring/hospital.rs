//! The side of the HIS: messages in, from the configuration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::SystemClock;
use baize_core::ports::MatchingRules;
use baize_engine::Engine;
use baize_hl7::inbound::HospitalReceiver;
use baize_hl7::mllp::{Metrics, Server, ServerConfig};
use baize_hl7::profile::Profile;
use baize_hl7::{Charset, Limits};
use baize_hospital::{HospitalService, Parts, Settings};
use baize_store::SqliteLedger;
use baize_tls::TlsFiles;
use prometheus_client::registry::Registry;

use crate::config::{Config, Hl7Tls};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// More than any message of an HIS has; bounds the work on one.
const MAX_SEGMENTS: usize = 10_000;

/// How messages are read. Reads files.
///
/// # Errors
/// A profile that is not there or does not hold, with its key.
pub(crate) fn hl7_profile(config: &Config) -> anyhow::Result<Profile> {
    let hl7 = &config.hl7;
    anyhow::ensure!(
        hl7.profiles_dir.is_dir(),
        "hl7.profiles_dir: there is no folder {}",
        hl7.profiles_dir.display()
    );
    Profile::load(&hl7.profiles_dir, &hl7.profile).context("hl7.profile")
}

/// The port for TLS, with its certificate read.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(crate) fn hl7_tls(tls: &Hl7Tls) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let own = TlsFiles { certificates: tls.certificate.clone(), key: tls.key.clone() };
    baize_tls::server_config(&own, tls.client_ca.as_deref()).context("hl7.tls")
}

/// The service, with the ledger told how orders and studies find each other.
///
/// # Errors
/// A ledger that cannot be written.
pub(super) async fn open(
    config: &Config,
    ledger: &Arc<SqliteLedger>,
    engine: &Arc<Engine>,
) -> anyhow::Result<Arc<HospitalService>> {
    let hl7 = &config.hl7;
    let parts = Parts {
        hospital: ledger.clone(),
        work: ledger.clone(),
        people: ledger.clone(),
        urgency: engine.clone(),
        clock: Arc::new(SystemClock),
    };
    let lanes = &config.lanes;
    let rules = MatchingRules {
        window: HOUR.saturating_mul(u32::try_from(hl7.match_window_hours).unwrap_or(u32::MAX)),
        utc_offset_seconds: hl7.utc_offset_seconds().map_err(anyhow::Error::msg)?,
        due: [lanes.routine_seconds, lanes.urgent_seconds, lanes.stat_seconds].map(Duration::from_secs),
    };
    let settings = Settings {
        matching: hl7.bind.map(|_| rules),
        keep: DAY.saturating_mul(u32::try_from(hl7.keep_days).unwrap_or(u32::MAX)),
    };
    Ok(Arc::new(HospitalService::open(parts, settings).await?))
}

/// The MLLP port, where one is configured.
///
/// # Errors
/// A profile or a certificate that does not hold, a port that is taken.
pub(super) async fn bind(
    config: &Config,
    service: &Arc<HospitalService>,
    registry: &mut Registry,
) -> anyhow::Result<Option<Server>> {
    let hl7 = &config.hl7;
    let Some(bind) = hl7.bind else { return Ok(None) };
    let profile = hl7_profile(config)?;
    let fallback: Charset =
        hl7.fallback_charset.parse().map_err(anyhow::Error::msg).context("hl7.fallback_charset")?;
    let metrics = Metrics::new(profile.message_types().map(str::to_owned));
    metrics.register(registry);
    let clock = Arc::new(SystemClock);
    let receiver = HospitalReceiver::new(profile, service.clone(), clock.clone());
    let settings = ServerConfig {
        bind,
        max_connections: hl7.max_connections,
        limits: Limits { max_bytes: hl7.max_message_kib << 10, max_segments: MAX_SEGMENTS, fallback },
        idle_timeout: Duration::from_secs(hl7.idle_timeout_seconds),
        frame_timeout: Duration::from_secs(hl7.frame_timeout_seconds),
        tls: hl7.tls.as_ref().map(hl7_tls).transpose()?,
    };
    let server = Server::bind(settings, Arc::new(receiver), clock)
        .await
        .with_context(|| format!("hl7.bind = {bind}"))?;
    Ok(Some(server.with_metrics(metrics).only_from(hl7.allowed_peers.clone())))
}
