//! What `torch.save` writes: a module or its state, of any version. The pickle is read as data; nothing in it is run.

use std::collections::BTreeMap;
use std::io::Write as _;

use pytorch_reader::{DType, PytorchReader, Tensor};

use super::Values;
use super::named::Named;

/// Reads a file of PyTorch.
pub(super) fn read(bytes: &[u8]) -> Result<Named, String> {
    // The reader wants a file; one of our own holds exactly the bytes whose checksum was compared.
    let copy = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        Ok(file)
    };
    let file = copy().map_err(|error: std::io::Error| format!("no temporary file: {error}"))?;
    let reader = PytorchReader::new(file.path()).map_err(|error| error.to_string())?;
    let mut values = BTreeMap::new();
    for (name, tensor) in reader.tensors() {
        if let Some(numbers) = numbers(tensor)? {
            values.insert(name.clone(), Values { shape: tensor.shape().to_vec(), numbers });
        }
    }
    Ok(Named::new(values))
}

/// The numbers of a tensor; `None` for counters and other whole numbers.
fn numbers(tensor: &Tensor) -> Result<Option<Vec<f32>>, String> {
    let bytes = || tensor.read().map_err(|error| format!("{}: {error}", tensor.name));
    Ok(match tensor.dtype() {
        DType::F32 => Some(bytes()?.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()),
        DType::F64 => {
            Some(bytes()?.as_chunks().0.iter().map(|eight| f64::from_le_bytes(*eight) as f32).collect())
        }
        DType::F16 | DType::BF16 => {
            return Err(format!("{}: half precision is not read; save the weights as float32", tensor.name));
        }
        _ => None,
    })
}
