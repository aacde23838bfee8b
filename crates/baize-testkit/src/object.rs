//! Synthetic DICOM objects.

use std::io::Write;

use bytes::Bytes;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::noise::Noise;
use crate::phantom::chest_phantom;
use crate::syntax::STREAM_SIZE;
use crate::{DataSet, Syntax, Tag, Value};

const COMPUTED_RADIOGRAPHY: &str = "1.2.840.10008.5.1.4.1.1.1";

/// Builds one DICOM object. By default an adult's frontal chest CR, 256 x 208, 12 bits in 16, MONOCHROME2,
/// Explicit VR Little Endian, with a window over the whole range and UIDs made from the seed.
#[derive(Clone, Debug)]
pub struct ObjectBuilder {
    seed: u64,
    syntax: Syntax,
    charset: &'static str,
    patient_name: String,
    rows: u16,
    columns: u16,
    allocated: u16,
    stored: u16,
    signed: bool,
    photometric: &'static str,
    frames: u16,
    window: Option<(f64, f64)>,
    pixels: Option<Vec<u16>>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Set(Tag, [u8; 2], Value),
    Remove(Tag),
}

/// A UID that no one else uses (ISO/IEC 9834-8), made from two numbers.
pub fn uid(seed: u64, purpose: u64) -> String {
    let mut noise = Noise::new(seed ^ purpose.rotate_left(32));
    format!("2.25.{}{:019}", noise.next(), noise.next() >> 1)
}

impl ObjectBuilder {
    /// A chest radiograph. Another seed is another patient, study, series and image.
    pub fn chest(seed: u64) -> Self {
        Self {
            seed,
            syntax: Syntax::ExplicitLittle,
            charset: "ISO_IR 192",
            patient_name: format!("Phantom^{seed}"),
            rows: 256,
            columns: 208,
            allocated: 16,
            stored: 12,
            signed: false,
            photometric: "MONOCHROME2",
            frames: 1,
            window: Some((2048.0, 4096.0)),
            pixels: None,
            changes: Vec::new(),
        }
    }

    /// The transfer syntax. One with a [`Syntax::stream`] brings its own size, bits and pixels.
    #[must_use]
    pub fn syntax(mut self, syntax: Syntax) -> Self {
        self.syntax = syntax;
        if syntax.stream().is_some() {
            (self.rows, self.columns) = STREAM_SIZE;
            (self.allocated, self.stored) = if syntax == Syntax::JpegBaseline { (8, 8) } else { (16, 12) };
            self.window = None;
        }
        self
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(mut self, rows: u16, columns: u16) -> Self {
        (self.rows, self.columns) = (rows, columns);
        self
    }

    /// Bits allocated (8 or 16) and bits stored.
    #[must_use]
    pub fn bits(mut self, allocated: u16, stored: u16) -> Self {
        (self.allocated, self.stored) = (allocated, stored);
        self
    }

    /// Two's complement samples; the phantom is moved down by half of the range.
    #[must_use]
    pub fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    /// Photometric Interpretation. With `MONOCHROME1` the stored samples are inverted, so that the image
    /// looks the same.
    #[must_use]
    pub fn photometric(mut self, interpretation: &'static str) -> Self {
        self.photometric = interpretation;
        self
    }

    /// Window centre and width; `None` for no window.
    #[must_use]
    pub fn window(mut self, window: Option<(f64, f64)>) -> Self {
        self.window = window;
        self
    }

    /// Number of frames, all alike.
    #[must_use]
    pub fn frames(mut self, frames: u16) -> Self {
        self.frames = frames;
        self
    }

    /// Stored samples of one frame instead of the phantom.
    #[must_use]
    pub fn pixels(mut self, samples: Vec<u16>) -> Self {
        self.pixels = Some(samples);
        self
    }

    /// The patient's name, written in the character set.
    #[must_use]
    pub fn patient_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.patient_name);
        self
    }

    /// Specific Character Set: `ISO_IR 192`, `GB18030`, `GBK` or another single defined term.
    #[must_use]
    pub fn charset(mut self, term: &'static str) -> Self {
        self.charset = term;
        self
    }

    /// Modality, such as `DX`.
    #[must_use]
    pub fn modality(self, modality: &str) -> Self {
        self.text((0x0008, 0x0060), b"CS", modality)
    }

    /// Body Part Examined; an empty text leaves it empty.
    #[must_use]
    pub fn body_part(self, body_part: &str) -> Self {
        self.text((0x0018, 0x0015), b"CS", body_part)
    }

    /// View Position.
    #[must_use]
    pub fn view(self, view: &str) -> Self {
        self.text((0x0018, 0x5101), b"CS", view)
    }

    /// Patient's Age, such as `064Y`.
    #[must_use]
    pub fn age(self, age: &str) -> Self {
        self.text((0x0010, 0x1010), b"AS", age)
    }

    /// Patient's Sex.
    #[must_use]
    pub fn sex(self, sex: &str) -> Self {
        self.text((0x0010, 0x0040), b"CS", sex)
    }

    /// Accession Number.
    #[must_use]
    pub fn accession(self, accession: &str) -> Self {
        self.text((0x0008, 0x0050), b"SH", accession)
    }

    /// Study Instance UID.
    #[must_use]
    pub fn study(self, uid: &str) -> Self {
        self.text((0x0020, 0x000D), b"UI", uid)
    }

    /// Series Instance UID.
    #[must_use]
    pub fn series(self, uid: &str) -> Self {
        self.text((0x0020, 0x000E), b"UI", uid)
    }

    /// SOP Instance UID.
    #[must_use]
    pub fn sop(self, uid: &str) -> Self {
        self.text((0x0008, 0x0018), b"UI", uid)
    }

    /// Any element as text.
    #[must_use]
    pub fn text(self, tag: Tag, vr: &[u8; 2], text: &str) -> Self {
        self.set(tag, vr, Value::Bytes(text.as_bytes().to_vec()))
    }

    /// Any element; comes after all else.
    #[must_use]
    pub fn set(mut self, tag: Tag, vr: &[u8; 2], value: Value) -> Self {
        self.changes.push(Change::Set(tag, *vr, value));
        self
    }

    /// Leaves an element out.
    #[must_use]
    pub fn remove(mut self, tag: Tag) -> Self {
        self.changes.push(Change::Remove(tag));
        self
    }

    /// The Study Instance UID that the object has.
    pub fn study_uid(&self) -> String {
        self.data_set().get_text((0x0020, 0x000D))
    }

    /// The Series Instance UID that the object has.
    pub fn series_uid(&self) -> String {
        self.data_set().get_text((0x0020, 0x000E))
    }

    /// The SOP Instance UID that the object has.
    pub fn sop_uid(&self) -> String {
        self.data_set().get_text((0x0008, 0x0018))
    }

    /// The Transfer Syntax UID.
    pub fn transfer_syntax_uid(&self) -> &'static str {
        self.syntax.uid()
    }

    /// The data set as C-STORE sends it: without preamble and file meta group.
    pub fn data_set_bytes(&self) -> Vec<u8> {
        let plain = self.data_set().encode(self.syntax);
        if self.syntax == Syntax::Deflated { deflate(&plain) } else { plain }
    }

    /// The object as a DICOM Part 10 file.
    pub fn build(&self) -> Bytes {
        let data_set = self.data_set();
        part10(self.syntax.uid(), &data_set, &self.data_set_bytes()).into()
    }

    /// The elements.
    pub fn data_set(&self) -> DataSet {
        let mut set = DataSet::default();
        let ui = b"UI";
        set.text((0x0008, 0x0005), b"CS", self.charset);
        set.text((0x0008, 0x0016), ui, COMPUTED_RADIOGRAPHY);
        set.text((0x0008, 0x0018), ui, &uid(self.seed, 3));
        set.text((0x0008, 0x0020), b"DA", "20250102");
        set.text((0x0008, 0x0050), b"SH", &format!("A{}", self.seed));
        set.text((0x0008, 0x0060), b"CS", "CR");
        set.text((0x0008, 0x1030), b"LO", "Chest");
        set.set((0x0010, 0x0010), b"PN", Value::Bytes(self.encoded_name()));
        set.text((0x0010, 0x0020), b"LO", &format!("P{}", self.seed));
        set.text((0x0010, 0x0030), b"DA", "19600102");
        set.text((0x0010, 0x0040), b"CS", "F");
        set.text((0x0018, 0x0015), b"CS", "CHEST");
        set.text((0x0018, 0x5101), b"CS", "PA");
        set.text((0x0020, 0x000D), ui, &uid(self.seed, 1));
        set.text((0x0020, 0x000E), ui, &uid(self.seed, 2));
        self.describe_pixels(&mut set);
        for change in &self.changes {
            match change {
                Change::Set(tag, vr, value) => set.set(*tag, vr, value.clone()),
                Change::Remove(tag) => set.remove(*tag),
            }
        }
        set
    }

    fn encoded_name(&self) -> Vec<u8> {
        let set = SpecificCharacterSet::from_code(self.charset).unwrap_or_default();
        set.encode(&self.patient_name).unwrap_or_else(|_| self.patient_name.as_bytes().to_vec())
    }

    fn describe_pixels(&self, set: &mut DataSet) {
        set.word((0x0028, 0x0002), 1);
        set.text((0x0028, 0x0004), b"CS", self.photometric);
        if self.frames != 1 {
            set.text((0x0028, 0x0008), b"IS", &self.frames.to_string());
        }
        set.word((0x0028, 0x0010), self.rows);
        set.word((0x0028, 0x0011), self.columns);
        set.word((0x0028, 0x0100), self.allocated);
        set.word((0x0028, 0x0101), self.stored);
        set.word((0x0028, 0x0102), self.stored.saturating_sub(1));
        set.word((0x0028, 0x0103), u16::from(self.signed));
        if let Some((center, width)) = self.window {
            set.text((0x0028, 0x1050), b"DS", &center.to_string());
            set.text((0x0028, 0x1051), b"DS", &width.to_string());
        }
        let (vr, value) = self.encoded_pixels();
        set.set((0x7FE0, 0x0010), vr, value);
    }

    fn encoded_pixels(&self) -> (&'static [u8; 2], Value) {
        if let Some(stream) = self.syntax.stream() {
            return (b"OB", Value::Fragments(vec![stream.to_vec(); usize::from(self.frames)]));
        }
        let frame = self.samples();
        if self.syntax == Syntax::Rle {
            return (b"OB", Value::Fragments(vec![rle(&frame, self.allocated); usize::from(self.frames)]));
        }
        let samples = frame.repeat(usize::from(self.frames));
        if self.allocated == 8 {
            // Written byte by byte, so that big endian makes no difference.
            return (b"OB", Value::Bytes(samples.into_iter().map(|sample| sample as u8).collect()));
        }
        (b"OW", Value::Words(samples))
    }

    /// The stored samples of one frame.
    pub fn samples(&self) -> Vec<u16> {
        if let Some(samples) = &self.pixels {
            return samples.clone();
        }
        let seed = if self.syntax.stream().is_some() { 0 } else { self.seed };
        let top = f64::from((1_u32 << self.stored) - 1);
        let mask = ((1_u32 << self.stored) - 1) as u16;
        let store = |brightness: f64| {
            let shown = if self.photometric == "MONOCHROME1" { 1.0 - brightness } else { brightness };
            let sample = (shown * top).round() as u16;
            let half = 1_u32 << (self.stored - 1);
            if self.signed { sample.wrapping_sub(half as u16) & mask } else { sample }
        };
        chest_phantom(self.rows.into(), self.columns.into(), seed).into_iter().map(store).collect()
    }
}

/// A DICOM Part 10 file around a data set.
pub(crate) fn part10(transfer_syntax: &str, data_set: &DataSet, bytes: &[u8]) -> Vec<u8> {
    let mut meta = DataSet::default();
    meta.set((0x0002, 0x0001), b"OB", Value::Bytes(vec![0, 1]));
    meta.text((0x0002, 0x0002), b"UI", &data_set.get_text((0x0008, 0x0016)));
    meta.text((0x0002, 0x0003), b"UI", &data_set.get_text((0x0008, 0x0018)));
    meta.text((0x0002, 0x0010), b"UI", transfer_syntax);
    meta.text((0x0002, 0x0012), b"UI", &uid(0, 9));
    let group = meta.encode(Syntax::ExplicitLittle);
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    file.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
    file.extend_from_slice(&(group.len() as u32).to_le_bytes());
    file.extend_from_slice(&group);
    file.extend_from_slice(bytes);
    file
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing to a Vec cannot fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// One frame in RLE Lossless (PS3.5 annex G): a segment per byte of the sample, highest byte first.
fn rle(samples: &[u16], allocated: u16) -> Vec<u8> {
    let shifts: &[u16] = if allocated == 8 { &[0] } else { &[8, 0] };
    let mut header = vec![shifts.len() as u32];
    let mut segments = Vec::new();
    for shift in shifts {
        header.push(64 + segments.len() as u32);
        let plane: Vec<u8> = samples.iter().map(|sample| (sample >> shift) as u8).collect();
        pack_bits(&plane, &mut segments);
        if segments.len() % 2 == 1 {
            segments.push(0);
        }
    }
    header.resize(16, 0);
    let mut frame: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    frame.append(&mut segments);
    frame
}

fn pack_bits(mut plane: &[u8], out: &mut Vec<u8>) {
    while let Some(&first) = plane.first() {
        let run = plane.iter().take(128).take_while(|byte| **byte == first).count();
        if run > 1 {
            out.extend_from_slice(&[(257 - run) as u8, first]);
            plane = &plane[run..];
            continue;
        }
        let literal = plane.windows(2).take(127).take_while(|pair| pair[0] != pair[1]).count().max(1);
        out.push((literal - 1) as u8);
        out.extend_from_slice(&plane[..literal]);
        plane = &plane[literal..];
    }
}
