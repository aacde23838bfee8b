//! Figures of parts of the visits: by age, by sex, and for the audit of fairness.

use std::collections::BTreeMap;

use baize_triage::request::Sex;
use rayon::prelude::*;
use serde::Serialize;

use super::figures::{Case, Population, Resampling};
use super::visit::Visit;

/// A group of fewer visits says too little.
pub(super) const FEWEST: usize = 100;
/// Age bands by their first year.
const BANDS: [(f64, &str); 5] =
    [(80.0, "80+"), (65.0, "65–79"), (40.0, "40–64"), (18.0, "18–39"), (0.0, "0–17")];

/// The figures of one group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Group {
    /// What the visits are grouped by.
    pub(super) by: String,
    /// Which of them.
    pub(super) value: String,
    /// How many.
    pub(super) visits: usize,
    /// Absent for fewer than 100 visits.
    pub(super) figures: Option<Population>,
}

/// By age band and sex.
pub(super) fn demographic(visit: &Visit) -> Vec<(String, String)> {
    let age = visit.request.age_years();
    let band = age.and_then(|age| BANDS.iter().find(|(from, _)| age >= *from)).map(|(_, band)| *band);
    let sex = visit.request.sex.map(|sex| match sex {
        Sex::Female => "female",
        Sex::Male => "male",
        Sex::Other => "other",
    });
    let named = |by: &str, value: Option<&str>| value.map(|value| (by.to_owned(), value.to_owned()));
    [named("age", band), named("sex", sex)].into_iter().flatten().collect()
}

/// By the columns kept for the audit.
pub(super) fn audited(visit: &Visit) -> Vec<(String, String)> {
    let named = |(column, value): (&String, &String)| {
        let by = column.trim_start_matches("audit_").replace('_', " ");
        (by, if value.is_empty() { "not known".to_owned() } else { value.clone() })
    };
    visit.audit.iter().map(named).collect()
}

/// The cases of every group, in order; no case is in two groups of one kind.
fn groups<'c, 'v>(
    cases: &'c [Case<'v>],
    of: impl Fn(&Visit) -> Vec<(String, String)>,
) -> Vec<((String, String), Vec<&'c Case<'v>>)> {
    let mut members: BTreeMap<(String, String), Vec<&Case<'v>>> = BTreeMap::new();
    for case in cases {
        for group in of(case.visit) {
            members.entry(group).or_default().push(case);
        }
    }
    members.into_iter().collect()
}

/// The figures of every group.
pub(super) fn measure(
    cases: &[Case<'_>],
    of: impl Fn(&Visit) -> Vec<(String, String)>,
    resampling: Resampling,
) -> Vec<Group> {
    let group = |((by, value), members): ((String, String), Vec<&Case<'_>>)| Group {
        by,
        value,
        visits: members.len(),
        figures: (members.len() >= FEWEST).then(|| Population::measure(&members, resampling)),
    };
    groups(cases, of).into_par_iter().map(group).collect()
}
