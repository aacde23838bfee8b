use baize_core::AgeYears;

use super::*;
use crate::manifest::tests::SOUND;

fn child() -> ImageFacts {
    ImageFacts {
        modality: Some("CR".to_owned()),
        body_part: Some("CHEST".to_owned()),
        view: Some("AP".to_owned()),
        frames: 1,
        rows: 900,
        columns: 1200,
        age: Some(AgeYears(3.5)),
        ..ImageFacts::default()
    }
}

#[test]
fn the_pixels_stand_in_for_the_body_part_where_a_gate_guards_the_model_and_for_nothing_else() {
    let unguarded = manifest();
    let mut file = unguarded.file().clone();
    file.accepts.content = vec!["chest-radiograph".to_owned()];
    let guarded = Manifest::new(file).unwrap();
    let odd = with(|f| f.body_part = Some("THORAX_PA".to_owned()));
    assert_eq!(guarded.admits(&odd).unwrap_err().code, ErrorCode::WrongBodyPart);
    assert_eq!(unguarded.admits_by_pixels(&odd).unwrap_err().code, ErrorCode::WrongBodyPart);
    assert_eq!(guarded.admits_by_pixels(&odd), Ok(Population::Validated), "the gate tells the body part");
    assert_eq!(guarded.admits_by_pixels(&child()), guarded.admits(&child()));
    for (facts, code) in [
        (with(|f| f.modality = Some("CT".to_owned())), ErrorCode::WrongModality),
        (
            with(|f| (f.body_part, f.view) = (Some("X".to_owned()), Some("LL".to_owned()))),
            ErrorCode::WrongView,
        ),
        (with(|f| (f.body_part, f.frames) = (Some("X".to_owned()), 2)), ErrorCode::MultiFrame),
    ] {
        assert_eq!(guarded.admits_by_pixels(&facts).unwrap_err().code, code);
    }
}

fn with(change: impl FnOnce(&mut ImageFacts)) -> ImageFacts {
    let mut facts = child();
    change(&mut facts);
    facts
}

fn manifest() -> Manifest {
    Manifest::parse(SOUND, "test").unwrap()
}

#[test]
fn images_that_the_model_may_not_read_are_refused_by_attribute() {
    let cases = [
        (with(|f| f.modality = Some("CT".into())), ErrorCode::WrongModality, "(0008,0060) is CT"),
        (with(|f| f.modality = None), ErrorCode::WrongModality, "(0008,0060) is missing"),
        (
            with(|f| f.body_part = Some("EXTREMITY".into())),
            ErrorCode::WrongBodyPart,
            "(0018,0015) is EXTREMITY",
        ),
        (with(|f| f.view = Some("LATERAL".into())), ErrorCode::WrongView, "(0018,5101) is LATERAL"),
        (with(|f| f.view = Some("LL".into())), ErrorCode::WrongView, "reads AP, PA"),
        (with(|f| f.frames = 12), ErrorCode::MultiFrame, "(0028,0008) is 12"),
        (with(|f| f.columns = 63), ErrorCode::TooSmall, "(0028,0011) is 63"),
        // What is no Defined Term may be anything, also a name: it is not repeated.
        (with(|f| f.body_part = Some("CHEST^Li Ming".into())), ErrorCode::WrongBodyPart, "not a known term"),
    ];
    for (facts, code, part) in cases {
        let fault = manifest().admits(&facts).unwrap_err();
        assert_eq!(fault.code, code);
        assert!(fault.message.contains(part), "{fault}");
        assert!(!fault.message.contains("Ming"), "{fault}");
    }
}

#[test]
fn only_those_that_were_measured_are_inside() {
    for age in [1.0, 3.0, 5.99] {
        let facts = with(|f| f.age = Some(AgeYears(age)));
        assert_eq!(manifest().admits(&facts), Ok(Population::Validated), "{age}");
    }
    let outside = [
        (with(|f| f.age = Some(AgeYears(0.99))), "年龄", "age is outside"),
        (with(|f| f.age = Some(AgeYears(6.0))), "年龄", "age is outside"),
        (with(|f| f.age = Some(AgeYears(f32::NAN))), "年龄", "age is outside"),
        (with(|f| f.age = None), "年龄未知", "age is not known"),
        (with(|f| f.view = Some("PA".into())), "PA 位", "not validated on PA views"),
        (with(|f| f.view = None), "体位未注明", "view is not stated"),
        (with(|f| f.body_part = Some(" ".into())), "部位未注明", "body part is not stated"),
    ];
    for (facts, zh, en) in outside {
        match manifest().admits(&facts) {
            Ok(Population::Outside(text)) => {
                assert!(text.zh.contains(zh) && text.en.contains(en), "{text:?}");
                assert!(text.en.contains("children of 1 to 5 years"), "{text:?}");
            }
            other => panic!("{other:?} for {en}"),
        }
    }
}

#[test]
fn every_reason_is_given() {
    let facts = with(|f| {
        f.age = None;
        f.body_part = None;
        f.view = None;
    });
    let Ok(Population::Outside(text)) = manifest().admits(&facts) else { panic!("outside") };
    let fault = manifest().refuse_outside(&facts).unwrap_err();
    for reason in ["age is not known", "body part is not stated", "view is not stated"] {
        assert!(text.en.contains(reason) && fault.message.contains(reason), "{text:?} {fault}");
    }
}

#[test]
fn a_refusal_says_in_both_languages_what_the_mark_says() {
    assert_eq!(manifest().refuse_outside(&child()), Ok(()));
    let cases = [
        with(|f| f.age = Some(AgeYears(34.0))),
        with(|f| f.age = None),
        with(|f| f.view = None),
        with(|f| f.body_part = None),
        with(|f| (f.age, f.view) = (None, Some("PA".into()))),
    ];
    for facts in cases {
        let fault = manifest().refuse_outside(&facts).unwrap_err();
        assert_eq!(fault.code, ErrorCode::OutsidePopulation);
        let Ok(Population::Outside(mark)) = manifest().admits(&facts) else { panic!("outside") };
        for language in [Language::Chinese, Language::English] {
            let told = fault.told(language);
            let reasons = |text: &str| text.split_once([':', '：']).unwrap().1.trim().to_owned();
            assert_eq!(reasons(&told), reasons(mark.get(language)));
        }
        assert!(!fault.message.contains("34"), "the age is patient data: {fault}");
    }
}
