//! A message read with a profile.

use super::file::{Profile, Reading};
use super::moment::iso;
use super::scope::{Scope, position};
use super::types::{
    Content, EncounterEvent, EncounterKind, Mapped, Mapping, Orders, Patient, Visit, VitalsReading,
};
use crate::codec::{Code, Issue, Message, Path, Position};

impl Profile {
    /// What a message says.
    ///
    /// # Errors
    /// Code 200 or 201 for a type of message that the profile doesn't read.
    pub fn map(&self, message: &Message) -> Result<Mapping, Issue> {
        let reading = self.reading(message)?;
        let mut issues = Vec::new();
        let scope = Scope::whole(message);
        let patient = self.patient(&scope, &mut issues);
        let visit = self.visit(&scope, &mut issues);
        let encounter = |event| {
            Content::Encounter(Box::new(EncounterEvent {
                event,
                patient: patient.clone(),
                visit: visit.clone(),
            }))
        };
        let content = match reading {
            Reading::Admit => encounter(EncounterKind::Admit),
            Reading::Register => encounter(EncounterKind::Register),
            Reading::Update => encounter(EncounterKind::Update),
            Reading::Cancel => encounter(EncounterKind::Cancel),
            Reading::Merge => {
                if !is_given(visit.prior_patient_id.as_ref()) && !is_given(visit.prior_number.as_ref()) {
                    let at = self.visit.prior_patient_id.position();
                    issues.push(missing(at, "the identifier that is merged is missing"));
                }
                encounter(EncounterKind::Merge)
            }
            Reading::Orders => {
                let orders = self.orders(message, &mut issues);
                Content::Orders(Box::new(Orders { patient, visit, orders }))
            }
            Reading::Vitals => {
                let vitals = self.vitals(message, &mut issues);
                Content::Vitals(Box::new(VitalsReading { patient, visit, vitals }))
            }
        };
        Ok(Mapping { profile: self.name(), content, issues })
    }

    fn reading(&self, message: &Message) -> Result<Reading, Issue> {
        let code = message.code().unwrap_or_default();
        // Before 2.3 the event may stand in EVN alone.
        let event = message.event().or_else(|| message.at("EVN", 1, 1)).unwrap_or_default();
        let (code, event) = (code.to_ascii_uppercase(), event.to_ascii_uppercase());
        let wanted = format!("{code}^{event}");
        let begins = format!("{code}^");
        let rule = self.messages.iter().find(|rule| rule.message_type == wanted).or_else(|| {
            // Old senders write `ORM` and `ORU`: where only one event of the code is read, it can be no other.
            let mut of_code = self.messages.iter().filter(|rule| rule.message_type.starts_with(&begins));
            of_code.next().filter(|_| event.is_empty() && of_code.next().is_none())
        });
        rule.map(|rule| rule.reading).ok_or_else(|| {
            let at = Position::field("MSH", 1, 9);
            if self.messages.iter().any(|rule| rule.message_type.starts_with(&begins)) {
                Issue::error(Code::UnsupportedEvent, at, "the profile does not read this event")
            } else {
                Issue::error(
                    Code::UnsupportedMessageType,
                    at,
                    "the profile does not read this type of message",
                )
            }
        })
    }

    fn patient(&self, scope: &Scope<'_>, issues: &mut Vec<Issue>) -> Patient {
        let mut patient = self.patient.read(scope);
        if !is_given(patient.id.as_ref()) {
            issues.push(missing(self.patient.id.position(), "the patient's identifier is missing"));
        }
        // Each half of them may have been found in another repetition: two people's names make nobody's.
        together(patient.family_name.as_ref(), &mut patient.given_name);
        together(patient.id.as_ref(), &mut patient.id_authority);
        date(&mut patient.birth_date, issues);
        if let Some(birth) = &mut patient.birth_date {
            birth.value.truncate("YYYY-MM-DD".len());
        }
        if let Some(sex) = patient.sex.take() {
            if sex.value.is_empty() {
                patient.sex = Some(sex);
            } else if let Some(word) = self.sexes.get(&sex.value.to_uppercase()) {
                patient.sex = Some(Mapped { value: word.as_str().to_owned(), ..sex });
            } else {
                issues.push(not_in_table(&sex, "the profile does not know this code of sex"));
            }
        }
        patient
    }

    fn visit(&self, scope: &Scope<'_>, issues: &mut Vec<Issue>) -> Visit {
        let mut visit = self.visit.read(scope);
        date(&mut visit.admitted_at, issues);
        date(&mut visit.occurred_at, issues);
        visit
    }
}

/// Takes a value away that stands in another repetition of the field than the one it belongs to.
fn together(first: Option<&Mapped>, second: &mut Option<Mapped>) {
    let place = |mapped: &Mapped| mapped.path.parse::<Path>().ok();
    let Some(first) = first.and_then(place) else { return };
    second.take_if(|second| {
        place(second).is_some_and(|second| {
            (&second.segment, second.field) == (&first.segment, first.field)
                && second.repetition.unwrap_or(1) != first.repetition.unwrap_or(1)
        })
    });
}

/// Whether there is a value, and not the wish to delete it.
pub(super) fn is_given(value: Option<&Mapped>) -> bool {
    value.is_some_and(|mapped| !mapped.value.is_empty())
}

/// A value that is needed is missing.
pub(super) fn missing(at: Position, what: &str) -> Issue {
    Issue::error(Code::RequiredFieldMissing, at, what)
}

/// A code that is passed over.
pub(super) fn not_in_table(value: &Mapped, what: &str) -> Issue {
    Issue::warning(Code::TableValueNotFound, position(&value.path), what)
}

/// Turns a date or time into ISO 8601; one that is none is dropped and reported.
pub(super) fn date(value: &mut Option<Mapped>, issues: &mut Vec<Issue>) {
    let Some(mapped) = value.take_if(|mapped| !mapped.value.is_empty()) else { return };
    match iso(&mapped.value) {
        Some(moment) => *value = Some(Mapped { value: moment, ..mapped }),
        None => {
            issues.push(Issue::warning(Code::DataType, position(&mapped.path), "this is no date or time"))
        }
    }
}
