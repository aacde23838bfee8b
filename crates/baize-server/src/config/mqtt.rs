//! `[mqtt]`: vital signs of devices that speak MQTT.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Config;
use super::check::{address, file};

/// `[mqtt]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mqtt {
    pub broker: Option<String>,
    pub topic: String,
    pub client_id: String,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            broker: None,
            topic: "baize/vitals/#".into(),
            client_id: "baize".into(),
            user: None,
            password_file: None,
            ca_file: None,
        }
    }
}

pub(super) fn check(config: &Config, found: &mut Vec<String>) {
    let mqtt = &config.mqtt;
    let Some(broker) = &mqtt.broker else { return };
    if !cfg!(feature = "mqtt") {
        found.push(
            "mqtt.broker: this build has no MQTT; build it with --features mqtt, or remove the key".into(),
        );
    }
    address("mqtt.broker", broker, found);
    if mqtt.topic.is_empty() || mqtt.client_id.is_empty() {
        found.push("mqtt.topic and mqtt.client_id must not be empty".into());
    }
    if mqtt.user.is_some() != mqtt.password_file.is_some() {
        found.push("mqtt.user and mqtt.password_file go together: set both or neither".into());
    }
    file("mqtt.password_file", mqtt.password_file.as_ref(), found);
    file("mqtt.ca_file", mqtt.ca_file.as_ref(), found);
    let local = ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|host| broker.starts_with(host));
    if mqtt.ca_file.is_none() && !local {
        found.push(format!("mqtt.broker: {broker} would get our password and send patient data in clear text: set mqtt.ca_file"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_names_its_key() {
        type Spoil = fn(&mut Mqtt);
        let cases: [(&str, Spoil); 5] = [
            ("mqtt.broker", |mqtt| mqtt.broker = Some("broker".into())),
            ("mqtt.ca_file", |mqtt| mqtt.broker = Some("broker.hospital.example:8883".into())),
            ("mqtt.topic", |mqtt| mqtt.topic = String::new()),
            ("mqtt.password_file", |mqtt| mqtt.user = Some("baize".into())),
            ("mqtt.ca_file", |mqtt| mqtt.ca_file = Some("nowhere.pem".into())),
        ];
        for (named, spoil) in cases {
            let mut config = Config::default();
            config.mqtt.broker = Some("127.0.0.1:1883".into());
            spoil(&mut config.mqtt);
            let mut found = Vec::new();
            check(&config, &mut found);
            assert!(found.iter().any(|problem| problem.contains(named)), "{named} is not named in {found:?}");
        }
        let mut found = Vec::new();
        check(&Config::default(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
