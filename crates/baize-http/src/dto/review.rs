//! What physicians say of results.

use baize_core::ports::{FindingOpinion, Opinion, RecordedReview, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ModelDto, time_text};

/// A physician's word on one model's result for one image.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewRequest)]
pub(crate) struct ReviewRequestDto {
    /// Whose result: id and version as they stand beside the findings.
    pub(crate) model: ModelDto,
    pub(crate) verdict: VerdictDto,
    /// On single findings, each at most once.
    #[serde(default)]
    pub(crate) findings: Vec<OpinionOfDto>,
    /// In words, up to 4000 characters; null or absent where there is nothing to add.
    #[schema(example = "右下肺片状影，考虑炎症", max_length = 4000)]
    pub(crate) comment: Option<String>,
    /// True: the caller signs, that is, takes responsibility for the result as reviewed.
    #[serde(default)]
    #[schema(example = true)]
    pub(crate) sign: bool,
}

/// What a physician makes of a result as a whole.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Verdict)]
pub(crate) enum VerdictDto {
    /// The findings are right.
    Confirmed,
    /// Some findings are wrong; `findings` says which.
    Corrected,
    /// The result is of no use, such as for an image that no model should have read.
    Rejected,
}

impl VerdictDto {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Confirmed => Verdict::Confirmed,
            Self::Corrected => Verdict::Corrected,
            Self::Rejected => Verdict::Rejected,
        }
    }

    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Confirmed => Self::Confirmed,
            Verdict::Corrected => Self::Corrected,
            Verdict::Rejected => Self::Rejected,
        }
    }
}

/// What a physician makes of one finding.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Opinion)]
pub(crate) enum OpinionDto {
    /// Present where the model says present, absent where it says absent.
    Agree,
    /// The other way round.
    Disagree,
    /// The image does not tell.
    Uncertain,
}

/// An opinion and the finding that it is about.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FindingOpinion)]
pub(crate) struct OpinionOfDto {
    /// Coding Scheme Designator of the finding.
    #[schema(example = "SCT")]
    scheme: String,
    /// Its code.
    #[schema(example = "233604007")]
    value: String,
    opinion: OpinionDto,
}

impl OpinionOfDto {
    pub(crate) fn opinion(self) -> FindingOpinion {
        let opinion = match self.opinion {
            OpinionDto::Agree => Opinion::Agree,
            OpinionDto::Disagree => Opinion::Disagree,
            OpinionDto::Uncertain => Opinion::Uncertain,
        };
        FindingOpinion { scheme: self.scheme, value: self.value, opinion }
    }

    fn of(finding: &FindingOpinion) -> Self {
        let opinion = match finding.opinion {
            Opinion::Agree => OpinionDto::Agree,
            Opinion::Disagree => OpinionDto::Disagree,
            Opinion::Uncertain => OpinionDto::Uncertain,
        };
        Self { scheme: finding.scheme.clone(), value: finding.value.clone(), opinion }
    }
}

/// A review as it was recorded. Never changed: whoever changes their mind reviews again.
#[derive(Serialize, ToSchema)]
#[schema(as = Review)]
pub(crate) struct ReviewDto {
    /// Its place among the reviews of the result, from 1.
    #[schema(example = 1)]
    sequence: u32,
    model: ModelDto,
    verdict: VerdictDto,
    findings: Vec<OpinionOfDto>,
    /// May name the patient.
    #[schema(example = "右下肺片状影，考虑炎症")]
    comment: Option<String>,
    /// The reviewer has signed.
    signed: bool,
    /// Who: the name of the API key or the subject of the token.
    #[schema(example = "dr-wang")]
    by: String,
    #[schema(example = "2026-03-01T09:12:00.000000Z")]
    at: String,
}

impl ReviewDto {
    pub(crate) fn of(recorded: &RecordedReview) -> Self {
        let RecordedReview { sequence, review } = recorded;
        Self {
            sequence: *sequence,
            model: ModelDto::of(&review.model),
            verdict: VerdictDto::of(review.verdict),
            findings: review.findings.iter().map(OpinionOfDto::of).collect(),
            comment: review.comment.clone(),
            signed: review.signed,
            by: review.reviewer.clone(),
            at: time_text(review.at),
        }
    }
}

/// The reviews of an image.
#[derive(Serialize, ToSchema)]
#[schema(as = ReviewList)]
pub(crate) struct ReviewListDto {
    /// By model, then from the first.
    pub(crate) reviews: Vec<ReviewDto>,
}
