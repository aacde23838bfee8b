//! Fields that are lists of names from the data's vocabulary.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::error::FieldProblem;
use super::parse::Parser;
use crate::level::Words;

/// Longer than either vocabulary.
const MOST_NAMES: usize = 300;

impl Parser<'_> {
    pub(super) fn complaint_codes(&mut self, fields: &Map<String, Value>) -> Option<Vec<String>> {
        let schema = self.vocabulary.schema;
        let words = Words::new(
            "不是已知的主诉代码（cc_*）；未知内容请写入 chief_complaint",
            "is no known complaint code (cc_*); write what has no code into chief_complaint",
        );
        self.names(fields, "complaint_codes", |name| schema.knows_complaint(name), &words)
    }

    pub(super) fn history(&mut self, fields: &Map<String, Value>) -> Option<Vec<String>> {
        let schema = self.vocabulary.schema;
        let words = Words::new("不是已知的病史名称（pmh_*）", "is no known history name (pmh_*)");
        self.names(fields, "history", |name| schema.knows_history(name), &words)
    }

    fn names(
        &mut self,
        fields: &Map<String, Value>,
        field: &str,
        known: impl Fn(&str) -> bool,
        refusal: &Words,
    ) -> Option<Vec<String>> {
        let value = fields.get(field)?;
        let list = match value {
            Value::Null => return None,
            Value::Array(list) => list,
            _ => {
                let text = Words::new("应为名称列表", "must be a list of names");
                self.fail(field, FieldProblem::WrongType, value, text);
                return None;
            }
        };
        if list.len() > MOST_NAMES {
            let text = Words::new(
                format!("过长，最多 {MOST_NAMES} 项"),
                format!("too long: at most {MOST_NAMES} names"),
            );
            self.fail(field, FieldProblem::TooLong, value, text);
            return None;
        }
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let path = format!("{field}[{index}]");
            match item.as_str() {
                None => {
                    let text = Words::new("应为文本", "must be a text");
                    self.fail(&path, FieldProblem::WrongType, item, text);
                }
                Some(name) if !known(name) => {
                    self.fail(&path, FieldProblem::UnknownWord, item, refusal.clone());
                }
                Some(name) => {
                    if seen.insert(name) {
                        names.push(name.to_owned());
                    }
                }
            }
        }
        Some(names)
    }
}
