//! What a caller says about a patient: typed, in range, complete in the sense that nothing was dropped.

mod choices;
mod decision;
mod error;
mod list;
mod nearest;
mod nurse;
mod pairs;
mod parse;
mod quantity;
mod vitals;

pub use choices::{ArrivalMode, Avpu, Sex};
pub use decision::NurseDecision;
pub use error::{FieldError, FieldProblem};
pub use parse::Vocabulary;
pub(crate) use quantity::unit_key;
pub use vitals::{Vital, Vitals};

use serde::{Deserialize, Serialize};

use crate::level::Acuity;

/// One patient at the desk. Holds patient data: never log it.
///
/// The serialised form is for keeping: it is read back without judging, whatever the rules have become. What callers
/// send is read by [`Request::from_json`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The hospital's identifier of the visit, echoed.
    pub encounter: Option<String>,
    /// Age in completed months, from `age_years`, `age_months` or both; fractions are kept.
    pub age_months: Option<f64>,
    /// Sex.
    pub sex: Option<Sex>,
    /// How the patient came.
    pub arrival_mode: Option<ArrivalMode>,
    /// The complaint in the nurse's words.
    pub chief_complaint: Option<String>,
    /// `cc_*` codes that the caller already knows, without repetition.
    pub complaint_codes: Vec<String>,
    /// Vital signs.
    pub vitals: Vitals,
    /// `pmh_*` names; `None` is "not asked", an empty list is "nothing known".
    pub history: Option<Vec<String>>,
    /// Earlier visits to an emergency department.
    pub prior_ed_visits: Option<f64>,
    /// Earlier admissions.
    pub prior_admissions: Option<f64>,
    /// Whether the patient is pregnant.
    pub pregnant: Option<bool>,
    /// What the nurse thinks; 1-4 are also the Chinese levels (4 is Ⅳa, 5 is Ⅳb).
    pub nurse_level: Option<Acuity>,
}

impl Request {
    /// Age in years with fraction.
    pub fn age_years(&self) -> Option<f64> {
        self.age_months.map(|months| months / 12.0)
    }

    /// The same patient with newer vital signs: what was measured again replaces the older value, what was not
    /// is kept.
    #[must_use]
    pub fn with_newer_vitals(&self, newer: &Vitals) -> Self {
        Self { vitals: self.vitals.updated_by(newer), ..self.clone() }
    }
}
