//! The subscriber against a broker of ours that speaks MQTT 3.1.1 by hand: what it acknowledges, and when.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Hospital, HospitalMessage, Taken};
use baize_core::{ErrorCode, Fault, SystemClock};
use baize_mqtt::{Subscriber, SubscriberConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(60);

/// Cannot keep the first message at its first attempt.
#[derive(Default)]
struct Memory {
    attempts: AtomicUsize,
    kept: Mutex<Vec<HospitalMessage>>,
}

#[async_trait]
impl Hospital for Memory {
    async fn take(&self, message: HospitalMessage) -> Result<Taken, Fault> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Fault::new(ErrorCode::StorageFailed, "the disk is full"));
        }
        let mut kept = self.kept.lock().unwrap();
        if kept.iter().any(|other| other.key == message.key) {
            return Ok(Taken::Duplicate);
        }
        kept.push(message);
        Ok(Taken::New)
    }
}

/// Kind and body of the next packet that is no ping.
async fn packet(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    loop {
        let kind = socket.read_u8().await.unwrap();
        let length = socket.read_u8().await.unwrap();
        assert!(length < 128, "the subscriber sends short packets");
        let mut body = vec![0; usize::from(length)];
        socket.read_exact(&mut body).await.unwrap();
        match kind >> 4 {
            12 => socket.write_all(&[0xd0, 0]).await.unwrap(),
            kind => return (kind, body),
        }
    }
}

/// Lets the subscriber connect and subscribe.
async fn welcome(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().await.unwrap();
    let (kind, connect) = packet(&mut socket).await;
    assert_eq!((kind, connect[7] & 2), (1, 0), "it asks for a session that lasts");
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    let (kind, subscribe) = packet(&mut socket).await;
    assert_eq!((kind, subscribe.last()), (8, Some(&1)), "with QoS 1");
    socket.write_all(&[0x90, 3, subscribe[0], subscribe[1], 1]).await.unwrap();
    socket
}

async fn publish(socket: &mut TcpStream, id: u8, payload: &str) {
    let topic = "baize/vitals/bed7";
    let length = 2 + topic.len() + 2 + payload.len();
    let mut bytes = vec![0x32, (length % 128) as u8 | 0x80, (length / 128) as u8, 0, topic.len() as u8];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(&[0, id]);
    bytes.extend_from_slice(payload.as_bytes());
    socket.write_all(&bytes).await.unwrap();
}

fn payload(id: &str) -> String {
    format!(
        r#"{{"id": "{id}", "device": "bed7", "patient_id": "MZ1", "encounter": "V1", "vitals": {{"heart_rate": 118, "spo2": 91}}}}"#
    )
}

#[tokio::test]
async fn a_reading_is_acknowledged_after_it_is_kept_and_counts_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let memory = Arc::new(Memory::default());
    let config = SubscriberConfig {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        topic: "baize/vitals/#".into(),
        client_id: "baize".into(),
        login: None,
        ca: None,
        max_bytes: 64 << 10,
    };
    let subscriber = Subscriber::new(&config, memory.clone(), Arc::new(SystemClock)).unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(subscriber.run(shutdown.clone()));
    let talk = async {
        let mut socket = welcome(&listener).await;
        for (id, payload) in
            [(1, payload("a")), (2, "nonsense, more than 128 bytes long".repeat(5)), (3, payload("a"))]
        {
            publish(&mut socket, id, &payload).await;
            assert_eq!(packet(&mut socket).await, (4, vec![0, id]), "acknowledged");
            assert_eq!(memory.kept.lock().unwrap().len(), 1, "and kept before");
        }
        // The broker goes away; the subscriber comes back and goes on.
        drop(socket);
        let mut socket = welcome(&listener).await;
        publish(&mut socket, 1, &payload("b")).await;
        assert_eq!(packet(&mut socket).await, (4, vec![0, 1]));
    };
    tokio::time::timeout(LONG, talk).await.unwrap();
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(memory.kept.lock().unwrap().len(), 2);
}
