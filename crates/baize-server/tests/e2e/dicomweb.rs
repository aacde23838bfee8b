//! The archive through a client that others wrote: dicomweb-client with pydicom, against the real server.

use std::path::{Path, PathBuf};
use std::process::Command;

use baize_testkit::{ObjectBuilder, Syntax};

use crate::harness::{Server, root};

const SCRIPT: &str = include_str!("dicomweb.py");
const PIXELS: &str = include_str!("pixels.py");

fn has_client() -> bool {
    let found = Command::new("python3").args(["-c", "import dicomweb_client, pydicom, numpy, PIL"]).output();
    found.is_ok_and(|output| output.status.success())
}

/// Synthetic objects in several encodings, with a name whose GB 18030 bytes hold a backslash.
fn synthetic(folder: &Path) -> Vec<PathBuf> {
    let objects = [
        ("gb", ObjectBuilder::chest(1).charset("GB18030").patient_name("Cheng^Wei=乗^伟")),
        ("utf8", ObjectBuilder::chest(2).patient_name("Wang^XiaoDong=王^小东")),
        ("implicit", ObjectBuilder::chest(3).syntax(Syntax::ImplicitLittle)),
        ("big", ObjectBuilder::chest(4).syntax(Syntax::ExplicitBig)),
        ("deflated", ObjectBuilder::chest(5).syntax(Syntax::Deflated)),
        ("rle", ObjectBuilder::chest(6).syntax(Syntax::Rle)),
        ("jp2", ObjectBuilder::chest(0).syntax(Syntax::Jpeg2000)),
        ("frames", ObjectBuilder::chest(8).size(64, 48).frames(3)),
    ];
    let written = objects.into_iter().map(|(name, object)| {
        let path = folder.join(format!("{name}.dcm"));
        std::fs::write(&path, object.build()).unwrap();
        path
    });
    written.collect()
}

fn real() -> Vec<PathBuf> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                gather(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "dcm") {
                found.push(entry);
            }
        }
    }
    let folder = root().join("../shared/corpus/dicom");
    let mut found = Vec::new();
    if folder.is_dir() {
        gather(&folder, &mut found);
        found.sort();
    } else {
        println!("skipped: ../shared/corpus/dicom is not there; synthetic objects only");
    }
    found
}

/// Images in colour and of several frames, in many encodings.
fn images() -> Vec<PathBuf> {
    let folder = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: the images of the package pydicom-data are not there (run `make test`)");
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dcm"))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_and_samples_are_those_that_pydicom_reads() {
    let images = images();
    if images.is_empty() || !has_client() {
        println!("skipped: nothing to compare, or nothing to compare it with");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut command = Command::new("python3");
    command.args(["-c", PIXELS, &format!("{}/dicomweb", server.http), &server.key]).args(images);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dicomweb_client_finds_and_reads_what_was_stored() {
    if !has_client() {
        println!("skipped: python3 with dicomweb-client, pydicom, numpy and Pillow is not installed");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, &format!("{}/dicomweb", server.http), &server.key]);
    command.args(synthetic(files.path())).args(real());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
