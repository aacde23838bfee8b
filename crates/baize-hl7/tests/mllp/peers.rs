//! Real clients.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::harness::{Running, message};

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
