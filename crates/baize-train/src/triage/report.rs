//! The figures as Markdown, for people and for the model's card.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::figures::{Absence, Decision, Figure, Population};
use super::groups::{FEWEST, Group};
use super::second::{Nurses, Readings, SecondReading};
use crate::bootstrap::Interval;

/// What an evaluation found; its text is Markdown, its JSON has every figure.
#[derive(Clone, Debug, Serialize)]
pub struct TriageReport {
    /// Name and version; absent where none is installed.
    pub(super) model: Option<String>,
    /// Resamples behind each interval.
    pub(super) resamples: usize,
    pub(super) yale: Option<YaleReport>,
    pub(super) ktas: Option<KtasReport>,
}

/// A file.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Source {
    pub(super) file: String,
    /// Visits measured.
    pub(super) visits: usize,
    /// What was resampled: blocks of visits, or visits.
    pub(super) resampled_units: usize,
    /// Visits that the desk would refuse: neither a complaint nor a vital sign nor an age.
    pub(super) left_out: usize,
    /// Values taken as not measured, by field.
    pub(super) implausible: BTreeMap<String, usize>,
}

/// Yale: the truth is the triage nurse's ESI.
#[derive(Clone, Debug, Serialize)]
pub(super) struct YaleReport {
    pub(super) source: Source,
    pub(super) without_history: Part,
    pub(super) with_history: Part,
}

/// The visits with one kind of request.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Part {
    pub(super) overall: Population,
    pub(super) by_age_and_sex: Vec<Group>,
    pub(super) fairness: Vec<Group>,
}

/// KTAS: the truth is the experts' level; the complaint is read from its text.
#[derive(Clone, Debug, Serialize)]
pub(super) struct KtasReport {
    pub(super) source: Source,
    pub(super) overall: Population,
    pub(super) nurses: Nurses,
    pub(super) second_reader: SecondReading,
    pub(super) complaints: Readings,
}

type OfPopulation = fn(&Population) -> Figure;
type OfDecision = fn(&Decision) -> Figure;
type Caller = fn(&Population) -> &Decision;

const DECISIONS: [(&str, OfDecision); 6] = [
    ("accuracy", |d| d.accuracy),
    ("mistriage", |d| d.mistriage),
    ("QWK", |d| d.quadratic_kappa),
    ("under-triage", |d| d.under_triage),
    ("over-triage", |d| d.over_triage),
    ("recall of levels 1–2", |d| d.recall_urgent),
];
const PROBABILITIES: [(&str, OfPopulation); 7] = [
    ("AUC, level ≤2", |p| p.urgent.auc),
    ("AUC, admission", |p| p.admission.auc),
    ("Brier, level ≤2", |p| p.urgent.brier),
    ("Brier, admission", |p| p.admission.brier),
    ("ECE, level ≤2", |p| p.urgent.ece),
    ("ECE, admission", |p| p.admission.ece),
    ("ECE, five levels averaged", |p| p.acuity_ece),
];
const MAIN: [(&str, OfPopulation); 9] = [
    ("accuracy", |p| p.shown.accuracy),
    ("QWK", |p| p.shown.quadratic_kappa),
    ("under-triage", |p| p.shown.under_triage),
    ("over-triage", |p| p.shown.over_triage),
    ("recall 1–2", |p| p.shown.recall_urgent),
    ("AUC ≤2", |p| p.urgent.auc),
    ("AUC admission", |p| p.admission.auc),
    ("ECE ≤2", |p| p.urgent.ece),
    ("ECE admission", |p| p.admission.ece),
];
const FAIRNESS: [(&str, OfPopulation); 8] = [
    ("AUC admission", |p| p.admission.auc),
    ("AUC ≤2", |p| p.urgent.auc),
    ("under-triage", |p| p.shown.under_triage),
    ("over-triage", |p| p.shown.over_triage),
    ("admission predicted", |p| p.admission.predicted),
    ("admitted", |p| p.admission.observed),
    ("≤2 predicted", |p| p.urgent.predicted),
    ("≤2 true", |p| p.urgent.observed),
];

impl TriageReport {
    /// The main figures as (name, what they were measured on, value with interval), where the model ran.
    pub(super) fn figures(&self) -> Vec<(String, String, Interval)> {
        let mut list = Vec::new();
        let mut add = |population: &Population, on: &str| {
            let decided = [("model", &population.least_cost), ("shown", &population.shown)];
            let mut measured: Vec<(String, Figure)> =
                PROBABILITIES.iter().map(|(name, figure)| ((*name).to_owned(), figure(population))).collect();
            measured.push(("QWK, most probable level".to_owned(), population.most_probable.quadratic_kappa));
            for (who, decision) in decided {
                let of = |(name, figure): &(&str, OfDecision)| (format!("{name}, {who}"), figure(decision));
                measured.extend(DECISIONS.iter().filter(|(name, _)| *name != "mistriage").map(of));
            }
            for (name, figure) in measured {
                if let Figure::Measured(interval) = figure {
                    list.push((name, on.to_owned(), interval));
                }
            }
        };
        if let Some(yale) = &self.yale {
            add(&yale.without_history.overall, &format!("{}, without history", yale.source.file));
            add(&yale.with_history.overall, &format!("{}, with history and prior visits", yale.source.file));
        }
        if let Some(ktas) = &self.ktas {
            add(&ktas.overall, &format!("{}, from free text", ktas.source.file));
        }
        list
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(i) => write!(f, "{:.3} ({:.3} to {:.3})", i.value, i.low, i.high),
            Self::Absent { absent: Absence::NotRun } => f.write_str("model did not run"),
            Self::Absent { absent: Absence::Undefined } => f.write_str("–"),
        }
    }
}

impl fmt::Display for TriageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.model.as_deref().unwrap_or("none installed; the rules stand alone");
        writeln!(f, "Model: {model}. In brackets: 95 % intervals of {} resamples.", self.resamples)?;
        writeln!(f, "The resamples of an ECE carry the noise of drawing twice: its interval lies high.")?;
        if let Some(yale) = &self.yale {
            writeln!(f, "\n## Yale: the triage nurse's ESI\n\n{}\n", yale.source)?;
            let parts = [&yale.without_history.overall, &yale.with_history.overall];
            let head = ["figure", "without history", "with history and prior visits"];
            table(f, &head, overall(&parts))?;
            let named = [
                ("without history", &yale.without_history),
                ("with history and prior visits", &yale.with_history),
            ];
            for (name, part) in named {
                writeln!(f, "\n### By age and sex, {name} (levels as shown, rules included)\n")?;
                group_table(f, &part.by_age_and_sex, &MAIN)?;
            }
            for (name, part) in named {
                writeln!(f, "\n### Fairness, {name}; none of these columns is an input\n")?;
                group_table(f, &part.fairness, &FAIRNESS)?;
            }
        }
        if let Some(ktas) = &self.ktas {
            writeln!(f, "\n## KTAS: three experts, from free text\n\n{}\n", ktas.source)?;
            ktas.tables(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} visits in {} resampled units", self.file, self.visits, self.resampled_units)?;
        if self.left_out > 0 {
            write!(f, "; {} left out, without complaint, vital signs and age", self.left_out)?;
        }
        for (field, count) in &self.implausible {
            write!(f, "; {field}: {count} implausible values taken as not measured")?;
        }
        f.write_str(".")
    }
}

fn overall(parts: &[&Population]) -> Vec<Vec<String>> {
    let row = |name: String, cell: &dyn Fn(&Population) -> String| {
        [name].into_iter().chain(parts.iter().map(|part| cell(part))).collect()
    };
    let mut rows = vec![
        row("visits".to_owned(), &|part| part.visits.to_string()),
        row("model ran on".to_owned(), &|part| part.model_ran.to_string()),
    ];
    let callers: [(&str, Caller); 3] = [
        ("most probable level", |part| &part.most_probable),
        ("level of least cost", |part| &part.least_cost),
        ("level shown, rules included", |part| &part.shown),
    ];
    for (caller, decision) in callers {
        for (name, figure) in DECISIONS.iter().filter(|(name, _)| *name != "mistriage") {
            rows.push(row(format!("{caller}: {name}"), &|part| figure(decision(part)).to_string()));
        }
    }
    for (name, figure) in PROBABILITIES {
        rows.push(row(name.to_owned(), &|part| figure(part).to_string()));
    }
    rows
}

fn group_table(
    f: &mut fmt::Formatter<'_>,
    groups: &[Group],
    figures: &[(&str, OfPopulation)],
) -> fmt::Result {
    let mut head = vec!["group", "visits"];
    head.extend(figures.iter().map(|(name, _)| *name));
    let row = |group: &Group| {
        let mut cells = vec![format!("{}: {}", group.by, group.value), group.visits.to_string()];
        match &group.figures {
            Some(population) => {
                cells.extend(figures.iter().map(|(_, figure)| figure(population).to_string()))
            }
            None => {
                cells.push(format!("too few (below {FEWEST})"));
                cells.resize(head.len(), String::new());
            }
        }
        cells
    };
    let rows = groups.iter().map(row).collect();
    table(f, &head, rows)
}

impl KtasReport {
    fn tables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let population = &self.overall;
        let nurses = |name: &str| match name {
            "AUC, level ≤2" => self.nurses.urgent_auc.to_string(),
            "AUC, admission" => self.nurses.admission_auc.to_string(),
            _ => String::new(),
        };
        let rows = PROBABILITIES
            .iter()
            .map(|(name, figure)| vec![(*name).to_owned(), figure(population).to_string(), nurses(name)])
            .collect();
        table(f, &["figure", "model from free text", "nurses' levels"], rows)?;
        writeln!(f)?;
        let callers = [
            &population.most_probable,
            &population.least_cost,
            &population.shown,
            &self.nurses.levels,
            &self.second_reader.after,
        ];
        let row = |(name, figure): &(&str, OfDecision)| {
            let cells = callers.iter().map(|decision| figure(decision).to_string());
            [(*name).to_owned()].into_iter().chain(cells).collect()
        };
        let head = [
            "levels against the experts'",
            "most probable",
            "least cost",
            "shown, rules included",
            "nurses",
            "nurses, raised by one on alert",
        ];
        table(f, &head, DECISIONS.iter().map(row).collect())?;
        let second = &self.second_reader;
        let rows = [
            ("visits read", second.ran.to_string()),
            ("alert rate", second.alert_rate.to_string()),
            ("AUC, nurse under-triaged", second.auc.to_string()),
            ("under-triaged visits with an alert", second.caught.to_string()),
            ("alerts on under-triaged visits", second.precision.to_string()),
        ];
        writeln!(f)?;
        let rows = rows.into_iter().map(|(name, cell)| vec![name.to_owned(), cell]).collect();
        table(f, &["second reader", ""], rows)?;
        let read = self.complaints;
        writeln!(
            f,
            "\nComplaints: {}; with a code {}; none, but words reported as unknown {}; passed over in silence {}. \
             Accounted for: {}.",
            read.texts, read.coded, read.unknown, read.silent, read.accounted
        )
    }
}

/// A Markdown table whose source lines up.
fn table(f: &mut fmt::Formatter<'_>, head: &[&str], rows: Vec<Vec<String>>) -> fmt::Result {
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| -> fmt::Result {
        for (cell, width) in cells.iter().zip(&widths) {
            write!(f, "| {cell:<width$} ")?;
        }
        writeln!(f, "|")
    };
    line(f, &head)?;
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(f, &rule)?;
    rows.iter().try_for_each(|row| line(f, row))
}
