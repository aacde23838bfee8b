//! Shutdown: what was begun is finished, nothing new is begun.

use std::net::TcpListener;

use baize_testkit::ObjectBuilder;
use dicom_ul::Pdu;
use dicom_ul::pdu::PDataValueType::{Command, Data};
use tokio::net::TcpStream;

use crate::support::{CR, Peer, config, pdv, start, store_command};

#[tokio::test]
async fn an_object_in_flight_is_finished_and_answered() {
    let server = start(config()).await;
    let object = ObjectBuilder::chest(1);
    let data_set = object.data_set_bytes();
    let (first, rest) = data_set.split_at(5000);

    let mut idle = Peer::for_images(server.address).await;
    let mut sending = Peer::for_images(server.address).await;
    sending.send(1, Command, &store_command(CR, &object.sop_uid())).await;
    sending.0.send(&Pdu::PData { data: vec![pdv(1, Data, false, first)] }).await.unwrap();
    let received = "baize_dimse_received_bytes_total";
    while server.metric(received) < first.len() as u64 {
        tokio::task::yield_now().await;
    }
    server.shutdown.cancel();

    assert!(matches!(idle.0.receive().await, Ok(Pdu::AbortRQ { .. })), "the idle association was not ended");
    sending.send(1, Data, rest).await;
    assert_eq!(sending.answer().await, (0, None));
    sending.release().await;
    server.task.await.unwrap();
    assert_eq!(server.intake.objects().len(), 1);
    TcpListener::bind(server.address).unwrap();
}

#[tokio::test]
async fn a_peer_that_goes_on_is_aborted_between_two_objects() {
    let server = start(config()).await;
    server.intake.close_gate();
    let mut peer = Peer::for_images(server.address).await;
    let object = ObjectBuilder::chest(1);
    peer.send(1, Command, &store_command(CR, &object.sop_uid())).await;
    peer.send(1, Data, &object.data_set_bytes()).await;
    server.intake.arrivals(1).await;
    // The next object is already on its way when the first is still being stored.
    peer.send(1, Command, &store_command(CR, "2.25.2")).await;
    server.shutdown.cancel();
    server.intake.open_gate();
    assert_eq!(peer.answer().await, (0, None));
    assert!(matches!(peer.0.receive().await, Ok(Pdu::AbortRQ { .. })));
    server.task.await.unwrap();
    assert_eq!(server.intake.objects().len(), 1);
}

#[tokio::test]
async fn a_server_that_nobody_uses_stops_at_once() {
    let server = start(config()).await;
    let half_open = TcpStream::connect(server.address).await.unwrap();
    server.shutdown.cancel();
    drop(half_open);
    server.task.await.unwrap();
}
