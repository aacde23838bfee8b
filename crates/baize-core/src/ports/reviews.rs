//! A physician's word on a result. It stands beside the result, which never changes.

use async_trait::async_trait;

use crate::{Fault, Finding, ModelRef, Population, SopUid, StudyUid, Timestamp};

/// What a physician makes of a result as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The findings are right.
    Confirmed,
    /// Some findings are wrong; each says which.
    Corrected,
    /// The result is of no use, such as for an image that no model should have read.
    Rejected,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 3] = [Self::Confirmed, Self::Corrected, Self::Rejected];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Corrected => "corrected",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == name)
    }
}

/// What a physician makes of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opinion {
    /// Present where the model says present, absent where it says absent.
    Agree,
    /// The other way round.
    Disagree,
    /// The image does not tell.
    Uncertain,
}

impl Opinion {
    /// All opinions.
    pub const ALL: [Self; 3] = [Self::Agree, Self::Disagree, Self::Uncertain];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Disagree => "disagree",
            Self::Uncertain => "uncertain",
        }
    }

    /// The opinion of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|opinion| opinion.as_str() == name)
    }
}

/// Whether a finding is there, by the last word on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is.
    Present,
    /// It is not.
    Absent,
    /// Nobody can tell: a physician says that the image does not show it, or a model finds little in a patient on whom it
    /// was not validated.
    Uncertain,
}

impl Presence {
    /// What the model says, or the physician who reviewed it. A model says "absent" only where its threshold means
    /// something: for a patient on whom it was not validated, a low score is no reassurance.
    pub fn of(finding: &Finding, population: &Population, review: Option<&Review>) -> Self {
        let opinions = review.map_or(&[][..], |review| &review.findings);
        let about =
            |one: &&FindingOpinion| (&one.scheme, &one.value) == (&finding.code.scheme, &finding.code.value);
        let is_present = match opinions.iter().find(about).map(|one| one.opinion) {
            Some(Opinion::Uncertain) => return Self::Uncertain,
            Some(Opinion::Disagree) => !finding.is_positive(),
            Some(Opinion::Agree) => finding.is_positive(),
            None if !finding.is_positive() && matches!(population, Population::Outside(_)) => {
                return Self::Uncertain;
            }
            None => finding.is_positive(),
        };
        if is_present { Self::Present } else { Self::Absent }
    }
}

/// An opinion and the finding that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingOpinion {
    /// Coding Scheme Designator of the finding.
    pub scheme: String,
    /// Its code value.
    pub value: String,
    /// What the physician says.
    pub opinion: Opinion,
}

/// A physician's word on one model's result for one image. The comment may name the patient: never log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The study.
    pub study: StudyUid,
    /// The image.
    pub sop: SopUid,
    /// The model and version whose result it is about.
    pub model: ModelRef,
    /// On the whole.
    pub verdict: Verdict,
    /// On single findings, each at most once.
    pub findings: Vec<FindingOpinion>,
    /// In words.
    pub comment: Option<String>,
    /// The physician takes responsibility for the result as reviewed.
    pub signed: bool,
    /// Who: the authenticated caller.
    pub reviewer: String,
    /// When.
    pub at: Timestamp,
}

impl Review {
    /// The same word of the same person, whenever it was said.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let at = other.at;
        Self { at, ..self.clone() } == *other
    }
}

/// A review with its place among those of its result, from 1 without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedReview {
    /// The place.
    pub sequence: u32,
    /// What was said.
    pub review: Review,
}

/// What became of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// It is durable.
    Kept(RecordedReview),
    /// The newest review of the result is the same word of the same person: this one, and nothing was written.
    Repeated(RecordedReview),
    /// There is no such image in the study.
    UnknownImage,
    /// The image has no result of this model and version.
    NoSuchResult,
    /// The model did not run on the image: there is no finding to have a word on.
    NotAnalysed,
    /// The result has no finding of this scheme and code.
    NoSuchFinding {
        /// Coding Scheme Designator.
        scheme: String,
        /// Code value.
        value: String,
    },
}

/// The reviews of all results. What was recorded is never changed or removed.
#[async_trait]
pub trait Reviews: Send + Sync {
    /// Records a review in one durable transaction. Saying the newest review again changes nothing.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn review(&self, review: Review) -> Result<Reviewed, Fault>;

    /// The reviews of a study's results: by image in the order of arrival, then by model, then by sequence.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn reviews(&self, study: &StudyUid) -> Result<Vec<RecordedReview>, Fault>;

    /// The studies with a review at or after `since`, in the order of their UIDs.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn reviewed_studies(&self, since: Option<Timestamp>) -> Result<Vec<StudyUid>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coded, Text};

    fn finding(probability: f32) -> Finding {
        let meaning = Text { zh: "肺炎".into(), en: "Pneumonia".into() };
        let code = Coded { scheme: "SCT".into(), value: "233604007".into(), meaning };
        Finding { code, probability, threshold: 0.5, critical: None, region: None, heat: None }
    }

    fn review(opinion: Opinion) -> Review {
        let one = FindingOpinion { scheme: "SCT".into(), value: "233604007".into(), opinion };
        Review {
            study: StudyUid::parse("1.2").unwrap(),
            sop: SopUid::parse("1.2.3").unwrap(),
            model: ModelRef { id: "m".into(), version: "1.0.0".into() },
            verdict: Verdict::Corrected,
            findings: vec![one],
            comment: None,
            signed: true,
            reviewer: "dr".into(),
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn a_model_says_absent_only_of_patients_on_whom_it_was_validated() {
        use Presence::{Absent, Present, Uncertain};
        let outside = Population::Outside(Text { zh: "成人".into(), en: "an adult".into() });
        let inside = Population::Validated;
        for (probability, population, opinion, expected) in [
            (0.9, &inside, None, Present),
            (0.1, &inside, None, Absent),
            (0.9, &outside, None, Present),
            (0.1, &outside, None, Uncertain),
            (0.1, &outside, Some(Opinion::Agree), Absent),
            (0.1, &outside, Some(Opinion::Disagree), Present),
            (0.9, &outside, Some(Opinion::Disagree), Absent),
            (0.9, &inside, Some(Opinion::Uncertain), Uncertain),
        ] {
            let review = opinion.map(review);
            let presence = Presence::of(&finding(probability), population, review.as_ref());
            assert_eq!(presence, expected, "{probability} {population:?} {opinion:?}");
        }
    }
}
