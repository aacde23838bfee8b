//! One row of a 3×3×3 convolution, in the machine's widest vectors.
//!
//! A row holds all channels one after the other, each with [`PAD`] zeros on either side, so that a tap to the left or
//! right is the same row at another offset and the border needs no case of its own. Sums stay in registers: up to
//! [`GROUP`] output channels of two vectors of voxels at a time.

use pulp::{Simd, WithSimd};

use super::{Activation, HiddenWeights};

/// Zeros before and behind the voxels of a row: the largest dilation that is read.
pub(crate) const PAD: usize = 16;
/// Voxels of a row are computed in steps of this many: a multiple of two of the widest vectors.
const STEP: usize = 32;
/// Output channels whose sums are kept in registers at once.
const GROUP: usize = 7;

/// The floats of one channel of a row of that many voxels.
pub(crate) fn stride(columns: usize) -> usize {
    columns.next_multiple_of(STEP) + 2 * PAD
}

/// Weights in the order in which the kernel reads them.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    first: usize,
    bias: Vec<f32>,
    /// `[depth][row][in][column][out of the group]`
    weights: Vec<f32>,
}

impl Packed {
    pub(crate) fn new(layer: &HiddenWeights) -> Self {
        let (ins, outs) = (layer.channels_in, layer.channels_out);
        let count = outs.div_ceil(GROUP).max(1);
        let mut groups = Vec::new();
        let mut first = 0;
        for number in 0..count {
            let size = outs / count + usize::from(number < outs % count);
            let mut weights = Vec::with_capacity(27 * ins * size);
            for plane_and_row in 0..9 {
                for channel in 0..ins {
                    for column in 0..3 {
                        let at = ((plane_and_row * 3 + column) * ins + channel) * outs + first;
                        weights.extend_from_slice(&layer.kernel[at..at + size]);
                    }
                }
            }
            groups.push(Group { first, bias: layer.bias[first..first + size].to_vec(), weights });
            first += size;
        }
        Self { channels_in: ins, channels_out: outs, groups }
    }
}

/// One row to compute.
pub(crate) struct Row<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) dilation: usize,
    pub(crate) activation: Activation,
    /// The rows around it, by plane and row; `None` where they would lie outside of the volume.
    pub(crate) around: [Option<&'a [f32]>; 9],
    pub(crate) columns: usize,
    /// All channels of the row, each as long as [`stride`] says; zero outside of the voxels.
    pub(crate) out: &'a mut [f32],
}

/// Runs it with the widest vectors that the machine has.
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, op);
    }
    pulp::Arch::new().dispatch(op)
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for group in &self.packed.groups {
            match group.bias.len() {
                7 => self.sum::<S, 7>(simd, group),
                6 => self.sum::<S, 6>(simd, group),
                5 => self.sum::<S, 5>(simd, group),
                4 => self.sum::<S, 4>(simd, group),
                3 => self.sum::<S, 3>(simd, group),
                2 => self.sum::<S, 2>(simd, group),
                _ => self.sum::<S, 1>(simd, group),
            }
        }
        let stride = stride(self.columns);
        for channel in self.out.chunks_exact_mut(stride) {
            self.activation.apply(&mut channel[PAD..PAD + self.columns]);
            // The last step went beyond the voxels.
            channel[PAD + self.columns..].fill(0.0);
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn sum<S: Simd, const N: usize>(&mut self, simd: S, group: &Group) {
        let stride = stride(self.columns);
        let pair = 2 * S::F32_LANES;
        let ins = self.packed.channels_in;
        for begin in (0..self.columns).step_by(pair) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; N];
            for (sum, bias) in sums.iter_mut().zip(&group.bias) {
                *sum = [simd.splat_f32s(*bias); 2];
            }
            for (rows, weights) in self.around.iter().zip(group.weights.chunks_exact(3 * ins * N)) {
                let Some(row) = rows else { continue };
                for (channel, weights) in row.chunks_exact(stride).zip(weights.chunks_exact(3 * N)) {
                    for (tap, weights) in weights.chunks_exact(N).enumerate() {
                        let at = PAD + begin + tap * self.dilation - self.dilation;
                        let (voxels, _) = S::as_simd_f32s(&channel[at..at + pair]);
                        let (left, right) = (voxels[0], voxels[1]);
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            let weight = simd.splat_f32s(*weight);
                            sum[0] = simd.mul_add_e_f32s(weight, left, sum[0]);
                            sum[1] = simd.mul_add_e_f32s(weight, right, sum[1]);
                        }
                    }
                }
            }
            for (channel, sum) in self.out.chunks_exact_mut(stride).skip(group.first).zip(&sums) {
                let (place, _) = S::as_mut_simd_f32s(&mut channel[PAD + begin..PAD + begin + pair]);
                place.copy_from_slice(sum);
            }
        }
    }
}
