//! Files and folders that are still there after a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::OpenError;

/// Patient data: for the server's own account only.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes the names in a folder durable: a file's own fsync does not cover the entry that leads to it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the folder where it is missing. Its entry is durable only after [`sync_folder`] of its parent.
pub(crate) fn ensure_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes the folder and those above it durably.
pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folders(parent)?;
    ensure_folder(folder)?;
    sync_folder(parent)
}

/// Opens for writing, readable by this account only, without cutting what is there.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// An exclusive lock that the system frees when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct ExclusiveLock {
    file: File,
}

impl ExclusiveLock {
    pub(crate) fn acquire(path: PathBuf) -> Result<Self, OpenError> {
        let file = open_private(&path).map_err(OpenError::path(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { lock: path }),
            Err(TryLockError::Error(source)) => Err(OpenError::Path { path, source }),
        }
    }
}

impl Drop for ExclusiveLock {
    /// Closing alone would leave the lock to a child that was forked but has not yet become another program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// A file under a passing name, fully written and fsynced; gone again unless it is renamed into place.
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    renamed: bool,
}

impl TempFile {
    pub(crate) fn write(path: PathBuf, bytes: &[u8]) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        let temp = Self { path, renamed: false };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temp)
    }

    /// Atomically takes the place of `target`. Durable only after [`sync_folder`].
    pub(crate) fn rename_to(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.renamed
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a temporary file stays until the next start");
        }
    }
}
