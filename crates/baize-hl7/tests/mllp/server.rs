//! Frames as networks and careless senders deliver them.

use std::time::Duration;

use baize_hl7::mllp::{Metrics, Server};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::harness::{Running, framed, message, pair};

#[tokio::test]
async fn split_and_glued_frames_are_each_answered_in_order() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    for byte in framed(&message("1")) {
        socket.write(&[byte]).await;
    }
    assert_eq!(socket.answer().await, pair("AA", "1"));
    socket.write(&[framed(&message("2")), framed(&message("E3")), framed(&message("R4"))].concat()).await;
    for (code, id) in [("AA", "2"), ("AE", "E3"), ("AR", "R4")] {
        assert_eq!(socket.answer().await, pair(code, id));
    }
    assert_eq!(server.memory.kept(), ["1", "2"]);
    server.stop().await;
}

#[tokio::test]
async fn ten_frames_in_one_write_are_answered_one_by_one() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    let ids: Vec<String> = (0..10).map(|number| format!("{number}-0")).collect();
    socket.write(&ids.iter().flat_map(|id| framed(&message(id))).collect::<Vec<u8>>()).await;
    for id in &ids {
        assert_eq!(socket.answer().await, pair("AA", id));
    }
    assert_eq!(server.memory.kept(), ids);
    server.stop().await;
}

#[tokio::test]
async fn frames_whose_end_is_not_quite_right_are_answered() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    let without_cr = |id: &str| [b"\x0b".as_slice(), &message(id), b"\x1c"].concat();
    // The sender waits for its answer, sends nothing more, and later a carriage return after all.
    socket.write(&without_cr("1")).await;
    assert_eq!(socket.answer().await, pair("AA", "1"));
    socket.write(&[b"\r".to_vec(), framed(&message("2"))].concat()).await;
    assert_eq!(socket.answer().await, pair("AA", "2"));
    // Glued; and with a line feed.
    socket.write(&[without_cr("3"), without_cr("4"), b"\n".to_vec(), framed(&message("5"))].concat()).await;
    for id in ["3", "4", "5"] {
        assert_eq!(socket.answer().await, pair("AA", id));
    }
    // Not ended at all, then begun anew.
    socket.write(&[b"\x0b".to_vec(), message("6"), framed(&message("7"))].concat()).await;
    assert_eq!(socket.answer().await, pair("AA", "7"));
    assert_eq!(server.memory.kept(), ["1", "2", "3", "4", "5", "7"]);
    server.stop().await;
}

#[tokio::test]
async fn only_the_acknowledgements_that_are_asked_for_are_sent() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    let mut number = 0;
    for (accept, application, expected) in [
        ("", "", [&["AA"][..], &["AE"], &["AR"]]),
        ("AL", "NE", [&["CA"], &["CE"], &["CR"]]),
        ("AL", "", [&["CA"], &["CE"], &["CR"]]),
        ("NE", "AL", [&["AA"], &["AE"], &["AR"]]),
        ("AL", "AL", [&["CA", "AA"], &["CE", "AE"], &["CR", "AR"]]),
        ("ER", "NE", [&[], &["CE"], &["CR"]]),
        ("SU", "NE", [&["CA"], &[], &[]]),
        ("ER", "SU", [&["AA"], &["CE"], &["CR"]]),
        ("NE", "NE", [&[], &[], &[]]),
    ] {
        for (prefix, codes) in ["A", "E", "R"].into_iter().zip(expected) {
            number += 1;
            let (id, next) = (format!("{prefix}{number}"), format!("next{number}"));
            let text = String::from_utf8(message(&id)).unwrap();
            let asked = text.replace("|P|2.5.1", &format!("|P|2.5.1|||{accept}|{application}"));
            // What is not answered is told by the answer to the message behind it.
            socket.write(&[framed(asked.as_bytes()), framed(&message(&next))].concat()).await;
            for code in codes {
                assert_eq!(socket.answer().await, pair(code, &id), "{accept} {application}");
            }
            assert_eq!(socket.answer().await, pair("AA", &next), "{accept} {application} {prefix}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn garbage_between_frames_is_passed_over() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    socket.write(b"GET / HTTP/1.1\r\n\r\n").await;
    socket.write(&framed(&message("1"))).await;
    assert_eq!(socket.answer().await, pair("AA", "1"));
    // A frame that is begun anew without an end.
    socket.write(&[b"\x0bMSH|^~\\&|never".to_vec(), framed(&message("2"))].concat()).await;
    assert_eq!(socket.answer().await, pair("AA", "2"));
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_comes_again_is_accepted_and_not_taken_twice() {
    let server = Running::start(|_| {}).await;
    for _ in 0..3 {
        let mut socket = server.socket().await;
        socket.write(&framed(&message("1"))).await;
        assert_eq!(socket.answer().await, pair("AA", "1"));
    }
    // The same control ID with another content is another message.
    let mut socket = server.socket().await;
    socket.write(&framed(&[message("1"), b"PV1|1|E\r".to_vec()].concat())).await;
    assert_eq!(socket.answer().await, pair("AA", "1"));
    // What was not accepted is tried again.
    for _ in 0..2 {
        socket.write(&framed(&message("E2"))).await;
        assert_eq!(socket.answer().await, pair("AE", "E2"));
    }
    assert_eq!(server.memory.kept(), ["1", "1"]);
    server.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_is_not_answered() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    socket.write(&framed(b"MSH|^~\\&|A|B|C|D|2026||ACK|9|P|2.5.1\rMSA|AA|1\r")).await;
    socket.write(&framed(&message("1"))).await;
    assert_eq!(socket.answer().await, pair("AA", "1"));
    assert_eq!(server.memory.kept(), ["1"]);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_cut_within_a_frame_leaves_nothing_behind() {
    let server = Running::start(|_| {}).await;
    let frame = framed(&message("1"));
    for cut in [1, frame.len() / 2, frame.len() - 2] {
        let mut socket = server.socket().await;
        socket.write(&frame[..cut]).await;
        drop(socket);
    }
    let mut socket = server.socket().await;
    socket.write(&framed(&message("2"))).await;
    assert_eq!(socket.answer().await, pair("AA", "2"));
    assert_eq!(server.memory.kept(), ["2"]);
    server.stop().await;
}

#[tokio::test]
async fn a_frame_that_trickles_is_given_up() {
    let server = Running::start(|config| config.frame_timeout = Duration::from_millis(50)).await;
    let mut socket = server.socket().await;
    socket.write(b"\x0bMSH|").await;
    assert_eq!(socket.answer().await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_noise_does_not_keep_it_open() {
    let server = Running::start(|config| config.idle_timeout = Duration::from_millis(50)).await;
    let mut socket = server.socket().await;
    socket.write(b"\r\n\r\nnoise").await;
    assert_eq!(socket.answer().await, None);
    server.stop().await;
}

#[tokio::test]
async fn so_many_connections_and_no_more() {
    let server = Running::start(|config| config.max_connections = 1).await;
    let mut first = server.socket().await;
    first.write(&framed(&message("1"))).await;
    assert_eq!(first.answer().await, pair("AA", "1"));
    assert_eq!(server.socket().await.answer().await, None);
    first.write(&framed(&message("2"))).await;
    assert_eq!(first.answer().await, pair("AA", "2"));
    server.stop().await;
}

#[tokio::test]
async fn stopping_lets_a_message_under_way_finish() {
    let server = Running::start(|_| {}).await;
    let (mut busy, mut idle) = (server.socket().await, server.socket().await);
    idle.write(&framed(&message("1"))).await;
    assert_eq!(idle.answer().await, pair("AA", "1"));
    let frame = framed(&message("2"));
    busy.write(&framed(&message("3"))).await;
    assert_eq!(busy.answer().await, pair("AA", "3"));
    // Glued to a whole message, so that the server is known to have read the beginning.
    busy.write(&[framed(&message("4")), frame[..20].to_vec()].concat()).await;
    assert_eq!(busy.answer().await, pair("AA", "4"));
    server.begin_stop();
    assert_eq!(idle.answer().await, None);
    busy.write(&frame[20..]).await;
    assert_eq!(busy.answer().await, pair("AA", "2"));
    assert_eq!(busy.answer().await, None);
    server.stop().await;
}

#[tokio::test]
async fn only_listed_addresses_are_served_and_what_they_send_is_counted() {
    let stranger = vec!["192.0.2.1".parse().unwrap()];
    let server = Running::start_as(|_| {}, |server| server.only_from(stranger)).await;
    assert_eq!(server.socket().await.read().await, None);
    server.stop().await;

    let mut registry = Registry::default();
    let metrics = Metrics::new(["ADT^A04".to_owned()]);
    metrics.register(&mut registry);
    let furnish = |server: Server| server.only_from(vec!["127.0.0.1".parse().unwrap()]).with_metrics(metrics);
    let server = Running::start_as(|_| {}, furnish).await;
    let mut socket = server.socket().await;
    let of_type =
        |id: &str| String::from_utf8(message(id)).unwrap().replace("ADT^A04", "QRY^Z99").into_bytes();
    for bytes in [message("1"), message("E2"), of_type("3"), b"nothing".to_vec()] {
        socket.write(&framed(&bytes)).await;
        socket.read().await.unwrap();
    }
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for counted in [
        r#"baize_hl7_messages_total{message="ADT^A04",answer="accepted"} 1"#,
        r#"baize_hl7_messages_total{message="ADT^A04",answer="error"} 1"#,
        r#"baize_hl7_messages_total{message="other",answer="accepted"} 1"#,
        r#"baize_hl7_messages_total{message="unreadable",answer="rejected"} 1"#,
        "baize_hl7_connections 1",
        "baize_hl7_acknowledgement_seconds_count",
    ] {
        assert!(text.contains(counted), "{counted} is not in {text}");
    }
    server.stop().await;
}
