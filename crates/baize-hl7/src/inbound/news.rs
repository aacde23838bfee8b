//! What a profile reads, in the words of the core.

use baize_core::ports::{
    EncounterEvent, EncounterNews, Measurement, News, OrderEvent, OrderNews, PatientNews, Told,
};
use baize_core::{Sex, StudyUid};

use crate::codec::{Code, Issue, Path, Position};
use crate::profile::{Content, EncounterKind, Mapped, Order, OrderAction, Patient, Visit, Vital};

/// What a message tells. The mapping must be without errors.
///
/// # Errors
/// Code 101 for a cancellation without the encounter's number, 102 for an order of which only a Study UID is given that
/// is none.
pub fn news(content: Content) -> Result<News, Issue> {
    Ok(match content {
        Content::Encounter(event) => {
            let (kind, visit, patient) = (event.event, event.visit, patient(event.patient)?);
            match kind {
                EncounterKind::Merge => News::Merge {
                    prior_id: given(visit.prior_patient_id.clone()),
                    prior_encounter: given(visit.prior_number.clone()),
                    patient,
                    encounter: encounter(visit),
                },
                EncounterKind::Cancel if given(visit.number.clone()).is_none() => {
                    let at = Position::field("PV1", 1, 19);
                    let what = "the number of the encounter that is cancelled is missing";
                    return Err(Issue::error(Code::RequiredFieldMissing, at, what));
                }
                kind => News::Encounter { event: turn(kind), patient, encounter: encounter(visit) },
            }
        }
        Content::Orders(orders) => News::Orders {
            patient: patient(orders.patient)?,
            encounter: encounter(orders.visit),
            orders: orders.orders.into_iter().map(order).collect::<Result<_, _>>()?,
        },
        Content::Vitals(reading) => {
            let whose = patient(reading.patient)?;
            News::Vitals {
                patient_id: whose.id,
                issuer: whose.issuer,
                encounter: given(reading.visit.number),
                measurements: reading.vitals.into_iter().map(measurement).collect(),
            }
        }
    })
}

fn turn(kind: EncounterKind) -> EncounterEvent {
    match kind {
        EncounterKind::Admit | EncounterKind::Register => EncounterEvent::Opened,
        EncounterKind::Update | EncounterKind::Merge => EncounterEvent::Changed,
        EncounterKind::Cancel => EncounterEvent::Cancelled,
    }
}

fn patient(read: Patient) -> Result<PatientNews, Issue> {
    let Some(id) = given(read.id) else {
        let at = Position::field("PID", 1, 3);
        return Err(Issue::error(Code::RequiredFieldMissing, at, "the patient's identifier is missing"));
    };
    Ok(PatientNews {
        id,
        issuer: given(read.id_authority),
        national_id: told(read.national_id),
        family_name: told(read.family_name),
        given_name: told(read.given_name),
        sex: read_as(read.sex, |word| match word {
            "male" => Some(Sex::Male),
            "female" => Some(Sex::Female),
            "other" => Some(Sex::Other),
            // That nobody knows it says nothing about what was known.
            _ => None,
        }),
        birth_date: read_as(read.birth_date, |iso| {
            let digits: String = iso.chars().filter(char::is_ascii_digit).collect();
            (digits.len() == "YYYYMMDD".len()).then_some(digits)
        }),
    })
}

fn encounter(visit: Visit) -> EncounterNews {
    EncounterNews {
        number: given(visit.number),
        class: told(visit.class),
        location: told(visit.location),
        reason: told(visit.reason),
        admitted_at: told(visit.admitted_at),
        occurred_at: given(visit.occurred_at),
    }
}

fn order(order: Order) -> Result<OrderNews, Issue> {
    let Order { action, lane, fields } = order;
    let uid = fields.study_uid.clone();
    let study = read_as(fields.study_uid, |uid| StudyUid::parse(uid).ok());
    let news = OrderNews {
        event: match action {
            Some(OrderAction::Cancel) => OrderEvent::Cancelled,
            Some(OrderAction::New | OrderAction::Change) | None => OrderEvent::Placed,
        },
        placer_number: told(fields.placer_number),
        filler_number: told(fields.filler_number),
        accession: told(fields.accession),
        study,
        modality: read_as(fields.modality, |modality| Some(modality.to_uppercase())),
        procedure_code: told(fields.procedure_code),
        procedure_text: told(fields.procedure_text),
        reason: told(fields.reason),
        scheduled_at: told(fields.scheduled_at),
        lane: lane.map(|lane| lane.value),
    };
    let numbers = [&news.placer_number, &news.filler_number, &news.accession];
    if news.study.value().is_none() && numbers.into_iter().all(|number| number.value().is_none()) {
        let path = uid.and_then(|uid| uid.path.parse::<Path>().ok());
        let at = path.map_or_else(Position::message, |path| {
            Position::field(&path.segment, path.occurrence, path.field)
        });
        return Err(Issue::error(
            Code::DataType,
            at,
            "this is no UID, and nothing else identifies the order",
        ));
    }
    Ok(news)
}

fn measurement(vital: Vital) -> Measurement {
    Measurement { name: vital.name, value: vital.value, measured_at: given(vital.measured_at) }
}

fn given(mapped: Option<Mapped>) -> Option<String> {
    mapped.map(|mapped| mapped.value).filter(|value| !value.is_empty())
}

fn told(mapped: Option<Mapped>) -> Told<String> {
    read_as(mapped, |text| Some(text.to_owned()))
}

/// A value that cannot be read says nothing.
fn read_as<T>(mapped: Option<Mapped>, read: impl FnOnce(&str) -> Option<T>) -> Told<T> {
    match mapped {
        None => Told::Nothing,
        Some(mapped) if mapped.value.is_empty() => Told::Deleted,
        Some(mapped) => read(&mapped.value).map_or(Told::Nothing, Told::Value),
    }
}
