//! Destinations that get messages.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::ports::Takes;
use baize_core::{Language, SystemClock};
use baize_hl7::mllp::{Client, ClientConfig};
use baize_hl7::result::{self, Acknowledgement, Codes, MllpCourier, OruConfig, OruWording, Party};
use baize_hl7::{Charset, Limits};
use baize_outbox::Way;
use baize_tls::TlsFiles;
use baize_webhook::{JsonWording, Webhook, WebhookConfig};

use super::edges;
use crate::config::{AskedFor, Destination, Hl7To, MessageLanguage, WebhookTo};

/// Longest acknowledgement that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What a destination of messages is told of.
pub(crate) fn tells(destination: &Destination) -> Vec<String> {
    destination.tells.clone().unwrap_or_else(|| vec!["studies".to_owned()])
}

/// In which form a destination gets results.
pub(super) fn takes(destination: &Destination) -> Takes {
    let told = tells(destination);
    let told_of = |subject: &str| told.iter().any(|one| one == subject);
    match destination.way().takes_messages() {
        true => Takes::Messages { studies: told_of("studies"), triage: told_of("triage") },
        false => Takes::Objects,
    }
}

/// HL7 v2 over MLLP.
///
/// # Errors
/// A certificate, key or file of codes that cannot be used.
pub(super) fn hl7(destination: &Destination, hl7: &Hl7To) -> anyhow::Result<Way> {
    let named = || format!("destination {}: hl7", destination.name);
    let charset: Charset = hl7.charset.parse().map_err(anyhow::Error::msg).with_context(named)?;
    let codes = match &hl7.codes {
        Some(path) => Codes::load(path).with_context(named)?,
        None => Codes::built_in()?,
    };
    let party = |application: &str, facility: &str| Party {
        application: application.to_owned(),
        facility: facility.to_owned(),
    };
    let wording = OruWording::new(OruConfig {
        sender: party(&hl7.sending_application, &hl7.sending_facility),
        receiver: party(&hl7.receiving_application, &hl7.receiving_facility),
        charset,
        language: match hl7.language {
            MessageLanguage::Chinese => Language::Chinese,
            MessageLanguage::English => Language::English,
        },
        offset: result::utc_offset(&hl7.utc_offset).context("utc_offset").with_context(named)?,
        acknowledgement: match hl7.acknowledgement {
            AskedFor::Original => Acknowledgement::Original,
            AskedFor::Commit => Acknowledgement::Commit,
            AskedFor::Application => Acknowledgement::Application,
        },
        codes,
    });
    let courier = MllpCourier::new(mllp(destination, hl7)?);
    Ok(Way::Messages { wording: Arc::new(wording), courier: Arc::new(courier) })
}

/// The client that carries them.
///
/// # Errors
/// A certificate or key that cannot be used.
pub(crate) fn mllp(destination: &Destination, hl7: &Hl7To) -> anyhow::Result<Client> {
    let tls = destination.tls.as_ref().map(|tls| edges::peer_tls(tls, &hl7.address));
    let fallback = hl7.charset.parse().unwrap_or(Charset::UTF_8);
    Ok(Client::new(ClientConfig {
        address: hl7.address.clone(),
        connect_timeout: Duration::from_secs(destination.connect_timeout_seconds),
        answer_timeout: Duration::from_secs(destination.response_timeout_seconds),
        limits: Limits { max_bytes: MAX_ANSWER_BYTES, fallback, ..Limits::default() },
        tls: tls.transpose().with_context(|| format!("destination {}", destination.name))?,
    }))
}

/// Signed JSON.
///
/// # Errors
/// A secret, certificate or key that cannot be used.
pub(super) fn signed(destination: &Destination, to: &WebhookTo) -> anyhow::Result<Way> {
    let courier = webhook(destination, to)?;
    Ok(Way::Messages { wording: Arc::new(JsonWording), courier: Arc::new(courier) })
}

/// The client that carries it.
///
/// # Errors
/// A secret, certificate or key that cannot be used.
pub(crate) fn webhook(destination: &Destination, webhook: &WebhookTo) -> anyhow::Result<Webhook> {
    let named = || format!("destination {}: webhook", destination.name);
    let tls = destination.tls.as_ref().map(|tls| {
        let own = tls.certificate.clone().zip(tls.key.clone());
        let own = own.map(|(certificates, key)| TlsFiles { certificates, key });
        baize_tls::client_config(&tls.ca, own.as_ref())
    });
    let config = WebhookConfig {
        url: webhook.url.clone(),
        secret: webhook.secret().map_err(anyhow::Error::msg).with_context(named)?,
        tls: tls.transpose().with_context(named)?,
        connect_timeout: Duration::from_secs(destination.connect_timeout_seconds),
        response_timeout: Duration::from_secs(destination.response_timeout_seconds),
    };
    Webhook::new(config, Arc::new(SystemClock)).with_context(named)
}
