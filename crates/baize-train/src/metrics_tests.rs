use super::*;

fn scored(values: &[(f64, u8)]) -> Vec<Scored> {
    let one = |(index, (probability, positive)): (usize, &(f64, u8))| Scored {
        probability: *probability,
        positive: *positive == 1,
        group: index.to_string(),
    };
    values.iter().enumerate().map(one).collect()
}

#[test]
fn the_auc_counts_pairs_and_half_of_ties() {
    let cases: [(&[(f64, u8)], f64); 5] = [
        (&[(0.1, 0), (0.9, 1)], 1.0),
        (&[(0.9, 0), (0.1, 1)], 0.0),
        (&[(0.5, 0), (0.5, 1)], 0.5),
        // 0.8 beats both negatives, 0.4 only one: 3 of 4 pairs.
        (&[(0.3, 0), (0.6, 0), (0.4, 1), (0.8, 1)], 0.75),
        // 0.5 ties with one of two negatives and beats the other: 1.5 of 2.
        (&[(0.5, 0), (0.2, 0), (0.5, 1)], 0.75),
    ];
    for (values, expected) in cases {
        assert_eq!(auc(&scored(values)), expected, "{values:?}");
    }
    assert!(auc(&scored(&[(0.5, 1)])).is_nan());
}

#[test]
fn the_roc_curve_encloses_the_auc() {
    let values = scored(&[(0.3, 0), (0.6, 0), (0.4, 1), (0.8, 1), (0.6, 1), (0.1, 0)]);
    let points = roc(&values);
    assert_eq!((points.first(), points.last()), (Some(&(0.0, 0.0)), Some(&(1.0, 1.0))));
    let area: f64 =
        points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[1].1 + pair[0].1) / 2.0).sum();
    assert!((area - auc(&values)).abs() < 1e-12, "{area}");
}

#[test]
fn calibration_is_measured_per_bin() {
    // Bin 0.2 to 0.3: mean 0.25, none of 2 positive. Bin 0.9 to 1.0: mean 0.95, 1 of 2.
    let values = scored(&[(0.24, 0), (0.26, 0), (0.9, 1), (1.0, 0)]);
    let bins = reliability(&values);
    assert_eq!(bins.len(), 2);
    assert_eq!((bins[0].cases, bins[0].observed), (2, 0.0));
    assert_eq!((bins[1].cases, bins[1].observed), (2, 0.5));
    let expected = (2.0 * 0.25 + 2.0 * 0.45) / 4.0;
    let (ranked, every) = (Ranked::new(&values), once(&values));
    assert!((ranked.calibration_error(&every) - expected).abs() < 1e-12);
    let expected = (0.24f64.powi(2) + 0.26f64.powi(2) + 0.1f64.powi(2) + 1.0) / 4.0;
    assert!((ranked.brier(&every) - expected).abs() < 1e-12);
    // Counted otherwise: the first three times, the last not at all.
    let weights = [3, 1, 1, 0];
    assert!((ranked.predicted(&weights) - (0.72 + 0.26 + 0.9) / 5.0).abs() < 1e-12);
    assert!((ranked.observed(&weights) - 0.2).abs() < 1e-12);
    assert!((ranked.calibration_error(&weights) - (0.98 + 0.1) / 5.0).abs() < 1e-12);
}

#[test]
fn figures_hold_the_rates_at_the_threshold() {
    let values = scored(&[(0.1, 0), (0.5, 0), (0.2, 1), (0.5, 1), (0.9, 1)]);
    let figures = Figures::measure(&values, 0.5, 1);
    assert_eq!((figures.images, figures.positives), (5, 3));
    assert!(
        (figures.sensitivity.unwrap().value - 2.0 / 3.0).abs() < 1e-12,
        "a score at the threshold is positive"
    );
    assert!((figures.specificity.unwrap().value - 0.5).abs() < 1e-12);
    let only_positives = Figures::measure(&scored(&[(0.4, 1), (0.6, 1)]), 0.5, 1);
    assert_eq!((only_positives.auc, only_positives.specificity), (None, None));
    assert!(only_positives.sensitivity.is_some());
}

#[test]
fn intervals_enclose_the_estimate_and_repeat_for_a_seed() {
    let values: Vec<(f64, u8)> = (0..200)
        .map(|i| (f64::from((i * 37) % 100) / 100.0, u8::from((i * 37) % 100 + (i % 7) * 8 > 70)))
        .collect();
    let values = scored(&values);
    let figures = Figures::measure(&values, 0.5, 3);
    let Interval { value, low, high } = figures.auc.unwrap();
    assert!(low < value && value < high && high - low < 0.2, "{low} {value} {high}");
    assert_eq!(Figures::measure(&values, 0.5, 3), figures);
    // The normal approximation for a proportion gives about the same width.
    let sensitivity = figures.sensitivity.unwrap();
    let n = figures.positives as f64;
    let expected = 2.0 * 1.96 * (sensitivity.value * (1.0 - sensitivity.value) / n).sqrt();
    let width = sensitivity.high - sensitivity.low;
    assert!((width / expected - 1.0).abs() < 0.25, "{width} is not {expected}");
}

#[test]
fn images_of_one_patient_are_drawn_together() {
    // Ten copies of each image say no more than one: the interval of grouped copies is as wide.
    let single: Vec<(f64, u8)> =
        (0..40).map(|i| (f64::from((i * 17) % 40) / 40.0, u8::from(i % 3 == 0))).collect();
    let single = scored(&single);
    let copies: Vec<Scored> = single.iter().flat_map(|one| std::iter::repeat_n(one.clone(), 10)).collect();
    let width = |values: &[Scored]| {
        let auc = Figures::measure(values, 0.5, 5).auc.unwrap();
        auc.high - auc.low
    };
    assert!((width(&single) - width(&copies)).abs() < 1e-9);
}
