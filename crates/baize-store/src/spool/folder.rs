//! The folder itself: placing, counting and removing files.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use baize_core::{ErrorCode, Fault};
use bytes::Bytes;

use super::SpoolConfig;
use super::paths::{OBJECTS, OVERLAYS, TEMP_PREFIX};
use crate::OpenError;
use crate::durable::{ExclusiveLock, TempFile, create_folders, ensure_folder, sync_folder};

/// A full disk needs a person; senders should not hammer it meanwhile.
const FULL_RETRY: Duration = Duration::from_secs(60);

/// What becomes of a file that stands at the same name.
#[derive(Clone, Copy)]
pub(super) enum Standing {
    /// It is the same object: it stays.
    Keep,
    /// It is an older picture: it goes.
    Replace,
}

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    quota: u64,
    used: AtomicU64,
    next_temp: AtomicU64,
    /// Held while a name appears or disappears, so that each stored byte is counted once.
    placing: Mutex<()>,
    _lock: ExclusiveLock,
}

impl Folder {
    pub(super) fn open(config: &SpoolConfig) -> Result<Self, OpenError> {
        let root = config.root.clone();
        let prepare = || {
            create_folders(&root)?;
            ensure_folder(&root.join(OBJECTS))?;
            ensure_folder(&root.join(OVERLAYS))?;
            sync_folder(&root)
        };
        prepare().map_err(OpenError::path(&root))?;
        let lock = ExclusiveLock::acquire(root.join(".lock"))?;
        let used = tidy(&root).map_err(OpenError::path(&root))?;
        if used > config.quota_bytes {
            tracing::warn!(used, quota = config.quota_bytes, "the spool holds more than its quota");
        }
        Ok(Self {
            root,
            quota: config.quota_bytes,
            used: AtomicU64::new(used),
            next_temp: AtomicU64::new(0),
            placing: Mutex::new(()),
            _lock: lock,
        })
    }

    /// The bytes at a relative path; `None` where there is no such file.
    pub(super) fn read(&self, relative: &Path) -> io::Result<Option<Bytes>> {
        match fs::read(self.root.join(relative)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first bytes at a relative path; `None` where there is no such file.
    pub(super) fn start(&self, relative: &Path, most: usize) -> io::Result<Option<Bytes>> {
        let file = match fs::File::open(self.root.join(relative)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(Some(bytes.into()))
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Writes durably at a path of the form `<kind>/<study>/<file>` relative to the root.
    pub(super) fn store(&self, relative: &Path, bytes: &[u8], standing: Standing) -> Result<(), Fault> {
        let target = self.root.join(relative);
        let (Some(folder), Some(kind)) = (target.parent(), target.parent().and_then(Path::parent)) else {
            return Err(Fault::new(ErrorCode::StorageFailed, "the path has no folder"));
        };
        let keep = matches!(standing, Standing::Keep);
        if !(keep && target.exists()) {
            let room = self.reserve(bytes.len())?;
            self.place(folder, &target, bytes, room).map_err(|error| io_fault(&error))?;
        }
        // Also for a file that stood here: whoever wrote it may not have come this far yet. The same holds
        // for the study's folder.
        sync_folder(folder).and_then(|()| sync_folder(kind)).map_err(|error| io_fault(&error))
    }

    fn place(&self, folder: &Path, target: &Path, bytes: &[u8], room: Room<'_>) -> io::Result<()> {
        ensure_folder(folder)?;
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        let temp = TempFile::write(folder.join(format!("{TEMP_PREFIX}{number}")), bytes)?;
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let stood = match fs::metadata(target) {
            // An older picture, or the same object from a caller that was faster.
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        temp.rename_to(target)?;
        room.keep();
        self.used.fetch_sub(stood, Ordering::Relaxed);
        Ok(())
    }

    fn reserve(&self, bytes: usize) -> Result<Room<'_>, Fault> {
        let bytes = bytes as u64;
        let take = |used: u64| used.checked_add(bytes).filter(|after| *after <= self.quota);
        match self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(Room { used: &self.used, bytes }),
            Err(used) => {
                tracing::warn!(used, quota = self.quota, refused = bytes, "the spool is full");
                let message = "the spool's quota is used up: free space or raise the quota";
                Err(Fault::new(ErrorCode::SpoolFull, message).retry_after(FULL_RETRY))
            }
        }
    }
}

/// Bytes of the quota that are given back unless the file came into being.
struct Room<'a> {
    used: &'a AtomicU64,
    bytes: u64,
}

impl Room<'_> {
    fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Removes passing files and returns the size of all others.
fn tidy(root: &Path) -> io::Result<u64> {
    let mut used = 0_u64;
    for kind in [OBJECTS, OVERLAYS] {
        for study in fs::read_dir(root.join(kind))? {
            let study = study?;
            if !study.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(study.path())? {
                let file = file?;
                if file.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                    fs::remove_file(file.path())?;
                } else {
                    used = used.saturating_add(file.metadata()?.len());
                }
            }
        }
    }
    Ok(used)
}

pub(super) fn io_fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "the disk of the spool is full");
            Fault::new(ErrorCode::SpoolFull, "the disk of the spool is full: free space")
                .retry_after(FULL_RETRY)
        }
        _ => {
            tracing::error!(%error, "the spool could not be read or written");
            Fault::new(ErrorCode::StorageFailed, format!("the spool could not be read or written: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one() {
        // ENOSPC, EDQUOT, EIO
        for (errno, code) in
            [(28, ErrorCode::SpoolFull), (122, ErrorCode::SpoolFull), (5, ErrorCode::StorageFailed)]
        {
            assert_eq!(io_fault(&io::Error::from_raw_os_error(errno)).code, code, "errno {errno}");
        }
    }
}
