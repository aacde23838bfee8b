//! The attributes that Baize reads, collected in one walk.

use std::collections::BTreeMap;

use baize_core::{ErrorCode, Fault};

use crate::element::{Element, PIXEL_TAGS, Tag, Walk, malformed};
use crate::syntax::Encoding;
use crate::text::Charset;

/// Attribute numbers, with the names that messages use.
pub(crate) mod tags {
    use crate::element::Tag;

    pub(crate) const CHARACTER_SET: Tag = (0x0008, 0x0005);
    pub(crate) const SOP_CLASS: Tag = (0x0008, 0x0016);
    pub(crate) const SOP_INSTANCE: Tag = (0x0008, 0x0018);
    pub(crate) const STUDY_DATE: Tag = (0x0008, 0x0020);
    pub(crate) const ACCESSION: Tag = (0x0008, 0x0050);
    pub(crate) const MODALITY: Tag = (0x0008, 0x0060);
    pub(crate) const MANUFACTURER: Tag = (0x0008, 0x0070);
    pub(crate) const CODE_VALUE: Tag = (0x0008, 0x0100);
    pub(crate) const CODE_MEANING: Tag = (0x0008, 0x0104);
    pub(crate) const STATION: Tag = (0x0008, 0x1010);
    pub(crate) const STUDY_DESCRIPTION: Tag = (0x0008, 0x1030);
    pub(crate) const SERIES_DESCRIPTION: Tag = (0x0008, 0x103E);
    pub(crate) const ANATOMIC_REGION: Tag = (0x0008, 0x2218);
    pub(crate) const PATIENT_NAME: Tag = (0x0010, 0x0010);
    pub(crate) const PATIENT_ID: Tag = (0x0010, 0x0020);
    pub(crate) const PATIENT_ID_ISSUER: Tag = (0x0010, 0x0021);
    pub(crate) const BIRTH_DATE: Tag = (0x0010, 0x0030);
    pub(crate) const SEX: Tag = (0x0010, 0x0040);
    pub(crate) const AGE: Tag = (0x0010, 0x1010);
    pub(crate) const BODY_PART: Tag = (0x0018, 0x0015);
    pub(crate) const PROTOCOL: Tag = (0x0018, 0x1030);
    pub(crate) const VIEW_POSITION: Tag = (0x0018, 0x5101);
    pub(crate) const STUDY: Tag = (0x0020, 0x000D);
    pub(crate) const SERIES: Tag = (0x0020, 0x000E);
    pub(crate) const POSITION: Tag = (0x0020, 0x0032);
    pub(crate) const ORIENTATION: Tag = (0x0020, 0x0037);
    pub(crate) const FRAME_OF_REFERENCE: Tag = (0x0020, 0x0052);
    pub(crate) const SAMPLES_PER_PIXEL: Tag = (0x0028, 0x0002);
    pub(crate) const PHOTOMETRIC: Tag = (0x0028, 0x0004);
    pub(crate) const PLANAR: Tag = (0x0028, 0x0006);
    pub(crate) const FRAMES: Tag = (0x0028, 0x0008);
    pub(crate) const ROWS: Tag = (0x0028, 0x0010);
    pub(crate) const COLUMNS: Tag = (0x0028, 0x0011);
    pub(crate) const PIXEL_SPACING: Tag = (0x0028, 0x0030);
    pub(crate) const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
    pub(crate) const BITS_STORED: Tag = (0x0028, 0x0101);
    pub(crate) const HIGH_BIT: Tag = (0x0028, 0x0102);
    pub(crate) const PIXEL_REPRESENTATION: Tag = (0x0028, 0x0103);
    pub(crate) const PADDING: Tag = (0x0028, 0x0120);
    pub(crate) const PADDING_LIMIT: Tag = (0x0028, 0x0121);
    pub(crate) const BURNED_IN: Tag = (0x0028, 0x0301);
    pub(crate) const WINDOW_CENTER: Tag = (0x0028, 0x1050);
    pub(crate) const WINDOW_WIDTH: Tag = (0x0028, 0x1051);
    pub(crate) const RESCALE_INTERCEPT: Tag = (0x0028, 0x1052);
    pub(crate) const RESCALE_SLOPE: Tag = (0x0028, 0x1053);
    pub(crate) const VOI_FUNCTION: Tag = (0x0028, 0x1056);
    pub(crate) const PALETTE_DESCRIPTORS: [Tag; 3] = [(0x0028, 0x1101), (0x0028, 0x1102), (0x0028, 0x1103)];
    pub(crate) const PALETTES: [Tag; 3] = [(0x0028, 0x1201), (0x0028, 0x1202), (0x0028, 0x1203)];
    pub(crate) const SEGMENTED_PALETTES: [Tag; 3] = [(0x0028, 0x1221), (0x0028, 0x1222), (0x0028, 0x1223)];
    pub(crate) const MODALITY_LUT: Tag = (0x0028, 0x3000);
    pub(crate) const LUT_DESCRIPTOR: Tag = (0x0028, 0x3002);
    pub(crate) const LUT_DATA: Tag = (0x0028, 0x3006);
    pub(crate) const VOI_LUT: Tag = (0x0028, 0x3010);
    pub(crate) const VIEW_CODE: Tag = (0x0054, 0x0220);
    pub(crate) const PRESENTATION_SHAPE: Tag = (0x2050, 0x0020);
    pub(crate) const PIXEL_DATA: Tag = (0x7FE0, 0x0010);

    /// What a data set's walk keeps, in ascending order.
    pub(crate) const KEPT: &[Tag] = &[
        CHARACTER_SET,
        SOP_CLASS,
        SOP_INSTANCE,
        STUDY_DATE,
        ACCESSION,
        MODALITY,
        MANUFACTURER,
        CODE_VALUE,
        CODE_MEANING,
        STATION,
        STUDY_DESCRIPTION,
        SERIES_DESCRIPTION,
        ANATOMIC_REGION,
        PATIENT_NAME,
        PATIENT_ID,
        PATIENT_ID_ISSUER,
        BIRTH_DATE,
        SEX,
        AGE,
        BODY_PART,
        PROTOCOL,
        VIEW_POSITION,
        STUDY,
        SERIES,
        POSITION,
        ORIENTATION,
        FRAME_OF_REFERENCE,
        SAMPLES_PER_PIXEL,
        PHOTOMETRIC,
        PLANAR,
        FRAMES,
        ROWS,
        COLUMNS,
        PIXEL_SPACING,
        BITS_ALLOCATED,
        BITS_STORED,
        HIGH_BIT,
        PIXEL_REPRESENTATION,
        PADDING,
        PADDING_LIMIT,
        BURNED_IN,
        WINDOW_CENTER,
        WINDOW_WIDTH,
        RESCALE_INTERCEPT,
        RESCALE_SLOPE,
        VOI_FUNCTION,
        PALETTE_DESCRIPTORS[0],
        PALETTE_DESCRIPTORS[1],
        PALETTE_DESCRIPTORS[2],
        PALETTES[0],
        PALETTES[1],
        PALETTES[2],
        SEGMENTED_PALETTES[0],
        SEGMENTED_PALETTES[1],
        SEGMENTED_PALETTES[2],
        MODALITY_LUT,
        LUT_DESCRIPTOR,
        LUT_DATA,
        VOI_LUT,
        VIEW_CODE,
        PRESENTATION_SHAPE,
    ];
}

/// The kept attributes of a data set or of one item, and its pixel data.
pub(crate) struct Attributes<'a> {
    kept: BTreeMap<Tag, Element<'a>>,
    charset: Charset,
    /// Pixel Data, Float Pixel Data or Double Float Pixel Data.
    pub(crate) pixels: Option<Element<'a>>,
}

impl<'a> Attributes<'a> {
    /// Walks a data set up to its pixels.
    pub(crate) fn collect(data_set: &'a [u8], encoding: Encoding) -> Result<Self, Fault> {
        Self::walk(Walk::new(data_set, encoding))
    }

    fn walk(mut walk: Walk<'a>) -> Result<Self, Fault> {
        let mut kept = BTreeMap::new();
        let mut pixels = None;
        while let Some(element) = walk.next()? {
            if PIXEL_TAGS.contains(&element.tag) {
                pixels = Some(element);
                break;
            }
            if tags::KEPT.binary_search(&element.tag).is_ok() {
                kept.entry(element.tag).or_insert(element);
            }
        }
        let charset = Charset::declared(kept.get(&tags::CHARACTER_SET).map(|element| element.value));
        Ok(Self { kept, charset, pixels })
    }

    pub(crate) fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        self.kept.get(&tag).filter(|element| !element.value.is_empty())
    }

    /// The first item of a sequence.
    pub(crate) fn first_item(&self, tag: Tag) -> Result<Option<Self>, Fault> {
        let Some(element) = self.get(tag) else { return Ok(None) };
        element.first_item()?.map(Self::walk).transpose()
    }

    /// Text for people, in its character set.
    pub(crate) fn text(&self, tag: Tag) -> Option<String> {
        let element = self.get(tag).filter(|element| !element.undefined_length)?;
        // The longest text that is read, a name in three writings, has 3 x 64 characters; what is longer is
        // cut rather than carried along.
        self.charset.decode(&element.value[..element.value.len().min(1024)])
    }

    /// Code Value and Code Meaning of the first item of a code sequence. A sequence that can't be read says nothing:
    /// an image is not turned away for it.
    pub(crate) fn coded(&self, tag: Tag) -> Option<(String, Option<String>)> {
        let item = self.first_item(tag).ok().flatten()?;
        let value = item.code(tags::CODE_VALUE)?.to_owned();
        // An item has the character set of its object.
        let meaning = item.get(tags::CODE_MEANING).filter(|element| !element.undefined_length);
        let meaning =
            meaning.and_then(|element| self.charset.decode(&element.value[..element.value.len().min(256)]));
        Some((value, meaning))
    }

    /// The first value of a text of the default repertoire: a code, a UID, a number.
    pub(crate) fn code(&self, tag: Tag) -> Option<&'a str> {
        let text = str::from_utf8(self.get(tag)?.value).ok()?;
        let first = text.split('\\').next().unwrap_or_default().trim_matches(['\0', ' ']);
        // A UID, the longest of them, has 64 characters.
        (!first.is_empty() && first.len() <= 128).then_some(first)
    }

    /// All values of a text of the default repertoire as written, with `\` between.
    pub(crate) fn all(&self, tag: Tag) -> Option<&'a str> {
        let text = str::from_utf8(self.get(tag)?.value).ok()?.trim_matches(['\0', ' ']);
        // The longest that is read, six decimals, has 101 characters.
        (!text.is_empty() && text.len() <= 128).then_some(text)
    }

    /// The first value of a decimal string; `None` where there is none.
    pub(crate) fn decimal(&self, tag: Tag) -> Result<Option<f64>, Fault> {
        let Some(element) = self.get(tag) else { return Ok(None) };
        let Some(text) = self.code(tag) else {
            // Only padding is an empty value; anything else is not a number.
            let blank = element.value.iter().all(|byte| matches!(byte, 0 | b' '));
            return if blank { Ok(None) } else { Err(malformed(tag, "is not a number")) };
        };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(malformed(tag, "is not a number")),
        }
    }

    /// The first 16-bit number; `None` where there is none.
    pub(crate) fn word(&self, tag: Tag) -> Option<u16> {
        self.get(tag)?.words().next()
    }

    /// The first 16-bit number of an attribute that must be there.
    pub(crate) fn required_word(&self, tag: Tag, name: &str) -> Result<u16, Fault> {
        self.word(tag).ok_or_else(|| missing(tag, name))
    }
}

/// The fault for an attribute that must be there.
pub(crate) fn missing((group, element): Tag, name: &str) -> Fault {
    Fault::new(ErrorCode::MissingAttribute, format!("{name} ({group:04X},{element:04X}) is missing or empty"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn kept_tags_are_in_order() {
        assert!(super::tags::KEPT.is_sorted());
    }
}
