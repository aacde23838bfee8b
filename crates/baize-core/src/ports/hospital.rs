//! What the hospital's information system says of patients, encounters and orders, and which studies they belong to.

use async_trait::async_trait;

use crate::{Fault, Lane, Sex, StudyUid, Timestamp};

/// A patient as the HIS knows them. Holds patient data: never log it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HisPatient {
    /// The hospital's identifier of the patient.
    pub id: String,
    /// Who gave it out; compared with Issuer of Patient ID (0010,0021).
    pub issuer: Option<String>,
    /// The national identifier, where the HIS sends it.
    pub national_id: Option<String>,
    /// Family name, or the whole name where the HIS does not divide it.
    pub family_name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Administrative sex; `None` where unknown.
    pub sex: Option<Sex>,
    /// Birth date as `YYYYMMDD`.
    pub birth_date: Option<String>,
}

/// Whether an encounter goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncounterState {
    /// The patient is here, or was.
    Open,
    /// It did not take place (ADT^A11).
    Cancelled,
}

/// A patient's stay or visit, as the HIS tells it. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encounter {
    /// The hospital's number of it; unique in the hospital.
    pub number: String,
    /// Whose.
    pub patient: HisPatient,
    /// As in HL7 table 0004: `E` emergency, `I` inpatient, `O` outpatient.
    pub class: Option<String>,
    /// Where the patient is.
    pub location: Option<String>,
    /// Why the patient came.
    pub reason: Option<String>,
    /// When the patient came, ISO 8601 as exact as the HIS says it.
    pub admitted_at: Option<String>,
    /// Whether it goes on.
    pub state: EncounterState,
    /// When we last heard of it.
    pub updated_at: Timestamp,
}

/// Identifies an order in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub i64);

/// An imaging order. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number in the ledger.
    pub id: OrderId,
    /// The number that the HIS gave it (ORC-2).
    pub placer_number: Option<String>,
    /// The number that the RIS gave it (ORC-3).
    pub filler_number: Option<String>,
    /// Accession Number (0008,0050).
    pub accession: Option<String>,
    /// The study that shall be made.
    pub study: Option<StudyUid>,
    /// For whom.
    pub patient: HisPatient,
    /// In which encounter.
    pub encounter: Option<String>,
    /// Modality, upper case.
    pub modality: Option<String>,
    /// Code of the procedure (OBR-4.1).
    pub procedure_code: Option<String>,
    /// The procedure in words (OBR-4.2).
    pub procedure_text: Option<String>,
    /// Why it was ordered.
    pub reason: Option<String>,
    /// When it shall be done, ISO 8601.
    pub scheduled_at: Option<String>,
    /// How urgent it is. Never lowered by a later message.
    pub lane: Lane,
    /// The HIS has taken it back.
    pub cancelled: bool,
    /// When it first came in.
    pub received_at: Timestamp,
    /// When we last heard of it.
    pub updated_at: Timestamp,
}

/// How a study was found to belong to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchedBy {
    /// The order names the Study Instance UID.
    StudyUid,
    /// Same Accession Number, and the patients do not contradict each other.
    Accession,
    /// Same patient and modality, within the time window, and no other order or study would fit as well.
    PatientAndTime,
    /// A person said so.
    Person,
}

impl MatchedBy {
    /// All ways, the surest first.
    pub const ALL: [Self; 4] = [Self::StudyUid, Self::Accession, Self::PatientAndTime, Self::Person];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StudyUid => "study_uid",
            Self::Accession => "accession",
            Self::PatientAndTime => "patient_and_time",
            Self::Person => "person",
        }
    }

    /// The way of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

/// What the HIS says of a study: its orders' part in every message about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudyContext {
    /// The order that it answers, and how that was found.
    pub order: Option<(Order, MatchedBy)>,
    /// The encounter that the order belongs to.
    pub encounter: Option<Encounter>,
}

/// The read side of what the HIS has told.
#[async_trait]
pub trait HospitalRecords: Send + Sync {
    /// The encounter of that number.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn encounter(&self, number: &str) -> Result<Option<Encounter>, Fault>;

    /// What the HIS says of a study; empty where no order was matched.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn context(&self, study: &StudyUid) -> Result<StudyContext, Fault>;

    /// What the HIS says of several studies, in their order.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn contexts(&self, studies: &[StudyUid]) -> Result<Vec<StudyContext>, Fault> {
        let mut contexts = Vec::with_capacity(studies.len());
        for study in studies {
            contexts.push(self.context(study).await?);
        }
        Ok(contexts)
    }

    /// The studies whose orders belong to an encounter, newest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn studies_of_encounter(&self, number: &str) -> Result<Vec<StudyUid>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for way in MatchedBy::ALL {
            assert_eq!(MatchedBy::from_name(way.as_str()), Some(way));
        }
    }
}
