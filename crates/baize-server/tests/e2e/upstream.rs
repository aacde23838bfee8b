//! Models that others publish: `baize models fetch|trust|convert`, against a server of files that breaks off.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};

use crate::harness::baize;

/// A small DenseNet as PyTorch saves it.
const WEIGHTS: &[u8] = include_bytes!("../../../baize-models/tests/data/dense.pt");
const NAME: &str = "small.pt";

/// A server of one file.
#[derive(Clone)]
struct Files {
    content: Arc<Mutex<Vec<u8>>>,
    /// How many bytes the next answers send before they break off.
    breaks: Arc<Mutex<Vec<usize>>>,
    /// From which byte on it was asked, each time.
    asked: Arc<Mutex<Vec<usize>>>,
}

async fn file(State(files): State<Files>, headers: HeaderMap) -> Response {
    let content = files.content.lock().unwrap().clone();
    let etag = format!("\"{}\"", &baize_models::sha256_hex(&content)[..8]);
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let wanted = header("range")
        .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap());
    let start = wanted.filter(|_| header("if-range").as_ref() == Some(&etag)).unwrap_or(0);
    files.asked.lock().unwrap().push(start);
    let rest = Bytes::copy_from_slice(&content[start..]);
    let length = rest.len().to_string();
    let body = match files.breaks.lock().unwrap().pop() {
        None => Body::from(rest),
        Some(bytes) => Body::from_stream(stream::once(async move { Ok(rest.slice(..bytes)) }).chain(
            stream::once(async {
                // The server keeps what it has not sent yet when a line is cut.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(std::io::Error::other("the line is cut"))
            }),
        )),
    };
    let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
    let status = if start > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, [("etag", etag), ("content-length", length)], body).into_response();
    if start > 0 {
        response.headers_mut().insert("content-range", range.parse().unwrap());
    }
    response
}

/// The address of a running server.
fn serve(files: Files) -> (String, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/small.pt", get(file)).with_state(files);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (address, runtime)
}

/// A folder of weights with the recipe of a small model.
fn weights(url: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let recipes = folder.path().join("recipes");
    std::fs::create_dir(&recipes).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/recipes/xrv-densenet121.toml");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let mut recipe: toml::Table = shipped.parse().unwrap();
    recipe["upstream"]["package"] = "small-networks".into();
    recipe["upstream"]["files"][0]["name"] = NAME.into();
    recipe["upstream"]["files"][0]["url"] = format!("{url}/small.pt").into();
    recipe["model"]["id"] = "small-dense".into();
    recipe["model"]["input"]["height"] = 64.into();
    recipe["model"]["input"]["width"] = 64.into();
    let network = "kind = 'densenet'\nstem = 8\ngrowth = 4\nbottleneck = 2\nblocks = [2, 1, 2]";
    recipe["model"]["network"] = network.parse::<toml::Table>().unwrap().into();
    recipe["model"]["labels"].as_array_mut().unwrap().truncate(3);
    std::fs::write(recipes.join("small-dense.toml"), recipe.to_string()).unwrap();
    folder
}

fn models(weights: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = baize();
    command.env("BAIZE__MODELS__WEIGHTS_DIR", weights).env("NO_PROXY", "127.0.0.1");
    let Output { status, stdout, stderr } = command.arg("models").args(arguments).output().unwrap();
    let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (status.code().unwrap(), text)
}

#[test]
fn a_model_of_others_is_fetched_trusted_and_installed() {
    let files = Files {
        content: Arc::new(Mutex::new(WEIGHTS.to_vec())),
        breaks: Arc::new(Mutex::new(vec![3_000, 10_000])),
        asked: Arc::default(),
    };
    let (url, server) = serve(files.clone());
    let folder = weights(&url);
    let weights = folder.path();
    let sha256 = baize_models::sha256_hex(WEIGHTS);

    let (code, said) = models(weights, &["trust", "small-dense"]);
    assert!(code == 1 && said.contains("run baize models fetch small-dense first"), "{said}");

    // The line breaks twice; what has come is not fetched again.
    let (code, said) = models(weights, &["fetch", "small-dense"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(*files.asked.lock().unwrap(), [0, 10_000, 13_000]);
    assert!(said.contains(&format!("baize models trust small-dense {sha256}")), "{said}");
    assert_eq!(std::fs::read(weights.join("upstream/small-dense").join(NAME)).unwrap(), WEIGHTS);
    assert!(!weights.join("small-dense").exists(), "nobody has trusted it yet");

    let (code, said) = models(weights, &["trust", "small-dense", &"0".repeat(64)]);
    assert!(code == 1 && said.contains("is not the file that is trusted"), "{said}");
    let (code, said) = models(weights, &["trust", "small-dense", &sha256.to_uppercase()]);
    assert!(code == 0 && said.contains("installed small-dense@1.0.0"), "{said}");
    let (code, said) = models(weights, &["verify"]);
    assert!(code == 0 && said.contains("verified"), "{said}");
    let (code, said) = models(weights, &["fetch", "small-dense"]);
    assert!(code == 0 && said.contains("already here") && said.contains("installed"), "{said}");

    // Another file under the same address is not what was trusted.
    std::fs::remove_dir_all(weights.join("upstream")).unwrap();
    std::fs::remove_dir_all(weights.join("small-dense")).unwrap();
    files.content.lock().unwrap().push(0);
    let (code, said) = models(weights, &["fetch", "small-dense"]);
    assert!(code == 1 && said.contains("Nothing was installed"), "{said}");
    assert!(
        !weights.join("small-dense").exists() && !weights.join("upstream/small-dense").join(NAME).exists()
    );

    // Without a way out the message says how to go on.
    drop(server);
    let (code, said) = models(weights, &["fetch", "small-dense"]);
    assert!(code == 1 && said.contains("baize models convert --from small-networks"), "{said}");
}

#[test]
fn what_was_begun_of_another_version_is_fetched_anew() {
    let files = Files {
        content: Arc::new(Mutex::new(WEIGHTS.to_vec())),
        breaks: Arc::default(),
        asked: Arc::default(),
    };
    let (url, _server) = serve(files.clone());
    let folder = weights(&url);
    let upstream = folder.path().join("upstream/small-dense");
    std::fs::create_dir_all(&upstream).unwrap();
    std::fs::write(upstream.join("small.pt.part"), b"the first bytes of an older file").unwrap();
    std::fs::write(upstream.join("small.pt.part.etag"), "\"older\"").unwrap();
    let (code, said) = models(folder.path(), &["fetch", "small-dense"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(std::fs::read(upstream.join(NAME)).unwrap(), WEIGHTS);
    assert_eq!(std::fs::read_dir(&upstream).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn a_file_that_lies_here_becomes_a_model() {
    let folder = weights("http://127.0.0.1:9");
    let weights = folder.path();
    let file = weights.join("carried.pt");
    std::fs::write(&file, WEIGHTS).unwrap();
    let path = file.to_str().unwrap();

    let (code, said) = models(weights, &["convert", "--from", "nobody", path]);
    assert!(
        code == 1 && said.contains("--from: no recipe for nobody") && said.contains("small-dense"),
        "{said}"
    );
    let (code, said) = models(weights, &["fetch", "no-such-model"]);
    assert!(code == 1 && said.contains("can be fetched are: small-dense"), "{said}");
    let (code, said) = models(weights, &["convert", "--from", "small-networks", path]);
    assert!(code == 0 && said.contains("is not pinned") && said.contains("installed"), "{said}");
    let (code, said) = models(weights, &["list"]);
    assert!(code == 0 && said.contains("small-dense@1.0.0"), "{said}");

    let trusted = format!("[small-dense]\n\"{NAME}\" = \"{}\"\n", "0".repeat(64));
    std::fs::write(weights.join("trusted.toml"), trusted).unwrap();
    let (code, said) = models(weights, &["convert", "--from", "small-networks", path]);
    assert!(code == 1 && said.contains("is not the file that is trusted"), "{said}");

    // A new model is a folder: PyTorch's file beside a manifest needs no conversion.
    let made = weights.join("small-dense/1.0.0");
    let manifest = std::fs::read_to_string(made.join("manifest.toml")).unwrap();
    let mut manifest: toml::Table = manifest.parse().unwrap();
    manifest["weights"] = "theirs.pt".into();
    manifest["sha256"] = baize_models::sha256_hex(WEIGHTS).into();
    std::fs::write(made.join("theirs.pt"), WEIGHTS).unwrap();
    std::fs::write(made.join("manifest.toml"), manifest.to_string()).unwrap();
    let (code, said) = models(weights, &["verify"]);
    assert!(code == 0 && said.contains("verified"), "{said}");
}
