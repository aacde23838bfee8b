//! The service class user: C-STORE of results to an archive, and C-ECHO.
//!
//! `association` asks for an association and what is agreed, `object` is an object as it goes over the wire, this file
//! the operations. One association at a time and one operation at a time on it, so that an answer belongs to the one
//! object that is out.

mod association;
mod object;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use baize_core::Lane;
use baize_core::ports::{Courier, Handover, LinkLost, PeerAnswer, Rendition};
use baize_tls::ClientTls;
use dicom_dictionary_std::uids;
use tokio::net::TcpStream;
use tracing::debug;

use self::association::{Association, Proposal};
use self::object::Outgoing;
use crate::command::{C_ECHO_RQ, C_STORE_RQ, Response, echo_request, store_request};
use crate::upper_layer::BoxedStream;

/// The settings of a [`Scu`].
#[derive(Clone, Debug)]
pub struct ScuConfig {
    /// Where the peer listens: `host:port`, a name or a number.
    pub address: String,
    /// The peer's AE title.
    pub called_ae: String,
    /// Our AE title towards this peer.
    pub calling_ae: String,
    /// Longest P-DATA PDU that the peer may send us, in bytes.
    pub max_pdu: u32,
    /// How to speak TLS to the peer; `None` for a plain connection.
    pub tls: Option<ClientTls>,
    /// How long connecting may take, the TLS handshake included.
    pub connect_timeout: Duration,
    /// How long the peer may take for one answer, and for taking one PDU.
    pub response_timeout: Duration,
}

/// The way to one archive.
#[derive(Clone, Debug)]
pub struct Scu {
    config: ScuConfig,
}

impl Scu {
    /// Opens nothing.
    pub fn new(config: ScuConfig) -> Self {
        Self { config }
    }

    /// Asks the peer whether it is there (C-ECHO).
    ///
    /// # Errors
    /// Why it is not, or what it answered instead.
    pub async fn echo(&self) -> Result<(), LinkLost> {
        let proposal = Proposal::new(uids::VERIFICATION, &[uids::IMPLICIT_VR_LITTLE_ENDIAN]);
        let mut association = self.associate(vec![proposal]).await?;
        let context = association
            .context(uids::VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN)
            .ok_or_else(|| LinkLost("the peer does not offer C-ECHO".to_owned()))?;
        let message_id = association.next_message_id();
        let request = echo_request(message_id, uids::VERIFICATION);
        association.send_command(context, &request).await?;
        let response = answer_to(&mut association, C_ECHO_RQ, message_id).await?;
        association.release().await;
        match response.status {
            0 => Ok(()),
            status => Err(LinkLost(format!("the peer answered C-ECHO with status {status:04X}"))),
        }
    }

    async fn associate(&self, proposals: Vec<Proposal>) -> Result<Association, LinkLost> {
        let config = &self.config;
        let stream = tokio::time::timeout(config.connect_timeout, self.connection())
            .await
            .map_err(|_| LinkLost("no connection in time".to_owned()))??;
        Association::request(stream, config, proposals).await
    }

    async fn connection(&self) -> Result<BoxedStream, LinkLost> {
        let config = &self.config;
        let stream = TcpStream::connect(&config.address)
            .await
            .map_err(|error| LinkLost(format!("no connection: {error}")))?;
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "nagle's algorithm stays on");
        }
        match &config.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let stream = tls.connect(stream).await;
                Ok(Box::new(stream.map_err(|error| LinkLost(format!("no TLS connection: {error}")))?))
            }
        }
    }
}

#[async_trait]
impl Courier for Scu {
    async fn connect(&self, objects: &[Rendition], lane: Lane) -> Result<Box<dyn Handover>, LinkLost> {
        let association = self.associate(proposals(objects)).await?;
        Ok(Box::new(Storing { association, high: lane == Lane::Stat }))
    }
}

/// For each SOP class the object's own transfer syntax and, where we can convert to it, the one that every peer knows.
/// A context for each: a peer chooses one of those that it is offered in one.
fn proposals(objects: &[Rendition]) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = Vec::new();
    for object in objects {
        // An object that cannot be read is found out when it is sent.
        let Ok(outgoing) = Outgoing::read(&object.object) else { continue };
        for syntax in outgoing.transfer_syntaxes() {
            let proposal = Proposal::new(&object.name.sop_class, &[syntax]);
            if !proposals.contains(&proposal) {
                proposals.push(proposal);
            }
        }
    }
    proposals
}

/// An association over which objects are stored.
struct Storing {
    association: Association,
    high: bool,
}

#[async_trait]
impl Handover for Storing {
    async fn send(&mut self, object: &Rendition) -> Result<PeerAnswer, LinkLost> {
        let name = &object.name;
        let outgoing = match Outgoing::read(&object.object) {
            Ok(outgoing) => outgoing,
            Err(damage) => return Ok(PeerAnswer::NotTaken(format!("the object cannot be sent: {damage}"))),
        };
        let association = &mut self.association;
        let agreed = outgoing
            .transfer_syntaxes()
            .find_map(|syntax| Some((association.context(&name.sop_class, syntax)?, syntax.to_owned())));
        let Some((context, syntax)) = agreed else {
            let comment =
                format!("the peer accepts no presentation context for SOP class {}", name.sop_class);
            return Ok(PeerAnswer::NotTaken(comment));
        };
        let data_set = match outgoing.data_set_in(&syntax) {
            Ok(data_set) => data_set,
            Err(damage) => return Ok(PeerAnswer::NotTaken(format!("the object cannot be sent: {damage}"))),
        };
        let message_id = association.next_message_id();
        let request = store_request(message_id, &name.sop_class, &name.sop_instance, self.high);
        association.send_command(context, &request).await?;
        association.send_data_set(context, &data_set).await?;
        let response = answer_to(association, C_STORE_RQ, message_id).await?;
        // An answer about another object says nothing about this one.
        if response.sop_instance.as_ref().is_some_and(|uid| *uid != name.sop_instance) {
            association.abort().await;
            return Err(LinkLost("the peer answered about another SOP instance".to_owned()));
        }
        Ok(PeerAnswer::Status(response.status, response.comment))
    }

    async fn close(self: Box<Self>) {
        self.association.release().await;
    }
}

/// Waits for the answer to one request.
async fn answer_to(association: &mut Association, field: u16, message_id: u16) -> Result<Response, LinkLost> {
    let command = association.receive_command().await?;
    match Response::parse(&command) {
        Ok(response) if response.field == field && response.message_id == message_id => Ok(response),
        Ok(_) => {
            association.abort().await;
            Err(LinkLost("the peer answered another request".to_owned()))
        }
        Err(error) => {
            association.abort().await;
            Err(LinkLost(format!("the peer's answer cannot be read: {error}")))
        }
    }
}

/// Sends one object over a stream that is no socket.
#[cfg(fuzzing)]
pub(crate) async fn deliver(stream: BoxedStream, config: ScuConfig, object: Rendition) {
    let proposals = proposals(std::slice::from_ref(&object));
    if let Ok(association) = Association::request(stream, &config, proposals).await {
        let mut handover = Box::new(Storing { association, high: false });
        if handover.send(&object).await.is_ok() {
            handover.close().await;
        }
    }
}
