//! Where things lie, and which names are let through.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use baize_core::ports::{Digest, SpoolKey};
use baize_core::{ErrorCode, Fault, InstanceIdentity, ModelRef, SopUid, StudyUid};

pub(super) const OBJECTS: &str = "objects";
pub(super) const OVERLAYS: &str = "overlays";
/// No UID begins with a dot, so no stored file does.
pub(super) const TEMP_PREFIX: &str = ".tmp-";

pub(super) fn object_key(identity: &InstanceIdentity, digest: &Digest) -> SpoolKey {
    let mut key = format!("{OBJECTS}/{}/{}-", identity.study, identity.sop);
    for byte in digest.0.iter().take(8) {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key.push_str(".dcm");
    SpoolKey(key)
}

/// The relative path of a key, refused where it could lead anywhere but to a stored object.
pub(super) fn object_path(key: &SpoolKey) -> Result<PathBuf, Fault> {
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
pub(super) fn overlay_path(study: &StudyUid, sop: &SopUid, model: &ModelRef) -> Option<PathBuf> {
    let plain = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
    };
    let named = plain(&model.id) && plain(&model.version);
    named.then(|| PathBuf::from(format!("{OVERLAYS}/{study}/{sop}-{model}.png")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
