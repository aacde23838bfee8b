//! What is agreed with a peer before the first image: AE titles and presentation contexts (PS3.8 section 7.1).

use std::collections::HashSet;

use dicom_core::dictionary::{UidDictionary, UidType};
use dicom_dictionary_std::{StandardSopClassDictionary, uids};
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason, AssociationRJSource,
    AssociationRQ, PresentationContextProposed, PresentationContextResult, PresentationContextResultReason,
    UserVariableItem,
};

use super::ScpConfig;
use super::config::{is_ae_title, same_title};
use crate::transfer_syntax::{choose, unpadded};
use crate::upper_layer::{APPLICATION_CONTEXT, CAUTIOUS_MAX_PDU};
use crate::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

/// Stands in a refused presentation context, where it means nothing (PS3.8 table 9-18).
const INSIGNIFICANT_TRANSFER_SYNTAX: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;

/// An accepted presentation context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: u8,
    pub(super) abstract_syntax: String,
    pub(super) transfer_syntax: &'static str,
}

/// What was agreed.
#[derive(Debug)]
pub(super) struct Agreement {
    /// The peer's AE title without padding.
    pub(super) calling_ae: String,
    /// The Maximum Length that the peer takes; 0 means no limit.
    pub(super) peer_max_pdu: u32,
    /// The accepted presentation contexts.
    pub(super) contexts: Vec<Context>,
    /// The answer that says so.
    pub(super) reply: AssociationAC,
}

/// Why there is no association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not version 1 of the upper layer protocol.
    ProtocolVersion,
    /// Another application context than DICOM's.
    ApplicationContext,
    /// The peer calls somebody else.
    CalledAe,
    /// We don't know the peer.
    CallingAe,
    /// As many associations are open as there may be.
    Limit,
    /// The peer asks too often.
    Rate,
}

impl Refusal {
    /// The A-ASSOCIATE-RJ that says so (PS3.8 table 9-21).
    pub(super) fn to_pdu(self) -> AssociationRJ {
        use AssociationRJServiceUserReason as User;
        let (result, source) = match self {
            Self::ProtocolVersion => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceProviderASCE(
                    AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported,
                ),
            ),
            Self::ApplicationContext => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceUser(User::ApplicationContextNameNotSupported),
            ),
            Self::CalledAe => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceUser(User::CalledAETitleNotRecognized),
            ),
            Self::CallingAe => (
                AssociationRJResult::Permanent,
                AssociationRJSource::ServiceUser(User::CallingAETitleNotRecognized),
            ),
            Self::Limit => (
                AssociationRJResult::Transient,
                AssociationRJSource::ServiceProviderPresentation(
                    AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
                ),
            ),
            Self::Rate => (
                AssociationRJResult::Transient,
                AssociationRJSource::ServiceProviderPresentation(
                    AssociationRJServiceProviderPresentationReason::TemporaryCongestion,
                ),
            ),
        };
        AssociationRJ { result, source }
    }
}

/// Decides about a request; whether there is room for it is the caller's to know.
pub(super) fn negotiate(config: &ScpConfig, request: AssociationRQ) -> Result<Agreement, Refusal> {
    // PS3.8 table 9-11: only bit 0 is to be tested.
    if request.protocol_version & 1 == 0 {
        return Err(Refusal::ProtocolVersion);
    }
    if unpadded(&request.application_context_name) != APPLICATION_CONTEXT {
        return Err(Refusal::ApplicationContext);
    }
    if !same_title(&request.called_ae_title, &config.ae_title) {
        return Err(Refusal::CalledAe);
    }
    if !is_ae_title(&request.calling_ae_title) || !config.may_associate(&request.calling_ae_title) {
        return Err(Refusal::CallingAe);
    }
    let peer_max_pdu = request
        .user_variables
        .iter()
        .find_map(|item| match item {
            UserVariableItem::MaxLength(length) => Some(*length),
            _ => None,
        })
        .unwrap_or(CAUTIOUS_MAX_PDU);

    let mut seen = HashSet::new();
    let mut contexts = Vec::new();
    let mut results = Vec::new();
    for proposed in request.presentation_contexts {
        let answer = if seen.insert(proposed.id) {
            answer(&proposed)
        } else {
            Err(PresentationContextResultReason::NoReason)
        };
        let (reason, transfer_syntax) = match answer {
            Ok(transfer_syntax) => {
                let abstract_syntax = unpadded(&proposed.abstract_syntax).to_owned();
                contexts.push(Context { id: proposed.id, abstract_syntax, transfer_syntax });
                (PresentationContextResultReason::Acceptance, transfer_syntax)
            }
            Err(reason) => (reason, INSIGNIFICANT_TRANSFER_SYNTAX),
        };
        let transfer_syntax = transfer_syntax.to_owned();
        results.push(PresentationContextResult { id: proposed.id, reason, transfer_syntax });
    }

    let reply = AssociationAC {
        protocol_version: 1,
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        called_ae_title: request.called_ae_title,
        calling_ae_title: request.calling_ae_title.clone(),
        presentation_contexts: results,
        // No asynchronous operations window, role selection or extended negotiation is answered, so the
        // defaults hold: one operation at a time, the requestor is the SCU (PS3.7 annex D.3.3).
        user_variables: vec![
            UserVariableItem::MaxLength(config.max_pdu),
            UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
            UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
        ],
    };
    let calling_ae = request.calling_ae_title.trim_matches(' ').to_owned();
    Ok(Agreement { calling_ae, peer_max_pdu, contexts, reply })
}

fn answer(proposed: &PresentationContextProposed) -> Result<&'static str, PresentationContextResultReason> {
    // PS3.8 table 9-13: identifiers are odd.
    if proposed.id.is_multiple_of(2) {
        return Err(PresentationContextResultReason::NoReason);
    }
    let abstract_syntax = unpadded(&proposed.abstract_syntax);
    if abstract_syntax != uids::VERIFICATION && !is_storage(abstract_syntax) {
        return Err(PresentationContextResultReason::AbstractSyntaxNotSupported);
    }
    choose(&proposed.transfer_syntaxes).ok_or(PresentationContextResultReason::TransferSyntaxesNotSupported)
}

/// Whether the UID is a storage SOP class whose objects belong to a patient's study (PS3.4 section B.5), the
/// retired ones included because old modalities use them. Those of PS3.4 annex GG (protocols, inventories,
/// hanging protocols, templates) belong to no study and cannot be kept.
fn is_storage(abstract_syntax: &str) -> bool {
    const COMPOSITE: &str = "1.2.840.10008.5.1.4.1.1.";
    const WITHOUT_STUDY: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201."];
    let in_range = abstract_syntax.starts_with(COMPOSITE)
        && !WITHOUT_STUDY.iter().any(|prefix| abstract_syntax.starts_with(prefix))
        || abstract_syntax == uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE;
    in_range
        && StandardSopClassDictionary
            .by_uid(abstract_syntax)
            .is_some_and(|entry| entry.r#type == UidType::SopClass && entry.name.contains("Storage"))
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::good_config;
    use super::*;

    fn request(contexts: &[(u8, &str, &[&str])]) -> AssociationRQ {
        AssociationRQ {
            protocol_version: 1,
            calling_ae_title: "CR1".to_owned(),
            called_ae_title: "BAIZE".to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: contexts
                .iter()
                .map(|(id, abstract_syntax, transfer_syntaxes)| PresentationContextProposed {
                    id: *id,
                    abstract_syntax: (*abstract_syntax).to_owned(),
                    transfer_syntaxes: transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
                })
                .collect(),
            user_variables: vec![UserVariableItem::MaxLength(0)],
        }
    }

    #[test]
    fn strangers_are_refused_with_the_reason_of_the_standard() {
        type Mutation = fn(&mut AssociationRQ);
        let mutations: [(Mutation, Refusal); 6] = [
            (|rq| rq.protocol_version = 2, Refusal::ProtocolVersion),
            (|rq| rq.application_context_name = "1.2.3".to_owned(), Refusal::ApplicationContext),
            (|rq| rq.called_ae_title = "OTHER".to_owned(), Refusal::CalledAe),
            (|rq| rq.called_ae_title = "baize".to_owned(), Refusal::CalledAe),
            (|rq| rq.calling_ae_title = "CR2".to_owned(), Refusal::CallingAe),
            (|rq| rq.calling_ae_title = String::new(), Refusal::CallingAe),
        ];
        for (mutate, expected) in mutations {
            let mut rq = request(&[]);
            mutate(&mut rq);
            assert_eq!(negotiate(&good_config(), rq).map(|agreement| agreement.calling_ae), Err(expected));
        }
        let open = ScpConfig { allow_any_calling_ae: true, ..good_config() };
        let mut control_characters = request(&[]);
        control_characters.calling_ae_title = "A\nB".to_owned();
        assert_eq!(negotiate(&open, control_characters).map(|_| ()), Err(Refusal::CallingAe));
    }

    #[test]
    fn each_presentation_context_is_judged_by_itself() {
        const CR: &str = "1.2.840.10008.5.1.4.1.1.1";
        const J2K: &str = "1.2.840.10008.1.2.4.91";
        const IMPLICIT: &str = "1.2.840.10008.1.2";
        let agreement = negotiate(
            &good_config(),
            request(&[
                (1, uids::VERIFICATION, &[IMPLICIT]),
                (3, CR, &[J2K, IMPLICIT]),
                (5, CR, &[J2K]),
                (7, CR, &["1.2.3"]),
                (9, uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND, &[IMPLICIT]),
                (10, CR, &[IMPLICIT]),
                (5, CR, &[IMPLICIT]),
            ]),
        )
        .unwrap();
        let context = |id, abstract_syntax: &str, transfer_syntax| Context {
            id,
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntax,
        };
        assert_eq!(
            agreement.contexts,
            [context(1, uids::VERIFICATION, IMPLICIT), context(3, CR, IMPLICIT), context(5, CR, J2K)]
        );
        let reasons: Vec<_> = agreement
            .reply
            .presentation_contexts
            .into_iter()
            .map(|result| (result.id, result.reason as u8))
            .collect();
        assert_eq!(reasons, [(1, 0), (3, 0), (5, 0), (7, 4), (9, 3), (10, 2), (5, 2)]);
    }

    #[test]
    fn storage_classes_are_those_of_a_patients_study() {
        for uid in [
            uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
            uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
            uids::COMPREHENSIVE3_DSR_STORAGE,
            uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE,
            uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE,
            uids::SEGMENTATION_STORAGE,
            uids::ENCAPSULATED_PDF_STORAGE,
            uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE,
            "1.2.840.10008.5.1.4.1.1.6", // Ultrasound Image Storage, retired
        ] {
            assert!(is_storage(uid), "{uid}");
        }
        for uid in [
            uids::VERIFICATION,
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND,
            uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND,
            uids::STORAGE_COMMITMENT_PUSH_MODEL,
            uids::HANGING_PROTOCOL_STORAGE,
            uids::CT_DEFINED_PROCEDURE_PROTOCOL_STORAGE,
            uids::INVENTORY_STORAGE,
            "1.2.840.10008.5.1.4.1.1.",
            "1.2.840.10008.5.1.4.1.1.999",
            "",
        ] {
            assert!(!is_storage(uid), "{uid}");
        }
    }
}
