//! Which inputs the network of acuity gets, decided by the training visits.

use std::collections::BTreeSet;

use baize_models::triage::{Encoding, InputsFile, NumberFile};
use baize_triage::{FeatureSchema, Features};

/// A number is cut where these shares of the visits lie below; closer at the ends, where danger is.
const SHARES: [f64; 17] =
    [0.0, 0.01, 0.03, 0.08, 0.17, 0.25, 0.33, 0.42, 0.5, 0.58, 0.67, 0.75, 0.83, 0.92, 0.97, 0.99, 1.0];
/// What only the request for history may bring: forgotten in part of the lessons, so that the model works without.
const PRIOR: [&str; 2] = ["prior_ed_visits", "prior_admissions"];

/// Chooses the inputs: every feature of which the training visits show more than one value. Numbers are cut at quantiles.
/// Whatever no visit shows (pain, glucose, pregnancy) is left to the rules.
pub(super) fn choose(schema: &FeatureSchema, visits: &[Features]) -> InputsFile {
    let column = |at: usize| visits.iter().map(move |visit| visit.values()[at]);
    let varies = |at: usize| {
        let first = column(at).next();
        column(at).any(|value| Some(value) != first)
    };
    let mut numbers = Vec::new();
    let mut flags = Vec::new();
    for (at, name) in schema.names().iter().enumerate() {
        let missing = schema.index(&format!("{name}_missing"));
        let of_number = name.strip_suffix("_missing").is_some_and(|number| is_number(schema, number));
        if is_number(schema, name) {
            let known = missing.map_or_else(
                || column(at).collect::<Vec<f32>>(),
                |missing| {
                    column(at).zip(column(missing)).filter(|pair| pair.1 == 0.0).map(|pair| pair.0).collect()
                },
            );
            let edges = quantiles(known);
            if edges.len() > 1 {
                // Prior visits are always known in the training data, and forgotten on purpose.
                let missing = missing.is_some_and(varies) || PRIOR.contains(&name.as_str());
                numbers.push(NumberFile { name: name.clone(), missing, edges });
            }
        } else if !of_number && (varies(at) || name == "history_missing") {
            flags.push(name.clone());
        }
    }
    InputsFile { numbers, flags }
}

/// A number has a flag of being unknown, or is a count; the only flag of a group of flags is no number.
fn is_number(schema: &FeatureSchema, name: &str) -> bool {
    let counted = name.ends_with("_count");
    counted || (schema.index(name).is_some() && schema.index(&format!("{name}_missing")).is_some())
}

/// The values at the shares, each once.
fn quantiles(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let mut edges: Vec<f32> =
        SHARES.iter().map(|share| values[(share * last as f64).round() as usize]).collect();
    edges.dedup();
    edges
}

/// The average visit, encoded: it stands in for numbers that are unknown, and explanations compare with it.
pub(super) fn reference(encoding: &Encoding, visits: &[Features]) -> Vec<f32> {
    // What stands in for an unknown number is just being found: visits that do not know it don't count for it.
    let zeros = vec![0.0; encoding.inputs()];
    let mut sums = vec![0.0f64; encoding.inputs()];
    let mut counts = vec![0.0f64; encoding.inputs()];
    for visit in visits {
        let known = encoding.known(visit.values());
        for (at, value) in encoding.encode(visit.values(), &zeros).into_iter().enumerate() {
            if known[at] {
                sums[at] += f64::from(value);
                counts[at] += 1.0;
            }
        }
    }
    sums.iter().zip(&counts).map(|(sum, count)| (sum / count.max(1.0)) as f32).collect()
}

/// The places of what belongs to the history, for visits that shall do without it.
#[derive(Clone, Debug)]
pub(super) struct Forgetting {
    history: Vec<(usize, f32)>,
    prior: Vec<(usize, f32)>,
}

/// What a lesson forgets of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forget {
    Nothing,
    History,
    Prior,
    Both,
}

impl Forgetting {
    pub(super) fn new(schema: &FeatureSchema) -> Self {
        let prior: BTreeSet<&str> = PRIOR.into();
        let mut forgetting = Self { history: Vec::new(), prior: Vec::new() };
        for (at, name) in schema.names().iter().enumerate() {
            let typical = schema.typical()[at];
            match name.strip_suffix("_missing") {
                Some("history") => forgetting.history.push((at, 1.0)),
                Some(number) if prior.contains(number) => forgetting.prior.push((at, 1.0)),
                Some(_) => {}
                None if name.starts_with("pmh_") || name == "history_count" => {
                    forgetting.history.push((at, typical));
                }
                None if prior.contains(name.as_str()) => forgetting.prior.push((at, typical)),
                None => {}
            }
        }
        forgetting
    }

    /// The features of the visit as if less had been asked.
    pub(super) fn of(&self, visit: &Features, forget: Forget) -> Vec<f32> {
        let mut values = visit.values().to_vec();
        let forgotten = match forget {
            Forget::Nothing => [&[][..], &[]],
            Forget::History => [&self.history[..], &[]],
            Forget::Prior => [&[], &self.prior[..]],
            Forget::Both => [&self.history[..], &self.prior[..]],
        };
        for (at, value) in forgotten.into_iter().flatten() {
            values[*at] = *value;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baize_triage::Request;

    fn visit(schema: &FeatureSchema, rate: Option<f64>, history: Option<&[&str]>) -> Features {
        let names: Option<Vec<String>> = history.map(|names| names.iter().map(ToString::to_string).collect());
        let mut request = Request {
            age_months: Some(600.0),
            history: names.clone(),
            prior_ed_visits: Some(2.0),
            ..Request::default()
        };
        request.vitals.heart_rate = rate;
        schema.build(&request, &[], &names.unwrap_or_default())
    }

    #[test]
    fn what_varies_goes_in_and_what_is_forgotten_looks_as_if_never_asked() {
        let schema = FeatureSchema::builtin().unwrap();
        let visits = [
            visit(&schema, Some(60.0), Some(&["pmh_asthma"])),
            visit(&schema, Some(100.0), Some(&[])),
            visit(&schema, None, Some(&["pmh_asthma", "pmh_anemia"])),
        ];
        let chosen = choose(&schema, &visits);
        let names: Vec<&str> = chosen.numbers.iter().map(|number| number.name.as_str()).collect();
        assert_eq!(names, ["heart_rate", "history_count"]);
        assert!(chosen.numbers[0].missing && !chosen.numbers[1].missing);
        assert_eq!(chosen.numbers[0].edges, [60.0, 100.0]);
        assert_eq!(chosen.flags, ["history_missing", "pmh_anemia", "pmh_asthma"]);

        let encoding = Encoding::new(&chosen, &schema).unwrap();
        let average = reference(&encoding, &visits);
        assert_eq!(average[0], 0.5, "the mean of those whose heart rate is known");
        assert!((average[1] - 1.0 / 3.0).abs() < 1e-6, "and how often it is not");

        let forgetting = Forgetting::new(&schema);
        let never_asked = {
            let mut request = Request { age_months: Some(600.0), ..Request::default() };
            request.vitals.heart_rate = Some(60.0);
            schema.build(&request, &[], &[])
        };
        assert_eq!(forgetting.of(&visits[0], Forget::Both), never_asked.values());
        assert_eq!(forgetting.of(&visits[0], Forget::Nothing), visits[0].values());
    }
}
