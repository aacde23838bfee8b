//! Judges a whole configuration: every problem at once, each with its remedy.

use std::net::SocketAddr;
use std::path::PathBuf;

use baize_dicom::results::Kind;

use super::{Config, Destination, PeerTls, WayTo, hl7, lookups, messages, mqtt};

/// What is wrong with the configuration, one sentence per problem that names the key and the remedy. Empty
/// when the server may start.
pub(crate) fn problems(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    http(config, &mut found);
    dimse(config, &mut found);
    destinations(config, &mut found);
    lookups::check(config, &mut found);
    hl7::check(config, &mut found);
    mqtt::check(config, &mut found);
    triage(config, &mut found);
    routing(config, &mut found);
    fhir(config, &mut found);
    fusion(config, &mut found);
    sizes(config, &mut found);
    found
}

fn routing(config: &Config, found: &mut Vec<String>) {
    // Against the models it is checked at the start, when they are known.
    if let Err(error) = crate::wiring::routing_rules(config) {
        found.push(format!("{error:#}"));
    }
}

fn fhir(config: &Config, found: &mut Vec<String>) {
    if let Err(bad) = crate::wiring::systems(&config.fhir).check() {
        found.push(format!("fhir: {bad}"));
    }
    if let Err(bad) = crate::wiring::endpoints(&config.fhir) {
        found.push(bad.to_string());
    }
}

fn fusion(config: &Config, found: &mut Vec<String>) {
    if let Err(error) = crate::wiring::fusion_rules(config) {
        found.push(format!("{error:#}"));
    }
    if !(1..=24 * 60).contains(&config.fusion.acknowledge_minutes) {
        found.push("fusion.acknowledge_minutes must be between 1 and 1440".into());
    }
    if !(1..=7 * 24 * 60).contains(&config.fusion.monitor_wait_minutes) {
        found.push("fusion.monitor_wait_minutes must be between 1 and 10080".into());
    }
}

fn is_public(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

fn http(config: &Config, found: &mut Vec<String>) {
    let http = &config.http;
    let has_tls = http.tls_cert.is_some() && http.tls_key.is_some();
    if http.tls_cert.is_some() != http.tls_key.is_some() {
        found.push("http.tls_cert and http.tls_key go together: set both or neither".into());
    }
    for (key, file) in [("http.tls_cert", &http.tls_cert), ("http.tls_key", &http.tls_key)] {
        if let Some(path) = file.as_ref().filter(|path| !path.is_file()) {
            found.push(format!("{key}: there is no file {}", path.display()));
        }
    }
    if is_public(http.bind) {
        if config.auth.api_keys.is_empty() && config.auth.jwt.is_none() {
            found.push(format!(
                "http.bind = {} is reachable from other machines, but nobody has to log in: add [[auth.api_keys]] or \
                 [auth.jwt], or bind to 127.0.0.1",
                http.bind
            ));
        }
        if !has_tls && !http.tls_terminated_by_proxy {
            found.push(format!(
                "http.bind = {} would carry patient data in clear text: set http.tls_cert and http.tls_key, set \
                 http.tls_terminated_by_proxy = true where a proxy on a trusted network does it, or bind to 127.0.0.1",
                http.bind
            ));
        }
    }
    if let Some(url) = &http.public_url
        && (!(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/'))
    {
        found
            .push("http.public_url must begin with http:// or https:// and must not end with a slash".into());
    }
    for origin in http.allowed_origins.iter().filter(|origin| !baize_http::is_origin(origin)) {
        found.push(format!(
            "http.allowed_origins: '{origin}' is not an origin: name scheme, host and port, in small letters and without a \
             path, such as https://viewer.hospital.example"
        ));
    }
    if http.metrics_bind == http.bind && http.bind.port() != 0 {
        found.push("http.metrics_bind must differ from http.bind".into());
    }
    for (index, key) in config.auth.api_keys.iter().enumerate() {
        if key.name.trim().is_empty() {
            found.push(format!(
                "auth.api_keys[{index}].name is empty: name the client, it appears in the audit"
            ));
        }
        if key.sha256.len() != 64 || !key.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.push(format!(
                "auth.api_keys[{index}].sha256 must be 64 hex digits: `baize key new` prints a key with its hash"
            ));
        }
        if key.roles.is_empty() {
            found.push(format!(
                "auth.api_keys[{index}].roles is empty: use nurse, radiologist, integrator or admin"
            ));
        }
        for role in &key.roles {
            if role.parse::<baize_http::Role>().is_err() {
                found.push(format!(
                    "auth.api_keys[{index}].roles: '{role}' is not a role: use nurse, radiologist, integrator or admin"
                ));
            }
        }
    }
    if let Some(jwt) = &config.auth.jwt
        && !jwt.key_file.is_file()
    {
        found.push(format!("auth.jwt.key_file: there is no file {}", jwt.key_file.display()));
    }
}

fn dimse(config: &Config, found: &mut Vec<String>) {
    let dimse = &config.dimse;
    let titles = std::iter::once(("dimse.ae_title", &dimse.ae_title))
        .chain(dimse.allowed_calling_aes.iter().map(|title| ("dimse.allowed_calling_aes", title)))
        .chain(dimse.stat_calling_aes.iter().map(|title| ("dimse.stat_calling_aes", title)));
    for (key, title) in titles {
        ae_title(key, title, found);
    }
    let ports =
        [Some(("dimse.bind", dimse.bind)), dimse.tls.as_ref().map(|tls| ("dimse.tls.bind", tls.bind))];
    for (key, bind) in ports.into_iter().flatten() {
        if is_public(bind) && (dimse.allow_any_calling_ae || dimse.allowed_calling_aes.is_empty()) {
            found.push(format!(
                "{key} = {bind} is reachable from other machines: list the calling AE titles in \
                 dimse.allowed_calling_aes and leave dimse.allow_any_calling_ae = false"
            ));
        }
    }
    if let Some(tls) = &dimse.tls {
        if tls.bind == dimse.bind && tls.bind.port() != 0 {
            found.push("dimse.tls.bind must differ from dimse.bind: TLS has a port of its own".into());
        }
        file("dimse.tls.certificate", Some(&tls.certificate), found);
        file("dimse.tls.key", Some(&tls.key), found);
        file("dimse.tls.client_ca", tls.client_ca.as_ref(), found);
    }
    if !(4096..=4 << 20).contains(&dimse.max_pdu) {
        found.push("dimse.max_pdu must be between 4096 and 4194304".into());
    }
}

pub(super) fn file(key: &str, path: Option<&PathBuf>, found: &mut Vec<String>) {
    if let Some(path) = path.filter(|path| !path.is_file()) {
        found.push(format!("{key}: there is no file {}", path.display()));
    }
}

pub(super) fn peer_tls(key: &str, tls: &PeerTls, found: &mut Vec<String>) {
    file(&format!("{key}.ca"), Some(&tls.ca), found);
    file(&format!("{key}.certificate"), tls.certificate.as_ref(), found);
    file(&format!("{key}.key"), tls.key.as_ref(), found);
    if tls.certificate.is_some() != tls.key.is_some() {
        found.push(format!("{key}.certificate and {key}.key go together: set both or neither"));
    }
}

pub(super) fn ae_title(key: &str, title: &str, found: &mut Vec<String>) {
    let printable = title.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'\\');
    if title.trim().is_empty() || title.len() > 16 || !printable {
        found.push(format!(
            "{key}: '{title}' is not an AE title (1 to 16 printable ASCII characters, no backslash)"
        ));
    }
}

fn destinations(config: &Config, found: &mut Vec<String>) {
    for (index, destination) in config.destinations.iter().enumerate() {
        let key = |name: &str| format!("destinations[{index}].{name}");
        let name = &destination.name;
        if name.trim().is_empty() {
            found.push(format!("{} is empty: the outbox keeps deliveries by this name", key("name")));
        }
        if name.starts_with('@') {
            found.push(format!("{}: '{name}' begins with @, as Baize's own names do; drop it", key("name")));
        }
        if config.destinations[..index].iter().any(|earlier| earlier.name == *name) {
            found.push(format!("{}: '{name}' is there twice; give each destination its own", key("name")));
        }
        let ways = [
            ("stow", destination.stow.is_some()),
            ("hl7", destination.hl7.is_some()),
            ("webhook", destination.webhook.is_some()),
            ("fhir", destination.fhir.is_some()),
        ];
        let named: Vec<&str> = ways.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        if let [_, .., last] = named.as_slice() {
            found.push(format!(
                "{}: results go by one way only; give {} an entry each",
                key(last),
                named.join(" and ")
            ));
        }
        let way = destination.way();
        messages::check(&key, destination, way, found);
        match way {
            WayTo::Hl7(_) | WayTo::Webhook(_) | WayTo::Fhir(_) => {}
            WayTo::Stow(url) => stow(&key, destination, url, found),
            WayTo::Dimse => {
                address(&key("address"), &destination.address, found);
                ae_title(&key("ae_title"), &destination.ae_title, found);
                for (name, file) in [
                    ("authorization_file", &destination.authorization_file),
                    ("ca_file", &destination.ca_file),
                ] {
                    if file.is_some() {
                        found.push(format!("{} is for a destination with stow only; remove it", key(name)));
                    }
                }
            }
        }
        if let Some(title) = &destination.calling_ae_title {
            ae_title(&key("calling_ae_title"), title, found);
        }
        if let Some(tls) = &destination.tls {
            peer_tls(&key("tls"), tls, found);
        }
        if !(destination.analysed || destination.refused || destination.failed) {
            found.push(format!(
                "{}: analysed, refused and failed are all false: it would get nothing; remove it",
                key("analysed")
            ));
        }
        for name in destination.objects.iter().filter(|name| Kind::from_name(name).is_none()) {
            let known = Kind::ALL.map(Kind::as_str).join(", ");
            found.push(format!("{}: \"{name}\" is no kind of object; name any of {known}", key("objects")));
        }
        if !destination.objects.iter().any(|name| name == Kind::Report.as_str()) {
            found.push(format!(
                "{}: \"sr\" is missing; add it: only the report says when a run gave no finding",
                key("objects")
            ));
        }
        if !(4096..=4 << 20).contains(&destination.max_pdu) {
            found.push(format!("{} must be between 4096 and 4194304", key("max_pdu")));
        }
        if !(1..=32).contains(&destination.concurrency) {
            found.push(format!("{} must be between 1 and 32", key("concurrency")));
        }
        for (name, seconds) in [
            ("connect_timeout_seconds", destination.connect_timeout_seconds),
            ("response_timeout_seconds", destination.response_timeout_seconds),
        ] {
            if seconds == 0 {
                found.push(format!("{} must be at least 1", key(name)));
            }
        }
    }
}

pub(super) fn address(key: &str, address: &str, found: &mut Vec<String>) {
    let port = address.rsplit_once(':').and_then(|(host, port)| {
        (!host.is_empty()).then(|| port.parse::<u16>().ok()).flatten().filter(|port| *port > 0)
    });
    if port.is_none() {
        found.push(format!("{key}: '{address}' is not host:port, such as pacs:104"));
    }
}

/// Whether `host`, with or without a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let names = ["127.0.0.1", "localhost", "[::1]"];
    names.iter().any(|name| host == *name || host.starts_with(&format!("{name}:")))
}

/// A destination that gets results by STOW-RS.
fn stow(key: &dyn Fn(&str) -> String, destination: &Destination, url: &str, found: &mut Vec<String>) {
    if !destination.address.is_empty() || !destination.ae_title.is_empty() {
        found.push(format!(
            "{}: results go either by stow or by address and ae_title; remove one of the two",
            key("stow")
        ));
    }
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let host = authority.split('/').next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || url.ends_with('/') || url.contains(['?', '#', ' ']) {
        found.push(format!(
            "{}: '{url}' must be the root of a DICOMweb service without a slash at its end, such as \
             https://pacs.hospital.example/dicom-web; a login goes into authorization_file",
            key("stow")
        ));
    }
    if url.starts_with("http://") && !is_loopback(host) {
        found.push(format!("{}: '{url}' would carry patient data in clear text: use https://", key("stow")));
    }
    for (name, is_set) in
        [("storage_commitment", destination.storage_commitment), ("tls", destination.tls.is_some())]
    {
        if is_set {
            found.push(format!("{} is for a destination with address only; remove it", key(name)));
        }
    }
    for (name, file) in
        [("authorization_file", &destination.authorization_file), ("ca_file", &destination.ca_file)]
    {
        if let Some(path) = file.as_ref().filter(|path| !path.is_file()) {
            found.push(format!("{}: there is no file {}", key(name), path.display()));
        }
    }
}

fn triage(config: &Config, found: &mut Vec<String>) {
    let triage = &config.triage;
    for (key, folder) in
        [("triage.rules_dir", &triage.rules_dir), ("triage.lexicon_dir", &triage.lexicon_dir)]
    {
        if let Some(path) = folder.as_ref().filter(|path| !path.is_dir()) {
            found.push(format!("{key}: there is no folder {}", path.display()));
        }
    }
}

fn sizes(config: &Config, found: &mut Vec<String>) {
    let at_least_one = [
        ("storage.spool_gib", config.storage.spool_gib),
        ("http.max_request_mib", config.http.max_request_mib),
        ("http.in_flight_per_client", config.http.in_flight_per_client as u64),
        ("dimse.max_associations", config.dimse.max_associations as u64),
        ("dimse.idle_timeout_seconds", config.dimse.idle_timeout_seconds),
        ("outbox.retry_cap_seconds", config.outbox.retry_cap_seconds),
        ("outbox.alarm_after_seconds", config.outbox.alarm_after_seconds),
        ("limits.max_object_mib", config.limits.max_object_mib),
        ("limits.max_pixels", config.limits.max_pixels),
        ("engine.decode_threads", config.engine.decode_threads as u64),
        ("engine.decoded_budget_mib", config.engine.decoded_budget_mib),
        ("engine.stat_blocking_ms", config.engine.stat_blocking_ms),
        ("volumes.memory_mib", config.volumes.memory_mib),
        ("volumes.threads", config.volumes.threads as u64),
        ("lanes.stat_seconds", config.lanes.stat_seconds),
        ("studies.quiet_seconds", config.studies.quiet_seconds),
        ("studies.stow_quiet_seconds", config.studies.stow_quiet_seconds),
        ("triage.threads", config.triage.threads as u64),
        ("triage.max_waiting", config.triage.max_waiting as u64),
    ];
    for (key, value) in at_least_one {
        if value == 0 {
            found.push(format!("{key} must be at least 1"));
        }
    }
    if config.limits.max_object_mib > 2048 {
        found.push("limits.max_object_mib must be at most 2048".into());
    }
    if config.limits.receive_budget_mib < 2 * config.limits.max_object_mib {
        found.push(
            "limits.receive_budget_mib must be at least twice limits.max_object_mib: one object's worth is reserved for STAT"
                .into(),
        );
    }
    if config.http.max_request_mib < config.limits.max_object_mib {
        found.push("http.max_request_mib must be at least limits.max_object_mib".into());
    }
    if config.engine.max_jobs < 8 {
        found.push("engine.max_jobs must be at least 8: part of it is reserved for STAT".into());
    }
    for (key, bucket) in [
        ("engine.largest_bucket", config.engine.largest_bucket),
        ("engine.routine_bucket", config.engine.routine_bucket),
    ] {
        if !bucket.is_power_of_two() || bucket > 64 {
            found.push(format!("{key} must be one of 1, 2, 4, 8, 16, 32, 64"));
        }
    }
    if config.engine.routine_bucket > config.engine.largest_bucket {
        found.push("engine.routine_bucket must not exceed engine.largest_bucket".into());
    }
    if config.lanes.stat_seconds > config.lanes.urgent_seconds
        || config.lanes.urgent_seconds > config.lanes.routine_seconds
    {
        found.push("lanes: stat_seconds ≤ urgent_seconds ≤ routine_seconds must hold".into());
    }
    if let Err(error) = config.engine.compute.parse::<baize_models::Compute>() {
        found.push(format!("engine.compute: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ApiKey, DimseTls};

    fn pacs() -> Destination {
        toml::from_str("name = 'pacs'\naddress = 'pacs.hospital.example:104'\nae_title = 'PACS'").unwrap()
    }

    fn dimse_tls() -> DimseTls {
        DimseTls {
            bind: ([127, 0, 0, 1], 2762).into(),
            certificate: "nowhere.pem".into(),
            key: "nowhere.key".into(),
            client_ca: None,
        }
    }

    fn to_nobody() -> PeerTls {
        PeerTls { ca: "nowhere.pem".into(), certificate: None, key: None, server_name: None }
    }

    fn stow(url: &str) -> Destination {
        toml::from_str(&format!("name = 'cloud'\nstow = '{url}'")).unwrap()
    }

    #[test]
    fn a_stow_destination_needs_a_url_and_encryption() {
        for good in ["https://pacs/dicom-web", "https://pacs:8043/a/b", "http://127.0.0.1:8042/dicom-web"] {
            let config = Config { destinations: vec![stow(good)], ..Config::default() };
            assert_eq!(problems(&config), Vec::<String>::new(), "{good}");
        }
        for bad in
            ["pacs", "https://", "https://pacs/", "https://u:p@pacs/x", "https://pacs/?a=b", "http://pacs/x"]
        {
            let config = Config { destinations: vec![stow(bad)], ..Config::default() };
            assert_eq!(problems(&config).len(), 1, "{bad}");
        }
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(problems(&Config::default()), Vec::<String>::new());
        let sending = Config { destinations: vec![pacs()], ..Config::default() };
        assert_eq!(problems(&sending), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_names_its_key() {
        type Spoil = fn(&mut Config);
        let cases: &[(&str, Spoil)] = &[
            ("http.bind", |c| c.http.bind = ([0, 0, 0, 0], 8642).into()),
            ("http.tls_cert", |c| c.http.tls_cert = Some("nowhere.pem".into())),
            ("http.allowed_origins", |c| c.http.allowed_origins = vec!["*".into()]),
            ("http.metrics_bind", |c| c.http.metrics_bind = c.http.bind),
            ("auth.api_keys[0].sha256", |c| {
                c.auth.api_keys =
                    vec![ApiKey { name: "his".into(), sha256: "abc".into(), roles: vec!["admin".into()] }];
            }),
            ("auth.api_keys[0].roles", |c| {
                c.auth.api_keys =
                    vec![ApiKey { name: "his".into(), sha256: "0".repeat(64), roles: vec!["doctor".into()] }];
            }),
            ("dimse.ae_title", |c| c.dimse.ae_title = "SEVENTEEN_LETTERS".into()),
            ("dimse.bind", |c| c.dimse.bind = ([0, 0, 0, 0], 104).into()),
            ("dimse.tls.certificate", |c| c.dimse.tls = Some(dimse_tls())),
            ("dimse.tls.bind", |c| {
                c.dimse.tls = Some(DimseTls { bind: ([0, 0, 0, 0], 2762).into(), ..dimse_tls() });
            }),
            ("dimse.tls.bind must differ", |c| {
                c.dimse.tls = Some(DimseTls { bind: c.dimse.bind, ..dimse_tls() });
            }),
            ("destinations[0].tls.ca", |c| {
                c.destinations = vec![Destination { tls: Some(to_nobody()), ..pacs() }];
            }),
            ("destinations[0].tls.certificate and", |c| {
                let tls = PeerTls { key: Some("nowhere.key".into()), ..to_nobody() };
                c.destinations = vec![Destination { tls: Some(tls), ..pacs() }];
            }),
            ("limits.receive_budget_mib", |c| c.limits.receive_budget_mib = 1),
            ("engine.largest_bucket", |c| c.engine.largest_bucket = 3),
            ("engine.routine_bucket", |c| c.engine.routine_bucket = 64),
            ("engine.compute", |c| c.engine.compute = "tpu".into()),
            ("studies.quiet_seconds", |c| c.studies.quiet_seconds = 0),
            ("lanes", |c| c.lanes.stat_seconds = 100_000),
            ("destinations[0].name", |c| {
                c.destinations = vec![Destination { name: " ".into(), ..pacs() }];
            }),
            ("destinations[0].name", |c| {
                c.destinations = vec![Destination { name: "@pacs".into(), ..pacs() }];
            }),
            ("destinations[1].name", |c| c.destinations = vec![pacs(), pacs()]),
            ("destinations[0].address", |c| {
                c.destinations = vec![Destination { address: "pacs".into(), ..pacs() }];
            }),
            ("destinations[0].ae_title", |c| {
                c.destinations = vec![Destination { ae_title: "档案".into(), ..pacs() }];
            }),
            ("destinations[0].analysed", |c| {
                c.destinations = vec![Destination { analysed: false, failed: false, ..pacs() }];
            }),
            ("destinations[0].objects: \"rtss\"", |c| {
                c.destinations = vec![Destination { objects: vec!["sr".into(), "rtss".into()], ..pacs() }];
            }),
            ("destinations[0].objects: \"sr\"", |c| {
                c.destinations = vec![Destination { objects: vec!["seg".into()], ..pacs() }];
            }),
            ("destinations[0].concurrency", |c| {
                c.destinations = vec![Destination { concurrency: 0, ..pacs() }];
            }),
            ("destinations[0].stow", |c| {
                c.destinations = vec![Destination { stow: Some("https://pacs/dicom-web".into()), ..pacs() }];
            }),
            ("destinations[0].stow", |c| c.destinations = vec![stow("http://pacs/dicom-web")]),
            ("destinations[0].storage_commitment", |c| {
                let asked = Destination { storage_commitment: true, ..stow("https://pacs/dicom-web") };
                c.destinations = vec![asked];
            }),
            ("destinations[0].authorization_file", |c| {
                c.destinations = vec![Destination {
                    authorization_file: Some("nowhere".into()),
                    ..stow("https://pacs/dicom-web")
                }];
            }),
            ("outbox.retry_cap_seconds", |c| c.outbox.retry_cap_seconds = 0),
            ("triage.rules_dir", |c| c.triage.rules_dir = Some("nowhere".into())),
            ("triage.lexicon_dir", |c| c.triage.lexicon_dir = Some("nowhere".into())),
            ("triage.threads", |c| c.triage.threads = 0),
        ];
        for (named, spoil) in cases {
            let mut config = Config::default();
            spoil(&mut config);
            let found = problems(&config);
            assert!(found.iter().any(|problem| problem.contains(named)), "{named} is not named in {found:?}");
        }
    }

    #[test]
    fn a_public_address_needs_both_a_login_and_encryption() {
        let mut config = Config::default();
        config.http.bind = ([0, 0, 0, 0], 8642).into();
        assert_eq!(problems(&config).len(), 2);
        config.auth.api_keys =
            vec![ApiKey { name: "his".into(), sha256: "0".repeat(64), roles: vec!["integrator".into()] }];
        assert_eq!(problems(&config).len(), 1);
        config.http.tls_terminated_by_proxy = true;
        assert_eq!(problems(&config).len(), 0);
    }
}
