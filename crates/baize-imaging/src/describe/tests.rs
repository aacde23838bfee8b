use baize_core::ports::{PictureFormat, Rendering, Window, WindowShape};
use baize_testkit::{DataSet, ObjectBuilder, Syntax, Value as Stored};
use bytes::Bytes;

use super::*;
use crate::picture;

const LIMITS: Limits = Limits { max_object_bytes: 1 << 24, max_pixels: 1 << 22 };

fn described(object: &[u8]) -> Value {
    serde_json::from_str(&metadata(object, &LIMITS, "/b").unwrap()).unwrap()
}

fn with(tag: Tag, vr: &[u8; 2], value: &[u8], syntax: Syntax) -> Value {
    let object = ObjectBuilder::chest(1).charset("GB18030").syntax(syntax);
    described(&object.set(tag, vr, Stored::Bytes(value.to_vec())).build())[key(tag)].clone()
}

#[test]
fn values_are_written_as_their_representation_asks() {
    let cases: [(Tag, &[u8; 2], &[u8], Value); 17] = [
        (
            (0x0008, 0x0008),
            b"CS",
            b"ORIGINAL\\\\AXIAL ",
            json!({ "vr": "CS", "Value": ["ORIGINAL", null, "AXIAL"] }),
        ),
        // The trail byte of the first character is a backslash.
        ((0x0008, 0x1030), b"LO", b"\x81\x5C\\B", json!({ "vr": "LO", "Value": ["乗", "B"] })),
        ((0x0010, 0x4000), b"LT", b"a\\b ", json!({ "vr": "LT", "Value": ["a\\b"] })),
        (
            (0x0008, 0x0090),
            b"PN",
            b"Li^Na=\xC0\xEE^\xC4\xC8",
            json!({ "vr": "PN", "Value": [{ "Alphabetic": "Li^Na", "Ideographic": "李^娜" }] }),
        ),
        (
            (0x0008, 0x1050),
            b"PN",
            b"=A\\\\B",
            json!({ "vr": "PN", "Value": [{ "Ideographic": "A" }, null, { "Alphabetic": "B" }] }),
        ),
        ((0x0008, 0x0050), b"SH", b"", json!({ "vr": "SH" })),
        ((0x0020, 0x0013), b"IS", b"+12 ", json!({ "vr": "IS", "Value": [12] })),
        ((0x0018, 0x1164), b"DS", b"0.143\\ 1e2", json!({ "vr": "DS", "Value": [0.143, 100.0] })),
        ((0x0018, 0x0050), b"DS", b"thick", json!({ "vr": "DS", "Value": ["thick"] })),
        ((0x0018, 0x9219), b"SS", &[0xFF, 0xFF], json!({ "vr": "SS", "Value": [-1] })),
        ((0x0018, 0x6020), b"SL", &[0xFE, 0xFF, 0xFF, 0xFF], json!({ "vr": "SL", "Value": [-2] })),
        ((0x0018, 0x605A), b"FL", &[0, 0, 0xC0, 0x3F], json!({ "vr": "FL", "Value": [1.5] })),
        ((0x0018, 0x9073), b"FD", &[0, 0, 0, 0, 0, 0, 0xF0, 0x7F], json!({ "vr": "FD", "Value": ["inf"] })),
        ((0x0028, 0x0009), b"AT", &[0x18, 0, 0x63, 0x10], json!({ "vr": "AT", "Value": ["00181063"] })),
        ((0x0009, 0x1001), b"OB", b"\x01\x02", json!({ "vr": "OB", "InlineBinary": "AQI=" })),
        ((0x0042, 0x0011), b"OB", &[7; 2000], json!({ "vr": "OB", "BulkDataURI": "/b/00420011" })),
        ((0x0018, 0x0015), b"UN", b"HAND", json!({ "vr": "CS", "Value": ["HAND"] })),
    ];
    for (tag, vr, value, expected) in cases {
        assert_eq!(with(tag, vr, value, Syntax::ExplicitLittle), expected, "{}", key(tag));
        // Implicit VR has the representation from the dictionary; private elements have none.
        if tag.0 % 2 == 0 {
            assert_eq!(with(tag, vr, value, Syntax::ImplicitLittle), expected, "{} implicit", key(tag));
        }
    }
}

#[test]
fn every_encoding_says_the_same() {
    let object = ObjectBuilder::chest(7).patient_name("Wang^Wei=王^伟");
    let reference = described(&object.build());
    assert_eq!(reference["00100010"]["Value"][0]["Ideographic"], "王^伟");
    assert_eq!(reference["00080005"]["Value"][0], "ISO_IR 192");
    assert_eq!(reference["7FE00010"]["BulkDataURI"], "/b/7FE00010");
    for syntax in [Syntax::ImplicitLittle, Syntax::ExplicitBig, Syntax::Deflated] {
        let mut other = described(&object.clone().syntax(syntax).build());
        assert_eq!(other["00083002"]["Value"][0], object.clone().syntax(syntax).transfer_syntax_uid());
        other["00083002"] = reference["00083002"].clone();
        assert_eq!(other, reference, "{syntax:?}");
    }
}

/// A sequence of two items, each with a text and a large value, written with and without lengths.
fn nested(undefined: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in *b"ab" {
        let mut item = DataSet::default();
        item.set((0x0008, 0x0100), b"SH", Stored::Bytes(vec![letter; 2]));
        item.set((0x5400, 0x1010), b"OW", Stored::Bytes(vec![letter; 2000]));
        let item = item.encode(Syntax::ExplicitLittle);
        let length = if undefined { u32::MAX } else { item.len() as u32 };
        bytes.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&item);
        if undefined {
            bytes.extend_from_slice(&[0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        }
    }
    bytes
}

#[test]
fn items_are_followed_and_their_large_values_found() {
    for undefined in [false, true] {
        let tag = (0x5400, 0x0100);
        let object = ObjectBuilder::chest(1).set(tag, b"SQ", Stored::Bytes(nested(undefined))).build();
        let items = &described(&object)["54000100"]["Value"];
        assert_eq!(items.as_array().unwrap().len(), 2, "undefined length: {undefined}");
        assert_eq!(items[1]["00080100"]["Value"][0], "bb");
        assert_eq!(items[1]["54001010"]["BulkDataURI"], "/b/54000100.1.54001010");
        let found = bulk(&object, &LIMITS, "54000100.1.54001010").unwrap();
        assert_eq!(found.parts, [Bytes::from(vec![b'b'; 2000])]);
        for nowhere in
            ["54000100", "54000100.2.54001010", "54000100.0", "00420011", "", "x", "54000100..", "ééééé"]
        {
            let fault = bulk(&object, &LIMITS, nowhere).map(|found| found.parts.len());
            // The sequence itself is a value where its length is known.
            let is_value = nowhere == "54000100";
            assert!(is_value || fault.unwrap_err().code == ErrorCode::NotFound, "{nowhere}");
        }
    }
}

#[test]
fn an_item_may_have_a_character_set_of_its_own() {
    let mut item = DataSet::default();
    item.text((0x0008, 0x0005), b"CS", "GB18030");
    item.set((0x0010, 0x0010), b"PN", Stored::Bytes(b"=\xCD\xF5^\xB6\xAB".to_vec()));
    let mut plain = DataSet::default();
    plain.text((0x0010, 0x0010), b"PN", "=王^东");
    let items = Stored::Sequence(vec![item, plain]);
    let object = ObjectBuilder::chest(1).charset("ISO_IR 192").set((0x0010, 0x1002), b"SQ", items).build();
    let described = described(&object);
    for number in 0..2 {
        assert_eq!(described["00101002"]["Value"][number]["00100010"]["Value"][0]["Ideographic"], "王^东");
    }
}

#[test]
fn sequences_nested_without_end_are_refused() {
    let mut bytes = Vec::new();
    for _ in 0..200 {
        let mut outer = vec![0xFE, 0xFF, 0x00, 0xE0];
        outer.extend_from_slice(&(bytes.len() as u32 + 12).to_le_bytes());
        outer.extend_from_slice(&[0x40, 0x00, 0x75, 0x02, b'S', b'Q', 0, 0]);
        outer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        outer.append(&mut bytes);
        bytes = outer;
    }
    let object = ObjectBuilder::chest(1).set((0x0040, 0x0275), b"SQ", Stored::Bytes(bytes)).build();
    assert_eq!(metadata(&object, &LIMITS, "").unwrap_err().code, ErrorCode::MalformedObject);
}

#[test]
fn the_start_of_a_file_is_enough_for_its_header() {
    let object = ObjectBuilder::chest(1).build();
    let whole: Value = serde_json::from_str(&header(&object, &LIMITS).unwrap().unwrap()).unwrap();
    assert!(whole.get("7FE00010").is_none());
    let start = object.slice(..object.len() - 60_000);
    assert_eq!(header(&start, &LIMITS).unwrap().unwrap(), whole.to_string());
    for cut in [200, 300, 500] {
        assert_eq!(header(&object[..cut], &LIMITS).unwrap(), None, "{cut} bytes");
    }
    assert_eq!(header(b"nothing", &LIMITS).unwrap_err().code, ErrorCode::NotDicom);
}

#[test]
fn frames_are_handed_out_as_stored() {
    let samples: Vec<u16> = (0..2 * 4 * 3).collect();
    let little: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for syntax in [Syntax::ExplicitLittle, Syntax::ExplicitBig, Syntax::Deflated] {
        let object =
            ObjectBuilder::chest(1).size(4, 3).frames(2).pixels(samples.clone()).syntax(syntax).build();
        let found = frames(&object, &LIMITS).unwrap();
        assert_eq!(found.media_type, "application/octet-stream");
        assert_eq!(found.parts, [little[..24].to_vec(), little[24..].to_vec()], "{syntax:?}");
    }
    let more = ObjectBuilder::chest(1)
        .size(4, 3)
        .frames(2)
        .pixels(samples)
        .text((0x0028, 0x0008), b"IS", "5")
        .build();
    assert_eq!(frames(&more, &LIMITS).unwrap_err().code, ErrorCode::CorruptPixelData);
    for (syntax, media_type) in
        [(Syntax::Jpeg2000, "image/jp2"), (Syntax::Htj2k, "image/jphc"), (Syntax::JpegLs, "image/jls")]
    {
        let found = frames(&ObjectBuilder::chest(0).syntax(syntax).build(), &LIMITS).unwrap();
        assert_eq!((found.media_type.as_str(), found.parts.len()), (media_type, 1));
    }
}

#[test]
fn pictures_show_the_frame_through_the_window_that_is_asked_for() {
    let plain = Rendering { format: PictureFormat::Png, frame: 1, window: None, viewport: None };
    let drawn = |object: &Bytes, rendering| {
        let png = picture(object, &LIMITS, &rendering).unwrap();
        image::load_from_memory(&png).unwrap().to_luma8()
    };
    let samples = [vec![0; 12], vec![4095; 12]].concat();
    for syntax in [Syntax::ExplicitLittle, Syntax::ExplicitBig] {
        let object =
            ObjectBuilder::chest(1).size(4, 3).frames(2).pixels(samples.clone()).syntax(syntax).build();
        assert_eq!(drawn(&object, plain).get_pixel(0, 0).0, [0]);
        assert_eq!(drawn(&object, Rendering { frame: 2, ..plain }).get_pixel(2, 3).0, [255]);
        assert_eq!(
            picture(&object, &LIMITS, &Rendering { frame: 3, ..plain }).unwrap_err().code,
            ErrorCode::NotFound
        );
        let window = Some(Window { center: 4095.0, width: 1000.0, shape: WindowShape::LinearExact });
        assert_eq!(drawn(&object, Rendering { frame: 2, window, ..plain }).get_pixel(0, 0).0, [128]);
    }
    let chest = ObjectBuilder::chest(1).build();
    let jpeg = picture(&chest, &LIMITS, &Rendering { format: PictureFormat::Jpeg(90), ..plain }).unwrap();
    assert_eq!(&jpeg[..2], [0xFF, 0xD8]);
    assert_eq!(drawn(&chest, Rendering { viewport: Some((104, 104)), ..plain }).dimensions(), (85, 104));
    let none = Rendering { viewport: Some((0, 5)), ..plain };
    assert_eq!(picture(&chest, &LIMITS, &none).unwrap_err().code, ErrorCode::InvalidRequest);
}
