//! Vital signs over MQTT, from the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use baize_core::SystemClock;
use baize_hospital::HospitalService;
use baize_mqtt::{Subscriber, SubscriberConfig};

use crate::config::Config;

/// Far more than any reading has.
const MAX_BYTES: usize = 64 << 10;

/// The subscriber, where a broker is configured. Reads files.
///
/// # Errors
/// A file that cannot be used, with its key.
pub(super) fn open(config: &Config, service: &Arc<HospitalService>) -> anyhow::Result<Option<Subscriber>> {
    let mqtt = &config.mqtt;
    let Some(broker) = &mqtt.broker else { return Ok(None) };
    let (host, port) = broker.rsplit_once(':').context("mqtt.broker must be host:port")?;
    let login = match (&mqtt.user, &mqtt.password_file) {
        (Some(user), Some(path)) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("mqtt.password_file: cannot read {}", path.display()))?;
            // An editor's line end is no part of the secret.
            Some((user.clone(), text.trim_end().to_owned()))
        }
        _ => None,
    };
    let config = SubscriberConfig {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: port.parse().context("mqtt.broker must be host:port")?,
        topic: mqtt.topic.clone(),
        client_id: mqtt.client_id.clone(),
        login,
        ca: mqtt.ca_file.clone(),
        max_bytes: MAX_BYTES,
    };
    let subscriber = Subscriber::new(&config, service.clone(), Arc::new(SystemClock));
    Ok(Some(subscriber.context("mqtt.ca_file")?))
}
