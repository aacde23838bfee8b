//! What the provider needs to know, and what makes no sense.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Longest AE title (PS3.5 section 6.2, VR AE).
const AE_CHARACTERS: usize = 16;
/// Smallest P-DATA PDU that is offered to peers: below it an image takes tens of thousands of PDUs.
const MIN_PDU: u32 = 4096;
/// Largest P-DATA PDU: a PDU is held in memory outside the receive budget.
const MAX_PDU: u32 = 4 << 20;
/// Largest object that fits the 32-bit lengths of PS3.5.
const MAX_OBJECT: u64 = u32::MAX as u64;

/// The port for TLS.
#[derive(Clone, Debug)]
pub struct ScpTls {
    /// Where to listen, besides the port for plain connections. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// Our certificate, and whether peers must show one.
    pub config: Arc<rustls::ServerConfig>,
}

/// The settings of a [`Scp`](super::Scp).
///
/// Memory: the objects being received hold at most `receive_budget_bytes` together, which is less than
/// `max_associations * max_object_bytes` when so chosen; an association for which nothing is left waits and does not
/// read. Each association holds one incoming PDU of at most `max_pdu` besides. Buffers grow by doubling, so an
/// allocator that cannot grow in place holds the old half for the moment of copying.
#[derive(Clone, Debug)]
pub struct ScpConfig {
    /// Where to listen. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// A second port on which peers speak TLS; `None` for none.
    pub tls: Option<ScpTls>,
    /// Our AE title. An association that calls another one is rejected.
    pub ae_title: String,
    /// The calling AE titles that may associate. Empty refuses everybody, unless `allow_any_calling_ae`. An AE
    /// title is a claim, not a proof: protect the port by the network as well.
    pub allowed_calling_aes: Vec<String>,
    /// Whether any calling AE title may associate.
    pub allow_any_calling_ae: bool,
    /// The calling AE titles whose objects travel in the STAT lane; all others travel in the routine lane. Being
    /// listed here does not allow a peer to associate.
    pub stat_calling_aes: Vec<String>,
    /// How many associations may be open at once; the next one is rejected for the time being.
    pub max_associations: usize,
    /// How many associations one peer (a calling AE title at an IP address) may ask for in a minute; 0 for no limit.
    /// One more is rejected for the time being. STAT peers are not limited.
    pub associations_per_minute: u32,
    /// How many objects one peer may send in a second; 0 for no limit. Further ones are read later. STAT peers are not
    /// limited.
    pub objects_per_second: u32,
    /// Longest P-DATA PDU that we take, in bytes, as PS3.8 section D.1 counts it.
    pub max_pdu: u32,
    /// Largest object that we take, in bytes of its Part 10 form.
    pub max_object_bytes: u64,
    /// What all objects being received may hold together, in bytes; at least `max_object_bytes`.
    pub receive_budget_bytes: u64,
    /// How long a peer may take to send one PDU, from the moment we wait for it, or to take one from us.
    pub idle_timeout: Duration,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct ConfigError {
    /// The field of [`ScpConfig`].
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl ScpConfig {
    /// Checks every setting; nothing is opened.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ae_title("ae_title", &self.ae_title)?;
        for title in &self.allowed_calling_aes {
            ae_title("allowed_calling_aes", title)?;
        }
        for title in &self.stat_calling_aes {
            ae_title("stat_calling_aes", title)?;
        }
        check(self.max_associations > 0, "max_associations", || "it must be at least 1".to_owned())?;
        check((MIN_PDU..=MAX_PDU).contains(&self.max_pdu), "max_pdu", || {
            format!("{} is not between {MIN_PDU} and {MAX_PDU} bytes", self.max_pdu)
        })?;
        check((1..=MAX_OBJECT).contains(&self.max_object_bytes), "max_object_bytes", || {
            format!("{} is not between 1 and {MAX_OBJECT} bytes", self.max_object_bytes)
        })?;
        check(self.receive_budget_bytes >= self.max_object_bytes, "receive_budget_bytes", || {
            format!(
                "{} is less than max_object_bytes, {}: not even one object could be received",
                self.receive_budget_bytes, self.max_object_bytes
            )
        })?;
        check(!self.idle_timeout.is_zero(), "idle_timeout", || "it must be longer than nothing".to_owned())
    }

    pub(super) fn may_associate(&self, calling_ae: &str) -> bool {
        self.allow_any_calling_ae || listed(&self.allowed_calling_aes, calling_ae)
    }

    pub(super) fn is_stat(&self, calling_ae: &str) -> bool {
        listed(&self.stat_calling_aes, calling_ae)
    }
}

/// Whether two AE titles are the same: case matters, spaces around do not (PS3.5 section 6.2).
pub(super) fn same_title(a: &str, b: &str) -> bool {
    a.trim_matches(' ') == b.trim_matches(' ')
}

fn listed(titles: &[String], title: &str) -> bool {
    titles.iter().any(|known| same_title(known, title))
}

/// Whether the text may be an AE title at all (PS3.5 section 6.2): something, short, printable.
pub(super) fn is_ae_title(title: &str) -> bool {
    let text = title.trim_matches(' ');
    let fits = !text.is_empty() && text.len() <= AE_CHARACTERS;
    fits && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\')
}

fn ae_title(key: &'static str, title: &str) -> Result<(), ConfigError> {
    check(is_ae_title(title), key, || {
        format!(
            "{title:?} is no AE title: use 1 to {AE_CHARACTERS} printable ASCII characters without backslash"
        )
    })
}

fn check(holds: bool, key: &'static str, reason: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { key, reason: reason() }) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::scp) fn good_config() -> ScpConfig {
        ScpConfig {
            bind: ([127, 0, 0, 1], 0).into(),
            tls: None,
            ae_title: "BAIZE".to_owned(),
            allowed_calling_aes: vec!["CR1".to_owned()],
            allow_any_calling_ae: false,
            stat_calling_aes: vec!["ER CR".to_owned()],
            max_associations: 1,
            associations_per_minute: 0,
            objects_per_second: 0,
            max_pdu: 16_384,
            max_object_bytes: 1 << 20,
            receive_budget_bytes: 1 << 20,
            idle_timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn each_senseless_setting_is_named() {
        assert_eq!(good_config().validate(), Ok(()));
        type Mutation = fn(&mut ScpConfig);
        let mutations: [(&str, Mutation); 12] = [
            ("ae_title", |config| config.ae_title.clear()),
            ("ae_title", |config| config.ae_title = "   ".to_owned()),
            ("ae_title", |config| config.ae_title = "A".repeat(17)),
            ("ae_title", |config| config.ae_title = "白泽".to_owned()),
            ("allowed_calling_aes", |config| config.allowed_calling_aes.push("A\\B".to_owned())),
            ("stat_calling_aes", |config| config.stat_calling_aes.push(String::new())),
            ("max_associations", |config| config.max_associations = 0),
            ("max_pdu", |config| config.max_pdu = 1),
            ("max_pdu", |config| config.max_pdu = u32::MAX),
            ("max_object_bytes", |config| config.max_object_bytes = 0),
            ("receive_budget_bytes", |config| config.receive_budget_bytes -= 1),
            ("idle_timeout", |config| config.idle_timeout = Duration::ZERO),
        ];
        for (key, mutate) in mutations {
            let mut config = good_config();
            mutate(&mut config);
            assert_eq!(config.validate().map_err(|error| error.key), Err(key));
        }
    }

    #[test]
    fn only_listed_peers_may_associate() {
        let mut config = good_config();
        assert!(config.may_associate("CR1 "));
        assert!(!config.may_associate("cr1"));
        assert!(!config.may_associate("ER CR"), "a STAT peer is not allowed by being STAT");
        config.allowed_calling_aes.clear();
        assert!(!config.may_associate("CR1"));
        config.allow_any_calling_ae = true;
        assert!(config.may_associate("ANYBODY"));
        assert!(config.is_stat(" ER CR") && !config.is_stat("CR1"));
    }
}
