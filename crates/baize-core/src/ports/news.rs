//! What the hospital's information system tells, as it comes in: one message at a time, each durable before the sender
//! hears that it was accepted.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Fault, Lane, Sex, StudyUid, Timestamp};

/// What makes two messages the same: sender, control ID and every byte. The control ID alone doesn't: some senders
/// count from 1 again every day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey {
    /// Who sent it, as it was written.
    pub sender: String,
    /// The sender's number of it (MSH-10).
    pub control_id: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
}

/// What a message says of one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told<T> {
    /// Nothing: what is known stays.
    #[default]
    Nothing,
    /// That there is none any more (HL7's null, `""`).
    Deleted,
    /// The value.
    Value(T),
}

impl<T> Told<T> {
    /// The value, where one is given.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Deleted => None,
        }
    }
}

/// What a message says of a patient. Holds patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientNews {
    /// The hospital's identifier; never empty.
    pub id: String,
    /// Who gave it out.
    pub issuer: Option<String>,
    /// The national identifier.
    pub national_id: Told<String>,
    /// Family name, or the whole name.
    pub family_name: Told<String>,
    /// Given name.
    pub given_name: Told<String>,
    /// Administrative sex.
    pub sex: Told<Sex>,
    /// Birth date as `YYYYMMDD`.
    pub birth_date: Told<String>,
}

/// What a message says of an encounter. Holds patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncounterNews {
    /// The encounter's number; without it the message is about the patient alone.
    pub number: Option<String>,
    /// As in HL7 table 0004.
    pub class: Told<String>,
    /// Where the patient is.
    pub location: Told<String>,
    /// Why the patient came.
    pub reason: Told<String>,
    /// When the patient came, ISO 8601.
    pub admitted_at: Told<String>,
    /// When what the message tells happened, ISO 8601. A message that tells of something earlier than what is known
    /// only fills gaps.
    pub occurred_at: Option<String>,
}

/// What happened to an encounter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncounterEvent {
    /// It began (A01, A04). Opens it again where it was cancelled before.
    Opened,
    /// Something about it changed (A08). Makes it where it is not known yet.
    Changed,
    /// It did not take place (A11).
    Cancelled,
}

/// What is to be done with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// It is placed or changed; which of the two does not matter where messages overtake each other.
    Placed,
    /// It will not be carried out.
    Cancelled,
}

/// What a message says of an order. At least one of its numbers, the accession number or the study is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderNews {
    /// What is to be done with it.
    pub event: OrderEvent,
    /// ORC-2.
    pub placer_number: Told<String>,
    /// ORC-3.
    pub filler_number: Told<String>,
    /// Accession Number (0008,0050).
    pub accession: Told<String>,
    /// The study that shall be made.
    pub study: Told<StudyUid>,
    /// Modality, upper case.
    pub modality: Told<String>,
    /// Code of the procedure.
    pub procedure_code: Told<String>,
    /// The procedure in words.
    pub procedure_text: Told<String>,
    /// Why it was ordered.
    pub reason: Told<String>,
    /// When it shall be done, ISO 8601.
    pub scheduled_at: Told<String>,
    /// How urgent it is; `None` where the message does not say, which is no statement of calm.
    pub lane: Option<Lane>,
}

/// A vital sign that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Its name in a triage request, such as `heart_rate`; the name fixes the unit.
    pub name: String,
    /// The value in that unit.
    pub value: f64,
    /// When it was measured, ISO 8601 as exact as the sender says it.
    pub measured_at: Option<String>,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A patient and, mostly, an encounter.
    Encounter {
        /// What happened.
        event: EncounterEvent,
        /// To whom.
        patient: PatientNews,
        /// In which encounter.
        encounter: EncounterNews,
    },
    /// Two identifiers are one patient (A40).
    Merge {
        /// The patient with the identifier that stays.
        patient: PatientNews,
        /// The encounter that stays, where encounters are merged.
        encounter: EncounterNews,
        /// The identifier that is given up.
        prior_id: Option<String>,
        /// The encounter that is given up.
        prior_encounter: Option<String>,
    },
    /// Orders of one patient.
    Orders {
        /// For whom.
        patient: PatientNews,
        /// In which encounter.
        encounter: EncounterNews,
        /// In the order of the message.
        orders: Vec<OrderNews>,
    },
    /// Vital signs, from a monitor. Nothing else about the patient is taken from it.
    Vitals {
        /// The hospital's identifier of the patient.
        patient_id: String,
        /// Who gave it out.
        issuer: Option<String>,
        /// The encounter's number.
        encounter: Option<String>,
        /// What was measured; may be empty.
        measurements: Vec<Measurement>,
    },
}

/// A message of another system. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct HospitalMessage {
    /// By what it is known when it comes again.
    pub key: MessageKey,
    /// Its type, such as `ADT^A01`.
    pub kind: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// As it came.
    pub raw: Bytes,
    /// What it says.
    pub news: News,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept, with everything that follows from it.
    New,
    /// It was kept before; nothing changed.
    Duplicate,
}

/// Takes messages of the HIS.
#[async_trait]
pub trait Hospital: Send + Sync {
    /// Keeps a message and what it says in one durable transaction, together with what must follow from it elsewhere.
    ///
    /// # Errors
    /// `StorageFailed`; then nothing is kept, and the sender must hear so.
    async fn take(&self, message: HospitalMessage) -> Result<Taken, Fault>;
}
