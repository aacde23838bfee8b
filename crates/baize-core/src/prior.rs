//! What has changed since the same patient's earlier study.
//!
//! Shown beside a result, never a part of it: a comparison changes no finding and lowers no urgency.

use std::collections::BTreeMap;

use crate::ports::InstanceRecord;
use crate::{Coded, Finding, ImageFacts, ModelRef, Outcome, Population};

/// How a finding stands against the earlier study. Each side is judged by the threshold of the version that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Positive now, not then.
    New,
    /// Positive both times.
    Persisting,
    /// Positive then, not now. Not the same as healed.
    NoLonger,
    /// Below the threshold both times.
    Absent,
    /// One of the two is outside the validated population, so its threshold means nothing.
    Incomparable,
}

impl Change {
    /// All changes.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Persisting, Self::NoLonger, Self::Absent, Self::Incomparable];

    /// The stable name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Persisting => "persisting",
            Self::NoLonger => "no_longer",
            Self::Absent => "absent",
            Self::Incomparable => "incomparable",
        }
    }

    fn between(now: &Seen, then: &Seen) -> Self {
        match (now.validated && then.validated, now.finding.is_positive(), then.finding.is_positive()) {
            (false, ..) => Self::Incomparable,
            (true, true, true) => Self::Persisting,
            (true, true, false) => Self::New,
            (true, false, true) => Self::NoLonger,
            (true, false, false) => Self::Absent,
        }
    }
}

/// One label of a model in both studies: of each study, the image on which its probability is highest.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingChange {
    /// What was looked for.
    pub code: Coded,
    /// What has changed.
    pub change: Change,
    /// In this study.
    pub now: Finding,
    /// In the earlier one.
    pub then: Finding,
}

/// What one model says about both studies.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The model, in the version that read this study.
    pub model: ModelRef,
    /// The version that read the earlier one. Probabilities of different versions must not be subtracted.
    pub earlier_version: String,
    /// One entry per label that both versions have.
    pub findings: Vec<FindingChange>,
}

/// A label's highest probability in a study.
struct Seen {
    finding: Finding,
    validated: bool,
}

/// Compares what the same models found. Images that were refused, failed or are pending say nothing: see
/// [`is_partial`]. Of several versions that read a study, the one that reported last counts.
pub fn compare(now: &[InstanceRecord], then: &[InstanceRecord]) -> Vec<Comparison> {
    let earlier = by_model(then);
    let compared = by_model(now).into_iter().filter_map(|(id, (version, labels))| {
        let (earlier_version, earlier_labels) = earlier.get(&id)?;
        let findings = labels
            .iter()
            .filter_map(|seen| {
                let code = &seen.finding.code;
                let same = |other: &&Seen| {
                    (&other.finding.code.scheme, &other.finding.code.value) == (&code.scheme, &code.value)
                };
                let before = earlier_labels.iter().find(same)?;
                Some(FindingChange {
                    code: code.clone(),
                    change: Change::between(seen, before),
                    now: seen.finding.clone(),
                    then: before.finding.clone(),
                })
            })
            .collect();
        let model = ModelRef { id, version };
        Some(Comparison { model, earlier_version: earlier_version.clone(), findings })
    });
    compared.collect()
}

/// Whether images of a study have no result: a comparison with it may miss something.
pub fn is_partial(study: &[InstanceRecord]) -> bool {
    study.iter().any(|image| {
        image.pending > 0 || image.reports.iter().any(|report| matches!(report.outcome, Outcome::Failed(_)))
    })
}

/// Whether two images with one Patient ID show the same patient: IDs such as `0` or `UNKNOWN` are given to many. The
/// names must agree in one of their component groups, and neither issuers of the ID nor dates of birth nor sexes may
/// contradict each other.
pub fn same_patient(one: &ImageFacts, other: &ImageFacts) -> bool {
    let agree = agreeable(&one.sex, &other.sex)
        && agreeable(&one.birth_date, &other.birth_date)
        && agreeable(&one.patient_id_issuer, &other.patient_id_issuer);
    let ids_agree = one.patient_id.is_some() && one.patient_id == other.patient_id;
    let groups = |facts: &ImageFacts| -> Vec<String> {
        let name = facts.patient_name.clone().unwrap_or_default();
        name.split('=').map(group).filter(|group| !group.is_empty()).collect()
    };
    let others = groups(other);
    ids_agree && agree && groups(one).iter().any(|group| others.contains(group))
}

/// Whether two values do not contradict each other; what is not known contradicts nothing.
fn agreeable<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// A component group of a name without what is written differently for the same person: empty components at the end,
/// spaces, capitals.
fn group(text: &str) -> String {
    let components = text.split('^').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    components.collect::<Vec<_>>().join("^").trim_end_matches('^').to_lowercase()
}

/// Per model its version and, per label in the order of the model, the highest probability.
fn by_model(study: &[InstanceRecord]) -> BTreeMap<String, (String, Vec<Seen>)> {
    let mut reports: Vec<_> = study.iter().flat_map(|image| &image.reports).collect();
    reports.sort_by_key(|report| report.finished_at);
    let mut models: BTreeMap<String, (String, Vec<Seen>)> = BTreeMap::new();
    // From the last one on: its version is the one that counts.
    for report in reports.into_iter().rev() {
        let (Some(model), Outcome::Analysed { findings, population, .. }) = (&report.model, &report.outcome)
        else {
            continue;
        };
        let (version, labels) =
            models.entry(model.id.clone()).or_insert_with(|| (model.version.clone(), Vec::new()));
        if *version == model.version {
            for finding in findings {
                let seen =
                    Seen { finding: finding.clone(), validated: matches!(population, Population::Validated) };
                keep_highest(labels, seen);
            }
        }
    }
    models
}

fn keep_highest(labels: &mut Vec<Seen>, seen: Seen) {
    let code = |seen: &Seen| (seen.finding.code.scheme.clone(), seen.finding.code.value.clone());
    match labels.iter_mut().find(|label| code(label) == code(&seen)) {
        // A finding that counts is never hidden by one that does not.
        Some(label) => {
            let rank = |seen: &Seen| (seen.validated, seen.finding.probability);
            if rank(&seen) > rank(label) {
                *label = seen;
            }
        }
        None => labels.push(seen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorCode, Fault, InstanceIdentity, Report, SeriesUid, Sex, SopUid, StudyUid, Text, Timestamp,
    };

    fn text(en: &str) -> Text {
        Text { zh: en.to_owned(), en: en.to_owned() }
    }

    fn finding(label: &str, probability: f32, threshold: f32) -> Finding {
        let code = Coded { scheme: "SCT".into(), value: label.into(), meaning: text(label) };
        Finding { code, probability, threshold, critical: None, region: None, heat: None }
    }

    fn image(reports: &[(&str, u64, Outcome)]) -> InstanceRecord {
        let identity = InstanceIdentity {
            study: StudyUid::parse("1.2").unwrap(),
            series: SeriesUid::parse("1.3").unwrap(),
            sop: SopUid::parse("1.4").unwrap(),
            sop_class: String::new(),
            transfer_syntax: String::new(),
        };
        let report = |(version, moment, outcome): &(&str, u64, Outcome)| Report {
            instance: identity.clone(),
            model: Some(ModelRef { id: "cxr".into(), version: (*version).into() }),
            outcome: outcome.clone(),
            finished_at: Timestamp::from_micros(*moment),
            gate: None,
        };
        InstanceRecord {
            facts: ImageFacts::default(),
            received_at: Timestamp::from_micros(0),
            pending: 0,
            reports: reports.iter().map(report).collect(),
            identity,
        }
    }

    fn analysed(probability: f32, threshold: f32) -> Outcome {
        Outcome::Analysed {
            findings: vec![finding("pneumonia", probability, threshold)],
            population: Population::Validated,
            caveats: Vec::new(),
        }
    }

    fn outside(probability: f32) -> Outcome {
        Outcome::Analysed {
            findings: vec![finding("pneumonia", probability, 0.5)],
            population: Population::Outside(text("adult")),
            caveats: Vec::new(),
        }
    }

    #[test]
    fn each_side_is_judged_by_its_own_threshold() {
        for (now, then, expected) in [
            (analysed(0.9, 0.5), analysed(0.1, 0.5), Change::New),
            (analysed(0.9, 0.5), analysed(0.6, 0.5), Change::Persisting),
            (analysed(0.1, 0.5), analysed(0.6, 0.5), Change::NoLonger),
            (analysed(0.1, 0.5), analysed(0.2, 0.5), Change::Absent),
            // The same probability, another version's threshold.
            (analysed(0.4, 0.3), analysed(0.4, 0.5), Change::New),
            (outside(0.9), analysed(0.1, 0.5), Change::Incomparable),
            (analysed(0.9, 0.5), outside(0.1), Change::Incomparable),
        ] {
            let compared = compare(&[image(&[("2", 1, now.clone())])], &[image(&[("1", 1, then)])]);
            assert_eq!(compared[0].findings[0].change, expected, "{now:?}");
            assert_eq!((&*compared[0].model.version, &*compared[0].earlier_version), ("2", "1"));
        }
    }

    #[test]
    fn the_most_suspicious_image_of_a_study_and_the_last_version_count() {
        let now = [image(&[("1", 1, analysed(0.2, 0.5))]), image(&[("1", 2, analysed(0.8, 0.5))])];
        let then = [image(&[("1", 1, analysed(0.9, 0.5)), ("2", 5, analysed(0.3, 0.5))])];
        let compared = compare(&now, &then);
        let change = &compared[0].findings[0];
        assert_eq!((change.now.probability, change.then.probability), (0.8, 0.3));
        assert_eq!(change.change, Change::New);
        // A validated image is not hidden by a higher score without meaning.
        let mixed = [image(&[("1", 1, outside(0.99))]), image(&[("1", 2, analysed(0.6, 0.5))])];
        assert_eq!(compare(&mixed, &then)[0].findings[0].now.probability, 0.6);
    }

    #[test]
    fn what_could_not_be_read_is_not_compared_and_makes_the_study_partial() {
        let fault = Fault::new(ErrorCode::CorruptPixelData, "ends early");
        let failed = [image(&[("1", 1, Outcome::Failed(fault))])];
        let fine = [image(&[("1", 1, analysed(0.9, 0.5))])];
        assert_eq!(compare(&fine, &failed), []);
        assert_eq!(compare(&failed, &fine), []);
        assert!(is_partial(&failed) && !is_partial(&fine));
        assert!(is_partial(&[InstanceRecord { pending: 1, ..image(&[]) }]));
    }

    #[test]
    fn an_id_alone_makes_no_patient() {
        let facts = |id: Option<&str>, name: Option<&str>, sex| ImageFacts {
            patient_id: id.map(str::to_owned),
            patient_name: name.map(str::to_owned),
            sex,
            ..ImageFacts::default()
        };
        let (f, m) = (Some(Sex::Female), Some(Sex::Male));
        let wang = facts(Some("7"), Some("Wang^XiaoDong=王^小东"), m);
        for (other, same) in [
            (facts(Some("7"), Some("WANG^XIAODONG^^"), m), true),
            (facts(Some("7"), Some("=王^小东"), None), true),
            (facts(Some("7"), Some("Wang^XiaoDong"), f), false),
            (facts(Some("7"), Some("Li^Na=李^娜"), m), false),
            (facts(Some("8"), Some("Wang^XiaoDong"), m), false),
            (facts(Some("7"), None, m), false),
            (facts(None, Some("Wang^XiaoDong"), m), false),
        ] {
            assert_eq!(same_patient(&wang, &other), same, "{other:?}");
            assert_eq!(same_patient(&other, &wang), same, "{other:?}");
        }
        assert!(!same_patient(&facts(None, Some("A"), m), &facts(None, Some("A"), m)));
        let born = |day: &str| ImageFacts { birth_date: Some(day.into()), ..wang.clone() };
        assert!(same_patient(&wang, &born("20200101")));
        assert!(!same_patient(&born("20210101"), &born("20200101")));
        let issued = |by: &str| ImageFacts { patient_id_issuer: Some(by.into()), ..wang.clone() };
        assert!(!same_patient(&issued("A"), &issued("B")));
    }
}
