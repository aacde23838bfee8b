//! The client against our server and against peers that misbehave.

use std::time::Duration;

use baize_hl7::mllp::{Answer, Client, ClientConfig};
use baize_hl7::{Charset, Limits, Message};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::harness::{LONG, Running, Socket, framed, message};

pub(crate) fn config(address: String) -> ClientConfig {
    let limits = Limits { fallback: Charset::GB18030, ..Limits::default() };
    ClientConfig { address, connect_timeout: LONG, answer_timeout: LONG, limits, tls: None }
}

pub(crate) fn parsed(id: &str) -> Message {
    Message::parse(&message(id), &Limits::default()).unwrap().message
}

#[tokio::test]
async fn the_answer_is_told_as_it_is_and_the_connection_is_found_again() {
    let server = Running::start(|_| {}).await;
    let client = Client::new(config(server.address.to_string()));
    assert_eq!(client.send(&parsed("1")).await, Answer::Accepted);
    assert_eq!(client.send(&parsed("E2")).await, Answer::Error("nobody is known by it".to_owned()));
    assert_eq!(client.send(&parsed("R3")).await, Answer::Rejected("nobody is known by it".to_owned()));
    let address = server.address;
    server.stop().await;
    assert!(matches!(client.send(&parsed("4")).await, Answer::NoAnswer(_)));
    let again = Running::start(|config| config.bind = address).await;
    assert_eq!(client.send(&parsed("4")).await, Answer::Accepted);
    assert_eq!(again.memory.kept(), ["4"]);
    again.stop().await;
}

#[tokio::test]
async fn both_acknowledgements_are_waited_for_where_both_are_asked() {
    let server = Running::start(|_| {}).await;
    let client = Client::new(config(server.address.to_string()));
    for (fifteen, sixteen) in [("AL", "AL"), ("AL", "NE"), ("NE", "AL")] {
        for (id, accepted) in [("1", true), ("E1", false)] {
            let mut message = parsed(&format!("{id}{fifteen}{sixteen}"));
            message.set(&"MSH-15".parse().unwrap(), fifteen).unwrap();
            message.set(&"MSH-16".parse().unwrap(), sixteen).unwrap();
            let answer = client.send(&message).await;
            assert_eq!(answer == Answer::Accepted, accepted, "{fifteen} {sixteen} {id} {answer:?}");
        }
    }
    server.stop().await;
}

/// What a peer does after it has read a message.
const PEERS: [(&str, &[u8]); 6] = [
    ("hangs up", b""),
    ("answers garbage", b"\x0bgarbage\x1c\r"),
    ("answers to another message", b"\x0bMSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|AA|other\r\x1c\r"),
    ("answers to nobody", b"\x0bMSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|AA\r\x1c\r"),
    ("has no code", b"\x0bMSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|XX|7\r\x1c\r"),
    ("dies within its answer", b"\x0bMSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|AA|7"),
];

#[tokio::test]
async fn no_peer_is_believed_to_have_accepted_what_it_did_not() {
    for (what, bytes) in PEERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(config(listener.local_addr().unwrap().to_string()));
        let peer = async {
            let mut socket = Socket(listener.accept().await.unwrap().0);
            socket.read().await.unwrap();
            socket.write(bytes).await;
            socket.0.shutdown().await.unwrap();
        };
        let message = parsed("7");
        let (answer, ()) = tokio::join!(client.send(&message), peer);
        assert!(matches!(answer, Answer::NoAnswer(_)), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_the_next_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(listener.local_addr().unwrap().to_string());
    config.answer_timeout = Duration::from_millis(50);
    let slow = Client::new(config.clone());
    assert!(matches!(slow.send(&parsed("1")).await, Answer::NoAnswer(_)));
    let mut first = Socket(listener.accept().await.unwrap().0);
    assert!(first.read().await.is_some());
    assert!(first.read().await.is_none(), "the connection is given up");
    config.answer_timeout = LONG;
    let client = Client::new(config);
    let peer = async {
        let mut socket = Socket(listener.accept().await.unwrap().0);
        socket.read().await.unwrap();
        let late = b"MSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|AA|1\r";
        let own = b"MSH|^~\\&|A|B|C|D|2026||ACK|2|P|2.5\rMSA|AE|2|no\r";
        socket.write(&[framed(late), framed(own)].concat()).await;
    };
    let message = parsed("2");
    let (answer, ()) = tokio::join!(client.send(&message), peer);
    assert_eq!(answer, Answer::Error("no".to_owned()));
}
