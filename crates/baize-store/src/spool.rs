//! Objects and annotated pictures in a local folder.
//!
//! ```text
//! <root>/objects/<study>/<sop>-<first 16 hex digits of the digest>.dcm
//! <root>/overlays/<study>/<sop>-<model>@<version>.png
//! ```
//!
//! A file is written under a passing name, fsynced, renamed, and its folder (and that folder's parent, which
//! holds a new study's entry) fsynced: after a crash a name leads to the whole object or to nothing.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Digest, Spool, SpoolKey};
use baize_core::{ErrorCode, Fault, InstanceIdentity, ModelRef, SopUid, StudyUid};
use bytes::Bytes;

use crate::OpenError;
use crate::blocking::BlockingPool;
use crate::durable::{ExclusiveLock, TempFile, create_folders, ensure_folder, sync_folder};

const OBJECTS: &str = "objects";
const OVERLAYS: &str = "overlays";
/// No UID begins with a dot, so no stored file does.
const TEMP_PREFIX: &str = ".tmp-";
/// A full disk needs a person; senders should not hammer it meanwhile.
const FULL_RETRY: Duration = Duration::from_secs(60);

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
        let folder = Folder {
            root,
            quota: config.quota_bytes,
            used: AtomicU64::new(used),
            next_temp: AtomicU64::new(0),
            placing: Mutex::new(()),
            _lock: lock,
        };
        Ok(Self { folder: Arc::new(folder), pool: BlockingPool::new(config.parallel) })
    }

    /// How many bytes of the quota are used, writes under way included.
    pub fn used_bytes(&self) -> u64 {
        self.folder.used.load(Ordering::Relaxed)
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
        self.run(move |folder| match fs::read(folder.root.join(path)) {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Fault::new(ErrorCode::NotFound, "the object is not in the spool"))
            }
            Err(error) => Err(io_fault(&error)),
        })
        .await
    }

    async fn remove(&self, key: &SpoolKey) -> Result<(), Fault> {
        let path = object_path(key)?;
        self.run(move |folder| folder.remove(&path).map_err(|error| io_fault(&error))).await
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
        self.run(move |folder| match fs::read(folder.root.join(path)) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_fault(&error)),
        })
        .await
    }
}

/// What becomes of a file that stands at the same name.
#[derive(Clone, Copy)]
enum Standing {
    /// It is the same object: it stays.
    Keep,
    /// It is an older picture: it goes.
    Replace,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    quota: u64,
    used: AtomicU64,
    next_temp: AtomicU64,
    /// Held while a name appears or disappears, so that each stored byte is counted once.
    placing: Mutex<()>,
    _lock: ExclusiveLock,
}

impl Folder {
    /// Writes durably at a path of the form `<kind>/<study>/<file>` relative to the root.
    fn store(&self, relative: &Path, bytes: &[u8], standing: Standing) -> Result<(), Fault> {
        let target = self.root.join(relative);
        let (Some(folder), Some(kind)) = (target.parent(), target.parent().and_then(Path::parent)) else {
            return Err(Fault::new(ErrorCode::StorageFailed, "the path has no folder"));
        };
        let keep = matches!(standing, Standing::Keep);
        if !(keep && target.exists()) {
            let room = self.reserve(bytes.len())?;
            self.place(folder, &target, bytes, standing, room).map_err(|error| io_fault(&error))?;
        }
        // Also for a file that stood here: whoever wrote it may not have come this far yet. The same holds
        // for the study's folder.
        sync_folder(folder).and_then(|()| sync_folder(kind)).map_err(|error| io_fault(&error))
    }

    fn place(
        &self,
        folder: &Path,
        target: &Path,
        bytes: &[u8],
        standing: Standing,
        room: Room<'_>,
    ) -> io::Result<()> {
        ensure_folder(folder)?;
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        let temp = TempFile::write(folder.join(format!("{TEMP_PREFIX}{number}")), bytes)?;
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let stood = match fs::metadata(target) {
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // Another caller was faster with the same object: ours goes, and its room with it.
        if matches!(standing, Standing::Keep) && stood.is_some() {
            return Ok(());
        }
        temp.rename_to(target)?;
        room.keep();
        self.used.fetch_sub(stood.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, relative: &Path) -> io::Result<()> {
        let target = self.root.join(relative);
        {
            let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
            let size = match fs::metadata(&target) {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            fs::remove_file(&target)?;
            self.used.fetch_sub(size, Ordering::Relaxed);
        }
        target.parent().map_or(Ok(()), sync_folder)
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

fn object_key(identity: &InstanceIdentity, digest: &Digest) -> SpoolKey {
    let mut key = format!("{OBJECTS}/{}/{}-", identity.study, identity.sop);
    for byte in digest.0.iter().take(8) {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key.push_str(".dcm");
    SpoolKey(key)
}

/// The relative path of a key, refused where it could lead anywhere but to a stored object.
fn object_path(key: &SpoolKey) -> Result<PathBuf, Fault> {
    let path = Path::new(&key.0);
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => {
            name.to_str().is_some_and(|name| !name.starts_with('.') && !name.contains('\0'))
        }
        _ => false,
    };
    let parts = path.components();
    if parts.clone().count() == 3 && parts.clone().all(plain) && path.starts_with(OBJECTS) {
        return Ok(path.to_owned());
    }
    Err(Fault::new(ErrorCode::StorageFailed, "the spool key names no object of this spool"))
}

/// `None` where the model's name could not be a file's: there is no picture of such a model.
fn overlay_path(study: &StudyUid, sop: &SopUid, model: &ModelRef) -> Option<PathBuf> {
    let plain = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
    };
    let named = plain(&model.id) && plain(&model.version);
    named.then(|| PathBuf::from(format!("{OVERLAYS}/{study}/{sop}-{model}.png")))
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

fn io_fault(error: &io::Error) -> Fault {
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

    #[test]
    fn only_keys_of_stored_objects_become_paths() {
        assert!(object_path(&SpoolKey("objects/1.2/1.3-00.dcm".into())).is_ok());
        for bad in [
            "",
            "/etc/passwd",
            "objects/../ledger.db",
            "objects/1.2/../../x",
            "../objects/1.2/x.dcm",
            "/objects/1.2/x.dcm",
            "overlays/1.2/x.png",
            "objects/1.2/.tmp-0",
            "objects/1.2",
            "objects/1.2/3/4",
            "objects/1.2/a\0b",
        ] {
            let fault = object_path(&SpoolKey(bad.into())).unwrap_err();
            assert_eq!(fault.code, ErrorCode::StorageFailed, "{bad:?}");
        }
    }
}
