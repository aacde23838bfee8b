//! What a message says, in the words of the hospital; every value with the path that it came from.

use baize_core::Lane;
use serde::{Deserialize, Serialize, Serializer};

use super::scope::{Scope, Sources};
use crate::codec::Issue;

/// A value with where it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// The value. Empty where the sender asks to delete it (HL7's null, `""`).
    pub value: String,
    /// The path, such as `PID-3[2].1`.
    pub path: String,
}

/// A record of values, and the same record of the places where they stand.
macro_rules! mapped {
    ($(#[$doc:meta])* $name:ident from $sources:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<Mapped>,)*
        }

        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $sources {
            $(pub(super) $field: Sources,)*
        }

        impl $sources {
            pub(super) fn read(&self, scope: &Scope<'_>) -> $name {
                $name { $($field: self.$field.find(scope),)* }
            }
        }
    };
}

mapped! {
    /// Who the message is about.
    Patient from PatientSources {
        /// The identifier by which the hospital knows the patient.
        id,
        /// Who assigned it.
        id_authority,
        /// A national identifier.
        national_id,
        /// The family name, or the whole name where the sender doesn't divide it.
        family_name,
        /// The given name.
        given_name,
        /// `male`, `female`, `other` or `unknown`.
        sex,
        /// `YYYY-MM-DD`, or less where less is known.
        birth_date,
    }
}

mapped! {
    /// The visit that the message belongs to.
    Visit from VisitSources {
        /// The visit's number.
        number,
        /// As in table 0004: `E` emergency, `I` inpatient, `O` outpatient.
        class,
        /// Where the patient is.
        location,
        /// Why the patient came.
        reason,
        /// When the patient came, ISO 8601.
        admitted_at,
        /// When what the message tells happened, ISO 8601.
        occurred_at,
        /// In a merge: the identifier that is given up for the patient's.
        prior_patient_id,
        /// In a merge: the visit that is given up.
        prior_number,
    }
}

mapped! {
    /// What is ordered.
    OrderFields from OrderSources {
        /// The placer's number (ORC-2).
        placer_number,
        /// The filler's number (ORC-3).
        filler_number,
        /// Accession Number (0008,0050).
        accession,
        /// Study Instance UID (0020,000D).
        study_uid,
        /// DICOM modality, such as `DX`.
        modality,
        /// The procedure's code.
        procedure_code,
        /// The procedure's name.
        procedure_text,
        /// Why it is ordered.
        reason,
        /// When it is to be done, ISO 8601.
        scheduled_at,
    }
}

/// What happened to an encounter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EncounterKind {
    /// A patient was admitted (A01).
    Admit,
    /// A patient was registered (A04).
    Register,
    /// Something about patient or visit changed (A08).
    Update,
    /// The visit did not take place (A11).
    Cancel,
    /// Two identifiers are one patient (A40).
    Merge,
}

/// From an ADT message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncounterEvent {
    /// What happened.
    pub event: EncounterKind,
    /// To whom.
    pub patient: Patient,
    /// In which visit.
    pub visit: Visit,
}

/// What an order message does with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderAction {
    /// It is placed.
    New,
    /// It is changed.
    Change,
    /// It will not be carried out.
    Cancel,
}

/// How urgent an order is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappedLane {
    /// The lane.
    #[serde(serialize_with = "lane_name")]
    pub value: Lane,
    /// The path of the priority that decided.
    pub path: String,
}

fn lane_name<S: Serializer>(lane: &Lane, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(lane.as_str())
}

/// One order of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// What is to be done with it; `None` where the message doesn't say or the profile doesn't know the code.
    pub action: Option<OrderAction>,
    /// The most urgent of its priorities; `None` where none is given or known, which is no statement of calm.
    pub lane: Option<MappedLane>,
    /// What is ordered.
    #[serde(flatten)]
    pub fields: OrderFields,
}

/// From an ORM or OMI message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// For whom.
    pub patient: Patient,
    /// In which visit.
    pub visit: Visit,
    /// In the order of the message; at least one.
    pub orders: Vec<Order>,
}

/// One vital sign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vital {
    /// Its name in a triage request, such as `heart_rate`; the name fixes the unit.
    pub name: String,
    /// The value in that unit.
    pub value: f64,
    /// The path of the value, such as `OBX[3]-5`.
    pub path: String,
    /// When it was measured, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Mapped>,
}

/// From an ORU message of a bedside monitor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VitalsReading {
    /// Whose.
    pub patient: Patient,
    /// In which visit.
    pub visit: Visit,
    /// In the order of the message; may be empty, where no observation is a vital sign that can be used.
    pub vitals: Vec<Vital>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Something about an encounter.
    Encounter(Box<EncounterEvent>),
    /// Orders.
    Orders(Box<Orders>),
    /// Vital signs.
    Vitals(Box<VitalsReading>),
}

/// A message as a profile reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mapping {
    /// The profile's id and version.
    pub profile: String,
    /// What the message says.
    #[serde(flatten)]
    pub content: Content,
    /// What could not be read. With an issue of severity `Error` the content is not to be acted on.
    pub issues: Vec<Issue>,
}
