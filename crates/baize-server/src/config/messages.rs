//! Destinations that get messages: `[destinations.hl7]`, `[destinations.webhook]`.

use std::path::PathBuf;

use baize_hl7::Charset;
use baize_webhook::Secret;
use serde::{Deserialize, Serialize};

use super::{Destination, FhirTo, check, fhir};

/// What a destination of messages may be told of.
pub(crate) const SUBJECTS: [&str; 2] = ["studies", "triage"];

/// By which way results reach a destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WayTo<'a> {
    /// Objects by C-STORE.
    Dimse,
    /// Objects by STOW-RS to this root.
    Stow(&'a str),
    /// Messages as HL7 v2 over MLLP.
    Hl7(&'a Hl7To),
    /// Messages as JSON by HTTP.
    Webhook(&'a WebhookTo),
    /// Messages as transaction Bundles to a FHIR server.
    Fhir(&'a FhirTo),
}

impl WayTo<'_> {
    /// Whether it takes messages, not objects.
    pub(crate) const fn takes_messages(&self) -> bool {
        matches!(self, Self::Hl7(_) | Self::Webhook(_) | Self::Fhir(_))
    }
}

/// `[destinations.hl7]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hl7To {
    pub address: String,
    #[serde(default = "sending_application")]
    pub sending_application: String,
    #[serde(default)]
    pub sending_facility: String,
    #[serde(default)]
    pub receiving_application: String,
    #[serde(default)]
    pub receiving_facility: String,
    #[serde(default = "charset")]
    pub charset: String,
    #[serde(default)]
    pub language: MessageLanguage,
    #[serde(default = "utc_offset")]
    pub utc_offset: String,
    #[serde(default)]
    pub acknowledgement: AskedFor,
    pub codes: Option<PathBuf>,
}

/// The language of what has no code.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) enum MessageLanguage {
    #[default]
    #[serde(rename = "zh")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

/// Which acknowledgement a receiver is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AskedFor {
    /// Original mode: AA.
    #[default]
    Original,
    /// Enhanced mode: CA.
    Commit,
    /// Enhanced mode: CA, then AA.
    Application,
}

/// `[destinations.webhook]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookTo {
    pub url: String,
    pub secret_file: Option<PathBuf>,
    pub secret_env: Option<String>,
}

impl WebhookTo {
    /// The shared secret, which a variable of the environment holds or a file.
    ///
    /// # Errors
    /// What is wrong with where it should be, naming the key below `webhook`.
    pub(crate) fn secret(&self) -> Result<Secret, String> {
        let (key, secret) = match (&self.secret_file, &self.secret_env) {
            (Some(path), None) => ("secret_file", Secret::File(path.clone())),
            (None, Some(name)) => {
                let given = std::env::var(name)
                    .map_err(|_| format!("secret_env: the environment has no variable {name}"))?;
                ("secret_env", Secret::Given(given))
            }
            _ => return Err("secret_file: set it or secret_env, one of the two".to_owned()),
        };
        secret.check().map_err(|problem| format!("{key}: {problem}"))?;
        Ok(secret)
    }
}

fn sending_application() -> String {
    "BAIZE".to_owned()
}

fn charset() -> String {
    "UNICODE UTF-8".to_owned()
}

fn utc_offset() -> String {
    "+08:00".to_owned()
}

/// Where messages go.
pub(super) fn check(
    key: &dyn Fn(&str) -> String,
    destination: &Destination,
    way: WayTo<'_>,
    found: &mut Vec<String>,
) {
    match way {
        WayTo::Hl7(hl7) => check_hl7(key, hl7, found),
        WayTo::Webhook(webhook) => check_webhook(key, webhook, found),
        WayTo::Fhir(fhir) => fhir::check(key, fhir, found),
        WayTo::Dimse | WayTo::Stow(_) => {
            if destination.tells.is_some() {
                found.push(format!("{} is for a destination of messages; remove it", key("tells")));
            }
            return;
        }
    }
    if !destination.address.is_empty() || !destination.ae_title.is_empty() {
        found.push(format!(
            "{} and ae_title are for results as DICOM objects; give a PACS an entry of its own",
            key("address")
        ));
    }
    for (name, is_set) in [
        ("storage_commitment", destination.storage_commitment),
        ("authorization_file", destination.authorization_file.is_some()),
        ("ca_file", destination.ca_file.is_some()),
        ("calling_ae_title", destination.calling_ae_title.is_some()),
    ] {
        if is_set {
            found.push(format!("{} is for a destination of DICOM objects; remove it", key(name)));
        }
    }
    let tells = destination.tells.as_deref().unwrap_or_default();
    if destination.tells.is_some() && tells.is_empty() {
        found.push(format!("{} is empty: it would be told nothing; remove the destination", key("tells")));
    }
    for name in tells.iter().filter(|name| !SUBJECTS.contains(&name.as_str())) {
        found.push(format!(
            "{}: \"{name}\" is nothing to be told of; name {}",
            key("tells"),
            SUBJECTS.join(", ")
        ));
    }
}

fn check_hl7(key: &dyn Fn(&str) -> String, hl7: &Hl7To, found: &mut Vec<String>) {
    check::address(&key("hl7.address"), &hl7.address, found);
    let charset = hl7.charset.parse::<Charset>();
    if !charset.is_ok_and(|charset| [Charset::UTF_8, Charset::GB18030].contains(&charset)) {
        found.push(format!(
            "{}: '{}' cannot hold Chinese text; use \"UNICODE UTF-8\" or \"GB 18030-2000\"",
            key("hl7.charset"),
            hl7.charset
        ));
    }
    if baize_hl7::result::utc_offset(&hl7.utc_offset).is_none() {
        let (key, text) = (key("hl7.utc_offset"), &hl7.utc_offset);
        found.push(format!("{key}: '{text}' is no offset from UTC, such as +08:00"));
    }
    if let Some(path) = &hl7.codes
        && let Err(error) = baize_hl7::result::Codes::load(path)
    {
        found.push(format!("{}: {error}", key("hl7.codes")));
    }
}

fn check_webhook(key: &dyn Fn(&str) -> String, webhook: &WebhookTo, found: &mut Vec<String>) {
    let url = &webhook.url;
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let host = authority.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || url.contains(['#', ' ']) {
        found.push(format!(
            "{}: '{url}' is no address, such as https://his.hospital.example/baize; a login does not belong into it",
            key("webhook.url")
        ));
    }
    if url.starts_with("http://") && !check::is_loopback(host) {
        found.push(format!(
            "{}: '{url}' would carry patient data in clear text: use https://",
            key("webhook.url")
        ));
    }
    if let Err(problem) = webhook.secret() {
        found.push(format!("{}{problem}", key("webhook.")));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Destination, problems};

    fn found(toml: &str) -> Vec<String> {
        let destination: Destination = toml::from_str(&format!("name = 'his'\n{toml}")).unwrap();
        problems(&Config { destinations: vec![destination], ..Config::default() })
    }

    #[test]
    fn a_destination_of_messages_is_checked_key_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret of many letters\n").unwrap();
        let secret = secret.display();
        let good = [
            "[hl7]\naddress = 'his:2575'".to_owned(),
            "tells = ['studies', 'triage']\n[hl7]\naddress = 'his:2575'\ncharset = 'GB 18030-2000'\nlanguage = 'en'".into(),
            format!("[webhook]\nurl = 'https://his/x?y=1'\nsecret_file = '{secret}'"),
            format!("tells = ['triage']\n[webhook]\nurl = 'http://127.0.0.1:80/'\nsecret_file = '{secret}'"),
        ];
        for toml in good {
            assert_eq!(found(&toml), Vec::<String>::new(), "{toml}");
        }
        for (toml, named) in [
            ("[hl7]\naddress = 'his'".to_owned(), "hl7.address"),
            ("[hl7]\naddress = 'his:1'\ncharset = '8859/1'".into(), "hl7.charset"),
            ("[hl7]\naddress = 'his:1'\nutc_offset = 'CST'".into(), "hl7.utc_offset"),
            ("[hl7]\naddress = 'his:1'\ncodes = 'nowhere.toml'".into(), "hl7.codes"),
            ("tells = []\n[hl7]\naddress = 'his:1'".into(), "tells"),
            ("tells = ['orders']\n[hl7]\naddress = 'his:1'".into(), "tells"),
            ("tells = ['studies']\naddress = 'pacs:104'\nae_title = 'PACS'".into(), "tells"),
            ("address = 'pacs:104'\nae_title = 'PACS'\n[hl7]\naddress = 'his:1'".into(), "address"),
            ("storage_commitment = true\n[hl7]\naddress = 'his:1'".into(), "storage_commitment"),
            (
                format!("[hl7]\naddress = 'his:1'\n[webhook]\nurl = 'https://h/'\nsecret_file = '{secret}'"),
                "webhook",
            ),
            (
                format!("stow = 'https://pacs/x'\n[webhook]\nurl = 'https://h/'\nsecret_file = '{secret}'"),
                "webhook",
            ),
            (format!("[webhook]\nurl = 'http://his/'\nsecret_file = '{secret}'"), "webhook.url"),
            (format!("[webhook]\nurl = 'his'\nsecret_file = '{secret}'"), "webhook.url"),
            ("[webhook]\nurl = 'https://his/'".into(), "webhook.secret_file"),
            ("[webhook]\nurl = 'https://his/'\nsecret_file = 'nowhere'".into(), "webhook.secret_file"),
            (
                "[webhook]\nurl = 'https://his/'\nsecret_env = 'BAIZE_NO_SUCH_VARIABLE'".into(),
                "webhook.secret_env",
            ),
        ] {
            let found = found(&toml);
            let is_named = |problem: &String| problem.contains(&format!("destinations[0].{named}"));
            assert!(found.iter().any(is_named), "{toml}: {named} is not named in {found:?}");
        }
    }
}
