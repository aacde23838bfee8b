//! The outbox from the configuration.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::ports::{
    Courier, Health, HealthCheck, OWN_ARCHIVE, ObjectName, Recipient, Rendition, Renditions,
    ResultRecords as _, Takes,
};
use baize_core::{Clock as _, Fault, Report, SystemClock};
use baize_desk::Fusion;
use baize_dicom::filing::Filing;
use baize_dicom::results::{self, Kind};
use baize_dicom::scu::{Scu, ScuConfig};
use baize_engine::Engine;
use baize_fhir::Mapper;
use baize_fhir_client::RestHooks;
use baize_outbox::{Backoff, DeliveryService, Destination, Parts, Settings, Sources, Way};
use baize_store::{FolderSpool, SqliteLedger};
use baize_stow::{StowClient, StowConfig};
use tracing::info;

use super::engine::image_limits;
use super::messages;
use super::{edges, fhir};
use crate::config::{self, Config, WayTo};

/// Results leave as the DICOM objects that `baize-dicom` makes of them, of the kinds that a destination gets.
struct DicomResults {
    kinds: Vec<Kind>,
}

impl Renditions for DicomResults {
    fn objects(
        &self,
        source: &[u8],
        report: &Report,
        overlay_png: Option<&[u8]>,
    ) -> Result<Vec<Rendition>, Fault> {
        // The time of the result, not of the attempt: a second attempt makes the same bytes.
        let objects = results::objects(&self.kinds, source, report, overlay_png, report.finished_at)?;
        let rendition = |object: results::ResultObject| Rendition {
            name: ObjectName { sop_class: object.sop_class, sop_instance: object.sop_instance },
            object: object.bytes,
        };
        Ok(objects.into_iter().map(rendition).collect())
    }
}

/// The service, with the ledger told who gets results.
///
/// # Errors
/// A ledger that cannot be written.
pub(super) async fn open(
    config: &Config,
    ledger: Arc<SqliteLedger>,
    spool: Arc<FolderSpool>,
    mapper: Arc<Mapper>,
) -> anyhow::Result<Arc<DeliveryService>> {
    let mut destinations = vec![own_archive(config, &ledger, &spool)];
    for one in &config.destinations {
        destinations.push(destination(config, one, &mapper)?);
    }
    let outbox = &config.outbox;
    let settings = Settings {
        backoff: Backoff { cap: Duration::from_secs(outbox.retry_cap_seconds) },
        alarm_after: Duration::from_secs(outbox.alarm_after_seconds),
        give_up_after: match outbox.give_up_after_days {
            0 => None,
            days => Some(Duration::from_secs(days.saturating_mul(24 * 60 * 60))),
        },
        drain: Duration::from_secs(config.engine.drain_seconds),
    };
    let sources = Sources {
        studies: ledger.clone(),
        reviews: ledger.clone(),
        triage: ledger.clone(),
        hospital: ledger.clone(),
    };
    let parts = Parts { records: ledger.clone(), spool, sources, clock: Arc::new(SystemClock) };
    let service = Arc::new(DeliveryService::open(parts, settings, destinations).await?);
    let earlier = ledger.owe_earlier(SystemClock.now()).await?;
    if earlier > 0 {
        info!(earlier, "results of earlier versions will be listed beside their images");
    }
    Ok(service)
}

/// Results are listed in our own archive as another archive gets them by default.
fn own_archive(config: &Config, ledger: &Arc<SqliteLedger>, spool: &Arc<FolderSpool>) -> Destination {
    let limits = image_limits(config);
    let filing = Filing::new(spool.clone(), ledger.clone(), Arc::new(SystemClock), limits);
    Destination {
        recipient: Recipient {
            name: OWN_ARCHIVE.into(),
            takes: Takes::Objects,
            analysed: true,
            refused: false,
            failed: true,
            priors: true,
            commitment: false,
        },
        way: Way::Objects {
            renditions: Arc::new(DicomResults { kinds: Kind::USUAL.to_vec() }),
            courier: Arc::new(filing),
        },
        concurrency: NonZeroUsize::MIN,
    }
}

fn destination(
    config: &Config,
    destination: &config::Destination,
    mapper: &Arc<Mapper>,
) -> anyhow::Result<Destination> {
    Ok(Destination {
        recipient: Recipient {
            name: destination.name.clone(),
            takes: messages::takes(destination),
            analysed: destination.analysed,
            refused: destination.refused,
            failed: destination.failed,
            commitment: destination.storage_commitment,
            priors: destination.priors,
        },
        way: match destination.way() {
            WayTo::Stow(url) => objects(destination, Arc::new(stow(destination, url)?)),
            WayTo::Dimse => objects(destination, Arc::new(scu(config, destination)?)),
            WayTo::Hl7(hl7) => messages::hl7(destination, hl7)?,
            WayTo::Webhook(webhook) => messages::signed(destination, webhook)?,
            WayTo::Fhir(fhir) => fhir::bundles(destination, fhir, mapper)?,
        },
        concurrency: NonZeroUsize::new(destination.concurrency)
            .with_context(|| format!("destination {}: concurrency must be at least 1", destination.name))?,
    })
}

fn objects(destination: &config::Destination, courier: Arc<dyn Courier>) -> Way {
    let kinds = destination.objects.iter().filter_map(|name| Kind::from_name(name)).collect();
    Way::Objects { renditions: Arc::new(DicomResults { kinds }), courier }
}

/// The way to a destination that gets results by STOW-RS.
///
/// # Errors
/// An address or a file of authorities that does not hold, with its key.
pub(crate) fn stow(destination: &config::Destination, url: &str) -> anyhow::Result<StowClient> {
    let config = StowConfig {
        url: url.to_owned(),
        authorization_file: destination.authorization_file.clone(),
        ca_file: destination.ca_file.clone(),
        connect_timeout: Duration::from_secs(destination.connect_timeout_seconds),
        response_timeout: Duration::from_secs(destination.response_timeout_seconds),
    };
    StowClient::new(config).with_context(|| format!("destination {}: stow or ca_file", destination.name))
}

/// The way to a destination by DIMSE. Reads certificates.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(crate) fn scu(config: &Config, destination: &config::Destination) -> anyhow::Result<Scu> {
    let tls = destination.tls.as_ref().map(|tls| edges::peer_tls(tls, &destination.address));
    Ok(Scu::new(ScuConfig {
        address: destination.address.clone(),
        called_ae: destination.ae_title.clone(),
        calling_ae: destination.calling_ae_title.clone().unwrap_or_else(|| config.dimse.ae_title.clone()),
        max_pdu: destination.max_pdu,
        tls: tls.transpose().with_context(|| format!("destination {}", destination.name))?,
        connect_timeout: Duration::from_secs(destination.connect_timeout_seconds),
        response_timeout: Duration::from_secs(destination.response_timeout_seconds),
    }))
}

/// The engine's health, with what the outbox, fusion and notifications have to say.
pub(super) struct WholeHealth {
    pub(super) engine: Arc<Engine>,
    pub(super) outbox: Arc<DeliveryService>,
    pub(super) fusion: Arc<Fusion>,
    pub(super) hooks: Arc<RestHooks>,
}

impl HealthCheck for WholeHealth {
    fn health(&self) -> Health {
        let mut health = self.engine.health();
        health.warnings.extend(self.outbox.warnings());
        health.warnings.extend(self.fusion.warnings());
        health.warnings.extend(self.hooks.warnings());
        health
    }
}
