//! What is stored, and that it is what was sent.

use std::collections::HashSet;

use baize_core::Lane;
use baize_core::ports::Door;
use baize_dicom::IMPLEMENTATION_CLASS_UID;
use baize_testkit::{ObjectBuilder, Syntax};
use dicom_dictionary_std::uids;
use dicom_ul::Pdu;
use dicom_ul::pdu::PDataValueType::{Command, Data};

use crate::support::{CR, EXPLICIT, IMPLICIT, Peer, command, config, pdv, start, store_command};

const SUCCESS: (u16, Option<String>) = (0, None);

#[tokio::test]
async fn an_echo_is_answered() {
    let server = start(config()).await;
    let mut peer = Peer::connect(server.address, "CR1", &[(uids::VERIFICATION, &[IMPLICIT])]).await.unwrap();
    for _ in 0..3 {
        peer.send(1, Command, &command(0x0030, false, uids::VERIFICATION, None)).await;
        assert_eq!(peer.answer().await, SUCCESS);
    }
    peer.release().await;
    server.ended("released", 1).await;
}

#[tokio::test]
async fn every_transfer_syntax_arrives_as_it_was_sent() {
    let server = start(config()).await;
    let syntaxes: Vec<[&str; 1]> = Syntax::ALL.iter().map(|syntax| [syntax.uid()]).collect();
    let contexts: Vec<(&str, &[&str])> = syntaxes.iter().map(|syntax| (CR, syntax.as_slice())).collect();
    let mut peer = Peer::connect(server.address, "CR1", &contexts).await.unwrap();
    let sent: Vec<ObjectBuilder> = Syntax::ALL
        .into_iter()
        .zip(1..)
        .map(|(syntax, seed)| ObjectBuilder::chest(seed).syntax(syntax).patient_name("王^小明"))
        .collect();
    for object in &sent {
        assert_eq!(peer.store(object).await, SUCCESS, "{}", object.transfer_syntax_uid());
    }
    peer.release().await;

    let stored = server.intake.objects();
    assert_eq!(stored.len(), sent.len());
    for (object, (bytes, door, lane)) in sent.iter().zip(stored) {
        let data_set = object.data_set_bytes();
        assert!(bytes.ends_with(&data_set), "the data set was changed");
        let received = dicom_object::from_reader(bytes.as_ref()).unwrap();
        let original = dicom_object::from_reader(object.build().as_ref()).unwrap();
        // Not compared as a whole: an undefined length never equals another one.
        assert!(received.tags().eq(original.tags()), "{}", object.transfer_syntax_uid());
        for (ours, theirs) in received.iter().zip(original.iter()) {
            assert!(ours.vr() == theirs.vr() && ours.value() == theirs.value(), "{:?}", ours.header());
        }
        let meta = received.meta();
        assert_eq!(meta.transfer_syntax(), object.transfer_syntax_uid());
        assert_eq!(meta.media_storage_sop_class_uid(), CR);
        assert_eq!(meta.media_storage_sop_instance_uid(), object.sop_uid());
        assert_eq!(meta.implementation_class_uid(), IMPLEMENTATION_CLASS_UID);
        assert_eq!(meta.source_application_entity_title(), Some("CR1"));
        assert_eq!(door, Door::Dimse { calling_ae: "CR1".to_owned() });
        assert_eq!(lane, Lane::Routine);
    }
    assert_eq!(server.metric("baize_dimse_stores_total{status=\"0000\"}"), sent.len() as u64);
    let bytes: usize = sent.iter().map(|object| object.data_set_bytes().len()).sum();
    assert_eq!(server.metric("baize_dimse_received_bytes_total"), bytes as u64);
}

#[tokio::test]
async fn the_emergency_room_travels_in_the_stat_lane() {
    let server = start(config()).await;
    let mut peer = Peer::connect(server.address, "ER1", &[(CR, &[EXPLICIT])]).await.unwrap();
    assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, SUCCESS);
    assert_eq!(server.intake.objects()[0].2, Lane::Stat);
}

#[tokio::test]
async fn a_lossless_transfer_syntax_is_chosen() {
    let server = start(config()).await;
    let lossy_first: &[&str] = &["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"];
    let peer = Peer::connect(server.address, "CR1", &[(CR, lossy_first)]).await.unwrap();
    assert_eq!(peer.context("1.2.840.10008.1.2.4.70"), 1);
}

#[tokio::test]
async fn sending_again_succeeds_again() {
    let server = start(config()).await;
    let mut peer = Peer::for_images(server.address).await;
    for _ in 0..2 {
        assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, SUCCESS);
    }
    let objects = server.intake.objects();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0].0, objects[1].0, "the same object gave different bytes");
}

#[tokio::test]
async fn fragments_may_be_cut_and_packed_in_any_way() {
    let server = start(config()).await;
    let object = ObjectBuilder::chest(1).size(16, 16);
    let data_set = object.data_set_bytes();
    let announced = store_command(CR, &object.sop_uid());
    for piece in [1, 7, 100, 4000] {
        let mut peer = Peer::for_images(server.address).await;
        let count = |bytes: &[u8]| bytes.len().div_ceil(piece);
        let values: Vec<_> = [(Command, &announced), (Data, &data_set)]
            .into_iter()
            .flat_map(|(value_type, bytes)| {
                let last = count(bytes) - 1;
                let pieces = bytes.chunks(piece).enumerate();
                pieces
                    .map(move |(at, bytes)| pdv(1, value_type.clone(), at == last, bytes))
                    .collect::<Vec<_>>()
            })
            .collect();
        // Command and data set share PDUs; some fragments are empty.
        for pdu in values.chunks(4000 / (piece + 6) + 1) {
            let mut data = pdu.to_vec();
            let mut empty = data[0].clone();
            (empty.data, empty.is_last) = (Vec::new(), false);
            data.insert(0, empty);
            peer.0.send(&Pdu::PData { data }).await.unwrap();
        }
        assert_eq!(peer.answer().await, SUCCESS, "pieces of {piece} bytes");
        peer.release().await;
    }
    let distinct: HashSet<_> = server.intake.objects().into_iter().map(|(bytes, _, _)| bytes).collect();
    assert_eq!(distinct.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn associations_run_at_the_same_time() {
    let server = start(config()).await;
    // While one object is held back in the intake, others must get through.
    server.intake.close_gate();
    let address = server.address;
    let peers: Vec<_> = (0..8)
        .map(|seed| {
            tokio::spawn(async move {
                let mut peer = Peer::for_images(address).await;
                let answer = peer.store(&ObjectBuilder::chest(seed)).await;
                peer.release().await;
                answer
            })
        })
        .collect();
    server.intake.arrivals(8).await;
    assert!(server.intake.objects().is_empty(), "something was accepted behind the gate");
    assert_eq!(server.metric("baize_dimse_associations_open"), 8);
    server.intake.open_gate();
    for peer in peers {
        assert_eq!(peer.await.unwrap(), SUCCESS);
    }
    assert_eq!(server.intake.objects().len(), 8);
    server.ended("released", 8).await;
    assert_eq!(server.metric("baize_dimse_associations_open"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_for_one_object_serves_many_in_turn() {
    let mut tight = config();
    tight.receive_budget_bytes = tight.max_object_bytes;
    let server = start(tight).await;
    let address = server.address;
    let peers: Vec<_> = (0..6)
        .map(|seed| {
            tokio::spawn(async move {
                let mut peer = Peer::for_images(address).await;
                peer.store(&ObjectBuilder::chest(seed).size(512, 512)).await
            })
        })
        .collect();
    for peer in peers {
        assert_eq!(peer.await.unwrap(), SUCCESS);
    }
    assert_eq!(server.intake.objects().len(), 6);
}
