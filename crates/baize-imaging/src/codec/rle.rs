//! RLE Lossless (PS3.5 annex G).

use baize_core::Fault;

use super::damaged;
use crate::layout::{Layout, corrupt};

const HEADER: usize = 64;

/// Decodes one frame: for each component of a pixel a segment per byte of the sample, highest byte first.
pub(crate) fn decode(frame: &[u8], layout: &Layout) -> Result<Vec<u16>, Fault> {
    let header = frame.first_chunk::<HEADER>().ok_or_else(|| damaged("RLE"))?;
    let mut numbers =
        header.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    let segments = numbers.next().unwrap_or_default();
    let depth = usize::from(layout.bits_allocated / 8);
    let components = layout.space.components();
    let planes = depth * components;
    if segments as usize != planes {
        return Err(corrupt(format!("the RLE frame has {segments} segments where {planes} are due")));
    }
    let starts: Vec<usize> = numbers.take(planes).map(|start| start as usize).collect();
    let mut samples = vec![0_u16; layout.samples()];
    for (plane, &start) in starts.iter().enumerate() {
        let end = starts.get(plane + 1).copied().unwrap_or(frame.len());
        let segment = frame.get(start..end).filter(|_| start >= HEADER).ok_or_else(|| damaged("RLE"))?;
        let mut of_component = samples.iter_mut().skip(plane / depth).step_by(components);
        unpack(segment, &mut of_component).ok_or_else(|| damaged("RLE"))?;
    }
    Ok(samples)
}

/// Shifts each sample up by a byte and puts the segment's byte in; `None` where the segment is too short.
fn unpack<'s>(mut segment: &[u8], samples: &mut impl ExactSizeIterator<Item = &'s mut u16>) -> Option<()> {
    while samples.len() > 0 {
        let (&control, after) = segment.split_first()?;
        // A run may reach beyond the frame by what an encoder padded a row with.
        segment = match control {
            0..=127 => {
                let count = usize::from(control) + 1;
                for (&byte, sample) in after.get(..count)?.iter().zip(samples.by_ref()) {
                    *sample = *sample << 8 | u16::from(byte);
                }
                &after[count..]
            }
            128 => after,
            129..=255 => {
                let (&byte, after) = after.split_first()?;
                for sample in samples.by_ref().take(257 - usize::from(control)) {
                    *sample = *sample << 8 | u16::from(byte);
                }
                after
            }
        };
    }
    Some(())
}
