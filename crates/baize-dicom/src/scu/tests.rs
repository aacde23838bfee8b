//! What counts as an answer: a peer that answers one C-STORE as each case says.

use baize_core::ports::ObjectName;
use baize_testkit::ObjectBuilder;
use dicom_ul::pdu::{
    AssociationAC, PDataValueType, Pdu, PresentationContextResult, PresentationContextResultReason as Reason,
    UserVariableItem,
};
use tokio::net::TcpListener;

use super::*;
use crate::command::Request;
use crate::upper_layer::{APPLICATION_CONTEXT, Link};

const CR: &str = "1.2.840.10008.5.1.4.1.1.1";
const GENEROUS: Duration = Duration::from_secs(60);

/// Turns the request that came into what is answered.
type Answer = fn(Request) -> Pdu;

fn command(context: u8, data: Vec<u8>) -> Pdu {
    let value = dicom_ul::pdu::PDataValue {
        presentation_context_id: context,
        value_type: PDataValueType::Command,
        is_last: true,
        data,
    };
    Pdu::PData { data: vec![value] }
}

/// Accepts the contexts for which `accept` says so, takes one object, and answers.
async fn peer(listener: TcpListener, accept: fn(&str) -> Option<String>, answer: Answer) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut link = Link::new(stream, 16_384, GENEROUS);
    let Pdu::AssociationRQ(asked) = link.receive().await.unwrap() else { panic!("no association request") };
    let result = |context: dicom_ul::pdu::PresentationContextProposed| {
        let chosen = accept(&context.transfer_syntaxes[0]);
        let reason = if chosen.is_some() { Reason::Acceptance } else { Reason::TransferSyntaxesNotSupported };
        let transfer_syntax = chosen.unwrap_or_else(|| uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
        PresentationContextResult { id: context.id, reason, transfer_syntax }
    };
    let accepted = AssociationAC {
        protocol_version: 1,
        calling_ae_title: asked.calling_ae_title,
        called_ae_title: asked.called_ae_title,
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: asked.presentation_contexts.into_iter().map(result).collect(),
        user_variables: vec![UserVariableItem::MaxLength(4096)],
    };
    link.send(&Pdu::AssociationAC(accepted)).await.unwrap();
    let mut request = Vec::new();
    loop {
        let Ok(Pdu::PData { data }) = link.receive().await else { return };
        for value in data {
            match value.value_type {
                PDataValueType::Command => request.extend(value.data),
                PDataValueType::Data if value.is_last => {
                    let answer = answer(Request::parse(&request).unwrap());
                    link.send(&answer).await.unwrap();
                    // Until the other side has had enough.
                    let _rest = link.receive().await;
                    return;
                }
                PDataValueType::Data => {}
            }
        }
    }
}

async fn send(accept: fn(&str) -> Option<String>, answer: Answer) -> Result<PeerAnswer, LinkLost> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scu = Scu::new(ScuConfig {
        address: listener.local_addr().unwrap().to_string(),
        called_ae: "PACS".to_owned(),
        calling_ae: "BAIZE".to_owned(),
        max_pdu: 16_384,
        tls: None,
        connect_timeout: GENEROUS,
        response_timeout: GENEROUS,
    });
    let serving = tokio::spawn(peer(listener, accept, answer));
    let builder = ObjectBuilder::chest(1);
    let name = ObjectName { sop_class: CR.to_owned(), sop_instance: builder.sop_uid() };
    let object = Rendition { name, object: builder.build() };
    let mut handover = scu.connect(std::slice::from_ref(&object), Lane::Routine).await?;
    let answered = handover.send(&object).await;
    drop(handover);
    serving.await.unwrap();
    answered
}

fn as_proposed(transfer_syntax: &str) -> Option<String> {
    Some(transfer_syntax.to_owned())
}

#[tokio::test]
async fn only_an_answer_about_this_very_object_is_one() {
    let good: [(Answer, PeerAnswer); 3] = [
        (|rq| command(1, rq.response(0, None)), PeerAnswer::Status(0, None)),
        // The UID is optional in a response (PS3.7 table 9.1-1).
        (
            |rq| command(1, Request { sop_instance: None, ..rq }.response(0xB000, Some("coerced"))),
            PeerAnswer::Status(0xB000, Some("coerced".to_owned())),
        ),
        (|rq| command(1, rq.response(0xA700, None)), PeerAnswer::Status(0xA700, None)),
    ];
    for (answer, expected) in good {
        assert_eq!(send(as_proposed, answer).await, Ok(expected));
    }
    let bad: [(Answer, &str); 6] = [
        (
            |rq| command(1, Request { sop_instance: Some("2.25.1".to_owned()), ..rq }.response(0, None)),
            "another SOP instance",
        ),
        (|rq| command(1, Request { message_id: 77, ..rq }.response(0, None)), "another request"),
        (|rq| command(1, Request { field: C_ECHO_RQ, ..rq }.response(0, None)), "another request"),
        (|_| command(1, vec![0; 5]), "cannot be read"),
        (|_| command(1, echo_request(1, uids::VERIFICATION)), "cannot be read"),
        (|_| Pdu::ReleaseRQ, "something else than an answer"),
    ];
    for (answer, said) in bad {
        let LinkLost(told) = send(as_proposed, answer).await.unwrap_err();
        assert!(told.contains(said), "{told}");
    }
}

#[tokio::test]
async fn only_what_was_proposed_is_agreed() {
    let none: fn(&str) -> Option<String> = |_| None;
    let other: fn(&str) -> Option<String> = |_| Some("1.2.840.10008.1.2.4.50".to_owned());
    for accept in [none, other] {
        let answered = send(accept, |_| panic!("nothing may be sent")).await.unwrap();
        assert!(matches!(answered, PeerAnswer::NotTaken(why) if why.contains(CR)));
    }
}
