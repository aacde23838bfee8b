//! The gate that ships, on real and on drawn images, through decoding as it serves; headers play no part.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where a step fails, and says what it skips"
)]

use std::path::{Path, PathBuf};

use baize_core::ErrorCode;
use baize_engine::Gatekeeper;
use baize_imaging::{Limits, decode};
use baize_models::gate::{Gate, newest};
use baize_testkit::ObjectBuilder;
use ndarray::Array2;

fn gate() -> std::sync::Arc<Gate> {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights");
    newest(&weights).unwrap().unwrap()
}

fn pixels(object: &[u8]) -> Array2<f32> {
    decode(object, &Limits { max_object_bytes: 1 << 28, max_pixels: 1 << 26 }).unwrap().pixels
}

/// What a chest model is told about an image.
fn verdict(gate: &Gate, pixels: &Array2<f32>) -> Result<usize, ErrorCode> {
    let (_, answer) = Gatekeeper::look(gate, pixels.view(), &["chest-radiograph".to_owned()]).unwrap();
    answer.map(|caveats| caveats.len()).map_err(|fault| fault.code)
}

#[test]
fn real_images_are_known_for_what_they_are() {
    let data = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from);
    let Some(data) = data.filter(|folder| folder.is_dir()) else {
        println!("skipped: BAIZE_PYDICOM_DATA does not name the data folder of pydicom-data");
        return;
    };
    let gate = gate();
    for (file, passes) in [
        ("RG1_J2KI.dcm", true),
        ("RG1_J2KR.dcm", true),
        ("RG1_UNCI.dcm", true),
        ("RG1_UNCR.dcm", true),
        ("RG3_J2KI.dcm", false),
        ("RG3_UNCR.dcm", false),
        ("693_J2KR.dcm", false),
        ("693_UNCI.dcm", false),
        ("MR2_J2KI.dcm", false),
        ("MR2_UNCR.dcm", false),
        ("MR-SIEMENS-DICOM-WithOverlays.dcm", false),
    ] {
        let answer = verdict(&gate, &pixels(&std::fs::read(data.join(file)).unwrap()));
        assert_eq!(answer.is_ok(), passes, "{file}: {answer:?}");
        if let Err(code) = answer {
            assert!([ErrorCode::WrongContent, ErrorCode::UnfamiliarImage].contains(&code), "{file}: {code}");
        }
    }
}

#[test]
fn what_no_patient_is_in_is_refused() {
    let gate = gate();
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let noise = Array2::from_shape_simple_fn((300, 240), &mut random);
    assert_eq!(verdict(&gate, &noise), Err(ErrorCode::UnfamiliarImage));
    let blank = Array2::from_elem((2048, 2048), 0.5);
    assert_eq!(verdict(&gate, &blank), Err(ErrorCode::PoorQuality));
    let bars = Array2::from_shape_fn((512, 512), |(row, _)| ((row / 16) % 16) as f32 / 15.0);
    assert!(verdict(&gate, &bars).is_err());
    let disc = Array2::from_shape_fn((512, 512), |(row, column)| {
        let radius = ((row as f32 - 256.0).powi(2) + (column as f32 - 256.0).powi(2)).sqrt();
        (if radius < 200.0 { 0.3 + radius / 400.0 } else { 0.02 })
            + 0.01 * ((row * 7 + column * 3) % 17) as f32 / 17.0
    });
    assert!(verdict(&gate, &disc).is_err());
    let drawn = pixels(&ObjectBuilder::chest(5).size(480, 512).build());
    assert!(verdict(&gate, &drawn).is_err(), "a drawn chest is no patient's");
}
