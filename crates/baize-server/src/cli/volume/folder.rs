//! The slices of a series in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baize_core::{ErrorCode, Fault};
use baize_imaging::{Header, Limits, Place, Slice, read_header, read_place, read_slice};
use baize_volume::Model;

use super::Stopped;
use crate::cli::infer::list_files;

/// The slices of one series. Pixels are read from the files again, one slice at a time.
pub(super) struct Series {
    slices: Vec<(PathBuf, Header, Place)>,
    limits: Limits,
}

impl Series {
    /// Finds the series that the model may read. Files that are no DICOM, results of ours and other modalities are left
    /// out where there is something else.
    pub(super) fn find(
        folder: &Path,
        wanted: Option<&str>,
        model: &Model,
        limits: Limits,
    ) -> Result<Self, Stopped> {
        let mut series: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut left_out = None;
        for path in list_files(&[folder.to_owned()]).map_err(Stopped::Other)? {
            let header = match read(&path, &limits).and_then(|object| read_header(&object, &limits)) {
                Ok(header) => header,
                Err(fault) => {
                    left_out.get_or_insert(fault);
                    continue;
                }
            };
            let uid = header.identity.series.as_str().to_owned();
            if header.own_result || wanted.is_some_and(|wanted| wanted != uid) {
                continue;
            }
            match model.accepts(header.facts.modality.as_deref()) {
                Ok(()) => series.entry(uid).or_default().push(path),
                Err(fault) => {
                    left_out.get_or_insert(fault);
                }
            }
        }
        let Some((_, paths)) = series.pop_first() else {
            let nothing = || Fault::new(ErrorCode::UnfitSeries, "the series has no slices");
            return Err(Stopped::Fault(left_out.unwrap_or_else(nothing)));
        };
        if !series.is_empty() {
            return Err(Stopped::Other(anyhow::anyhow!(
                "{} holds {} series: choose one with --series-uid",
                folder.display(),
                series.len() + 1
            )));
        }
        let mut slices = Vec::new();
        for path in paths {
            let (header, place) = read_place(&read(&path, &limits)?, &limits)?;
            slices.push((path, header, place));
        }
        Ok(Self { slices, limits })
    }

    pub(super) fn places(&self) -> Vec<(&Header, &Place)> {
        self.slices.iter().map(|(_, header, place)| (header, place)).collect()
    }

    pub(super) fn place(&self, number: usize) -> (&Header, &Place) {
        let (_, header, place) = &self.slices[number];
        (header, place)
    }

    pub(super) fn read(&self, number: usize) -> Result<Slice, Fault> {
        read_slice(&self.bytes(number)?, &self.limits)
    }

    pub(super) fn bytes(&self, number: usize) -> Result<Vec<u8>, Fault> {
        read(&self.slices[number].0, &self.limits)
    }

    /// Series Instance UID.
    pub(super) fn uid(&self) -> &str {
        self.slices.first().map_or("", |(_, header, _)| header.identity.series.as_str())
    }
}

fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(ErrorCode::StorageFailed, format!("the file cannot be read: {error}"))
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > limits.max_object_bytes {
        let message = format!(
            "the file has {size} bytes, more than the {} of limits.max_object_mib",
            limits.max_object_bytes
        );
        return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
    }
    std::fs::read(path).map_err(unreadable)
}
