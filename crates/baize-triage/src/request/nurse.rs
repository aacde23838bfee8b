//! The nurse's own level.

use serde_json::{Map, Value};

use super::error::FieldProblem;
use super::parse::{Parser, QUANTITY_BYTES};
use super::quantity::normalised;
use crate::level::{Acuity, Words};

impl Parser<'_> {
    /// 1 to 5, or the names of the four Chinese levels.
    pub(super) fn nurse_level(&mut self, fields: &Map<String, Value>, name: &str) -> Option<Acuity> {
        let value = fields.get(name)?;
        let word = match value {
            Value::Null => return None,
            Value::Number(written) => written.to_string(),
            Value::String(word) if word.len() <= QUANTITY_BYTES => normalised(word).to_lowercase(),
            _ => String::from("?"),
        };
        let level = match word.trim_end_matches('级') {
            "" => return None,
            "1" | "1.0" | "i" | "ⅰ" | "急危" => 1,
            "2" | "2.0" | "ii" | "ⅱ" | "急重" => 2,
            "3" | "3.0" | "iii" | "ⅲ" | "急症" => 3,
            "4" | "4.0" | "iv" | "ⅳ" | "iva" | "ⅳa" | "非急症" => 4,
            "5" | "5.0" | "ivb" | "ⅳb" => 5,
            _ => 0,
        };
        let acuity = Acuity::new(level);
        if acuity.is_none() {
            let text = Words::new(
                "应为 1 至 5（1–4 即四级分诊的级别，4 为Ⅳa，5 为Ⅳb），或急危、急重、急症、非急症",
                "must be 1 to 5 (1 to 4 are the four Chinese levels; 4 is IVa and 5 is IVb)",
            );
            self.fail(name, FieldProblem::UnknownWord, value, text);
        }
        acuity
    }
}
