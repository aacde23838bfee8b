//! JSON in, JSON out: the core of offline triage.

use serde_json::Value;

use crate::level::Words;
use crate::request::{FieldError, FieldProblem, Request};
use crate::triage::Triage;

/// Assesses a request written as JSON; the answer has the fields of [`crate::Assessment`].
///
/// # Errors
/// Every field that was refused, with the reason and the remedy. A request with a refused field is not assessed.
pub fn assess_json(triage: &Triage, request: &Value) -> Result<Value, Vec<FieldError>> {
    let request = Request::from_json(request, triage.vocabulary())?;
    written(&triage.assess(&request))
}

/// [`assess_json`] for many requests, in order; the model sees them together.
pub fn assess_json_many(triage: &Triage, requests: &[Value]) -> Vec<Result<Value, Vec<FieldError>>> {
    let mut parsed = Vec::new();
    let mut answers: Vec<Option<Vec<FieldError>>> = Vec::new();
    for request in requests {
        match Request::from_json(request, triage.vocabulary()) {
            Ok(request) => {
                parsed.push(request);
                answers.push(None);
            }
            Err(errors) => answers.push(Some(errors)),
        }
    }
    let mut assessments = triage.assess_many(&parsed).into_iter();
    let mut answer = |errors: Option<Vec<FieldError>>| match errors {
        Some(errors) => Err(errors),
        None => assessments.next().map_or_else(|| Err(lost()), |assessment| written(&assessment)),
    };
    answers.into_iter().map(&mut answer).collect()
}

/// An assessment always has a JSON form: its maps have text keys and its floats were checked to be finite.
fn written(assessment: &crate::Assessment) -> Result<Value, Vec<FieldError>> {
    serde_json::to_value(assessment).map_err(|_| lost())
}

fn lost() -> Vec<FieldError> {
    let text =
        Words::new("内部错误：未能生成评估结果", "internal error: the assessment could not be written");
    vec![FieldError::new("", FieldProblem::Internal, "", text)]
}
