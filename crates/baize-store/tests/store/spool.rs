//! The folder spool: bytes on disk, quota, leftovers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use baize_core::ErrorCode;
use baize_core::ports::{Spool, SpoolKey};
use baize_core::{Fault, ModelRef};
use baize_store::{FolderSpool, OpenError, SpoolConfig};
use bytes::Bytes;

use crate::fixtures::{digest, identity, model, open_spool, sop, study};

const ROOMY: u64 = 1 << 30;

fn bytes(length: usize, fill: u8) -> Bytes {
    Bytes::from(vec![fill; length])
}

fn files_under(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

fn full<T: std::fmt::Debug>(answer: Result<T, Fault>) {
    let fault = answer.unwrap_err();
    assert_eq!(fault.code, ErrorCode::SpoolFull);
    assert!(fault.retry_after.is_some());
}

#[tokio::test]
async fn objects_lie_where_the_layout_says() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), ROOMY);
    let key = spool.put(&identity(1, 2), &digest(0xab), bytes(10, 1)).await.unwrap();
    assert_eq!(key.0, "objects/1.2.840.1/1.2.3.2-abababababababab.dcm");
    assert_eq!(fs::read(folder.path().join("spool").join(&key.0)).unwrap(), [1; 10]);
    assert_eq!(spool.get(&key).await.unwrap(), bytes(10, 1));

    spool.put_overlay(&study(1), &sop(2), &model("1.0.0"), bytes(5, 9)).await.unwrap();
    let picture = folder.path().join("spool/overlays/1.2.840.1/1.2.3.2-cxr-test@1.0.0.png");
    assert_eq!(fs::read(picture).unwrap(), [9; 5]);
    assert_eq!(spool.overlay(&study(1), &sop(2), &model("1.0.0")).await.unwrap(), Some(bytes(5, 9)));
    assert_eq!(spool.overlay(&study(1), &sop(2), &model("2.0.0")).await.unwrap(), None);
    assert_eq!(spool.overlay(&study(9), &sop(2), &model("1.0.0")).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_object_is_kept_once_and_another_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), ROOMY);
    let first = spool.put(&identity(1, 1), &digest(1), bytes(10, 1)).await.unwrap();
    // The digest leaves the file meta group out: the same object may come with other bytes.
    assert_eq!(spool.put(&identity(1, 1), &digest(1), bytes(12, 2)).await.unwrap(), first);
    assert_eq!((spool.get(&first).await.unwrap(), spool.used_bytes()), (bytes(10, 1), 10));
    let variant = spool.put(&identity(1, 1), &digest(2), bytes(7, 3)).await.unwrap();
    assert_ne!(variant, first);
    assert_eq!(spool.get(&first).await.unwrap(), bytes(10, 1));
    assert_eq!((spool.get(&variant).await.unwrap(), spool.used_bytes()), (bytes(7, 3), 17));
}

#[tokio::test]
async fn a_full_spool_refuses_before_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), 100);
    spool.put(&identity(1, 1), &digest(1), bytes(60, 1)).await.unwrap();
    full(spool.put(&identity(1, 2), &digest(2), bytes(41, 1)).await);
    full(spool.put_overlay(&study(1), &sop(1), &model("1"), bytes(41, 1)).await);
    assert_eq!(files_under(&folder.path().join("spool/objects")).len(), 1);
    spool.put(&identity(1, 1), &digest(1), bytes(60, 1)).await.unwrap();
    spool.put(&identity(1, 2), &digest(2), bytes(40, 1)).await.unwrap();
    assert_eq!(spool.used_bytes(), 100);
}

#[tokio::test]
async fn a_picture_replaces_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), ROOMY);
    for (length, fill) in [(10, 1), (30, 2), (5, 3)] {
        spool.put_overlay(&study(1), &sop(1), &model("1"), bytes(length, fill)).await.unwrap();
        let stored = spool.overlay(&study(1), &sop(1), &model("1")).await.unwrap().unwrap();
        assert_eq!((stored, spool.used_bytes()), (bytes(length, fill), length as u64));
    }
    assert_eq!(files_under(&folder.path().join("spool/overlays")).len(), 1);
}

#[tokio::test]
async fn a_start_counts_what_is_there_and_clears_what_was_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), 100);
    let key = spool.put(&identity(1, 1), &digest(1), bytes(60, 1)).await.unwrap();
    spool.put_overlay(&study(1), &sop(1), &model("1"), bytes(30, 2)).await.unwrap();
    drop(spool);
    let objects = folder.path().join("spool/objects/1.2.840.1");
    fs::write(objects.join(".tmp-0"), [0; 500]).unwrap();
    fs::write(folder.path().join("spool/overlays/1.2.840.1/.tmp-7"), [0; 500]).unwrap();

    let reopened = open_spool(folder.path(), 100);
    assert_eq!(reopened.used_bytes(), 90);
    assert_eq!(files_under(&objects).len(), 1);
    assert_eq!(reopened.get(&key).await.unwrap(), bytes(60, 1));
    full(reopened.put(&identity(1, 2), &digest(2), bytes(11, 1)).await);
    reopened.put(&identity(1, 2), &digest(2), bytes(10, 1)).await.unwrap();
}

#[tokio::test]
async fn nothing_outside_the_root_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), ROOMY);
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let absolute = secret.to_str().unwrap().to_owned();
    for bad in ["../secret", "objects/../../secret", "objects/./../secret", absolute.as_str(), ".lock", ""] {
        let key = SpoolKey(bad.to_owned());
        assert_eq!(spool.get(&key).await.unwrap_err().code, ErrorCode::StorageFailed, "{bad:?}");
    }
    for (id, version) in
        [("../../x", "1"), ("a/b", "1"), ("a", "../1"), ("", "1"), ("a@b", "1"), ("a\0", "1")]
    {
        let bad = ModelRef { id: id.into(), version: version.into() };
        let put = spool.put_overlay(&study(1), &sop(1), &bad, bytes(1, 1)).await;
        assert_eq!(put.unwrap_err().code, ErrorCode::StorageFailed, "{bad}");
        assert_eq!(spool.overlay(&study(1), &sop(1), &bad).await.unwrap(), None, "{bad}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
    assert_eq!(files_under(&folder.path().join("spool")), [".lock"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_puts_of_same_and_different_objects_are_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(open_spool(folder.path(), ROOMY));
    let writers: Vec<_> = (0..64_u32)
        .map(|writer| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move {
                let number = writer % 8;
                spool.put(&identity(number % 3, number), &digest(1), bytes(1_000, 1)).await.unwrap()
            })
        })
        .collect();
    for writer in writers {
        let key = writer.await.unwrap();
        assert_eq!(spool.get(&key).await.unwrap().len(), 1_000);
    }
    assert_eq!(spool.used_bytes(), 8_000);
    assert_eq!(files_under(&folder.path().join("spool/objects")).len(), 8, "and no temporary file");
}

#[test]
fn a_second_user_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_spool(folder.path(), ROOMY);
    let config = SpoolConfig {
        root: folder.path().join("spool"),
        quota_bytes: ROOMY,
        parallel: std::num::NonZeroUsize::MIN,
    };
    assert!(matches!(FolderSpool::open(&config).unwrap_err(), OpenError::InUse { .. }));
    drop(first);
    FolderSpool::open(&config).unwrap();
}
