//! Judges what is asked of other systems: `[[nodes]]`, `[priors]` and `[worklist]`.

use super::check::{address, ae_title, peer_tls};
use super::{Config, WayTo};

pub(super) fn check(config: &Config, found: &mut Vec<String>) {
    nodes(config, found);
    let priors = &config.priors;
    for name in &priors.from {
        known("priors.from", name, config, found);
    }
    if priors.most == 0 {
        found.push("priors.most must be at least 1; leave priors.from empty to fetch nothing".into());
    }
    if priors.months == 0 {
        found.push("priors.months must be at least 1".into());
    }
    if let Some(name) = &config.worklist.node {
        known("worklist.node", name, config, found);
    }
}

fn nodes(config: &Config, found: &mut Vec<String>) {
    for (index, node) in config.nodes.iter().enumerate() {
        let key = |name: &str| format!("nodes[{index}].{name}");
        let name = &node.name;
        if name.trim().is_empty() {
            found.push(format!("{} is empty: [priors], [worklist] and `baize dicom` name it", key("name")));
        }
        let earlier = config.nodes[..index].iter().any(|node| node.name == *name);
        if earlier || config.destinations.iter().any(|destination| destination.name == *name) {
            found.push(format!(
                "{}: '{name}' is there twice; a destination needs no node of its own, it can be asked as it is",
                key("name")
            ));
        }
        address(&key("address"), &node.address, found);
        ae_title(&key("ae_title"), &node.ae_title, found);
        if let Some(title) = &node.calling_ae_title {
            ae_title(&key("calling_ae_title"), title, found);
        }
        if let Some(tls) = &node.tls {
            peer_tls(&key("tls"), tls, found);
        }
        if !(4096..=4 << 20).contains(&node.max_pdu) {
            found.push(format!("{} must be between 4096 and 4194304", key("max_pdu")));
        }
        for (name, seconds) in [
            ("connect_timeout_seconds", node.connect_timeout_seconds),
            ("response_timeout_seconds", node.response_timeout_seconds),
        ] {
            if seconds == 0 {
                found.push(format!("{} must be at least 1", key(name)));
            }
        }
    }
}

/// Whether a name is that of a system that speaks DIMSE.
fn known(key: &str, name: &str, config: &Config, found: &mut Vec<String>) {
    let asked = config.destinations.iter().any(|one| one.name == name && one.way() == WayTo::Dimse);
    if !asked && !config.nodes.iter().any(|one| one.name == name) {
        found.push(format!(
            "{key}: '{name}' is neither a destination with address and ae_title nor in [[nodes]]; add it there"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Node;

    fn ris() -> Node {
        toml::from_str("name = 'ris'\naddress = 'ris.hospital.example:104'\nae_title = 'RIS'").unwrap()
    }

    fn problems(spoil: impl Fn(&mut Config)) -> Vec<String> {
        let mut config = Config { nodes: vec![ris()], ..Config::default() };
        config.priors.from = vec!["ris".into()];
        config.worklist.node = Some("ris".into());
        spoil(&mut config);
        let mut found = Vec::new();
        check(&config, &mut found);
        found
    }

    #[test]
    fn each_mistake_names_its_key() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
        type Spoil = fn(&mut Config);
        let cases: [(&str, Spoil); 9] = [
            ("nodes[0].name", |c| c.nodes[0].name = " ".into()),
            ("nodes[1].name", |c| c.nodes.push(ris())),
            ("nodes[0].address", |c| c.nodes[0].address = "ris".into()),
            ("nodes[0].ae_title", |c| c.nodes[0].ae_title = String::new()),
            ("nodes[0].max_pdu", |c| c.nodes[0].max_pdu = 1),
            ("nodes[0].response_timeout_seconds", |c| c.nodes[0].response_timeout_seconds = 0),
            ("priors.from", |c| c.priors.from = vec!["pacs".into()]),
            ("priors.most", |c| c.priors.most = 0),
            ("worklist.node", |c| c.worklist.node = Some("his".into())),
        ];
        for (named, spoil) in cases {
            let found = problems(spoil);
            assert!(found.iter().any(|problem| problem.contains(named)), "{named} is not named in {found:?}");
        }
    }
}
