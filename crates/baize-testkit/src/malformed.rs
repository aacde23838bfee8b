//! Damaged and hostile objects, all of them different and always the same ones.

use crate::noise::Noise;
use crate::object::{deflate, part10};
use crate::{ObjectBuilder, Syntax, Value};

/// Every kind of damage, in turn.
type Damage = fn(&mut Noise) -> (String, Vec<u8>);

const DAMAGES: [Damage; 12] = [
    truncated,
    bit_flips,
    wrong_length,
    absurd_size,
    deep_nesting,
    inflation_bomb,
    lying_stream,
    cut_stream,
    lost_tag,
    overwritten_run,
    contradicting_pixels,
    garbage,
];

/// Damaged objects with a name that says what was done to them. The names are unique; `count` of them come.
pub fn malformed(seed: u64, count: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..count).map(move |index| {
        let mut noise = Noise::new(seed ^ (index as u64).wrapping_mul(0x9E37_79B9));
        let (name, bytes) = DAMAGES[index % DAMAGES.len()](&mut noise);
        (format!("{index:04} {name}"), bytes)
    })
}

fn any_syntax(noise: &mut Noise) -> Syntax {
    Syntax::ALL[noise.below(Syntax::ALL.len())]
}

/// A sound object to damage, small enough to make thousands of.
fn sound(noise: &mut Noise) -> (Syntax, Vec<u8>) {
    let syntax = any_syntax(noise);
    let builder = ObjectBuilder::chest(noise.next()).size(48, 40).syntax(syntax);
    (syntax, builder.build().to_vec())
}

fn truncated(noise: &mut Noise) -> (String, Vec<u8>) {
    let (syntax, mut bytes) = sound(noise);
    // Half of the cuts fall into the header, which is short.
    let room = if noise.below(2) == 0 { bytes.len().min(1200) } else { bytes.len() };
    let end = noise.below(room);
    bytes.truncate(end);
    (format!("truncated to {end} bytes, {syntax:?}"), bytes)
}

fn bit_flips(noise: &mut Noise) -> (String, Vec<u8>) {
    let (syntax, mut bytes) = sound(noise);
    let flips = 1 + noise.below(40);
    let from = if noise.below(2) == 0 { 128 } else { bytes.len() / 4 };
    for _ in 0..flips {
        let at = from + noise.below(bytes.len() - from);
        bytes[at] ^= 1 << noise.below(8);
    }
    (format!("{flips} bits flipped, {syntax:?}"), bytes)
}

/// The length field of some element says something else.
fn wrong_length(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::Rle][noise.below(3)];
    let mut bytes = ObjectBuilder::chest(noise.next()).size(48, 40).syntax(syntax).build().to_vec();
    // Rows (0028,0010), Patient's Name (0010,0010), Pixel Data (7FE0,0010).
    let tag = [[0x28, 0, 0x10, 0], [0x10, 0, 0x10, 0], [0xE0, 0x7F, 0x10, 0]][noise.below(3)];
    let length = [0_u32, 1, 3, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF][noise.below(8)];
    if let Some(at) = bytes.windows(4).position(|window| window == tag) {
        let long = syntax != Syntax::ImplicitLittle && tag[0] == 0xE0;
        let field = at + if syntax == Syntax::ImplicitLittle { 4 } else { 6 + if long { 2 } else { 0 } };
        let width = if syntax == Syntax::ImplicitLittle || long { 4 } else { 2 };
        bytes[field..field + width].copy_from_slice(&length.to_le_bytes()[..width]);
    }
    (format!("length {length:#x} at {tag:02X?}, {syntax:?}"), bytes)
}

/// The header claims a size that the pixels do not have.
fn absurd_size(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = any_syntax(noise);
    let sizes = [0, 1, 95, 97, 16_384, 65_535];
    let (rows, columns) = (sizes[noise.below(6)], sizes[1 + noise.below(5)]);
    let builder = ObjectBuilder::chest(noise.next()).size(48, 40).syntax(syntax);
    let builder = builder.set((0x0028, 0x0010), b"US", Value::Words(vec![rows])).set(
        (0x0028, 0x0011),
        b"US",
        Value::Words(vec![columns]),
    );
    let builder =
        if noise.below(4) == 0 { builder.text((0x0028, 0x0008), b"IS", "2147483647") } else { builder };
    (format!("{rows} x {columns} claimed, {syntax:?}"), builder.build().to_vec())
}

/// Sequences within sequences, thousands of them, ended properly, wrongly or not at all.
fn deep_nesting(noise: &mut Noise) -> (String, Vec<u8>) {
    let depth = [100, 5_000, 50_000][noise.below(3)];
    let ended = noise.below(2) == 0;
    let syntax = [Syntax::ExplicitLittle, Syntax::ImplicitLittle][noise.below(2)];
    let builder = ObjectBuilder::chest(noise.next()).size(8, 8).syntax(syntax);
    let mut nested = Vec::new();
    for _ in 0..depth {
        nested.extend_from_slice(&[0x08, 0, 0x40, 0x11]);
        if syntax == Syntax::ExplicitLittle {
            nested.extend_from_slice(b"SQ\0\0");
        }
        nested.extend_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    if ended {
        for _ in 0..depth {
            nested
                .extend_from_slice(&[0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        }
    }
    let rest = builder.data_set_bytes();
    nested.extend_from_slice(&rest);
    let name = format!("{depth} nested sequences, ended: {ended}, {syntax:?}");
    (name, part10(syntax.uid(), &builder.data_set(), &nested))
}

/// A deflated data set that grows a thousandfold.
fn inflation_bomb(noise: &mut Noise) -> (String, Vec<u8>) {
    let megabytes = [16, 24, 48][noise.below(3)];
    let builder = ObjectBuilder::chest(noise.next()).size(8, 8);
    let mut plain = builder.data_set().encode(Syntax::Deflated);
    plain.resize(megabytes << 20, 0);
    let bytes = part10(Syntax::Deflated.uid(), &builder.data_set(), &deflate(&plain));
    (format!("deflated {megabytes} MiB of zeros"), bytes)
}

/// The compressed stream claims another size, depth or partition than the header.
fn lying_stream(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = Syntax::ALL[5 + noise.below(6)];
    let mut stream = syntax.stream().unwrap_or_default().to_vec();
    // The streams' own headers lie within their first 96 bytes.
    let at = 2 + noise.below(94.min(stream.len().saturating_sub(4)));
    let value = [[0; 4], [0xFF; 4], [0, 0, 0xFF, 0xFF], [0, 0, 0, 1]][noise.below(4)];
    let width = 1 + noise.below(4);
    stream[at..at + width].copy_from_slice(&value[4 - width..]);
    (
        format!("{width} bytes of the stream's header at {at} set to {value:02X?}, {syntax:?}"),
        wrapped(noise, syntax, stream),
    )
}

fn cut_stream(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = Syntax::ALL[5 + noise.below(6)];
    let mut stream = syntax.stream().unwrap_or_default().to_vec();
    let end = noise.below(stream.len());
    stream.truncate(end);
    (format!("stream cut to {end} bytes, {syntax:?}"), wrapped(noise, syntax, stream))
}

fn wrapped(noise: &mut Noise, syntax: Syntax, stream: Vec<u8>) -> Vec<u8> {
    let builder = ObjectBuilder::chest(noise.next()).syntax(syntax);
    builder.set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![stream])).build().to_vec()
}

fn lost_tag(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = any_syntax(noise);
    let tags = [
        (0x0008, 0x0016),
        (0x0008, 0x0018),
        (0x0020, 0x000D),
        (0x0020, 0x000E),
        (0x0028, 0x0002),
        (0x0028, 0x0004),
        (0x0028, 0x0010),
        (0x0028, 0x0100),
        (0x0028, 0x0101),
        (0x0028, 0x0103),
        (0x7FE0, 0x0010),
    ];
    let tag = tags[noise.below(tags.len())];
    let builder = ObjectBuilder::chest(noise.next()).size(48, 40).syntax(syntax).remove(tag);
    (format!("without ({:04X},{:04X}), {syntax:?}", tag.0, tag.1), builder.build().to_vec())
}

fn overwritten_run(noise: &mut Noise) -> (String, Vec<u8>) {
    let (syntax, mut bytes) = sound(noise);
    let start = 128 + noise.below(bytes.len() - 160);
    let length = 1 + noise.below(32);
    let byte = [0x00, 0xFF, 0x5C][noise.below(3)];
    bytes[start..start + length].fill(byte);
    (format!("{length} bytes at {start} set to {byte:#04x}, {syntax:?}"), bytes)
}

/// Pixel attributes that contradict each other or the pixels.
fn contradicting_pixels(noise: &mut Noise) -> (String, Vec<u8>) {
    let syntax = any_syntax(noise);
    let (element, name) =
        [(0x0100, "allocated"), (0x0101, "stored"), (0x0102, "high"), (0x0103, "sign")][noise.below(4)];
    let value = [0, 1, 7, 12, 17, 32, 255, 65_535][noise.below(8)];
    let builder = ObjectBuilder::chest(noise.next()).size(48, 40).syntax(syntax);
    let builder = builder.set((0x0028, element), b"US", Value::Words(vec![value]));
    (format!("{name} bits {value}, {syntax:?}"), builder.build().to_vec())
}

fn garbage(noise: &mut Noise) -> (String, Vec<u8>) {
    let length = noise.below(4096);
    let mut bytes: Vec<u8> = (0..length).map(|_| noise.next() as u8).collect();
    let signed = noise.below(2) == 0 && length > 132;
    if signed {
        bytes[128..132].copy_from_slice(b"DICM");
    }
    (format!("{length} bytes of noise, DICM: {signed}"), bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn damage_is_always_the_same_and_never_twice_the_same() {
        let first: Vec<_> = malformed(7, 60).collect();
        let second: Vec<_> = malformed(7, 60).collect();
        assert_eq!(first, second);
        let names: HashSet<_> = first.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), first.len());
        assert_ne!(first[1].1, malformed(8, 60).nth(1).unwrap().1);
    }
}
