//! An association that we ask for (PS3.8 section 7.1), and messages on it.

use dicom_ul::pdu::{
    AbortRQServiceProviderReason as AbortReason, AssociationAC, AssociationRJ, AssociationRJResult,
    AssociationRJSource, AssociationRQ, PDataValueType, Pdu, PresentationContextProposed,
    PresentationContextResultReason, UserVariableItem,
};
use tracing::debug;

use super::{LinkLost, ScuConfig};
use crate::transfer_syntax::unpadded;
use crate::upper_layer::{APPLICATION_CONTEXT, BoxedStream, CAUTIOUS_MAX_PDU, Link, LinkError};
use crate::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

/// Longest command set of an answer.
const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// Presentation context IDs are odd numbers from 1 to 255.
const MAX_CONTEXTS: usize = 128;

/// A presentation context that we ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    abstract_syntax: String,
    transfer_syntaxes: Vec<String>,
}

impl Proposal {
    pub(super) fn new(abstract_syntax: &str, transfer_syntaxes: &[&str]) -> Self {
        Self {
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntaxes: transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
        }
    }
}

struct Context {
    id: u8,
    abstract_syntax: String,
    transfer_syntax: String,
}

/// An association that stands.
pub(super) struct Association {
    link: Link<BoxedStream>,
    contexts: Vec<Context>,
    peer_max_pdu: u32,
    last_message_id: u16,
}

impl Association {
    /// Asks for an association on a connection that stands.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn request(
        stream: BoxedStream,
        config: &ScuConfig,
        proposals: Vec<Proposal>,
    ) -> Result<Self, LinkLost> {
        let mut link = Link::new(stream, config.max_pdu, config.response_timeout);
        let proposed: Vec<PresentationContextProposed> = (1..=u8::MAX)
            .step_by(2)
            .zip(proposals)
            .take(MAX_CONTEXTS)
            .map(|(id, Proposal { abstract_syntax, transfer_syntaxes })| PresentationContextProposed {
                id,
                abstract_syntax,
                transfer_syntaxes,
            })
            .collect();
        let request = AssociationRQ {
            protocol_version: 1,
            calling_ae_title: config.calling_ae.clone(),
            called_ae_title: config.called_ae.clone(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: proposed.clone(),
            user_variables: vec![
                UserVariableItem::MaxLength(config.max_pdu),
                UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
                UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
            ],
        };
        if let Err(error) = link.send(&Pdu::AssociationRQ(request)).await {
            return Err(lost(&mut link, &error).await);
        }
        let accepted = match link.receive().await {
            Ok(Pdu::AssociationAC(accepted)) => accepted,
            Ok(Pdu::AssociationRJ(rejection)) => {
                link.close().await;
                return Err(LinkLost(rejected(&rejection)));
            }
            Ok(Pdu::AbortRQ { .. }) => {
                return Err(LinkLost("the peer aborted the association request".to_owned()));
            }
            Ok(_) => {
                link.abort(AbortReason::UnexpectedPdu).await;
                return Err(LinkLost("the peer answered the association request with nonsense".to_owned()));
            }
            Err(error) => return Err(lost(&mut link, &error).await),
        };
        let peer_max_pdu = max_length(&accepted);
        Ok(Self { link, contexts: agreed(&accepted, proposed), peer_max_pdu, last_message_id: 0 })
    }

    /// The accepted presentation context for a pair of syntaxes.
    pub(super) fn context(&self, abstract_syntax: &str, transfer_syntax: &str) -> Option<u8> {
        let found = self.contexts.iter().find(|context| {
            context.abstract_syntax == abstract_syntax && context.transfer_syntax == transfer_syntax
        });
        found.map(|context| context.id)
    }

    pub(super) fn next_message_id(&mut self) -> u16 {
        self.last_message_id = self.last_message_id.checked_add(1).unwrap_or(1);
        self.last_message_id
    }

    pub(super) async fn send_command(&mut self, context: u8, command: &[u8]) -> Result<(), LinkLost> {
        self.send(context, PDataValueType::Command, command).await
    }

    pub(super) async fn send_data_set(&mut self, context: u8, data_set: &[u8]) -> Result<(), LinkLost> {
        self.send(context, PDataValueType::Data, data_set).await
    }

    async fn send(&mut self, context: u8, kind: PDataValueType, bytes: &[u8]) -> Result<(), LinkLost> {
        match self.link.send_message(context, kind, bytes, self.peer_max_pdu).await {
            Ok(()) => Ok(()),
            Err(error) => Err(lost(&mut self.link, &error).await),
        }
    }

    /// Waits for a command set that no data set follows.
    pub(super) async fn receive_command(&mut self) -> Result<Vec<u8>, LinkLost> {
        let mut command = Vec::new();
        loop {
            let values = match self.link.receive().await {
                Ok(Pdu::PData { data }) => data,
                Ok(Pdu::AbortRQ { .. }) => {
                    return Err(LinkLost("the peer aborted the association".to_owned()));
                }
                Ok(_) => {
                    self.link.abort(AbortReason::UnexpectedPdu).await;
                    return Err(LinkLost("the peer sent something else than an answer".to_owned()));
                }
                Err(error) => return Err(lost(&mut self.link, &error).await),
            };
            for value in values {
                let fits = command.len() + value.data.len() <= MAX_COMMAND_BYTES;
                if value.value_type != PDataValueType::Command || !fits {
                    self.link.abort(AbortReason::UnexpectedPduParameter).await;
                    return Err(LinkLost("the peer's answer is no command set".to_owned()));
                }
                command.extend_from_slice(&value.data);
                if value.is_last {
                    return Ok(command);
                }
            }
        }
    }

    /// Ends the association because the peer broke the protocol.
    pub(super) async fn abort(&mut self) {
        self.link.abort(AbortReason::InvalidPduParameter).await;
    }

    /// Ends the association in order.
    pub(super) async fn release(mut self) {
        let released = match self.link.send(&Pdu::ReleaseRQ).await {
            Ok(()) => self.link.receive().await,
            Err(error) => Err(error),
        };
        match released {
            Ok(Pdu::ReleaseRP) => {}
            Ok(_) => debug!("the peer did not answer the release"),
            // All answers are in.
            Err(error) => debug!(%error, "release failed"),
        }
        self.link.close().await;
    }
}

/// Tells the peer why this is the end, where it can still hear it.
async fn lost(link: &mut Link<BoxedStream>, error: &LinkError) -> LinkLost {
    if let Some(reason) = error.abort_reason() {
        link.abort(reason).await;
    }
    LinkLost(error.to_string())
}

fn max_length(accepted: &AssociationAC) -> u32 {
    accepted
        .user_variables
        .iter()
        .find_map(|item| match item {
            UserVariableItem::MaxLength(length) => Some(*length),
            _ => None,
        })
        .unwrap_or(CAUTIOUS_MAX_PDU)
}

/// The contexts that the peer accepted, with a transfer syntax that was proposed for them.
fn agreed(accepted: &AssociationAC, proposed: Vec<PresentationContextProposed>) -> Vec<Context> {
    let accept = |proposal: PresentationContextProposed| {
        let result = accepted.presentation_contexts.iter().find(|result| result.id == proposal.id)?;
        let chosen = unpadded(&result.transfer_syntax);
        let is_sound = result.reason == PresentationContextResultReason::Acceptance
            && proposal.transfer_syntaxes.iter().any(|uid| uid == chosen);
        is_sound.then(|| Context {
            id: proposal.id,
            transfer_syntax: chosen.to_owned(),
            abstract_syntax: proposal.abstract_syntax,
        })
    };
    proposed.into_iter().filter_map(accept).collect()
}

/// PS3.8 table 9-21, in words.
fn rejected(rejection: &AssociationRJ) -> String {
    let kind = match rejection.result {
        AssociationRJResult::Permanent => "rejected the association",
        AssociationRJResult::Transient => "rejected the association for now",
    };
    let reason = match &rejection.source {
        AssociationRJSource::ServiceUser(reason) => reason.to_string(),
        AssociationRJSource::ServiceProviderASCE(reason) => reason.to_string(),
        AssociationRJSource::ServiceProviderPresentation(reason) => reason.to_string(),
    };
    format!("the peer {kind}: {reason}")
}
