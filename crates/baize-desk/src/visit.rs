//! What is known of a visit after its steps.

use std::collections::BTreeMap;

use baize_core::ports::{TriageEntry, TriageStep, VisitId};
use baize_core::{ErrorCode, Fault, Lane, Timestamp};
use baize_triage::{Acuity, LevelCn, Request, Vitals};
use serde::{Deserialize, Serialize};

use crate::evidence::{EvidenceKind, ImagingEvidence};

/// A visit after its newest step. Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// Names it.
    pub id: VisitId,
    /// What happened, from the first step; never empty.
    pub steps: Vec<Step>,
    /// The newest assessment: JSON text with the fields of [`baize_triage::Assessment`].
    pub assessment: String,
    /// What a nurse or physician decided last.
    pub decision: Option<Decision>,
    /// What images told, in the order in which it came.
    pub imaging: Vec<ImagingEvidence>,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub sequence: u32,
    /// What happened.
    pub step: TriageStep,
    /// When.
    pub at: Timestamp,
    /// Who sent it.
    pub by: String,
    /// The assessment's four-level category after it, 1 to 4.
    pub level_cn: u8,
    /// The assessment's acuity after it, 1 to 5.
    pub acuity: u8,
}

/// A nurse's or physician's level. It stands beside the assessment and may be calmer; then it has a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The five-level acuity.
    pub acuity: Acuity,
    /// The four-level category that belongs to it.
    pub level_cn: LevelCn,
    /// Why; always there where it is calmer than the assessment was and came after it.
    pub reason: Option<String>,
    /// Who decided: the client that sent it.
    pub by: String,
    /// When.
    #[serde(with = "micros")]
    pub at: Timestamp,
}

/// What the next step builds on: stored with each step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    pub(crate) request: Request,
    /// The vital signs before the newest ones.
    pub(crate) vitals_before: Option<Vitals>,
    pub(crate) decision: Option<Decision>,
    pub(crate) imaging: Vec<ImagingEvidence>,
    /// When monitors measured, by the name of the sign and as they wrote it.
    pub(crate) measured_at: BTreeMap<String, String>,
}

impl Visit {
    /// From a whole history.
    ///
    /// # Errors
    /// `NotFound` for an empty one, `StorageFailed` for one that cannot be read.
    pub(crate) fn of(history: Vec<TriageEntry>) -> Result<Self, Fault> {
        let steps = history.iter().map(Step::of).collect();
        let newest = history.into_iter().next_back().ok_or_else(unknown)?;
        let known = Known::of(&newest)?;
        Ok(Self {
            id: newest.visit,
            steps,
            assessment: newest.assessment,
            decision: known.decision,
            imaging: known.imaging,
        })
    }

    /// The step by which a nurse acknowledged what a step said; `None` while nobody has.
    pub fn acknowledgement(&self, sequence: u32) -> Option<&Step> {
        let seen = |step: &&Step| step.step == TriageStep::Acknowledged && step.sequence > sequence;
        self.steps.iter().find(seen)
    }

    /// Whether images have told something that a nurse is still to acknowledge.
    pub fn is_waiting(&self) -> bool {
        let newest = self.steps.iter().rfind(|step| step.step == TriageStep::Imaging);
        newest.is_some_and(|step| self.acknowledgement(step.sequence).is_none())
    }

    /// The lane that its imaging evidence asks for the encounter's other studies.
    pub fn lane_of_others(&self) -> Option<Lane> {
        let raises = self.imaging.iter().filter(|one| one.kind == EvidenceKind::Raise);
        raises.filter_map(ImagingEvidence::lane).max()
    }
}

impl Step {
    fn of(entry: &TriageEntry) -> Self {
        Self {
            sequence: entry.sequence,
            step: entry.step,
            at: entry.at,
            by: entry.actor.clone(),
            level_cn: entry.level_cn,
            acuity: entry.acuity,
        }
    }
}

impl Known {
    pub(crate) fn of(entry: &TriageEntry) -> Result<Self, Fault> {
        serde_json::from_str(&entry.known).map_err(|_| damaged())
    }
}

pub(crate) fn unknown() -> Fault {
    Fault::new(ErrorCode::NotFound, "id: there is no such triage visit")
}

pub(crate) fn damaged() -> Fault {
    Fault::new(ErrorCode::StorageFailed, "the record of this triage visit cannot be read")
}

/// A time as microseconds since the Unix epoch.
pub(crate) mod micros {
    use baize_core::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        at.as_micros().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(deserializer).map(Timestamp::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use baize_triage::request::{ArrivalMode, Avpu, Sex};

    use super::*;

    #[test]
    fn what_is_known_comes_back_as_it_was() {
        let vitals = Vitals {
            heart_rate: Some(112.0),
            temperature_c: Some(38.06),
            on_oxygen: Some(false),
            spo2_scale: Some(2),
            avpu: Some(Avpu::Confusion),
            ..Vitals::default()
        };
        let request = Request {
            encounter: Some("E-1".into()),
            age_months: Some(2.5),
            sex: Some(Sex::Other),
            arrival_mode: Some(ArrivalMode::WalkIn),
            chief_complaint: Some("胸痛 \"SOB\"".into()),
            complaint_codes: vec!["cc_chestpain".into()],
            vitals: vitals.clone(),
            history: Some(vec![]),
            prior_ed_visits: Some(3.0),
            prior_admissions: None,
            pregnant: Some(true),
            nurse_level: Acuity::new(5),
        };
        let decision = Decision {
            acuity: Acuity::LEAST_URGENT,
            level_cn: LevelCn::LEAST_URGENT,
            reason: None,
            by: "a".into(),
            at: Timestamp::from_micros(u64::MAX),
        };
        let known =
            Known { request, vitals_before: Some(vitals), decision: Some(decision), ..Known::default() };
        let written = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&written).unwrap(), known);
        let older = serde_json::from_str::<Known>(r#"{"request": {"vitals": {}}, "later": 1}"#).unwrap();
        assert_eq!(older, Known::default(), "what another version wrote is read as far as it goes");
    }
}
