//! What the objects say, and that all of them say the same.

use std::path::Path;

use baize_core::{ErrorCode, Finding, Language, ModelRef, Outcome, Population, Timestamp};
use baize_dicom::results::{Kind, objects, objects_in};
use baize_testkit::ObjectBuilder;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::support::{
    KEY_IMAGE, NOW, PARAMETRIC_MAP, PRESENTATION, REPORT, SEGMENTATION, SELECTION, analysed, code_value,
    content_items, failed, finding, heat, make, of_class, parse, picture, report, text,
};

fn value(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

fn floats(object: &InMemDicomObject, tag: Tag) -> Vec<f32> {
    object.element(tag).unwrap().to_multi_float32().unwrap()
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).unwrap().items().unwrap()
}

/// The content items with this concept name.
fn named<'a>(object: &'a InMemDicomObject, name: &str) -> Vec<&'a InMemDicomObject> {
    let is_named = |item: &&InMemDicomObject| {
        code_value(item, tags::CONCEPT_NAME_CODE_SEQUENCE).as_deref() == Some(name)
    };
    content_items(object).into_iter().filter(is_named).collect()
}

fn texts(object: &InMemDicomObject, name: &str) -> Vec<String> {
    named(object, name).into_iter().map(|item| value(item, tags::TEXT_VALUE)).collect()
}

#[test]
fn a_result_made_again_has_the_same_uids() {
    let source = ObjectBuilder::chest(1).build();
    let first = report(&source, analysed());
    let made = |report, now| {
        let objects =
            objects_in(Language::English, &Kind::ALL, &source, report, Some(&picture()), now).unwrap();
        objects.into_iter().map(|object| (object.sop_class, object.sop_instance)).collect::<Vec<_>>()
    };
    let classes: Vec<_> = made(&first, NOW).into_iter().map(|(class, _)| class).collect();
    assert_eq!(classes, [REPORT, KEY_IMAGE, PRESENTATION, SEGMENTATION, PARAMETRIC_MAP, SELECTION]);
    assert_eq!(made(&first, NOW), made(&first, Timestamp::from_micros(1)));

    let mut newer = first.clone();
    newer.model = Some(ModelRef { id: "cxr-pneumonia-paed".to_owned(), version: "0.1.1".to_owned() });
    for (old, new) in made(&first, NOW).iter().zip(made(&newer, NOW)) {
        assert_ne!(old.1, new.1);
    }
    let again = |now| objects(&Kind::ALL, &source, &first, None, now).unwrap();
    assert_eq!(again(NOW), again(NOW), "the same moment gives the same bytes");
}

#[test]
fn report_and_presentation_agree_with_the_finding() {
    let source = ObjectBuilder::chest(1).build();
    let Outcome::Analysed { findings, .. } = analysed() else { panic!("analysed") };
    let objects = make(&source, analysed(), Language::English);
    let document = parse(of_class(&objects, REPORT));
    let state = parse(of_class(&objects, PRESENTATION));
    let groups = named(&document, "125007");
    assert_eq!(groups.len(), findings.len());
    let annotation = &items(&state, tags::GRAPHIC_ANNOTATION_SEQUENCE)[0];
    let corner = value(&items(annotation, tags::TEXT_OBJECT_SEQUENCE)[0], tags::UNFORMATTED_TEXT_VALUE);
    assert!(corner.contains("cxr-pneumonia-paed@0.1.0"), "{corner}");
    let mut graphics = items(annotation, tags::GRAPHIC_OBJECT_SEQUENCE).iter();
    for (group, finding) in groups.into_iter().zip(&findings) {
        let Finding { code, probability, threshold, region, .. } = finding;
        let coded = named(group, "121071")[0];
        assert_eq!(code_value(coded, tags::CONCEPT_CODE_SEQUENCE).unwrap(), code.value);
        let measured = &items(named(group, "111012")[0], tags::MEASURED_VALUE_SEQUENCE)[0];
        let percent: f64 = value(measured, tags::NUMERIC_VALUE).parse().unwrap();
        assert_eq!((percent / 100.0) as f32, *probability);
        assert!(texts(group, "111002").iter().all(|text| *text == format!("threshold={threshold}")));
        assert!(texts(group, "111001").iter().all(|text| text == "cxr-pneumonia-paed"));
        assert!(texts(group, "111003").iter().all(|text| text == "0.1.0"));
        let line = format!("AI {}: probability {probability:.3}, threshold {threshold:.3}", code.meaning.en);
        assert!(corner.contains(&line), "{corner}");

        let outlines = named(group, "111030");
        assert_eq!(outlines.len(), usize::from(region.is_some()));
        let Some(outline) = outlines.first() else { continue };
        let graphic = graphics.next().unwrap();
        assert_eq!(floats(outline, tags::GRAPHIC_DATA), floats(graphic, tags::GRAPHIC_DATA));
        assert_eq!(floats(outline, tags::GRAPHIC_DATA), [12., 30., 52., 30., 52., 55., 12., 55., 12., 30.]);
        assert_eq!(value(named(group, "112040")[0], tags::UID), value(graphic, tags::TRACKING_UID));
        assert_eq!(texts(group, "112039"), [value(graphic, tags::TRACKING_ID)]);
    }
    assert!(graphics.next().is_none());
}

#[test]
fn a_run_without_findings_is_never_told_as_negative() {
    let source = ObjectBuilder::chest(1).build();
    let cases = [
        (Outcome::Refused(failed(ErrorCode::WrongBodyPart)), "111225", "wrong_body_part"),
        (Outcome::Failed(failed(ErrorCode::InferenceFailed)), "111224", "inference_failed"),
    ];
    for (outcome, status, code) in cases {
        for language in [Language::Chinese, Language::English] {
            let mut report = report(&source, outcome.clone());
            for model in [report.model.clone(), None] {
                report.model = model;
                let objects = objects_in(language, &Kind::ALL, &source, &report, None, NOW).unwrap();
                assert_eq!(objects.len(), 1, "only a report can say that there is no result");
                let document = parse(&objects[0]);
                assert_eq!(value(&document, tags::SOP_CLASS_UID), REPORT);
                let values: Vec<_> = content_items(&document)
                    .into_iter()
                    .filter_map(|item| code_value(item, tags::CONCEPT_CODE_SEQUENCE))
                    .collect();
                assert!(
                    values.contains(&status.to_owned()) && values.contains(&"111245".to_owned()),
                    "{values:?}"
                );
                for calm in ["272519000", "52101004", "17621005", "111241", "111242", "111222"] {
                    assert!(!values.contains(&calm.to_owned()), "{calm} in {values:?}");
                }
                for name in ["126010", "125007", "111012", "121071"] {
                    assert!(named(&document, name).is_empty(), "{name}");
                }
                let comments = texts(&document, "121106").join("\n");
                assert!(comments.contains(code) && comments.contains("Body Part Examined"), "{comments}");
                assert!(
                    comments.contains("This is not a negative result") || comments.contains("这不是阴性结果")
                );
                assert_eq!(value(&document, tags::PRELIMINARY_FLAG), "PRELIMINARY");
            }
        }
    }
}

#[test]
fn outside_of_the_population_a_low_score_is_no_absence() {
    let source = ObjectBuilder::chest(1).build();
    let outcome = Outcome::Analysed {
        findings: vec![
            finding("233604007", "肺炎", "Pneumonia", 0.9, None),
            finding("60046008", "胸腔积液", "Pleural effusion", 0.1, None),
        ],
        population: Population::Outside(text("该模型未在成人中验证。", "Not validated on adults.")),
        caveats: vec![text("图像中有烧录文字。", "The image has burned-in text.")],
    };
    let objects = make(&source, outcome, Language::English);
    let document = parse(of_class(&objects, REPORT));
    let verdicts: Vec<_> = named(&document, "363713009")
        .into_iter()
        .map(|item| code_value(item, tags::CONCEPT_CODE_SEQUENCE).unwrap())
        .collect();
    assert_eq!(verdicts, ["52101004", "373068000"]);
    let state = parse(of_class(&objects, PRESENTATION));
    let annotation = &items(&state, tags::GRAPHIC_ANNOTATION_SEQUENCE)[0];
    let shown = value(&items(annotation, tags::TEXT_OBJECT_SEQUENCE)[0], tags::UNFORMATTED_TEXT_VALUE);
    for remark in
        ["Not validated on adults.", "The image has burned-in text.", "a physician must review this"]
    {
        assert!(texts(&document, "121106").iter().any(|comment| comment.contains(remark)), "{remark}");
        assert!(shown.contains(remark), "{shown}");
    }
    assert!(shown.contains("undetermined") && !shown.contains("negative"), "{shown}");
}

/// Patient and study attributes are those of the image; what it lacks is empty or absent.
#[test]
fn patient_and_study_are_taken_over_and_nothing_is_invented() {
    let full = ObjectBuilder::chest(1)
        .age("007Y")
        .accession("ACC 77")
        .text((0x0008, 0x0030), b"TM", "101112")
        .text((0x0008, 0x0090), b"PN", "House^Gregory")
        .text((0x0010, 0x0021), b"LO", "HOSPITAL")
        .text((0x0020, 0x0010), b"SH", "S1")
        .text((0x0020, 0x0013), b"IS", "12");
    let type_2 = [
        tags::STUDY_DATE,
        tags::STUDY_TIME,
        tags::ACCESSION_NUMBER,
        tags::REFERRING_PHYSICIAN_NAME,
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::PATIENT_SEX,
        tags::STUDY_ID,
    ];
    let type_3 =
        [tags::ISSUER_OF_PATIENT_ID, tags::PATIENT_AGE, tags::PATIENT_WEIGHT, tags::STUDY_DESCRIPTION];
    let bare = type_2
        .into_iter()
        .chain(type_3)
        .fold(full.clone(), |source, Tag(group, element)| source.remove((group, element)));
    for builder in [full, bare] {
        let source = builder.build();
        let original = dicom_object::from_reader(&source[..]).unwrap();
        for object in make(&source, analysed(), Language::English) {
            let made = parse(&object);
            for tag in type_2 {
                let expected = original.get(tag).map_or(String::new(), |_| value(&original, tag));
                assert_eq!(value(&made, tag), expected, "{tag}");
            }
            for tag in type_3 {
                assert_eq!(made.get(tag).is_some(), original.get(tag).is_some(), "{tag}");
                if original.get(tag).is_some() {
                    assert_eq!(value(&made, tag), value(&original, tag));
                }
            }
            assert_eq!(value(&made, tags::STUDY_INSTANCE_UID), builder.study_uid());
            assert_ne!(value(&made, tags::SERIES_INSTANCE_UID), builder.series_uid());
            let number = original.get(tags::INSTANCE_NUMBER).map_or("1".to_owned(), |_| "12".to_owned());
            assert_eq!(value(&made, tags::INSTANCE_NUMBER), number);
        }
    }
}

#[test]
fn time_is_in_the_zone_of_the_image() {
    let cases = [
        (None, ("20260301", "233015.250000", "20260301233015.250000+0000"), None),
        (Some("+0800"), ("20260302", "073015.250000", "20260302073015.250000+0800"), Some("+0800")),
        (Some("-0330"), ("20260301", "200015.250000", "20260301200015.250000-0330"), Some("-0330")),
        (Some("Peking"), ("20260301", "233015.250000", "20260301233015.250000+0000"), None),
        (Some("+2500"), ("20260301", "233015.250000", "20260301233015.250000+0000"), None),
    ];
    for (stated, (date, time, date_time), repeated) in cases {
        let mut builder = ObjectBuilder::chest(1);
        if let Some(offset) = stated {
            builder = builder.text((0x0008, 0x0201), b"SH", offset);
        }
        let objects = make(&builder.build(), analysed(), Language::English);
        let document = parse(of_class(&objects, REPORT));
        assert_eq!(value(&document, tags::CONTENT_DATE), date);
        assert_eq!(value(&document, tags::CONTENT_TIME), time);
        let equipment = &items(&document, tags::CONTRIBUTING_EQUIPMENT_SEQUENCE)[0];
        assert_eq!(value(equipment, tags::CONTRIBUTION_DATE_TIME), date_time);
        let offset = document
            .get(tags::TIMEZONE_OFFSET_FROM_UTC)
            .map(|_| value(&document, tags::TIMEZONE_OFFSET_FROM_UTC));
        assert_eq!(offset.as_deref(), repeated);
    }
}

#[test]
fn the_key_image_holds_the_picture_and_says_what_it_is() {
    for (stated, burned_in) in [(None, "YES"), (Some("NO"), "NO"), (Some("YES"), "YES")] {
        let mut builder = ObjectBuilder::chest(1).text((0x0028, 0x2110), b"CS", "01");
        if let Some(stated) = stated {
            builder = builder.text((0x0028, 0x0301), b"CS", stated);
        }
        let objects = make(&builder.build(), analysed(), Language::English);
        let image = parse(of_class(&objects, KEY_IMAGE));
        assert_eq!(value(&image, tags::IMAGE_TYPE), r"DERIVED\SECONDARY");
        assert_eq!(value(&image, tags::BURNED_IN_ANNOTATION), burned_in);
        assert_eq!(value(&image, tags::LOSSY_IMAGE_COMPRESSION), "01");
        assert_eq!(value(&image, tags::MODALITY), "OT");
        assert!(value(&image, tags::DERIVATION_DESCRIPTION).contains("artificial intelligence"));
        assert!(value(&image, tags::IMAGE_COMMENTS).contains("Research use only"));
        let source = &items(&image, tags::SOURCE_IMAGE_SEQUENCE)[0];
        assert_eq!(value(source, tags::REFERENCED_SOP_INSTANCE_UID), builder.sop_uid());
        let pixels = image.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
        let expected: Vec<u8> = (0..21_u8).flat_map(|y| (0..31_u8).flat_map(move |x| [x, y, 7])).collect();
        assert_eq!(pixels[..expected.len()], expected);
        assert_eq!(pixels.len(), expected.len() + 1, "padded to an even length");
    }
}

/// A presentation state replaces the image's own window and polarity, so it repeats them.
#[test]
fn the_presentation_shows_the_image_as_it_was() {
    let chest = || ObjectBuilder::chest(1);
    let cases = [
        (chest(), "IDENTITY", Some(("2048", "4096", "LINEAR"))),
        (chest().photometric("MONOCHROME1"), "INVERSE", Some(("2048", "4096", "LINEAR"))),
        (chest().window(None), "IDENTITY", None),
        (chest().window(Some((0.5, 0.25))), "IDENTITY", Some(("0.5", "0.25", "LINEAR_EXACT"))),
        (chest().window(Some((0.5, 0.0))), "IDENTITY", None),
        (chest().text((0x0028, 0x1056), b"CS", "SIGMOID"), "IDENTITY", Some(("2048", "4096", "SIGMOID"))),
    ];
    for (builder, shape, window) in cases {
        let builder = builder.text((0x0028, 0x1052), b"DS", "-5").text((0x0028, 0x1053), b"DS", "2");
        let objects = make(&builder.build(), analysed(), Language::English);
        let state = parse(of_class(&objects, PRESENTATION));
        assert_eq!(value(&state, tags::PRESENTATION_LUT_SHAPE), shape);
        assert_eq!(value(&state, tags::RESCALE_INTERCEPT), "-5");
        assert_eq!(value(&state, tags::RESCALE_SLOPE), "2");
        let voi = state.get(tags::SOFTCOPY_VOILUT_SEQUENCE).map(|element| &element.items().unwrap()[0]);
        let found = voi.map(|voi| {
            [tags::WINDOW_CENTER, tags::WINDOW_WIDTH, tags::VOILUT_FUNCTION].map(|tag| value(voi, tag))
        });
        assert_eq!(
            found,
            window.map(|(center, width, function)| [center, width, function].map(str::to_owned))
        );
        let area = &items(&state, tags::DISPLAYED_AREA_SELECTION_SEQUENCE)[0];
        let corner = area.element(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER).unwrap();
        assert_eq!(corner.to_multi_int::<i32>().unwrap(), [208, 256]);
    }
}

#[test]
fn lookup_tables_are_repeated_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/dicom/pydicom-data");
    for (file, path) in [
        ("mlut_18.dcm", &[tags::MODALITY_LUT_SEQUENCE][..]),
        ("vlut_04.dcm", &[tags::SOFTCOPY_VOILUT_SEQUENCE, tags::VOILUT_SEQUENCE]),
    ] {
        let Ok(source) = std::fs::read(folder.join(file)) else {
            println!("skipped: {file} is not there");
            continue;
        };
        let original = dicom_object::from_reader(&source[..]).unwrap();
        let objects = make(&source, analysed(), Language::English);
        let state = parse(of_class(&objects, PRESENTATION));
        let mut table: &InMemDicomObject = &state;
        for sequence in path {
            table = &items(table, *sequence)[0];
        }
        let expected = &items(&original, path[path.len() - 1])[0];
        for tag in [tags::LUT_DESCRIPTOR, tags::LUT_DATA] {
            let numbers =
                |object: &InMemDicomObject| object.element(tag).unwrap().to_multi_int::<i32>().unwrap();
            assert_eq!(numbers(table), numbers(expected), "{file}: {tag}");
        }
    }
}

#[test]
fn the_selection_lists_the_whole_result() {
    let builder = ObjectBuilder::chest(1);
    let objects = make(&builder.build(), analysed(), Language::English);
    let selection = parse(of_class(&objects, SELECTION));
    assert_eq!(code_value(&selection, tags::CONCEPT_NAME_CODE_SEQUENCE).unwrap(), "113020");
    let study = &items(&selection, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE)[0];
    assert_eq!(value(study, tags::STUDY_INSTANCE_UID), builder.study_uid());
    let listed: Vec<_> = items(study, tags::REFERENCED_SERIES_SEQUENCE)
        .iter()
        .map(|series| {
            let object = &items(series, tags::REFERENCED_SOP_SEQUENCE)[0];
            (value(series, tags::SERIES_INSTANCE_UID), value(object, tags::REFERENCED_SOP_INSTANCE_UID))
        })
        .collect();
    let mut expected = vec![(builder.series_uid(), builder.sop_uid())];
    expected.extend(
        objects[..5]
            .iter()
            .map(|object| (value(&parse(object), tags::SERIES_INSTANCE_UID), object.sop_instance.clone())),
    );
    assert_eq!(listed, expected);
    let referenced: Vec<_> = content_items(&selection)
        .into_iter()
        .filter(|item| item.get(tags::REFERENCED_SOP_SEQUENCE).is_some())
        .map(|item| {
            let object = &items(item, tags::REFERENCED_SOP_SEQUENCE)[0];
            (value(item, tags::VALUE_TYPE), value(object, tags::REFERENCED_SOP_INSTANCE_UID))
        })
        .collect();
    let expected = [
        ("IMAGE".to_owned(), builder.sop_uid()),
        ("COMPOSITE".to_owned(), objects[0].sop_instance.clone()),
        ("IMAGE".to_owned(), objects[1].sop_instance.clone()),
        ("COMPOSITE".to_owned(), objects[3].sop_instance.clone()),
        ("COMPOSITE".to_owned(), objects[4].sop_instance.clone()),
    ];
    assert_eq!(referenced, expected);
}

/// Chinese text goes out where the site writes Chinese.
#[test]
fn the_language_follows_the_header() {
    let cases = [
        (ObjectBuilder::chest(1), "en-US"),
        (ObjectBuilder::chest(1).patient_name("王^小东"), "zh-CN"),
        (ObjectBuilder::chest(1).charset("GB18030"), "zh-CN"),
        (ObjectBuilder::chest(1).text((0x0008, 0x1030), b"LO", "胸部正位"), "zh-CN"),
        (ObjectBuilder::chest(1).patient_name("Yamada^Tarou=山田^太郎=やまだ^たろう"), "en-US"),
    ];
    for (builder, language) in cases {
        let source = builder.build();
        let made = objects(&Kind::ALL, &source, &report(&source, analysed()), None, NOW).unwrap();
        let document = parse(of_class(&made, REPORT));
        assert_eq!(code_value(named(&document, "121049")[0], tags::CONCEPT_CODE_SEQUENCE).unwrap(), language);
    }
}

#[test]
fn what_cannot_be_used_is_a_fault() {
    let source = ObjectBuilder::chest(1).build();
    let report = report(&source, analysed());
    for (source, png, code) in [
        (&b"no DICOM"[..], picture(), ErrorCode::NotDicom),
        (&source[..], b"no picture".to_vec(), ErrorCode::Internal),
    ] {
        let fault = objects(&Kind::ALL, source, &report, Some(&png), NOW).unwrap_err();
        assert_eq!(fault.code, code);
    }
}

#[test]
fn only_the_kinds_asked_for_are_made() {
    let source = ObjectBuilder::chest(1).build();
    let report = report(&source, analysed());
    let cases: [(&[Kind], &[&str]); 4] = [
        (&Kind::ALL, &[REPORT, KEY_IMAGE, PRESENTATION, SEGMENTATION, PARAMETRIC_MAP, SELECTION]),
        (&[Kind::Report], &[REPORT]),
        (&[Kind::Selection, Kind::Report], &[REPORT]),
        (&[Kind::Selection, Kind::Segmentation, Kind::Report], &[REPORT, SEGMENTATION, SELECTION]),
    ];
    for (kinds, expected) in cases {
        let made = objects(kinds, &source, &report, Some(&picture()), NOW).unwrap();
        let classes: Vec<&str> = made.iter().map(|object| object.sop_class.as_str()).collect();
        assert_eq!(classes, expected);
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
    }
}

/// Without a heat map there is nothing to segment: an empty segmentation would read as "nothing there".
#[test]
fn a_result_without_heat_has_neither_segmentation_nor_map() {
    let source = ObjectBuilder::chest(1).build();
    let cold = Outcome::Analysed {
        findings: vec![finding("233604007", "肺炎", "Pneumonia", 0.9, None)],
        population: Population::Validated,
        caveats: vec![],
    };
    for object in make(&source, cold, Language::English) {
        assert!(![SEGMENTATION, PARAMETRIC_MAP].contains(&object.sop_class.as_str()));
    }
}

#[test]
fn segmentation_and_map_hold_the_numbers_of_the_record() {
    let builder = ObjectBuilder::chest(1);
    let objects = make(&builder.build(), analysed(), Language::Chinese);
    let image = parse(of_class(&objects, SEGMENTATION));
    let mask = heat().strongest(256, 208).unwrap();
    let packed = image.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    let bit = |index: usize| packed[index / 8] >> (index % 8) & 1 == 1;
    assert!(mask.pixels().iter().enumerate().all(|(index, pixel)| bit(index) == *pixel));
    let segment = &items(&image, tags::SEGMENT_SEQUENCE)[0];
    assert_eq!(value(segment, tags::SEGMENT_LABEL), "AI 证据区域：肺炎");
    assert!(value(segment, tags::SEGMENT_DESCRIPTION).contains("不是病灶轮廓"));
    assert_eq!(value(segment, tags::SEGMENT_ALGORITHM_TYPE), "AUTOMATIC");
    assert_eq!(value(segment, tags::SEGMENT_ALGORITHM_NAME), "cxr-pneumonia-paed@0.1.0");
    let document = parse(of_class(&objects, REPORT));
    assert_eq!(value(segment, tags::TRACKING_UID), value(named(&document, "112040")[0], tags::UID));

    let image = parse(of_class(&objects, PARAMETRIC_MAP));
    let values = floats(&image, tags::FLOAT_PIXEL_DATA);
    assert_eq!(values.len(), 256 * 208);
    for (row, column, expected) in
        [(30, 12, 1.0), (54, 51, 1.0), (30, 52, 0.25), (55, 12, 0.1), (29, 12, 0.0), (0, 0, 0.0)]
    {
        assert_eq!(values[row * 208 + column], expected, "{row} {column}");
    }
}
