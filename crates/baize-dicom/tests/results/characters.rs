//! Names and text in Chinese, above all where a byte of a character is a backslash.

use std::path::{Path, PathBuf};

use baize_core::Language;
use baize_testkit::{ObjectBuilder, Value};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use crate::support::{analysed, both, dcmtk, files, make, python};

/// The second byte of 乗, 俓 and 誠 in GB18030 is a backslash.
const HIDDEN_BACKSLASHES: (&str, &str) = ("Zhang^Cheng=张^乗俓誠=zhāng^chéng", "胸部正位（乗）");
const PLAIN: (&str, &str) = ("Wang^XiaoDong=王^小东", "胸部正位");

fn encode(charset: &str, text: &str) -> Vec<u8> {
    SpecificCharacterSet::from_code(charset).unwrap().encode(text).unwrap()
}

fn source(charset: &'static str, (name, description): (&str, &str)) -> Vec<u8> {
    let description = Value::Bytes(encode(charset, description));
    let object = ObjectBuilder::chest(1).charset(charset).patient_name(name);
    object.set((0x0008, 0x1030), b"LO", description).build().to_vec()
}

#[test]
fn names_survive_in_every_object() {
    assert!(encode("GB18030", HIDDEN_BACKSLASHES.0).contains(&b'\\'), "the name must hold a backslash byte");
    let cases = [
        ("ISO_IR 192", PLAIN, "ISO_IR 192"),
        ("ISO_IR 192", HIDDEN_BACKSLASHES, "ISO_IR 192"),
        ("GB18030", PLAIN, "GB18030"),
        ("GBK", PLAIN, "GB18030"),
        // Unicode has no such bytes: readers that split before they decode see one name.
        ("GB18030", HIDDEN_BACKSLASHES, "ISO_IR 192"),
    ];
    for (charset, texts, written) in cases {
        let objects = make(&source(charset, texts), analysed(), Language::Chinese);
        assert_eq!(objects.len(), 6);
        let files = files(&objects);
        let Some(read) = python("pydicom", "attributes", &files.paths) else { return };
        for read in read.as_array().unwrap() {
            assert_eq!(read["top"]["SpecificCharacterSet"], written);
            assert_eq!(read["top"]["PatientName"], texts.0);
            assert_eq!(read["top"]["StudyDescription"], texts.1);
            // Byte for byte, but for the padding.
            let hex: String = encode(written, texts.0).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(read["raw_name"].as_str().unwrap().trim_end_matches("20"), hex);
        }
        let shown = read[2]["texts"].to_string();
        assert!(shown.contains("AI 肺炎：概率 0.871，阈值 0.438，阳性"), "{shown}");
        let report = read[0]["everything"].to_string();
        for text in ["影像测量报告", "肺炎", "胸腔积液", "不存在", "须由医师复核"] {
            assert!(report.contains(text), "{text} is missing in {report}");
        }
    }
}

#[test]
fn dcmtk_shows_the_name() {
    for charset in ["ISO_IR 192", "GB18030"] {
        for texts in [PLAIN, HIDDEN_BACKSLASHES] {
            let objects = make(&source(charset, texts), analysed(), Language::Chinese);
            for path in &files(&objects).paths {
                let Some(mut dcmdump) = dcmtk("dcmdump") else { return };
                let output = dcmdump.args(["+U8", "+P", "0010,0010"]).arg(path).output().unwrap();
                assert!(both(&output).contains(texts.0), "{charset}: {}", both(&output));
            }
        }
    }
}

/// Other sets become Unicode, code extensions included.
#[test]
fn other_character_sets_become_unicode() {
    let name = Value::Bytes(b"Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=".to_vec());
    let object = ObjectBuilder::chest(1).text((0x0008, 0x0005), b"CS", r"\ISO 2022 IR 58").set(
        (0x0010, 0x0010),
        b"PN",
        name,
    );
    let objects = make(&object.build(), analysed(), Language::Chinese);
    let files = files(&objects);
    let Some(read) = python("pydicom", "attributes", &files.paths) else { return };
    for read in read.as_array().unwrap() {
        assert_eq!(read["top"]["SpecificCharacterSet"], "ISO_IR 192");
        assert_eq!(
            read["top"]["PatientName"].as_str().unwrap().trim_end_matches('='),
            "Zhang^XiaoDong=张^小东"
        );
    }
}

/// The character set examples of the DICOM standard.
#[test]
fn real_files_keep_their_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/dicom/pydicom-charset");
    for file in ["chrX1.dcm", "chrX2.dcm"] {
        let path: PathBuf = folder.join(file);
        let Ok(source) = std::fs::read(&path) else {
            println!("skipped: {file} is not there");
            continue;
        };
        let objects = make(&source, analysed(), Language::Chinese);
        let mut paths = vec![path];
        let files = files(&objects);
        paths.extend(files.paths.iter().cloned());
        let Some(read) = python("pydicom", "attributes", &paths) else { return };
        for object in &read.as_array().unwrap()[1..] {
            for attribute in ["PatientName", "PatientID", "StudyInstanceUID", "SpecificCharacterSet"] {
                assert_eq!(object["top"][attribute], read[0]["top"][attribute], "{file}: {attribute}");
            }
        }
    }
}
