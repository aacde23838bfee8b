//! What a request says about complaints: the codes that were sent, and what the reader found in the text.

use std::collections::BTreeSet;

use crate::assessment::{Complaint, RedFlag, TextSpan};
use crate::features::FeatureSchema;
use crate::level::Words;
use crate::request::Request;
use crate::rules::{ChineseLevels, FiredRule};

pub struct ComplaintReader;

/// The complaints of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Understood {
    /// Codes that hold, each once, in the order of the feature schema.
    pub(crate) codes: Vec<String>,
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) red_flags: Vec<RedFlag>,
    /// Ids of the red flags that hold.
    pub(crate) active_red_flags: Vec<String>,
    pub(crate) unknown: Vec<TextSpan>,
}

impl Understood {
    pub(crate) fn new(_reader: &ComplaintReader, schema: &FeatureSchema, request: &Request) -> Self {
        let holds: BTreeSet<&str> = request.complaint_codes.iter().map(String::as_str).collect();
        let codes =
            schema.complaints().iter().filter(|code| holds.contains(code.as_str())).cloned().collect();
        let complaints = request
            .complaint_codes
            .iter()
            .map(|code| Complaint {
                code: code.clone(),
                name: Words::new(code.clone(), code.clone()),
                span: None,
                negated: false,
            })
            .collect();
        Self { codes, complaints, ..Self::default() }
    }

    pub(crate) fn red_flag_ids(_reader: &ComplaintReader) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Red flags that no criterion of the rules speaks of keep the level that the lexicon gives them.
    pub(crate) fn unmapped_red_flags(&self, _chinese: &ChineseLevels) -> Vec<FiredRule> {
        Vec::new()
    }
}
