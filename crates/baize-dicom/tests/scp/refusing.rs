//! Who and what is refused, and how the peer learns why.

use baize_core::{ErrorCode, Fault};
use baize_dicom::scp::ScpConfig;
use baize_testkit::ObjectBuilder;
use dicom_dictionary_std::uids;
use dicom_ul::association::Error;
use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::pdu::{
    AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason as Presentation,
    AssociationRJServiceUserReason as User, AssociationRJSource, PDataValueType::*,
};

use crate::support::{CR, EXPLICIT, IMPLICIT, Peer, command, config, start, store_command};

fn rejection<T>(outcome: Result<T, Error>) -> AssociationRJ {
    match outcome {
        Err(Error::Rejected { association_rj, .. }) => association_rj,
        Err(error) => panic!("not a rejection: {error}"),
        Ok(_) => panic!("not a rejection but an association"),
    }
}

fn permanent(reason: User) -> AssociationRJ {
    AssociationRJ { result: AssociationRJResult::Permanent, source: AssociationRJSource::ServiceUser(reason) }
}

#[tokio::test]
async fn strangers_and_wrong_numbers_are_rejected() {
    let server = start(config()).await;
    let stranger = Peer::connect(server.address, "WHO", &[(CR, &[EXPLICIT])]).await;
    assert_eq!(rejection(stranger.map(|_| ())), permanent(User::CallingAETitleNotRecognized));
    let wrong_number = ClientAssociationOptions::new()
        .calling_ae_title("CR1")
        .called_ae_title("PACS")
        .with_abstract_syntax(CR)
        .establish_async(server.address)
        .await;
    assert_eq!(rejection(wrong_number), permanent(User::CalledAETitleNotRecognized));
    server.ended("rejected_calling_ae", 1).await;
    server.ended("rejected_called_ae", 1).await;
}

#[tokio::test]
async fn an_empty_list_allows_nobody_and_anybody_only_on_demand() {
    let nobody = ScpConfig { allowed_calling_aes: vec![], ..config() };
    let server = start(nobody.clone()).await;
    let refused = Peer::connect(server.address, "CR1", &[(CR, &[EXPLICIT])]).await;
    assert_eq!(rejection(refused.map(|_| ())), permanent(User::CallingAETitleNotRecognized));

    let server = start(ScpConfig { allow_any_calling_ae: true, ..nobody }).await;
    let mut peer = Peer::connect(server.address, "ANYBODY", &[(CR, &[EXPLICIT])]).await.unwrap();
    assert_eq!(peer.store(&ObjectBuilder::chest(1)).await.0, 0);
}

#[tokio::test]
async fn one_association_too_many_may_come_back_later() {
    let server = start(ScpConfig { max_associations: 1, ..config() }).await;
    let first = Peer::for_images(server.address).await;
    let second = Peer::connect(server.address, "CR1", &[(CR, &[EXPLICIT])]).await;
    let expected = AssociationRJ {
        result: AssociationRJResult::Transient,
        source: AssociationRJSource::ServiceProviderPresentation(Presentation::LocalLimitExceeded),
    };
    assert_eq!(rejection(second.map(|_| ())), expected);
    first.release().await;
    server.ended("released", 1).await;
    // The slot is free once the association has ended, which the peer cannot see: try until it is.
    loop {
        match Peer::connect(server.address, "CR1", &[(CR, &[EXPLICIT])]).await {
            Ok(_) => break,
            error => assert_eq!(rejection(error.map(|_| ())), expected),
        }
    }
}

#[tokio::test]
async fn the_intakes_refusal_reaches_the_peer_with_its_reason() {
    let cases = [
        (ErrorCode::SpoolFull, 0xA700),
        (ErrorCode::Draining, 0xA710),
        (ErrorCode::MissingAttribute, 0xA900),
        (ErrorCode::MalformedObject, 0xC000),
        (ErrorCode::StorageFailed, 0x0110),
    ];
    let server = start(config()).await;
    let mut peer = Peer::for_images(server.address).await;
    for (code, status) in cases {
        server.intake.fail_with(Fault::new(code, "Study Instance UID (0020,000D) is missing: add it"));
        let comment = Some("Study Instance UID (0020,000D) is missing: add it".to_owned());
        assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, (status, comment), "{code}");
        assert_eq!(server.metric(&format!("baize_dimse_stores_total{{status=\"{status:04X}\"}}")), 1);
    }
    assert!(server.intake.objects().is_empty());
    peer.release().await;
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_and_the_next_one_taken() {
    let server = start(ScpConfig { max_object_bytes: 100_000, ..config() }).await;
    let mut peer = Peer::for_images(server.address).await;
    let answer = peer.store(&ObjectBuilder::chest(1).size(300, 300)).await;
    assert_eq!(answer, (0xC000, Some("the object is larger than 100000 bytes".to_owned())));
    assert_eq!(peer.store(&ObjectBuilder::chest(2).size(100, 100)).await, (0, None));
    assert_eq!(server.intake.objects().len(), 1);
}

#[tokio::test]
async fn command_and_data_set_must_agree() {
    let dx = uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION;
    let object = ObjectBuilder::chest(1).size(8, 8);
    let sop = object.sop_uid();
    // (context of the message, class of the command, instance of the command, status)
    let cases = [
        (1, CR, "2.25.9", 0xA900),
        (3, dx, sop.as_str(), 0xA900),
        (1, dx, sop.as_str(), 0x0122),
        (5, uids::VERIFICATION, sop.as_str(), 0x0122),
        (1, CR, "not a uid", 0x0115),
        (1, CR, "", 0x0115),
        (1, CR, sop.as_str(), 0),
    ];
    let server = start(config()).await;
    let contexts: [(&str, &[&str]); 3] =
        [(CR, &[EXPLICIT]), (dx, &[EXPLICIT]), (uids::VERIFICATION, &[EXPLICIT])];
    let mut peer = Peer::connect(server.address, "CR1", &contexts).await.unwrap();
    for (context, class, instance, status) in cases {
        peer.send(context, Command, &store_command(class, instance)).await;
        peer.send(context, Data, &object.data_set_bytes()).await;
        assert_eq!(peer.answer().await.0, status, "{class} {instance} in context {context}");
    }
    peer.send(1, Command, &command(0x0001, true, CR, None)).await;
    peer.send(1, Data, &object.data_set_bytes()).await;
    assert_eq!(peer.answer().await.0, 0x0115);
    peer.send(1, Command, &command(0x0001, false, CR, Some(&sop))).await;
    assert_eq!(peer.answer().await.0, 0xC000);
    assert_eq!(server.intake.objects().len(), 1);
}

#[tokio::test]
async fn other_operations_are_not_recognised_and_a_cancel_is_ignored() {
    const C_FIND: u16 = 0x0020;
    const N_ACTION: u16 = 0x0130;
    let server = start(config()).await;
    let mut peer = Peer::for_images(server.address).await;
    for field in [C_FIND, N_ACTION] {
        peer.send(1, Command, &command(field, true, CR, None)).await;
        peer.send(1, Data, &[0; 100]).await;
        assert_eq!(peer.answer().await.0, 0x0211);
    }
    peer.send(1, Command, &command(0x0FFF, false, CR, None)).await;
    peer.send(1, Command, &command(0x0030, false, CR, None)).await;
    assert_eq!(peer.answer().await.0, 0x0122, "C-ECHO in a storage context");
    assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, (0, None));
}

#[tokio::test]
async fn a_query_context_is_refused_beside_an_accepted_one() {
    let server = start(config()).await;
    let find = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND;
    let contexts: [(&str, &[&str]); 2] = [(find, &[IMPLICIT]), (CR, &[EXPLICIT])];
    let mut peer = Peer::connect(server.address, "CR1", &contexts).await.unwrap();
    assert_eq!(peer.context(EXPLICIT), 3);
    assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, (0, None));
    // The refused one may not be used.
    peer.send(1, Command, &command(0x0020, false, find, None)).await;
    server.ended("protocol_error", 1).await;
}
