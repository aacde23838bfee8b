//! A level that a nurse or physician decides on after an assessment.

use serde_json::{Map, Value};

use super::error::{FieldError, FieldProblem};
use super::parse::{Parser, Vocabulary};
use crate::level::{Acuity, Words};

const FIELDS: [&str; 3] = ["level", "acuity", "reason"];
const REASON_LETTERS: usize = 1_000;

/// What a nurse or physician decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NurseDecision {
    /// The level, on the scale of [`super::Request::nurse_level`].
    pub acuity: Acuity,
    /// Why.
    pub reason: Option<String>,
}

impl NurseDecision {
    /// Reads `{"level": …, "reason": …}`; `acuity` may stand for `level`. Both take what `nurse_level` takes.
    ///
    /// # Errors
    /// Every problem of every field.
    pub fn from_json(value: &Value, vocabulary: Vocabulary<'_>) -> Result<Self, Vec<FieldError>> {
        let mut parser = Parser { vocabulary, errors: Vec::new() };
        let decision = parser.decision(value);
        let Some(decision) = parser.finish(decision)? else {
            let text = Words::new(
                "缺少级别：请填写 level（1–4 级，Ⅳb 填 5）或 acuity（1–5）",
                "the level is missing: give level (1 to 4; 5 is IVb) or acuity (1 to 5)",
            );
            return Err(vec![FieldError::new("level", FieldProblem::Missing, "", text)]);
        };
        Ok(decision)
    }
}

impl Parser<'_> {
    /// `None` where the level is absent or refused.
    fn decision(&mut self, value: &Value) -> Option<NurseDecision> {
        let fields = self.object("", value)?;
        self.refuse_unknown("", fields, &FIELDS);
        let acuity = self.one_level(fields);
        let reason = self.text(fields, "reason", REASON_LETTERS);
        Some(NurseDecision { acuity: acuity?, reason })
    }

    fn one_level(&mut self, fields: &Map<String, Value>) -> Option<Acuity> {
        let level = self.nurse_level(fields, "level");
        let acuity = self.nurse_level(fields, "acuity");
        if let (Some(one), Some(other)) = (level, acuity)
            && one != other
        {
            let text = Words::new(
                format!("与 level 的 {} 不一致，请只填一项", one.get()),
                format!("does not fit level {}; give only one of them", one.get()),
            );
            let sent = fields.get("acuity").unwrap_or(&Value::Null);
            self.fail("acuity", FieldProblem::Contradiction, sent, text);
        }
        level.or(acuity)
    }
}
