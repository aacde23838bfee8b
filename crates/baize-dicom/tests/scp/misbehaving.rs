//! Peers that break off, fall silent or speak nonsense: their connection ends, the provider lives.

use std::time::Duration;

use baize_dicom::scp::ScpConfig;
use baize_testkit::ObjectBuilder;
use dicom_ul::Pdu;
use dicom_ul::pdu::PDataValueType::{self, Command, Data};
use dicom_ul::pdu::{AssociationRQ, PresentationContextProposed, UserVariableItem, write_pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{CR, EXPLICIT, Peer, Running, command, config, pdv, start, store_command};

/// An image goes through and nothing else has.
async fn assert_alive(server: &Running) {
    assert!(server.intake.objects().is_empty(), "an unfinished object was accepted");
    let mut peer = Peer::for_images(server.address).await;
    assert_eq!(peer.store(&ObjectBuilder::chest(99)).await, (0, None));
    peer.release().await;
}

fn association_request() -> Vec<u8> {
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "CR1".to_owned(),
        called_ae_title: "BAIZE".to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: CR.to_owned(),
            transfer_syntaxes: vec![EXPLICIT.to_owned()],
        }],
        user_variables: vec![UserVariableItem::MaxLength(16_384)],
    };
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &Pdu::AssociationRQ(request)).unwrap();
    bytes
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_an_object_leaves_nothing() {
    let server = start(config()).await;
    let object = ObjectBuilder::chest(1);
    let data_set = object.data_set_bytes();
    for (at, reset) in [(0, false), (1, true), (data_set.len() / 2, false), (data_set.len() - 1, true)] {
        let mut peer = Peer::for_images(server.address).await;
        peer.send(1, Command, &store_command(CR, &object.sop_uid())).await;
        for fragment in data_set[..at].chunks(10_000) {
            peer.0.send(&Pdu::PData { data: vec![pdv(1, Data, false, fragment)] }).await.unwrap();
        }
        if reset {
            peer.0.inner_stream().set_zero_linger().unwrap();
        }
        drop(peer);
    }
    server.ended("connection_lost", 4).await;
    assert_alive(&server).await;
}

#[tokio::test]
async fn an_abort_and_a_release_in_the_middle_of_an_object_leave_nothing() {
    let server = start(config()).await;
    for abort in [true, false] {
        let mut peer = Peer::for_images(server.address).await;
        peer.send(1, Command, &store_command(CR, "2.25.1")).await;
        peer.0.send(&Pdu::PData { data: vec![pdv(1, Data, false, &[0; 500])] }).await.unwrap();
        if abort {
            peer.0.abort().await.unwrap();
        } else {
            peer.release().await;
        }
    }
    server.ended("peer_aborted", 1).await;
    server.ended("released", 1).await;
    assert_alive(&server).await;
}

#[tokio::test]
async fn nonsense_on_the_port_is_answered_with_an_abort() {
    let server = start(config()).await;
    let mut too_long_request = association_request();
    too_long_request[2] = 0x7f;
    let mut cut_short = association_request();
    cut_short[5] -= 3;
    cut_short.truncate(cut_short.len() - 3);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("another protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("noise", (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect()),
        ("a request of two gigabytes", too_long_request),
        ("an item that is cut short", cut_short),
        ("a release before any association", vec![5, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
        ("data before any association", vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3]),
        ("two requests", [association_request(), association_request()].concat()),
        (
            "a PDU of four gigabytes",
            [association_request(), vec![4, 0, 0xff, 0xff, 0xff, 0xff, 0, 0]].concat(),
        ),
        ("an unknown PDU", [association_request(), vec![0x55; 10]].concat()),
        (
            "an inner length too long",
            [association_request(), vec![4, 0, 0, 0, 0, 6, 0, 0, 9, 9, 1, 3]].concat(),
        ),
    ];
    let count = cases.len() as u64;
    for (what, bytes) in cases {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let abort = &answer[answer.len() - 10..];
        assert_eq!(abort[..6], [7, 0, 0, 0, 0, 4], "{what}: the last PDU is no abort");
        assert_eq!(abort[8], 2, "{what}: the abort is not the provider's");
    }
    server.ended("protocol_error", count).await;
    assert_alive(&server).await;
}

#[tokio::test]
async fn a_conversation_with_a_flipped_bit_does_no_harm() {
    let server = start(config()).await;
    let object = ObjectBuilder::chest(1).size(8, 8);
    let data_set = object.data_set_bytes();
    let mut conversation = association_request();
    let announced = store_command(CR, &object.sop_uid());
    for value in [pdv(1, Command, true, &announced), pdv(1, Data, true, &data_set)] {
        write_pdu(&mut conversation, &Pdu::PData { data: vec![value] }).unwrap();
    }
    // The data set is the intake's business: all before it is flipped, each byte in one bit.
    let protocol = conversation.len() - data_set.len();
    write_pdu(&mut conversation, &Pdu::ReleaseRQ).unwrap();
    for position in 0..protocol {
        let mut flipped = conversation.clone();
        flipped[position] ^= 1 << (position % 8);
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&flipped).await.unwrap();
        stream.shutdown().await.unwrap();
        // The provider may have hung up already; what it said is looked at elsewhere.
        let _answer = stream.read_to_end(&mut Vec::new()).await;
    }
    let whole = object.sop_uid();
    for (bytes, ..) in server.intake.objects() {
        let stored = dicom_object::from_reader(bytes.as_ref()).unwrap();
        assert_eq!(stored.meta().media_storage_sop_instance_uid(), whole);
        assert!(bytes.ends_with(&data_set));
    }
    let mut peer = Peer::for_images(server.address).await;
    assert_eq!(peer.store(&ObjectBuilder::chest(99)).await, (0, None));
}

#[tokio::test]
async fn messages_that_break_the_rules_end_the_association() {
    let server = start(config()).await;
    let image = || store_command(CR, "2.25.1");
    let response = command(0x8001, false, CR, None);
    let long_command = vec![0; 20_000];
    type Message = (u8, PDataValueType, Vec<u8>);
    let cases: Vec<(&str, Vec<Message>)> = vec![
        ("data without a command", vec![(1, Data, vec![0; 8])]),
        ("a second command instead of data", vec![(1, Command, image()), (1, Command, image())]),
        ("data in another context", vec![(1, Command, image()), (3, Data, vec![0; 8])]),
        ("a context that was never proposed", vec![(77, Command, image())]),
        ("a response", vec![(1, Command, response)]),
        ("an empty command", vec![(1, Command, vec![0; 4])]),
        ("an endless command", vec![(1, Command, long_command)]),
        ("a cut command", vec![(1, Command, image()[..50].to_vec())]),
    ];
    let count = cases.len() as u64;
    for (what, messages) in cases {
        let mut peer = Peer::for_images(server.address).await;
        for (context, value_type, bytes) in messages {
            peer.send(context, value_type, &bytes).await;
        }
        let end = peer.0.receive().await;
        assert!(matches!(end, Ok(Pdu::AbortRQ { .. })), "{what}: {end:?}");
    }
    server.ended("protocol_error", count).await;
    assert_alive(&server).await;
}

#[tokio::test]
async fn silence_ends_a_connection_at_every_stage() {
    let server = start(ScpConfig { idle_timeout: Duration::from_millis(200), ..config() }).await;
    let request = association_request();
    let stages: [&[u8]; 4] = [&[], &request[..1], &request[..60], &request];
    let mut streams = Vec::new();
    for sent in stages {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        streams.push(stream);
    }
    let mut peer = Peer::for_images(server.address).await;
    peer.send(1, Command, &store_command(CR, "2.25.1")).await;
    peer.0.send(&Pdu::PData { data: vec![pdv(1, Data, false, &[0; 500])] }).await.unwrap();
    server.ended("idle_timeout", 5).await;
    assert_alive(&server).await;
}

#[tokio::test]
async fn idle_connections_do_not_use_up_the_associations() {
    let server = start(ScpConfig { max_associations: 1, ..config() }).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert_alive(&server).await;
}
