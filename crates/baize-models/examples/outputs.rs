//! What an installed model answers to images, as numbers: for comparisons with other software (`benches/parity/`).
//!
//! `cargo run --example outputs -- WEIGHTS_DIR MODEL IMAGE_DIR > answers.json` reads grey PNG files of 8 or 16 bits and
//! prints, by file name, the score of each label and the heat maps `[labels, rows, columns]`.

#![allow(clippy::print_stdout, reason = "the answers are the output")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use baize_models::{Catalog, Compute, load};
use ndarray::{Array2, Axis};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, model, images] = arguments.as_slice() else {
        return Err("usage: outputs WEIGHTS_DIR MODEL IMAGE_DIR".into());
    };
    let catalog = Catalog::open(Path::new(weights))?;
    let entry = catalog.iter().rev().find(|entry| entry.manifest.model().id == *model);
    let entry = entry.ok_or_else(|| format!("{model} is not installed"))?;
    let manifest = &entry.manifest;
    let mut executor = load(entry, &Compute::Cpu.resolve()?)?;
    let mut answers = BTreeMap::new();
    for file in std::fs::read_dir(images)? {
        let path = file?.path();
        let image = image::open(&path)?.into_luma16();
        let shape = (image.height() as usize, image.width() as usize);
        let pixels =
            Array2::from_shape_vec(shape, image.into_raw())?.mapv(|value| f32::from(value) / 65535.0);
        let prepared = manifest.prepare(manifest.fit(pixels.view()).pixels.view());
        let batch = prepared.insert_axis(Axis(0)).insert_axis(Axis(0));
        let answer = executor.run(batch.view()).map_err(|fault| fault.message)?.remove(0);
        let (_, rows, columns) = answer.heat.dim();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let heat: Vec<f32> = answer.heat.iter().copied().collect();
        answers.insert(
            name,
            serde_json::json!({
                "scores": answer.probabilities, "heat": heat, "rows": rows, "columns": columns,
            }),
        );
    }
    println!("{}", serde_json::to_string(&answers)?);
    Ok(())
}
