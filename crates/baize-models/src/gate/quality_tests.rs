use ndarray::Array2;

use super::*;

fn limits() -> QualityFile {
    QualityFile {
        fewest_levels: 4,
        few_levels: 32,
        least_contrast: 0.05,
        white: 0.5,
        black: 0.5,
        field: 0.3,
        strokes: 1.0,
        framing: 0.2,
        inverted: -0.2,
    }
}

/// A soft picture without letters, 300 pixels a side.
fn soft() -> Array2<f32> {
    Array2::from_shape_fn((300, 300), |(row, column)| {
        0.5 + 0.4 * (row as f32 * 0.02).sin() * (column as f32 * 0.015).cos()
    })
}

#[test]
fn a_soft_picture_has_no_caveat() {
    let quality = Quality::of(soft().view());
    assert_eq!(quality.unreadable(&limits()), None);
    assert_eq!(quality.caveats(&limits()), []);
    assert!(quality.field > 0.9 && quality.levels > 1000, "{quality:?}");
}

#[test]
fn what_holds_nothing_is_unreadable() {
    let check = |image: Array2<f32>, words: &str| {
        let reason = Quality::of(image.view()).unreadable(&limits()).unwrap();
        assert!(reason.contains(words), "{reason}");
    };
    check(Array2::zeros((64, 64)), "grey values");
    check(Array2::from_elem((64, 64), f32::NAN), "grey values");
    check(Array2::zeros((0, 0)), "grey values");
    check(soft().mapv(|value| (value > 0.5).into()), "grey values");
    check(soft().mapv(|value| 0.5 + value * 0.02), "no contrast");
}

#[test]
fn each_rule_has_its_own_caveat_in_both_languages() {
    let check = |image: Array2<f32>, words: &str| {
        let caveats = Quality::of(image.view()).caveats(&limits());
        assert_eq!(caveats.len(), 1, "{words}: {caveats:?}");
        assert!(caveats[0].en.contains(words), "{caveats:?}");
        assert!(!caveats[0].zh.is_ascii());
    };
    check(soft().mapv(|value| (value * 16.0).round() / 16.0), "few grey levels");
    check(soft().mapv(|value| if value > 0.4 { 1.0 } else { value }), "saturated white");
    check(soft().mapv(|value| if value < 0.6 { 0.0 } else { value }), "black");
    let (mut small, soft_one) = (Array2::from_elem((300, 300), 0.4), soft());
    for row in 80..200 {
        for column in 90..210 {
            small[[row, column]] = soft_one[[row, column]];
        }
    }
    check(small, "field is small");
}

#[test]
fn letters_are_seen_and_edges_of_the_field_are_not() {
    let mut image = soft().mapv(|value| value * 0.4);
    for row in 20..60 {
        for column in (30..200).step_by(9) {
            image[[row, column]] = 1.0;
            image[[row, column + 1]] = 1.0;
        }
    }
    assert!(Quality::of(image.view()).strokes > 1.0);
    let mut edged = soft().mapv(|value| value * 0.4);
    for ((_, column), value) in edged.indexed_iter_mut() {
        if !(40..250).contains(&column) {
            *value = 1.0;
        }
    }
    assert_eq!(Quality::of(edged.view()).strokes, 0.0);
    // Too small to tell.
    let tiny = image.slice_axis(ndarray::Axis(0), (..80).into()).to_owned();
    assert_eq!(Quality::of(tiny.view()).strokes, 0.0);
}
