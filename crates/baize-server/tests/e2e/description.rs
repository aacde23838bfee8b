//! The interface keeps to its description: schemathesis makes requests of it, good and bad ones, and looks at every answer.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use tokio::process::Command;

use crate::harness::Server;

/// What must hold for every answer. That all described requests are accepted cannot be asked for: a schema does not say
/// which attributes there are or how high a pulse can be.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      missing_required_header,unsupported_method,allow_header_conformance,ignored_auth";

/// The description as the server hands it out, in the working directory: without credentials it hands out none.
const DESCRIPTION: &str = "openapi.json";

/// The stream of events has no end; its answers are looked at in `baize-http/tests/http/events.rs`.
const ENDLESS: &str = "/v1/events";

async fn has_schemathesis() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import schemathesis.cli"]).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// Runs schemathesis; the seed is fixed, so that every run makes the same requests.
async fn schemathesis(server: &Server, folder: &Path, arguments: &[&str]) {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let paths = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let paths = std::env::join_paths(std::iter::once(hooks).chain(std::env::split_paths(&paths))).unwrap();
    let mut command = Command::new("python3");
    command.args(["-m", "schemathesis.cli", "run", DESCRIPTION, "--url", &server.http]);
    command.args(["--seed", "1", "--checks", CHECKS]);
    command.args(["--exclude-path", ENDLESS, "--request-timeout", "60", "--continue-on-failure"]);
    command.args(["--warnings", "off", "--no-color"]).args(arguments);
    command.env("PYTHONPATH", paths).env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
    // It keeps what it found beside the working directory.
    let output = command.current_dir(folder).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", said.lines().filter(|line| line.contains("generated")).collect::<String>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_described() {
    if !has_schemathesis().await {
        println!("skipped: schemathesis is not installed (deploy/requirements-test-peers.txt)");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let work: PathBuf = data.path().join("schemathesis");
    std::fs::create_dir_all(&work).unwrap();
    let server = Server::start(&data.path().join("data"), &[]).await;
    // What the examples of the description name is there.
    let study = "1.2.840.113619.2.1";
    let object =
        ObjectBuilder::chest(1).study(study).series(&format!("{study}.1")).sop(&format!("{study}.1.1"));
    assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    server.results(study).await;

    let (status, description) = server.get("/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    std::fs::write(work.join(DESCRIPTION), description.to_string()).unwrap();

    let key = format!("Authorization: Bearer {}", server.key);
    let phases = ["--phases", "examples,fuzzing", "--max-examples", "6"];
    schemathesis(&server, &work, &[&["-H", &key], &phases[..]].concat()).await;
    // Each way to leave a rule of the description, one at a time.
    schemathesis(&server, &work, &["-H", &key, "--phases", "coverage"]).await;
    // Without credentials.
    schemathesis(&server, &work, &["--phases", "examples,fuzzing", "--max-examples", "2"]).await;
}
