//! Peers that break off, over TCP: a listener that lets a number of bytes through to a provider and then hangs up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::DeliveryState::{Acknowledged, Waiting};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::peers::OurScp;
use crate::support::{CR, Hospital, PATIENT, destination, scu};

/// Lets the first connection's bytes through up to a number in one direction, then hangs up; later ones pass whole.
async fn cut(target: SocketAddr, sent: Option<usize>, answered: Option<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut limits = (sent, answered);
        while let Ok((client, _)) = listener.accept().await {
            let (sent, answered) = std::mem::take(&mut limits);
            let server = TcpStream::connect(target).await.unwrap();
            let (client_read, client_write) = client.into_split();
            let (server_read, server_write) = server.into_split();
            tokio::select! {
                () = pass(client_read, server_write, sent) => {}
                () = pass(server_read, client_write, answered) => {}
            }
        }
    });
    address
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    limit: Option<usize>,
) {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut buffer = [0; 512];
    while left > 0 {
        let room = left.min(buffer.len());
        let Ok(count @ 1..) = from.read(&mut buffer[..room]).await else { return };
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        left -= count;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_anywhere_is_no_acknowledgement() {
    // In the association request, in the command, in the data set; in the acceptance, in the answer.
    let breaks = [
        (Some(3), None),
        (Some(150), None),
        (Some(500), None),
        (Some(900), None),
        (None, Some(4)),
        (None, Some(100)),
        (None, Some(250)),
    ];
    for (sent, answered) in breaks {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let peer = OurScp::start().await;
        let address = cut(peer.address, sent, answered).await;
        let courier = Arc::new(scu(address, PATIENT));
        let service = hospital.service(&[CR], vec![destination("pacs", 1, courier)]).await;
        hospital.report(1, 1, Lane::Routine).await;
        service.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [Waiting], "{sent:?} {answered:?}");
        hospital.wait_out();
        service.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [Acknowledged], "{sent:?} {answered:?}");
        let received = peer.received();
        assert!(!received.is_empty() && received.iter().all(|uid| *uid == received[0]), "{received:?}");
    }
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_for_the_time_being() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    // Accepts connections (the system does) and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let courier = Arc::new(scu(silent.local_addr().unwrap(), Duration::from_millis(200)));
    let service = hospital.service(&[CR], vec![destination("pacs", 1, courier.clone())]).await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    let delivery = hospital.deliveries().await.remove(0);
    assert_eq!(delivery.state, Waiting);
    assert_eq!(delivery.comment.as_deref(), Some("the peer was silent for too long"));
    assert!(courier.echo().await.is_err());
}
