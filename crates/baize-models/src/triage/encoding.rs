//! From the features of a patient to the inputs of the network.
//!
//! A number becomes its place between cuts (piecewise linear encoding, Gorishniy et al. 2022): for each interval how far
//! the value has passed through it, 0 to 1. So a network with one hidden layer can bend anywhere along a vital sign. A
//! number that is unknown takes the reference patient's values, and a flag of its own says so. Flags go in as they are.

use std::collections::BTreeMap;

use baize_triage::FeatureSchema;

use super::format::{InputsFile, NumberFile};

/// The encoding of one model version, with every name resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    numbers: Vec<Number>,
    flags: Vec<Flag>,
    inputs: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Number {
    feature: usize,
    /// The flag that says that it is unknown, where the model was shown such patients.
    missing: Option<usize>,
    /// Whether it counts past illnesses.
    history: bool,
    edges: Vec<f32>,
}

#[derive(Clone, Debug, PartialEq)]
struct Flag {
    feature: usize,
    role: Role,
}

/// How a flag takes part in an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It holds or it does not; one that does not hold is not worth a line.
    Fact,
    /// One of several of which one holds: its number among such groups.
    Choice(usize),
    /// It says that something is unknown.
    Unknown,
    /// A past illness: compared with nobody's where the history is unknown.
    History,
}

const HISTORY_MISSING: &str = "history_missing";
const HISTORY_COUNT: &str = "history_count";
const CHOICES: [&str; 5] = ["sex_", "arrival_", "avpu_", "oxygen_", "pregnancy_"];

impl Encoding {
    /// Finds the names of a manifest in the schema.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn new(file: &InputsFile, schema: &FeatureSchema) -> Result<Self, String> {
        let find = |name: &str| {
            schema.index(name).ok_or_else(|| format!("inputs: the feature schema has no {name}"))
        };
        let number = |row: &NumberFile| {
            let rising = row.edges.windows(2).all(|pair| pair[0] < pair[1]);
            if row.edges.len() < 2 || !rising || !row.edges.iter().all(|edge| edge.is_finite()) {
                return Err(format!("inputs: the edges of {} must be two or more and rise", row.name));
            }
            let missing = row.missing.then(|| find(&format!("{}_missing", row.name))).transpose()?;
            let history = row.name == HISTORY_COUNT;
            Ok(Number { feature: find(&row.name)?, missing, history, edges: row.edges.clone() })
        };
        let flag = |name: &String| Ok(Flag { feature: find(name)?, role: role(name) });
        let numbers: Vec<Number> = file.numbers.iter().map(number).collect::<Result<_, String>>()?;
        let flags: Vec<Flag> = file.flags.iter().map(flag).collect::<Result<_, String>>()?;
        let inputs = numbers.iter().map(Number::width).sum::<usize>() + flags.len();
        Ok(Self { numbers, flags, inputs })
    }

    /// How many values go into the network.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The inputs of a patient whose features are `values`, in the order of the schema; `reference` is
    /// [`Self::inputs`] long and stands in for numbers that are unknown.
    pub fn encode(&self, values: &[f32], reference: &[f32]) -> Vec<f32> {
        let mut inputs = Vec::with_capacity(self.inputs);
        for number in &self.numbers {
            let start = inputs.len();
            let unknown = number.missing.is_some_and(|missing| values[missing] > 0.0);
            if unknown {
                inputs.extend_from_slice(&reference[start..start + number.intervals()]);
            } else {
                let value = values[number.feature];
                let passed = |pair: &[f32]| ((value - pair[0]) / (pair[1] - pair[0])).clamp(0.0, 1.0);
                inputs.extend(number.edges.windows(2).map(passed));
            }
            if number.missing.is_some() {
                inputs.push(f32::from(u8::from(unknown)));
            }
        }
        inputs.extend(self.flags.iter().map(|flag| values[flag.feature]));
        inputs
    }

    /// Which inputs come from the patient: all but those of numbers that are unknown.
    pub fn known(&self, values: &[f32]) -> Vec<bool> {
        let mut known = Vec::with_capacity(self.inputs);
        for number in &self.numbers {
            let unknown = number.missing.is_some_and(|missing| values[missing] > 0.0);
            known.resize(known.len() + number.intervals(), !unknown);
            known.resize(known.len() + usize::from(number.missing.is_some()), true);
        }
        known.resize(self.inputs, true);
        known
    }

    /// Whom a patient is compared with in an explanation: the reference patient, of whom the same is unknown.
    pub fn counterpart(&self, inputs: &[f32], reference: &[f32], schema: &FeatureSchema) -> Vec<f32> {
        let flags = self.inputs - self.flags.len();
        let missing = schema.index(HISTORY_MISSING);
        let history = self.flags.iter().position(|flag| Some(flag.feature) == missing);
        let history_unknown = history.is_some_and(|at| inputs[flags + at] > 0.0);
        let mut follows = Vec::with_capacity(self.inputs);
        for number in &self.numbers {
            follows.resize(follows.len() + number.intervals(), number.history && history_unknown);
            follows.resize(follows.len() + usize::from(number.missing.is_some()), true);
        }
        follows.extend(self.flags.iter().map(|flag| match flag.role {
            Role::Unknown => true,
            Role::History => history_unknown,
            Role::Fact | Role::Choice(_) => false,
        }));
        let choose =
            |((follows, own), reference): ((bool, &f32), &f32)| if follows { *own } else { *reference };
        follows.into_iter().zip(inputs).zip(reference).map(choose).collect()
    }

    /// The parts of the inputs as parts of features: all inputs of a number make one, and so do the flags of a choice,
    /// under the one that holds. Flags that don't hold are left out.
    pub fn by_feature(&self, inputs: &[f32], parts: &[f32]) -> Vec<(usize, f32)> {
        let mut features = Vec::new();
        let mut place = 0;
        for number in &self.numbers {
            let end = place + number.width();
            features.push((number.feature, parts[place..end].iter().sum()));
            place = end;
        }
        let mut choices: BTreeMap<usize, (Option<usize>, f32)> = BTreeMap::new();
        for (at, flag) in self.flags.iter().enumerate() {
            let (holds, part) = (inputs[place + at] > 0.0, parts[place + at]);
            match flag.role {
                Role::Choice(group) => {
                    let (shown, sum) = choices.entry(group).or_default();
                    *sum += part;
                    if holds {
                        *shown = Some(flag.feature);
                    }
                }
                Role::Fact | Role::History if holds => features.push((flag.feature, part)),
                Role::Fact | Role::History | Role::Unknown => {}
            }
        }
        features.extend(choices.into_values().filter_map(|(shown, sum)| Some((shown?, sum))));
        features
    }
}

impl Number {
    fn intervals(&self) -> usize {
        self.edges.len() - 1
    }

    fn width(&self) -> usize {
        self.intervals() + usize::from(self.missing.is_some())
    }
}

fn role(name: &str) -> Role {
    if name.ends_with("_missing") {
        return Role::Unknown;
    }
    if name.starts_with("pmh_") {
        return Role::History;
    }
    let choice = CHOICES.iter().position(|prefix| name.starts_with(prefix));
    choice.map_or(Role::Fact, Role::Choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use baize_triage::Request;
    use baize_triage::request::{Sex, Vitals};

    fn encoding(schema: &FeatureSchema) -> Encoding {
        let number = |name: &str, edges: &[f32], missing| NumberFile {
            name: name.to_owned(),
            missing,
            edges: edges.to_vec(),
        };
        let flags =
            ["sex_female", "sex_male", "sex_missing", "cc_chestpain", "history_missing", "pmh_asthma"];
        let file = InputsFile {
            numbers: vec![
                number("age_years", &[20.0, 40.0, 80.0], false),
                number("heart_rate", &[50.0, 100.0, 150.0], true),
                number("history_count", &[0.0, 10.0], false),
            ],
            flags: flags.map(str::to_owned).to_vec(),
        };
        Encoding::new(&file, schema).unwrap()
    }

    const REFERENCE: [f32; 12] = [0.9, 0.3, 0.8, 0.1, 0.25, 0.5, 0.55, 0.45, 0.0, 0.2, 0.4, 0.1];

    #[test]
    fn numbers_are_places_between_cuts_and_flags_stay() {
        let schema = FeatureSchema::builtin().unwrap();
        let encoding = encoding(&schema);
        assert_eq!(encoding.inputs(), 12);
        let request = Request {
            age_months: Some(50.0 * 12.0),
            sex: Some(Sex::Male),
            vitals: Vitals { heart_rate: Some(75.0), ..Vitals::default() },
            ..Request::default()
        };
        let features = schema.build(&request, &["cc_chestpain".to_owned()], &[]);
        let inputs = encoding.encode(features.values(), &REFERENCE);
        assert_eq!(inputs, [1.0, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        let unknown = schema.build(&Request::default(), &[], &[]);
        let inputs = encoding.encode(unknown.values(), &REFERENCE);
        assert_eq!(inputs[2..5], [0.8, 0.1, 1.0], "an unknown number is the reference patient's");
    }

    #[test]
    fn what_is_unknown_is_compared_with_the_same_unknown() {
        let schema = FeatureSchema::builtin().unwrap();
        let encoding = encoding(&schema);
        let request = Request { sex: Some(Sex::Male), ..Request::default() };
        let features = schema.build(&request, &[], &[]);
        let inputs = encoding.encode(features.values(), &REFERENCE);
        let counterpart = encoding.counterpart(&inputs, &REFERENCE, &schema);
        assert_eq!(counterpart[4], 1.0, "heart rate unknown on both sides");
        assert_eq!(counterpart[5], 0.0, "no illness counted on both sides");
        assert_eq!(counterpart[10..], [1.0, 0.0], "history unknown on both sides");
        assert_eq!(counterpart[6], 0.55, "sex is known");
    }

    #[test]
    fn parts_are_told_by_feature() {
        let schema = FeatureSchema::builtin().unwrap();
        let encoding = encoding(&schema);
        let inputs = [1.0, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let parts = [0.5, 0.25, 1.0, 2.0, 0.5, 0.0, 4.0, 8.0, 0.0, 16.0, 32.0, 64.0];
        let found = encoding.by_feature(&inputs, &parts);
        let at = |name: &str| found.iter().find(|(at, _)| Some(*at) == schema.index(name)).map(|part| part.1);
        assert_eq!(at("age_years"), Some(0.75));
        assert_eq!(at("heart_rate"), Some(3.5));
        assert_eq!(at("sex_male"), Some(12.0), "the flags of a choice are one thing");
        assert_eq!(at("sex_female"), None);
        assert_eq!(at("cc_chestpain"), Some(16.0));
        assert_eq!(at("pmh_asthma"), None, "an illness that the patient never had is not worth a line");
    }

    #[test]
    fn names_and_edges_are_checked() {
        let schema = FeatureSchema::builtin().unwrap();
        let check = |numbers: Vec<NumberFile>, flags: Vec<String>| {
            Encoding::new(&InputsFile { numbers, flags }, &schema).unwrap_err()
        };
        assert!(check(vec![], vec!["race".to_owned()]).contains("race"));
        for edges in [vec![1.0], vec![2.0, 1.0], vec![0.0, f32::NAN]] {
            let row = NumberFile { name: "spo2".to_owned(), missing: false, edges };
            assert!(check(vec![row], vec![]).contains("spo2"));
        }
    }
}
