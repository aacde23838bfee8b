//! Real images: those of the PyPI package `pydicom-data` 1.0.0, where `BAIZE_PYDICOM_DATA` names its `data`
//! folder, and the project's shared corpus, where it lies beside the checkout.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::path::{Path, PathBuf};

use baize_core::ErrorClass;
use baize_imaging::{Limits, decode};
use ndarray::Array2;

const LIMITS: Limits = Limits { max_object_bytes: 256 << 20, max_pixels: 64 << 20 };

/// The folder of `pydicom-data`; `None`, with the reason printed, where it is not installed.
fn pydicom_data() -> Option<PathBuf> {
    let folder = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: BAIZE_PYDICOM_DATA does not name the data folder of pydicom-data");
    }
    folder
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn pixels(path: &Path) -> Array2<f32> {
    decode(&std::fs::read(path).unwrap(), &LIMITS)
        .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
        .pixels
}

fn every_file_ends_well(folder: &Path) {
    let files = files_below(folder);
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for path in files {
        match decode(&std::fs::read(&path).unwrap(), &LIMITS) {
            Ok(image) => {
                assert!(image.pixels.iter().all(|value| (0.0..=1.0).contains(value)), "{}", path.display())
            }
            Err(fault) => assert!(
                matches!(fault.code.class(), ErrorClass::Refused | ErrorClass::Unreadable),
                "{}: {fault}",
                path.display()
            ),
        }
    }
}

#[test]
fn every_file_of_pydicom_data_is_an_image_or_a_fault() {
    if let Some(folder) = pydicom_data() {
        every_file_ends_well(&folder);
    }
}

#[test]
fn every_file_of_the_shared_corpus_is_an_image_or_a_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/dicom");
    if folder.is_dir() {
        every_file_ends_well(&folder);
    } else {
        println!("skipped: there is no shared corpus beside the checkout");
    }
}

#[test]
fn images_are_what_pydicom_and_numpy_make_of_them() {
    // Size, mean and one pixel (middle row, a third from the left), computed with pydicom 3.0 and numpy after
    // the formulas of PS3.3 section C.11.
    let expected = [
        ("RG1_UNCR.dcm", (1955, 1841), 0.753_610, 0.728_191),
        ("RG3_UNCR.dcm", (1760, 1760), 0.696_079, 0.086_999),
        ("MR2_UNCR.dcm", (1024, 1024), 0.141_724, 0.609_824),
        ("693_UNCR.dcm", (512, 512), 0.157_439, 0.313_131),
        ("JPEG-LL.dcm", (1024, 256), 0.049_350, 0.079_137),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", (768, 1024), 0.068_149, 0.245_059),
        ("mlut_18.dcm", (512, 512), 0.506_251, 0.749_935),
        ("vlut_04.dcm", (512, 512), 0.505_216, 0.749_020),
        ("explicit_VR-UN.dcm", (512, 512), 0.159_748, 0.508_597),
    ];
    let Some(folder) = pydicom_data() else { return };
    for (name, size, mean, pixel) in expected {
        let image = pixels(&folder.join(name));
        assert_eq!(image.dim(), size, "{name}");
        let found_mean = image.iter().map(|value| f64::from(*value)).sum::<f64>() / image.len() as f64;
        let found_pixel = f64::from(image[[size.0 / 2, size.1 / 3]]);
        assert!((found_mean - mean).abs() < 2e-6, "{name}: mean {found_mean}");
        assert!((found_pixel - pixel).abs() < 2e-6, "{name}: pixel {found_pixel}");
    }
}

#[test]
fn compressed_and_uncompressed_encodings_are_the_same_image() {
    let Some(folder) = pydicom_data() else { return };
    for name in ["RG1", "RG3", "MR2", "693"] {
        let file = |suffix: &str| pixels(&folder.join(format!("{name}_{suffix}.dcm")));
        let original = file("UNCR");
        assert_eq!(original, file("J2KR"), "{name}: reversible JPEG 2000");
        if name == "693" {
            continue; // Has no irreversible encoding.
        }
        let lossy = file("UNCI");
        // Another decoder wrote the decompressed file; it may round its arithmetic differently.
        let stream = file("J2KI");
        let worst = lossy.iter().zip(&stream).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{name}: irreversible JPEG 2000 differs by {worst}");
    }
}
