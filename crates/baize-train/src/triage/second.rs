//! The second reader: what becomes of the nurses' levels where its alerts are followed.

use baize_triage::Acuity;
use serde::Serialize;

use super::answer::TextReading;
use super::confusion::is_urgent;
use super::figures::{Case, Decision, Figure, Measured, Resampling};
use crate::metrics::{Ranked, Scored, mean};

/// The nurses' levels against the experts'.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Nurses {
    /// Their levels.
    pub(super) levels: Decision,
    /// How well their levels tell the experts' levels 1 and 2 apart.
    pub(super) urgent_auc: Figure,
    /// How well their levels tell admissions apart.
    pub(super) admission_auc: Figure,
}

/// The second reader with the nurse's level given.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SecondReading {
    /// For how many visits it ran.
    pub(super) ran: usize,
    /// How often it alerts.
    pub(super) alert_rate: Figure,
    /// How well its probability tells the visits that the nurse under-triaged.
    pub(super) auc: Figure,
    /// Of the visits that the nurse under-triaged, the share with an alert.
    pub(super) caught: Figure,
    /// Of the alerts, the share where the nurse had under-triaged.
    pub(super) precision: Figure,
    /// The nurses' levels on the same visits.
    pub(super) before: Decision,
    /// The nurses' levels, one more urgent where it alerts.
    pub(super) after: Decision,
}

/// What came of the complaints' text.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Readings {
    /// Complaints.
    pub(super) texts: usize,
    /// With at least one code.
    pub(super) coded: usize,
    /// Without a code, but with words reported as unknown.
    pub(super) unknown: usize,
    /// With neither.
    pub(super) silent: usize,
    /// The share with a code or with words reported as unknown.
    pub(super) accounted: Figure,
}

/// Cases that have a nurse's level, with it.
fn with_nurse<'c, 'v>(cases: &[&'c Case<'v>]) -> (Vec<&'c Case<'v>>, Vec<Acuity>) {
    cases.iter().filter_map(|case| case.visit.nurse.map(|nurse| (*case, nurse))).unzip()
}

fn pairs(cases: &[&Case<'_>], called: &[Acuity]) -> Vec<(Acuity, Acuity)> {
    cases.iter().zip(called).map(|(case, called)| (case.visit.acuity, *called)).collect()
}

impl Nurses {
    /// Measures.
    pub(super) fn measure(cases: &[&Case<'_>], resampling: Resampling) -> Self {
        let (cases, nurses) = with_nurse(cases);
        let called = pairs(&cases, &nurses);
        // A level has no probability; any falling function of it ranks alike.
        let score = |positive: &dyn Fn(&Case<'_>) -> bool| -> Vec<Scored> {
            let one = |(case, nurse): (&&Case<'_>, &Acuity)| Scored {
                probability: -f64::from(nurse.get()),
                positive: positive(case),
                group: case.visit.block.clone(),
            };
            cases.iter().zip(&nurses).map(one).collect()
        };
        let urgent = score(&|case| is_urgent(case.visit.acuity));
        let admission = score(&|case| case.visit.admitted);
        let (urgent, admission) = (Ranked::new(&urgent), Ranked::new(&admission));
        let mut measured = Measured::new(&cases, resampling, |weights| {
            let mut values = Decision::statistics(&called, weights).to_vec();
            values.extend([urgent.auc(weights), admission.auc(weights)]);
            values
        });
        Self {
            levels: Decision::next(&mut measured, &called),
            urgent_auc: Measured::next(&mut measured),
            admission_auc: Measured::next(&mut measured),
        }
    }
}

impl SecondReading {
    /// Measures; the cases were assessed with the nurse's level.
    pub(super) fn measure(cases: &[&Case<'_>], resampling: Resampling) -> Self {
        let read: Vec<&Case<'_>> =
            cases.iter().filter(|case| case.answer.second.is_some()).copied().collect();
        let (read, nurses) = with_nurse(&read);
        let before = pairs(&read, &nurses);
        let alerts: Vec<bool> =
            read.iter().map(|case| case.answer.second.is_some_and(|second| second.alert)).collect();
        let raised: Vec<Acuity> = nurses
            .iter()
            .zip(&alerts)
            .map(|(nurse, alert)| if *alert { raised(*nurse) } else { *nurse })
            .collect();
        let after = pairs(&read, &raised);
        let under: Vec<bool> = before.iter().map(|(truth, called)| called > truth).collect();
        let scored: Vec<Scored> = read
            .iter()
            .zip(&under)
            .map(|(case, under)| Scored {
                probability: case.answer.second.map_or(0.0, |second| second.probability),
                positive: *under,
                group: case.visit.block.clone(),
            })
            .collect();
        let ranked = Ranked::new(&scored);
        let share = |of: &[bool], among: Option<&[bool]>, weights: &[u32]| {
            let values =
                of.iter().zip(weights).enumerate().filter(|(case, _)| among.is_none_or(|among| among[*case]));
            mean(values.map(|(_, (hit, weight))| (f64::from(u8::from(*hit)), *weight)))
        };
        let mut measured = Measured::new(&read, resampling, |weights| {
            let mut values = vec![
                share(&alerts, None, weights),
                ranked.auc(weights),
                share(&alerts, Some(&under), weights),
                share(&under, Some(&alerts), weights),
            ];
            values.extend(Decision::statistics(&before, weights));
            values.extend(Decision::statistics(&after, weights));
            values
        });
        Self {
            ran: read.len(),
            alert_rate: Measured::next(&mut measured),
            auc: Measured::next(&mut measured),
            caught: Measured::next(&mut measured),
            precision: Measured::next(&mut measured),
            before: Decision::next(&mut measured, &before),
            after: Decision::next(&mut measured, &after),
        }
    }
}

/// One level more urgent, where there is one.
fn raised(level: Acuity) -> Acuity {
    Acuity::new(level.get() - 1).unwrap_or(level)
}

impl Readings {
    /// Counts.
    pub(super) fn measure(cases: &[&Case<'_>], resampling: Resampling) -> Self {
        let texts: Vec<&Case<'_>> =
            cases.iter().filter(|case| case.answer.reading != TextReading::NoText).copied().collect();
        let count = |reading| texts.iter().filter(|case| case.answer.reading == reading).count();
        let accounted = |case: &Case<'_>| f64::from(u8::from(case.answer.reading != TextReading::Silent));
        let mut measured = Measured::new(&texts, resampling, |weights| {
            vec![mean(texts.iter().zip(weights).map(|(case, weight)| (accounted(case), *weight)))]
        });
        Self {
            texts: texts.len(),
            coded: count(TextReading::Coded),
            unknown: count(TextReading::Unknown),
            silent: count(TextReading::Silent),
            accounted: if texts.is_empty() { None.into() } else { Measured::next(&mut measured) },
        }
    }
}
