//! JPEG 2000 and HTJ2K (ISO/IEC 15444-1 annexes A and I).

use baize_core::Fault;
use jpeg2k::{DecodeParameters, Image};

use super::{be16, be32, check_size, damaged};
use crate::layout::{Layout, corrupt, unsupported};

const CODESTREAM_START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
const START_OF_TILE: u8 = 0x90;
const CODING_STYLE: u8 = 0x52;
const COMPONENT_CODING_STYLE: u8 = 0x53;

/// Decodes a codestream, or the one within a JP2 file: some writers wrap it though DICOM forbids it.
pub(crate) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u16>, Fault> {
    let stream = codestream(stream).ok_or_else(|| damaged("JPEG 2000"))?;
    let size = Size::read(stream).ok_or_else(|| damaged("JPEG 2000"))?;
    size.check(layout)?;
    check_partition(stream, &size).ok_or_else(|| damaged("JPEG 2000"))??;
    let image = Image::from_bytes_with(stream, DecodeParameters::new().strict(true))
        .map_err(|_| damaged("JPEG 2000"))?;
    let components = image.components();
    let whole = |component: &jpeg2k::ImageComponent| {
        (component.height() as usize, component.width() as usize) == (layout.rows, layout.columns)
    };
    if components.len() != layout.space.components() || !components.iter().all(whole) {
        return Err(damaged("JPEG 2000"));
    }
    let mut samples = vec![0; layout.samples()];
    for (number, component) in components.iter().enumerate() {
        let of_component = samples.iter_mut().skip(number).step_by(components.len());
        for (sample, &decoded) in of_component.zip(component.data()) {
            *sample = layout.stored(decoded);
        }
    }
    Ok(samples)
}

/// The codestream within its boxes, if there are any.
fn codestream(stream: &[u8]) -> Option<&[u8]> {
    let mut rest = stream;
    loop {
        if rest.first_chunk() == Some(&CODESTREAM_START) {
            return Some(rest);
        }
        let length = be32(rest, 0)? as usize;
        let kind = rest.get(4..8)?;
        if kind == b"jp2c" {
            // A length of 1 means that a 64-bit one follows; of 0, that the box reaches to the end.
            rest = rest.get(if length == 1 { 16 } else { 8 }..)?;
            return (rest.first_chunk() == Some(&CODESTREAM_START)).then_some(rest);
        }
        rest = rest.get(length..).filter(|_| length >= 8)?;
    }
}

/// The image and tile size segment.
struct Size {
    width: u64,
    height: u64,
    components: u64,
    tile_width: u64,
    tile_height: u64,
    tiles: u64,
    bit_depth: u8,
    signed: bool,
    subsampled: bool,
}

impl Size {
    fn read(stream: &[u8]) -> Option<Self> {
        let number = |index: usize| be32(stream, 8 + 4 * index).map(u64::from);
        let (right, bottom) = (number(0)?, number(1)?);
        let (left, top) = (number(2)?, number(3)?);
        let (tile_width, tile_height) = (number(4)?, number(5)?);
        let (tile_left, tile_top) = (number(6)?, number(7)?);
        if tile_width == 0 || tile_height == 0 || tile_left > left || tile_top > top {
            return None;
        }
        let width = right.checked_sub(left)?;
        let height = bottom.checked_sub(top)?;
        let tiles = (right - tile_left).div_ceil(tile_width) * (bottom - tile_top).div_ceil(tile_height);
        let [depth, step_x, step_y] = *stream.get(42..)?.first_chunk()?;
        Some(Self {
            width,
            height,
            components: be16(stream, 40)?.into(),
            tile_width: tile_width.min(width),
            tile_height: tile_height.min(height),
            tiles,
            bit_depth: (depth & 0x7F) + 1,
            signed: depth & 0x80 != 0,
            subsampled: step_x != 1 || step_y != 1,
        })
    }

    fn check(&self, layout: &Layout) -> Result<(), Fault> {
        check_size(layout, self.height, self.width, self.components)?;
        if self.subsampled {
            return Err(corrupt("the JPEG 2000 stream is subsampled"));
        }
        if self.bit_depth > 16 {
            return Err(unsupported(format!("JPEG 2000 with {} bits per sample", self.bit_depth)));
        }
        if self.signed && !layout.signed {
            return Err(unsupported(
                "the JPEG 2000 samples are signed where Pixel Representation says they are not",
            ));
        }
        // The decoder keeps kilobytes for every tile.
        if self.tiles > 64 + self.width * self.height / 4096 {
            return Err(corrupt("the JPEG 2000 stream is cut into absurdly many tiles"));
        }
        Ok(())
    }
}

/// Bounds the number of precincts and code blocks, for each of which the decoder allocates: a few bytes of
/// header could otherwise ask for one per pixel. `None` where the main header is cut short.
fn check_partition(stream: &[u8], size: &Size) -> Option<Result<(), Fault>> {
    let mut position = 2;
    loop {
        let [0xFF, marker] = *stream.get(position..)?.first_chunk()? else { return None };
        if marker == START_OF_TILE {
            return Some(Ok(()));
        }
        let length = usize::from(be16(stream, position + 2)?);
        let segment = stream.get(position + 4..position + 2 + length)?;
        let blocks = match marker {
            CODING_STYLE => partition(segment.first()? & 1 != 0, segment.get(5..)?, size)?,
            // One component has a one-byte index before its style.
            COMPONENT_CODING_STYLE => partition(segment.get(1)? & 1 != 0, segment.get(2..)?, size)?,
            _ => 0,
        };
        if blocks > 4096 + size.width * size.height / 64 {
            return Some(Err(corrupt("the JPEG 2000 stream is cut into absurdly many blocks")));
        }
        position += 2 + length;
    }
}

/// The number of precincts and code blocks that a coding style makes of the image.
fn partition(own_precincts: bool, style: &[u8], size: &Size) -> Option<u64> {
    let levels = u32::from(*style.first()?);
    if levels > 32 {
        return None;
    }
    let exponent = |index: usize| style.get(index).map(|byte| u32::from(byte & 0x0F) + 2);
    let (block_width, block_height) = (exponent(1)?, exponent(2)?);
    let mut blocks = 0;
    for resolution in 0..=levels {
        let (precinct_width, precinct_height) = if own_precincts {
            let exponents = *style.get(5 + resolution as usize)?;
            (u32::from(exponents & 0x0F), u32::from(exponents >> 4))
        } else {
            (15, 15)
        };
        // A block is no larger than its precinct; above the lowest resolution, than half of it.
        let halved = u32::from(resolution > 0);
        let pieces = |tile: u64, precinct: u32, block: u32| {
            let length = tile.div_ceil(1 << (levels - resolution));
            length.div_ceil(1 << precinct.min(block + halved)) + 1
        };
        blocks += pieces(size.tile_width, precinct_width, block_width)
            * pieces(size.tile_height, precinct_height, block_height);
    }
    Some(blocks * size.tiles)
}
