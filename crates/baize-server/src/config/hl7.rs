//! `[hl7]`: messages of the HIS.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use baize_hl7::Charset;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::file;

/// `[hl7]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hl7 {
    pub bind: Option<SocketAddr>,
    pub allowed_peers: Vec<IpAddr>,
    pub profiles_dir: PathBuf,
    pub profile: String,
    pub fallback_charset: String,
    pub max_connections: usize,
    pub max_message_kib: usize,
    pub idle_timeout_seconds: u64,
    pub frame_timeout_seconds: u64,
    pub keep_days: u64,
    pub match_window_hours: u64,
    pub utc_offset: String,
    pub tls: Option<Hl7Tls>,
}

/// `[hl7.tls]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hl7Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

impl Default for Hl7 {
    fn default() -> Self {
        Self {
            bind: None,
            allowed_peers: Vec::new(),
            profiles_dir: "hl7".into(),
            profile: "standard".into(),
            fallback_charset: Charset::GB18030.as_str().into(),
            max_connections: 32,
            max_message_kib: 1024,
            idle_timeout_seconds: 3600,
            frame_timeout_seconds: 30,
            keep_days: 14,
            match_window_hours: 24,
            utc_offset: "+08:00".into(),
            tls: None,
        }
    }
}

impl Hl7 {
    /// `utc_offset` in seconds east of UTC.
    ///
    /// # Errors
    /// What it must look like.
    pub(crate) fn utc_offset_seconds(&self) -> Result<i32, String> {
        let text = &self.utc_offset;
        let read = || {
            let (sign, digits) = match text.split_at_checked(1)? {
                ("+", digits) => (1, digits),
                ("-", digits) => (-1, digits),
                _ => return None,
            };
            let (hours, minutes) = digits.split_once(':')?;
            let number =
                |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i32::from);
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
        };
        read().ok_or_else(|| format!("hl7.utc_offset: '{text}' must be like +08:00"))
    }
}

pub(super) fn check(config: &Config, found: &mut Vec<String>) {
    let hl7 = &config.hl7;
    if let Err(problem) = hl7.utc_offset_seconds() {
        found.push(problem);
    }
    if let Err(error) = hl7.fallback_charset.parse::<Charset>() {
        found.push(format!("hl7.fallback_charset: {error}"));
    }
    for (key, value) in [
        ("max_connections", hl7.max_connections as u64),
        ("max_message_kib", hl7.max_message_kib as u64),
        ("idle_timeout_seconds", hl7.idle_timeout_seconds),
        ("frame_timeout_seconds", hl7.frame_timeout_seconds),
        ("keep_days", hl7.keep_days),
    ] {
        if value == 0 {
            found.push(format!("hl7.{key} must be at least 1"));
        }
    }
    if hl7.max_message_kib > 64 << 10 {
        found.push("hl7.max_message_kib must be at most 65536: each connection may hold one message".into());
    }
    if hl7.keep_days > 3650 {
        found.push("hl7.keep_days must be at most 3650".into());
    }
    if !(1..=24 * 31).contains(&hl7.match_window_hours) {
        found.push("hl7.match_window_hours must be between 1 and 744".into());
    }
    if let Some(tls) = &hl7.tls {
        file("hl7.tls.certificate", Some(&tls.certificate), found);
        file("hl7.tls.key", Some(&tls.key), found);
        file("hl7.tls.client_ca", tls.client_ca.as_ref(), found);
    }
    let Some(bind) = hl7.bind else { return };
    let knows_peers = hl7.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if !bind.ip().is_loopback() && hl7.allowed_peers.is_empty() && !knows_peers {
        found.push(format!(
            "hl7.bind = {bind} is reachable from other machines, and MLLP has no login: list the interface engine's \
             addresses in hl7.allowed_peers, or set hl7.tls.client_ca"
        ));
    }
    if let Err(error) = crate::wiring::hl7_profile(config) {
        found.push(format!("{error:#}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(spoil: impl Fn(&mut Hl7)) -> Vec<String> {
        let mut config = Config::default();
        config.hl7.bind = Some(([127, 0, 0, 1], 2575).into());
        config.hl7.profiles_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hl7").into();
        spoil(&mut config.hl7);
        let mut found = Vec::new();
        check(&config, &mut found);
        found
    }

    #[test]
    fn each_mistake_names_its_key() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
        type Spoil = fn(&mut Hl7);
        let cases: [(&str, Spoil); 11] = [
            ("hl7.bind", |hl7| hl7.bind = Some(([0, 0, 0, 0], 2575).into())),
            ("hl7.profiles_dir", |hl7| hl7.profiles_dir = "nowhere".into()),
            ("hl7.profile", |hl7| hl7.profile = "nobody".into()),
            ("hl7.fallback_charset", |hl7| hl7.fallback_charset = "EBCDIC".into()),
            ("hl7.max_connections", |hl7| hl7.max_connections = 0),
            ("hl7.max_message_kib", |hl7| hl7.max_message_kib = 1 << 20),
            ("hl7.frame_timeout_seconds", |hl7| hl7.frame_timeout_seconds = 0),
            ("hl7.keep_days", |hl7| hl7.keep_days = 0),
            ("hl7.match_window_hours", |hl7| hl7.match_window_hours = 0),
            ("hl7.utc_offset", |hl7| hl7.utc_offset = "CST".into()),
            ("hl7.tls.certificate", |hl7| {
                hl7.tls =
                    Some(Hl7Tls { certificate: "no.pem".into(), key: "no.key".into(), client_ca: None });
            }),
        ];
        for (named, spoil) in cases {
            let found = problems(spoil);
            assert!(found.iter().any(|problem| problem.contains(named)), "{named} is not named in {found:?}");
        }
        let listed = |hl7: &mut Hl7| {
            hl7.bind = Some(([0, 0, 0, 0], 2575).into());
            hl7.allowed_peers = vec![[10, 0, 0, 5].into()];
        };
        assert_eq!(problems(listed), Vec::<String>::new());
    }

    #[test]
    fn offsets_are_read() {
        for (text, seconds) in [
            ("+08:00", Some(28_800)),
            ("-03:30", Some(-12_600)),
            ("+00:00", Some(0)),
            ("08:00", None),
            ("+8:00", None),
            ("+15:00", None),
            ("", None),
            ("东八区", None),
        ] {
            let hl7 = Hl7 { utc_offset: text.into(), ..Hl7::default() };
            assert_eq!(hl7.utc_offset_seconds().ok(), seconds, "{text}");
        }
    }
}
