//! Weights as others save them: PyTorch's files (`.pt`, `.pth`) and ONNX graphs.
//!
//! Only numbers are taken from such a file. What computes is our network of the shape that the manifest names, so every
//! weight must find its layer and every layer its weights; nothing in the file is run.

use crate::networks::{Layer, Normal, set_conv, set_linear, set_norm};

mod named;
mod onnx;
mod ordered;
mod pytorch;
#[cfg(test)]
mod tests;

/// The weights of a file.
pub(crate) enum ForeignWeights {
    /// Each under its name.
    Named(named::Named),
    /// In the order in which an image meets them.
    Ordered(ordered::Ordered),
}

/// Reads a file whose name says that others wrote it; `None` for every other name.
///
/// # Errors
/// A file that is damaged or holds no weights.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Option<ForeignWeights>, String> {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".pt") || lower.ends_with(".pth") {
        return pytorch::read(bytes).map(|weights| Some(ForeignWeights::Named(weights)));
    }
    if lower.ends_with(".onnx") {
        return onnx::read(bytes).map(|weights| Some(ForeignWeights::Ordered(weights)));
    }
    Ok(None)
}

impl ForeignWeights {
    /// Puts every weight into its layer.
    ///
    /// # Errors
    /// A layer without weights, weights of another shape, weights without a layer.
    pub(crate) fn fill(self, layers: Vec<(String, Layer<'_>)>) -> Result<(), String> {
        match self {
            Self::Named(named) => named.fill(layers),
            Self::Ordered(ordered) => ordered.fill(layers),
        }
    }
}

/// Numbers and their shape, row by row.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

impl Values {
    /// The numbers, where they have this shape and are all finite; `name` is for the message.
    fn of_shape(self, shape: &[usize], name: &str) -> Result<Vec<f32>, String> {
        if self.shape != shape {
            return Err(format!("{name} has the shape {:?}, the network needs {shape:?}", self.shape));
        }
        if self.numbers.iter().any(|number| !number.is_finite()) {
            return Err(format!("{name} holds values that are no numbers"));
        }
        Ok(self.numbers)
    }
}
