//! What cannot be used is answered with the reason, and the connection lives.

use baize_hl7::{Limits, Message};

use crate::harness::{Running, framed, message, pair};

#[tokio::test]
async fn malformed_messages_are_answered_and_the_connection_lives() {
    let server = Running::start(|_| {}).await;
    let mut socket = server.socket().await;
    let good = String::from_utf8(message("7")).unwrap();
    let long = format!("{good}NTE|1||{}\r", "x".repeat(200_000));
    let many = format!("{good}{}", "NTE|1\r".repeat(2000));
    for (text, code, id, number) in [
        ("", "AR", "", "100"),
        ("nonsense", "AR", "", "100"),
        ("PID|1||X\r", "AR", "", "100"),
        ("MSH|^^^^|A|B|C|D|2026||ADT^A04|7|P|2.5.1\r", "AR", "", "100"),
        ("MSH", "AR", "", "100"),
        (&good.replace("ADT^A04^ADT_A01", ""), "AE", "7", "101"),
        (&good.replace("|7|", "||"), "AE", "", "101"),
        (&good.replace("|P|", "|Q|"), "AR", "7", "202"),
        (&good.replace("2.5.1", "3.0"), "AR", "7", "203"),
        (&good.replace("PID|", "P:D|"), "AR", "7", "100"),
        (&format!("{good}{good}"), "AR", "7", "100"),
        (&long, "AR", "7", "207"),
        (&many, "AR", "7", "100"),
    ] {
        socket.write(&framed(text.as_bytes())).await;
        let ack = Message::parse(&socket.read().await.unwrap(), &Limits::default()).unwrap();
        let at = |path: &str| ack.message.text(&path.parse().unwrap()).unwrap_or_default();
        let found = (at("MSA-1"), at("MSA-2"), at("ERR-3.1"), at("ERR-3.3"), at("ERR-4"));
        let expected = (code.into(), id.into(), number.into(), "HL70357".into(), "E".into());
        let shown = &text[..text.len().min(80)];
        assert_eq!(found, expected, "{shown:?}");
        assert!(!at("ERR-8").is_empty(), "{shown:?}");
    }
    // Bytes that are no text in any set that is configured.
    let header = b"MSH|^~\\&|HIS|H|BAIZE|B|2026||ADT^A04|8|P|2.5.1||||||UNICODE UTF-8\rPID|1||X||\xff\xff\r";
    socket.write(&framed(header)).await;
    assert_eq!(socket.answer().await, pair("AE", "8"));
    socket.write(&framed(&message("9"))).await;
    assert_eq!(socket.answer().await, pair("AA", "9"));
    assert_eq!(server.memory.kept(), ["9"]);
    server.stop().await;
}
