//! Hundreds of damaged objects against a running server: typed answers, bounded memory, still up.

use crate::harness::Server;
use baize_core::ErrorCode;
use baize_testkit::{ObjectBuilder, malformed};

/// The server's own footprint (models, ledger, thread stacks) plus what the limits below allow.
const RESIDENT_LIMIT_MIB: u64 = 1536;

#[tokio::test(flavor = "multi_thread")]
async fn damaged_objects_get_typed_answers_and_the_server_lives() {
    let data = tempfile::tempdir().unwrap();
    let settings = ["limits.max_object_mib=16", "limits.max_pixels=20000000", "limits.receive_budget_mib=64"];
    let mut server = Server::start(data.path(), &settings).await;
    let mut tried = 0;
    for (name, bytes) in malformed(2026, 320) {
        tried += 1;
        if tried % 2 == 0 {
            let (status, answer) = server.infer(bytes).await;
            let typed = match status.as_u16() {
                200 => answer["result"]["status"].is_string(),
                _ => answer["code"].as_str().and_then(ErrorCode::from_name).is_some(),
            };
            assert!(typed, "{name}: {status} {answer}");
        } else {
            let (status, answer) = server.stow(&[bytes]).await.unwrap();
            assert!(status.as_u16() < 500, "{name}: {status} {answer}");
            assert!(answer.is_object() || answer.is_array(), "{name}: {status} {answer}");
        }
    }
    assert!(tried >= 300, "only {tried} were tried");
    assert!(server.is_alive());
    let peak = peak_resident_mib(server.id());
    assert!(peak < RESIDENT_LIMIT_MIB, "the server took {peak} MiB");

    let good = ObjectBuilder::chest(1);
    server.stow(&[good.build()]).await.unwrap();
    assert_eq!(server.results(&good.study_uid()).await[0]["status"], "ok");
}

fn peak_resident_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
