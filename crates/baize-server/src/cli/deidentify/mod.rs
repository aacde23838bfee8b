//! `baize deidentify`: DICOM files in, de-identified ones out.

mod files;
mod flags;
mod manifest;
mod object;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use baize_core::{ErrorCode, Fault};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::infer::list_files;
use super::say;
use crate::config::Config;
use crate::wiring;

pub(super) use files::{write_atomically, write_new_private};
pub(super) use flags::ProfileFlags;
pub(super) use object::{Cleaned, clean, sha256};

use manifest::{Crosswalk, Entry, Manifest};

/// Exit status when some object was held back, and all others are done.
const EXIT_SOME_HELD: u8 = 3;
/// Exit status when some file could not be de-identified.
const EXIT_SOME_ERRORS: u8 = 4;

/// `baize deidentify`
#[derive(Debug, Args)]
pub(crate) struct Deidentify {
    /// DICOM files, or folders of them (every file below is looked at; what is no DICOM is skipped).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder for the new objects: STUDY/SERIES/OBJECT.dcm after their new UIDs, and manifest.json, which says what
    /// was done and names no patient.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    profile: ProfileFlags,
    /// Writes old and new identifiers of every object into this CSV file. It identifies every patient: only this account
    /// can read it.
    #[arg(long, value_name = "FILE")]
    crosswalk: Option<PathBuf>,
}

/// How many files ended how.
#[derive(Default)]
struct Tally {
    done: usize,
    held: usize,
    failed: usize,
    skipped: usize,
}

impl Deidentify {
    /// De-identifies every file; prints a line for each that was held back, skipped or failed.
    ///
    /// # Errors
    /// A key that is missing, a path that does not exist, a folder that cannot be written.
    pub(crate) fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let key = self.profile.key()?;
        let most_bytes = config.limits.max_object_mib * wiring::MIB;
        let files = list_files(&self.paths)?;
        self.keep_out_of_the_input()?;
        let mut manifest = Manifest::new(&self.profile);
        let mut crosswalk = Crosswalk::default();
        let mut written: HashMap<PathBuf, String> = HashMap::new();
        let mut tally = Tally::default();
        let progress = progress(files.len());
        for (number, file) in (1..).zip(&files) {
            progress.inc(1);
            let tell = |line: String| progress.suspend(|| say(&line));
            let cleaned = read(file, most_bytes)
                .and_then(|object| clean(&object, &key, &self.profile.options(), most_bytes));
            let name = file.display();
            match cleaned {
                Err(fault) if fault.code == ErrorCode::NotDicom => {
                    tally.skipped += 1;
                    tell(format!("{name}: skipped, no DICOM file"));
                }
                Err(fault) => {
                    tally.failed += 1;
                    tell(format!("{name}: failed, {fault}"));
                    manifest.files.push(Entry::failed(number, &fault));
                }
                Ok(cleaned) if self.profile.holds(&cleaned) => {
                    tally.held += 1;
                    tell(format!("{name}: held back, {}", cleaned.reasons()));
                    manifest.files.push(Entry::held(number, &cleaned));
                    crosswalk.add(file, &cleaned, "held");
                }
                Ok(cleaned) => {
                    let path = cleaned.path();
                    let digest = sha256(&cleaned.object.bytes);
                    if written.get(&path).is_some_and(|other| *other != digest) {
                        tally.failed += 1;
                        let message =
                            "another object of this run has the same SOP Instance UID and other contents";
                        tell(format!("{name}: failed, {message}"));
                        let fault = Fault::new(ErrorCode::MalformedObject, message);
                        manifest.files.push(Entry::failed(number, &fault));
                        continue;
                    }
                    write_atomically(&self.out.join(&path), &cleaned.object.bytes)?;
                    tally.done += 1;
                    manifest.files.push(Entry::done(number, &cleaned, &path, &digest));
                    crosswalk.add(file, &cleaned, "done");
                    written.insert(path, digest);
                }
            }
        }
        progress.finish_and_clear();
        manifest.write(&self.out.join("manifest.json"))?;
        if let Some(file) = &self.crosswalk {
            crosswalk.write(file)?;
        }
        let Tally { done, held, failed, skipped } = tally;
        say(&format!("{done} de-identified, {held} held back, {failed} failed, {skipped} skipped"));
        Ok(ExitCode::from(match (failed, held) {
            (0, 0) => 0,
            (0, _) => EXIT_SOME_HELD,
            _ => EXIT_SOME_ERRORS,
        }))
    }

    /// A second run would take the first one's output for input; and originals and their copies don't belong together.
    fn keep_out_of_the_input(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let out = self.out.canonicalize()?;
        for path in self.paths.iter().filter(|path| path.is_dir()) {
            let inside = out.starts_with(path.canonicalize()?);
            ensure!(!inside, "--out must not lie inside {}: choose another folder", path.display());
        }
        Ok(())
    }
}

fn read(file: &Path, most_bytes: u64) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(ErrorCode::StorageFailed, format!("the file cannot be read: {error}"))
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > most_bytes {
        let message =
            format!("the file has {size} bytes, more than the {most_bytes} of limits.max_object_mib");
        return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
    }
    std::fs::read(file).map_err(unreadable)
}

fn progress(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}
