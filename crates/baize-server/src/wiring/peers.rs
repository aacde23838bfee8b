//! The systems that Baize asks, by their names in the configuration.

use std::time::Duration;

use anyhow::Context as _;
use baize_dicom::scu::{QueryCharset, Scu, ScuConfig};

use super::edges;
use super::outbox::scu;
use crate::config::{Config, Node, QueryCharset as Configured, WayTo};

/// A system with the way to it.
pub(crate) struct Peer {
    /// The way there.
    pub(crate) scu: Scu,
    /// Its address and AE title, for people.
    pub(crate) address: String,
    pub(crate) ae_title: String,
    /// How Chinese text is written in questions to it.
    pub(crate) charset: QueryCharset,
}

/// The destination or the node of a name.
///
/// # Errors
/// None of that name, with those that there are; a destination that does not speak DIMSE; a certificate or key that
/// cannot be used.
pub(crate) fn peer(config: &Config, name: &str) -> anyhow::Result<Peer> {
    if let Some(destination) = config.destinations.iter().find(|one| one.name == name) {
        anyhow::ensure!(
            destination.way() == WayTo::Dimse,
            "{name} gets results by another way and cannot be asked by DIMSE; name its DICOM address in [[nodes]]"
        );
        return Ok(Peer {
            scu: scu(config, destination)?,
            address: destination.address.clone(),
            ae_title: destination.ae_title.clone(),
            charset: charset(destination.query_charset),
        });
    }
    let node = config.nodes.iter().find(|one| one.name == name).with_context(|| {
        let names = config.destinations.iter().map(|one| one.name.as_str());
        let known: Vec<&str> = names.chain(config.nodes.iter().map(|one| one.name.as_str())).collect();
        format!("'{name}' is neither in [[destinations]] nor in [[nodes]]; there are: {}", known.join(", "))
    })?;
    Ok(Peer {
        scu: node_scu(config, node)?,
        address: node.address.clone(),
        ae_title: node.ae_title.clone(),
        charset: charset(node.query_charset),
    })
}

fn charset(configured: Configured) -> QueryCharset {
    match configured {
        Configured::IsoIr192 => QueryCharset::IsoIr192,
        Configured::Gb18030 => QueryCharset::Gb18030,
    }
}

/// # Errors
/// A certificate or key that cannot be used.
fn node_scu(config: &Config, node: &Node) -> anyhow::Result<Scu> {
    let tls = node.tls.as_ref().map(|tls| edges::peer_tls(tls, &node.address));
    Ok(Scu::new(ScuConfig {
        address: node.address.clone(),
        called_ae: node.ae_title.clone(),
        calling_ae: node.calling_ae_title.clone().unwrap_or_else(|| config.dimse.ae_title.clone()),
        max_pdu: node.max_pdu,
        tls: tls.transpose().with_context(|| format!("node {}", node.name))?,
        connect_timeout: Duration::from_secs(node.connect_timeout_seconds),
        response_timeout: Duration::from_secs(node.response_timeout_seconds),
    }))
}
