//! Real clients and a real server.

use std::path::Path;
use std::process::Stdio;

use baize_hl7::Message;
use baize_hl7::mllp::{Answer, Client};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::config;
use crate::harness::{Running, message};

const NODE_CLIENT: &str = include_str!("node_client.cjs");
const NODE_SERVER: &str = include_str!("node_server.cjs");

#[tokio::test]
async fn python_hl7_sends_and_reads_its_acknowledgements() {
    let there =
        Command::new("python3").args(["-c", "import hl7.client"]).stderr(Stdio::null()).status().await;
    if !there.is_ok_and(|status| status.success()) {
        println!("skipped: python-hl7 is not installed (deploy/requirements-test-peers.txt)");
        return;
    }
    let server = Running::start(|_| {}).await;
    let folder = std::env::temp_dir().join(format!("baize-hl7-peer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("messages.hl7");
    std::fs::write(&file, [message("1"), message("E2"), message("3")].concat()).unwrap();
    // What the console script mllp_send runs.
    let output = Command::new("python3")
        .args(["-c", "import sys; from hl7.client import mllp_send; sys.exit(mllp_send())", "--loose"])
        .args(["--port", &server.address.port().to_string(), "--file"])
        .args([file.as_path(), Path::new("127.0.0.1")])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for acknowledgement in ["MSA|AA|1", "MSA|AE|E2", "MSA|AA|3"] {
        assert!(said.contains(acknowledgement), "{said}");
    }
    assert_eq!(server.memory.kept(), ["1", "3"]);
    std::fs::remove_dir_all(&folder).unwrap();
    server.stop().await;
}

/// A script run by Node.js; `None`, with the reason printed, where a package or Node.js is missing.
fn node(package: &str, script: &str, argument: &str) -> Option<(Child, Lines<BufReader<ChildStdout>>)> {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/node_modules");
    if !packages.join(package).is_dir() {
        println!(
            "skipped: {package} is not installed (`make test` installs what deploy/viewer-peers.txt lists)"
        );
        return None;
    }
    let mut command = Command::new("node");
    command.args(["-e", script, "--", argument]).env("NODE_PATH", packages);
    let Ok(mut child) = command.stdout(Stdio::piped()).kill_on_drop(true).spawn() else {
        println!("skipped: Node.js is not installed");
        return None;
    };
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    Some((child, said))
}

#[tokio::test]
async fn node_hl7_sends_and_reads_its_acknowledgements() {
    let server = Running::start(|_| {}).await;
    let port = server.address.port().to_string();
    let Some((mut child, mut said)) = node("node-hl7-client", NODE_CLIENT, &port) else { return };
    for expected in [r#"["AA","1"]"#, r#"["AE","E2"]"#, r#"["AR",""]"#, r#"["AR","R4"]"#, r#"["AA","5"]"#] {
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some(expected));
    }
    assert!(child.wait().await.unwrap().success());
    assert_eq!(server.memory.kept(), ["1", "5"]);
    server.stop().await;
}

#[tokio::test]
async fn node_hl7_receives_and_is_understood() {
    let Some((_child, mut said)) = node("node-hl7-server", NODE_SERVER, "") else { return };
    let address = format!("127.0.0.1:{}", said.next_line().await.unwrap().unwrap());
    for (id, expected) in [("1", "accepted"), ("E2", "error"), ("R3", "rejected")] {
        let mut text = String::from_utf8(message(id)).unwrap();
        text = text.replace("2.5.1", "2.5.1||||||UNICODE UTF-8").replace("||X1", "||X1||王^小东");
        let message = Message::parse(text.as_bytes(), &baize_hl7::Limits::default()).unwrap().message;
        // A connection each: this server answers a second message as if it were the first.
        let answer = match Client::new(config(address.clone())).send(&message).await {
            Answer::Accepted => "accepted",
            Answer::Error(_) => "error",
            Answer::Rejected(_) => "rejected",
            Answer::NoAnswer(_) => "none",
        };
        assert_eq!(answer, expected, "{id}");
        assert_eq!(said.next_line().await.unwrap().unwrap(), format!(r#"["{id}","王"]"#));
    }
}
