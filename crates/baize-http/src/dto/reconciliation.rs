//! Studies without an order and orders without a study.

use baize_core::ports::{Reconcile, ReconcileReason, Unmatched};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::study::PatientDto;
use super::{OrderDto, WordsDto, time_text};

/// Which page of the queue.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReconciliationQuery {
    /// How many entries, 1 to 200; 50 where absent.
    #[param(example = 50, minimum = 1, maximum = 200)]
    pub(crate) limit: Option<usize>,
    /// Only entries older than this one: the `next_before` of the page before.
    #[param(example = 97)]
    pub(crate) before: Option<i64>,
}

/// One page of what waits for a person, newest first. Holds patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationList)]
pub(crate) struct ReconciliationListDto {
    pub(crate) entries: Vec<ReconcileDto>,
    /// For the next page's `before`; null on the last page.
    #[schema(example = 47)]
    pub(crate) next_before: Option<i64>,
}

/// A study without an order, or an order whose time is past without a study.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationEntry)]
pub(crate) struct ReconcileDto {
    #[schema(example = 97)]
    id: i64,
    /// `study` or `order`.
    #[schema(example = "study")]
    kind: &'static str,
    /// Null where an order waits.
    study: Option<WaitingStudyDto>,
    /// Null where a study waits.
    order: Option<OrderDto>,
    reason: ReasonDto,
    /// Since when.
    #[schema(example = "2026-03-01T00:30:00.000000Z")]
    since: String,
    /// What comes into question, at most ten.
    candidates: Vec<CandidateDto>,
}

/// A study that waits for its order.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingStudy)]
pub(crate) struct WaitingStudyDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    patient: PatientDto,
    #[schema(example = "A1001")]
    accession: Option<String>,
    #[schema(example = "CR")]
    modality: Option<String>,
    /// As `YYYYMMDD`.
    #[schema(example = "20260301")]
    study_date: Option<String>,
    /// As `YYYYMMDD`.
    #[schema(example = "20210830")]
    birth_date: Option<String>,
}

/// Why something waits, or what speaks against a match.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationReason)]
pub(crate) struct ReasonDto {
    /// `no_order`, `patient_id_differs`, `issuer_differs`, `birth_date_differs`, `sex_differs`, `ambiguous`,
    /// `order_taken`, `overdue` or `undone`.
    #[schema(example = "birth_date_differs")]
    code: &'static str,
    text: WordsDto,
}

impl ReasonDto {
    fn of(reason: ReconcileReason) -> Self {
        let text = reason.text();
        Self { code: reason.as_str(), text: WordsDto { zh: text.zh, en: text.en } }
    }
}

/// A study and an order that may belong together.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationCandidate)]
pub(crate) struct CandidateDto {
    /// Where a study waits: an order.
    order: Option<OrderDto>,
    /// Where an order waits: the Study Instance UID of a study.
    #[schema(example = "1.2.840.113619.2.1")]
    study: Option<String>,
    /// What speaks against it; null: nothing.
    against: Option<ReasonDto>,
}

impl ReconcileDto {
    pub(crate) fn of(entry: Reconcile) -> Self {
        let (kind, study, order, candidates) = match entry.subject {
            Unmatched::Study { study, facts, candidates } => {
                let waiting = WaitingStudyDto {
                    study: study.to_string(),
                    patient: PatientDto::of(&facts),
                    accession: facts.accession,
                    modality: facts.modality,
                    study_date: facts.study_date,
                    birth_date: facts.birth_date,
                };
                let candidate = |(order, against): (_, Option<_>)| CandidateDto {
                    order: Some(OrderDto::of(order)),
                    study: None,
                    against: against.map(ReasonDto::of),
                };
                ("study", Some(waiting), None, candidates.into_iter().map(candidate).collect())
            }
            Unmatched::Order { order, candidates } => {
                let candidate = |(study, against): (baize_core::StudyUid, Option<_>)| CandidateDto {
                    order: None,
                    study: Some(study.to_string()),
                    against: against.map(ReasonDto::of),
                };
                ("order", None, Some(OrderDto::of(*order)), candidates.into_iter().map(candidate).collect())
            }
        };
        Self {
            id: entry.id.0,
            kind,
            study,
            order,
            reason: ReasonDto::of(entry.reason),
            since: time_text(entry.since),
            candidates,
        }
    }
}

/// A person's word that a study answers an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MatchRequest)]
pub(crate) struct MatchRequestDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    pub(crate) study: String,
    /// The order's number.
    #[schema(example = 812)]
    pub(crate) order: i64,
    /// True: although what is known of the patients differs. Then `reason` is needed.
    #[serde(default)]
    #[schema(example = false)]
    pub(crate) confirm: bool,
    /// Why, up to 1000 characters; kept with the match.
    #[schema(example = "出生日期登记有误，已与患者核对", max_length = 1000)]
    pub(crate) reason: Option<String>,
}

/// A person's word that an order's match is wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnmatchRequest)]
pub(crate) struct UnmatchRequestDto {
    /// The order's number.
    #[schema(example = 812)]
    pub(crate) order: i64,
    /// Why, up to 1000 characters.
    #[schema(example = "申请单属于另一次检查", max_length = 1000)]
    pub(crate) reason: Option<String>,
}

/// A person's word that an entry needs nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DismissRequest)]
pub(crate) struct DismissRequestDto {
    /// The entry's number.
    #[schema(example = 97)]
    pub(crate) entry: i64,
    /// Why, up to 1000 characters.
    #[schema(example = "体模测试，无申请单", max_length = 1000)]
    pub(crate) reason: Option<String>,
}
