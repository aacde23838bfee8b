use super::*;

/// A sound manifest.
pub(crate) const SOUND: &str = r#"
id = "cxr-test"
version = "1.2.3"
weights = "model.bpk"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
created_by = "a test"
license = "Apache-2.0"
flip_average = false

[intended_use]
zh = "测试"
en = "a test"

[network]
kind = "residual-cnn"
stem = 4
widths = [4, 8]
blocks = [1, 1]

[input]
height = 32
width = 32

[input.normalisation]
low_percentile = 1.0
high_percentile = 99.0
centre = 0.7
margin = 0.25

[calibration]
temperature = 2.0

[[labels]]
scheme = "SCT"
value = "233604007"
threshold = 0.25

[labels.meaning]
zh = "肺炎"
en = "Pneumonia"

[accepts]
modalities = ["CR", "DX"]
body_parts = ["CHEST", "THORAX"]
views = ["AP", "PA"]
min_side = 64

[population]
from_years = 1.0
below_years = 6.0
views = ["AP"]

[population.description]
zh = "1～5 岁儿童"
en = "children of 1 to 5 years"

[[training_data]]
name = "none"
source = "none"
terms = "none"
citation = "none"

[[metrics]]
name = "auc"
value = 0.5
measured_on = "nothing"
"#;

#[test]
fn a_sound_manifest_is_read_and_written_back() {
    let manifest = Manifest::parse(SOUND, "test").unwrap();
    assert_eq!(manifest.model().to_string(), "cxr-test@1.2.3");
    assert_eq!(manifest.input_size(), (32, 32));
    assert_eq!(manifest.intended_use(Language::Chinese), "测试");
    let [label] = manifest.labels() else { panic!("one label") };
    assert_eq!((label.code.value.as_str(), label.threshold), ("233604007", 0.25));
    let written = toml::to_string(manifest.file()).unwrap();
    assert_eq!(Manifest::parse(&written, "written").unwrap(), manifest);
}

#[test]
fn what_does_not_hold_is_refused_by_name() {
    let cases = [
        ("margin = 0.25", "margin = 0.25\nmargine = 1", "margine"),
        ("stem = 4", "stem = 4\nstems = 4", "stems"),
        ("min_side = 64", "min_side = 64\nmodality = \"CT\"", "modality"),
        ("flip_average = false", "", "flip_average"),
        ("flip_average = false", "flip_average = false\nthreshold = 0.5", "threshold"),
        ("kind = \"residual-cnn\"", "kind = \"transformer\"", "resnet"),
        ("id = \"cxr-test\"", "id = \"../cxr\"", "id"),
        ("version = \"1.2.3\"", "version = \"1.2\"", "version"),
        ("version = \"1.2.3\"", "version = \"1.02.3\"", "version"),
        ("weights = \"model.bpk\"", "weights = \"../model.bpk\"", "weights"),
        ("sha256 = \"0000", "sha256 = \"00", "sha256"),
        ("widths = [4, 8]", "widths = [4]", "widths"),
        ("blocks = [1, 1]", "blocks = [0, 1]", "blocks"),
        ("height = 32", "height = 33", "input"),
        ("low_percentile = 1.0", "low_percentile = 99.5", "input.normalisation"),
        ("temperature = 2.0", "temperature = 0.0", "calibration.temperature"),
        ("temperature = 2.0", "temperature = nan", "calibration.temperature"),
        ("threshold = 0.25", "threshold = 1.0", "threshold"),
        ("threshold = 0.25", "threshold = nan", "threshold"),
        ("threshold = 0.25", "threshold = 0.25\ncritical_threshold = 0.25", "critical_threshold"),
        ("threshold = 0.25", "threshold = 0.25\ncritical_threshold = 1.01", "critical_threshold"),
        ("threshold = 0.25", "threshold = 0.25\ncritical_threshold = nan", "critical_threshold"),
        ("modalities = [\"CR\", \"DX\"]", "modalities = []", "accepts"),
        ("below_years = 6.0", "below_years = 0.5", "population"),
        ("zh = \"测试\"", "zh = \"\"", "intended_use"),
    ];
    for (from, to, named) in cases {
        assert!(SOUND.contains(from), "the test's own text has {from}");
        let text = SOUND.replace(from, to);
        let error = Manifest::parse(&text, "model.toml").unwrap_err().to_string();
        assert!(error.starts_with("model.toml: ") && error.contains(named), "{to}: {error}");
    }
}

#[test]
fn a_critical_threshold_is_there_only_where_the_version_has_one() {
    assert_eq!(Manifest::parse(SOUND, "test").unwrap().labels()[0].critical, None);
    let critical = SOUND.replace("threshold = 0.25", "threshold = 0.25\ncritical_threshold = 0.75");
    assert_eq!(Manifest::parse(&critical, "test").unwrap().labels()[0].critical, Some(0.75));
}

#[test]
fn probabilities_are_tempered_logits() {
    let manifest = Manifest::parse(SOUND, "test").unwrap();
    for (logit, expected) in [(0.0, 0.5), (2.0, 0.731_058_6), (-2.0, 0.268_941_4), (-1e9, 0.0), (1e9, 1.0)] {
        assert!((manifest.probability(0, logit) - expected).abs() < 1e-6, "{logit}");
    }
    assert!(manifest.probability(0, f32::NAN).is_nan());
}
