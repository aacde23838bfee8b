//! Takes readings from a broker.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baize_core::Clock;
use baize_core::ports::Hospital;
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, TlsConfiguration, Transport,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::reading;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The wait after the connection was lost, or after a reading could not be kept.
const REST: Duration = Duration::from_secs(2);
/// Packets to the broker that may wait: acknowledgements, one at a time, and the subscription.
const WAITING: usize = 64;

/// Where readings come from.
#[derive(Clone, Debug)]
pub struct SubscriberConfig {
    /// The broker's host.
    pub host: String,
    /// Its port: 1883, with TLS 8883.
    pub port: u16,
    /// What is subscribed to, such as `baize/vitals/#`.
    pub topic: String,
    /// Our name at the broker, by which it keeps what comes while we are away; one for each server.
    pub client_id: String,
    /// User and password, where the broker asks for them.
    pub login: Option<(String, String)>,
    /// Speak TLS to a broker whose certificate these authorities vouch for (PEM).
    pub ca: Option<PathBuf>,
    /// Longest payload, in bytes; the broker's connection is closed for a longer one.
    pub max_bytes: usize,
}

/// Subscribes to a broker's topic.
pub struct Subscriber {
    client: AsyncClient,
    events: EventLoop,
    topic: String,
    hospital: Arc<dyn Hospital>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Subscriber {
    /// Reads certificates; connects with [`run`](Self::run).
    ///
    /// # Errors
    /// A file of authorities that cannot be used.
    pub fn new(
        config: &SubscriberConfig,
        hospital: Arc<dyn Hospital>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, baize_tls::TlsError> {
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options
            .set_keep_alive(KEEP_ALIVE)
            // The broker keeps what comes while we are away, and what we have not acknowledged.
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_max_packet_size(config.max_bytes, config.max_bytes);
        if let Some((user, password)) = &config.login {
            options.set_credentials(user, password);
        }
        if let Some(ca) = &config.ca {
            let tls = baize_tls::client_config(ca, None)?;
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        let (client, events) = AsyncClient::new(options, WAITING);
        Ok(Self { client, events, topic: config.topic.clone(), hospital, clock })
    }

    /// Takes readings until `shutdown` is cancelled. A lost connection is opened again; what was not acknowledged, the
    /// broker brings again.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                event = self.events.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    info!(topic = self.topic, "connected to the mqtt broker");
                    if let Err(error) = self.client.try_subscribe(&self.topic, QoS::AtLeastOnce) {
                        warn!(%error, "not subscribed");
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if !self.take(&publish, &shutdown).await {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(%error, "no connection to the mqtt broker, will be tried again");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = sleep(REST) => {}
                    }
                }
            }
        }
        info!("mqtt readings end");
    }

    /// Keeps a reading and acknowledges it. `false`: shutting down before it was kept.
    // Exclusive, because the event loop cannot be shared between threads.
    async fn take(&mut self, publish: &Publish, shutdown: &CancellationToken) -> bool {
        match reading(&publish.payload, self.clock.now()) {
            // Acknowledged, because the broker would bring it again and again for ever.
            Err(reason) => warn!(%reason, "a reading cannot be used"),
            Ok(message) => loop {
                match self.hospital.take(message.clone()).await {
                    Ok(taken) => {
                        debug!(?taken, "reading accepted");
                        break;
                    }
                    Err(fault) => warn!(%fault, "a reading could not be kept, will be tried again"),
                }
                tokio::select! {
                    () = shutdown.cancelled() => return false,
                    () = sleep(REST) => {}
                }
            },
        }
        if let Err(error) = self.client.try_ack(publish) {
            warn!(%error, "a reading was not acknowledged, the broker will bring it again");
        }
        true
    }
}
