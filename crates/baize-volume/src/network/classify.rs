//! The last layer: the strongest label of each voxel of a row, without keeping the answers of the others.

use pulp::{Simd, WithSimd};

use super::kernel::{PAD, stride};

/// One row to classify.
pub(crate) struct Strongest<'a> {
    /// `[labels][channels]`
    pub(crate) weights: &'a [Vec<f32>],
    pub(crate) bias: &'a [f32],
    /// All channels of the row, each as long as [`stride`] says.
    pub(crate) row: &'a [f32],
    /// One for each voxel.
    pub(crate) labels: &'a mut [u8],
}

impl WithSimd for Strongest<'_> {
    /// All answers are numbers.
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let stride = stride(self.labels.len());
        let mut sound = true;
        for (step, labels) in self.labels.chunks_mut(S::F32_LANES).enumerate() {
            let at = PAD + step * S::F32_LANES;
            let mut best = simd.splat_f32s(f32::NEG_INFINITY);
            let mut chosen = simd.splat_f32s(-1.0);
            for (number, (weights, bias)) in self.weights.iter().zip(self.bias).enumerate() {
                let mut sum = simd.splat_f32s(*bias);
                for (channel, weight) in self.row.chunks_exact(stride).zip(weights) {
                    let (voxels, _) = S::as_simd_f32s(&channel[at..at + S::F32_LANES]);
                    sum = simd.mul_add_e_f32s(simd.splat_f32s(*weight), voxels[0], sum);
                }
                // Strictly stronger, so that of equal answers the first one stays.
                let stronger = simd.less_than_f32s(best, sum);
                best = simd.select_f32s(stronger, sum, best);
                chosen = simd.select_f32s(stronger, simd.splat_f32s(number as f32), chosen);
            }
            let chosen = [chosen];
            let numbers: &[f32] = pulp::bytemuck::cast_slice(&chosen);
            for (label, number) in labels.iter_mut().zip(numbers) {
                // No answer is stronger than nothing: none was a number.
                sound &= *number >= 0.0;
                *label = *number as u8;
            }
        }
        sound
    }
}
