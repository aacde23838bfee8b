//! A labelled visit: the request that a hospital would have sent, and what became of the patient.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use baize_triage::request::Vocabulary;
use baize_triage::{Acuity, FieldProblem, Request};
use serde_json::{Map, Value};

/// One visit. The request has no truth in it: neither a nurse's level nor anything known only later.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Visit {
    /// What was known at the desk.
    pub(crate) request: Request,
    /// The acuity that counts as true: of Yale's visits the triage nurse's ESI, of the KTAS visits the experts' KTAS.
    pub(crate) acuity: Acuity,
    /// The nurse's level where `acuity` is somebody else's.
    pub(crate) nurse: Option<Acuity>,
    /// Whether the patient needed a hospital after the emergency department.
    pub(crate) admitted: bool,
    /// Visits of one block are resampled together, since one patient's visits are in one block.
    pub(crate) block: String,
    /// Groups for the audit of fairness, by column; never an input.
    pub(crate) audit: BTreeMap<String, String>,
}

/// The visits of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cohort {
    /// In the order of the file.
    pub(crate) visits: Vec<Visit>,
    /// How many values were taken as not measured since no patient has them, by field.
    pub(crate) implausible: BTreeMap<String, usize>,
    /// Lines that were left out: without a complaint, a vital sign and an age the desk takes no request.
    pub(crate) empty: usize,
}

/// The fields of a request as JSON, as they are sent to the desk.
#[derive(Debug, Default)]
pub(super) struct Fields {
    top: Map<String, Value>,
    vitals: Map<String, Value>,
}

impl Fields {
    /// Sets a field of the request.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.top.insert(name.to_owned(), value.into());
    }

    /// Sets a vital sign.
    pub(super) fn set_vital(&mut self, name: &str, value: impl Into<Value>) {
        self.vitals.insert(name.to_owned(), value.into());
    }

    fn json(&self) -> Value {
        let mut request = self.top.clone();
        request.insert("vitals".to_owned(), Value::Object(self.vitals.clone()));
        Value::Object(request)
    }

    /// Forgets a field by its path; whether it was there.
    fn remove(&mut self, path: &str) -> bool {
        match path.strip_prefix("vitals.") {
            Some(name) => self.vitals.remove(name).is_some(),
            None => self.top.remove(path).is_some(),
        }
    }
}

impl Cohort {
    /// The request through the desk's own door, so that a visit is read as a hospital's would be. A value that no
    /// patient has is taken as not measured and counted; a request with nothing to assess is counted and `None`.
    ///
    /// # Errors
    /// Anything else that the desk refuses: the file is not what it should be.
    pub(super) fn request(
        &mut self,
        mut fields: Fields,
        vocabulary: Vocabulary<'_>,
    ) -> Result<Option<Request>> {
        loop {
            let errors = match Request::from_json(&fields.json(), vocabulary) {
                Ok(request) => return Ok(Some(request)),
                Err(errors) => errors,
            };
            for error in errors {
                match error.problem {
                    FieldProblem::Missing => {
                        self.empty += 1;
                        return Ok(None);
                    }
                    FieldProblem::OutOfRange | FieldProblem::Contradiction if fields.remove(&error.field) => {
                        *self.implausible.entry(error.field).or_default() += 1;
                    }
                    _ => bail!("{error}"),
                }
            }
        }
    }

    /// Tells the operator what was not taken as it stands.
    pub(super) fn report(&self, file: &str) {
        for (field, count) in &self.implausible {
            tracing::warn!(file, field, count, "implausible values were taken as not measured");
        }
        if self.empty > 0 {
            tracing::warn!(
                file,
                count = self.empty,
                "visits without complaint, vital signs and age were left out"
            );
        }
    }
}
