//! Objects and annotated pictures in a local folder.
//!
//! ```text
//! <root>/objects/<study>/<sop>-<first 16 hex digits of the digest>.dcm
//! <root>/overlays/<study>/<sop>-<model>@<version>.png
//! ```
//!
//! A file is written under a passing name, fsynced, renamed, and its folder (and that folder's parent, which
//! holds a new study's entry) fsynced: after a crash a name leads to the whole object or to nothing.

mod folder;
mod paths;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use baize_core::ports::{Digest, Spool, SpoolKey};
use baize_core::{ErrorCode, Fault, InstanceIdentity, ModelRef, SopUid, StudyUid};
use bytes::Bytes;

use crate::OpenError;
use crate::blocking::BlockingPool;
use folder::{Folder, Standing, io_fault};
use paths::{object_key, object_path, overlay_path};

/// How the spool is set up.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    /// The folder; made where it is missing.
    pub root: PathBuf,
    /// How many bytes of objects and pictures it may hold.
    pub quota_bytes: u64,
    /// How many files may be read or written at once.
    pub parallel: NonZeroUsize,
}

/// [`Spool`] in a local folder.
#[derive(Debug)]
pub struct FolderSpool {
    folder: Arc<Folder>,
    pool: BlockingPool,
}

impl FolderSpool {
    /// Locks the folder, removes what a crash left half written, and adds up what is stored. Blocks for as
    /// long as listing the whole folder takes: call it while starting.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another process has the folder, [`OpenError::Path`] otherwise.
    pub fn open(config: &SpoolConfig) -> Result<Self, OpenError> {
        let folder = Folder::open(config)?;
        Ok(Self { folder: Arc::new(folder), pool: BlockingPool::new(config.parallel) })
    }

    /// How many bytes of the quota are used, writes under way included.
    pub fn used_bytes(&self) -> u64 {
        self.folder.used_bytes()
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let folder = Arc::clone(&self.folder);
        self.pool.run(move || work(&folder)).await
    }
}

#[async_trait]
impl Spool for FolderSpool {
    async fn put(
        &self,
        identity: &InstanceIdentity,
        digest: &Digest,
        object: Bytes,
    ) -> Result<SpoolKey, Fault> {
        let key = object_key(identity, digest);
        let name = key.0.clone();
        self.run(move |folder| folder.store(Path::new(&name), &object, Standing::Keep)).await?;
        Ok(key)
    }

    async fn get(&self, key: &SpoolKey) -> Result<Bytes, Fault> {
        let path = object_path(key)?;
        let found = self.run(move |folder| folder.read(&path).map_err(|error| io_fault(&error))).await?;
        found.ok_or_else(|| Fault::new(ErrorCode::NotFound, "the object is not in the spool"))
    }

    async fn start(&self, key: &SpoolKey, most: usize) -> Result<Bytes, Fault> {
        let path = object_path(key)?;
        let read = move |folder: &Folder| folder.start(&path, most).map_err(|error| io_fault(&error));
        let found = self.run(read).await?;
        found.ok_or_else(|| Fault::new(ErrorCode::NotFound, "the object is not in the spool"))
    }

    async fn put_overlay(
        &self,
        study: &StudyUid,
        sop: &SopUid,
        model: &ModelRef,
        png: Bytes,
    ) -> Result<(), Fault> {
        let Some(path) = overlay_path(study, sop, model) else {
            let message = "a model's id and version must be made of letters, digits, '.', '_' and '-'";
            return Err(Fault::new(ErrorCode::StorageFailed, message));
        };
        self.run(move |folder| folder.store(&path, &png, Standing::Replace)).await
    }

    async fn overlay(
        &self,
        study: &StudyUid,
        sop: &SopUid,
        model: &ModelRef,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(path) = overlay_path(study, sop, model) else { return Ok(None) };
        self.run(move |folder| folder.read(&path).map_err(|error| io_fault(&error))).await
    }
}

/// Reads one object of a spool that another process may have open: stored objects never change. Blocks.
///
/// # Errors
/// `NotFound` or `StorageFailed`.
pub fn read_object(root: &Path, key: &SpoolKey) -> Result<Bytes, Fault> {
    let path = root.join(object_path(key)?);
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Fault::new(ErrorCode::NotFound, "the object is not in the spool"))
        }
        Err(error) => Err(io_fault(&error)),
    }
}
