//! MeshNet: a stack of dilated 3×3×3 convolutions over a whole volume, and a 1×1×1 one that names the label of each voxel
//! (Fedorov A et al. End-to-end learning of brain tissue segmentation from imperfect labeling. IJCNN 2017).
//!
//! A volume is computed plane by plane, see [`stream`]: exactly what a pass over the whole volume gives, in a fraction of
//! its memory.

mod activation;
mod classify;
mod kernel;
mod stream;

pub use activation::Activation;

use baize_core::{ErrorCode, Fault};
pub(crate) use kernel::PAD as MAX_DILATION;
use kernel::Packed;

/// One hidden layer: a 3×3×3 convolution that keeps the size, and its activation.
#[derive(Clone, Debug)]
pub(crate) struct Hidden {
    /// Distance between neighbouring taps, in voxels.
    pub(crate) dilation: usize,
    pub(crate) activation: Activation,
    pub(crate) packed: Packed,
}

/// The network of one model.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) hidden: Vec<Hidden>,
    /// `[labels][channels]`
    pub(crate) last: Vec<Vec<f32>>,
    /// One for each label.
    pub(crate) last_bias: Vec<f32>,
}

/// A hidden layer as read from a file.
#[derive(Clone, Debug)]
pub(crate) struct HiddenWeights {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    pub(crate) dilation: usize,
    pub(crate) activation: Activation,
    /// `[depth][row][column][in][out]`, as TensorFlow keeps it.
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Size of a volume as the network sees it: planes, rows of a plane, voxels of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Planes.
    pub planes: usize,
    /// Rows of a plane.
    pub rows: usize,
    /// Voxels of a row.
    pub columns: usize,
}

impl Size {
    /// Voxels in all.
    pub fn voxels(self) -> usize {
        self.planes * self.rows * self.columns
    }
}

impl Network {
    /// The network of these weights, which have been found to fit each other.
    pub(crate) fn new(hidden: Vec<HiddenWeights>, last: Vec<Vec<f32>>, last_bias: Vec<f32>) -> Self {
        let hidden = hidden
            .into_iter()
            .map(|layer| Hidden {
                dilation: layer.dilation,
                activation: layer.activation,
                packed: Packed::new(&layer),
            })
            .collect();
        Self { hidden, last, last_bias }
    }

    /// How many labels it tells apart, background included.
    pub fn labels(&self) -> usize {
        self.last_bias.len()
    }

    /// How far a voxel's label depends on others, to each side.
    pub fn reach(&self) -> usize {
        self.hidden.iter().map(|layer| layer.dilation).sum()
    }

    /// Bytes that [`segment`](Self::segment) holds for a volume of that size, input and labels included.
    pub fn bytes(&self, size: Size) -> u64 {
        stream::bytes(self, size)
    }

    /// The label of every voxel: the first of the strongest answers. `voxels` are `[planes][rows][columns]`; beyond them
    /// every layer sees zeros. Calls `progress` with the planes done, on `threads` threads of its own.
    ///
    /// # Errors
    /// `Internal` where there are not as many voxels as the size says; `InferenceFailed` where no thread can be made, or
    /// an answer is no number.
    pub fn segment(
        &self,
        voxels: &[f32],
        size: Size,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        if voxels.len() != size.voxels() {
            return Err(Fault::new(
                ErrorCode::Internal,
                "the volume is not of the size that it is said to be",
            ));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|number| format!("baize-volume-{number}"))
            .build()
            .map_err(|error| {
                Fault::new(ErrorCode::InferenceFailed, format!("no thread for the network: {error}"))
            })?;
        pool.install(|| stream::run(self, voxels, size, progress))
    }
}

#[cfg(test)]
mod tests;
