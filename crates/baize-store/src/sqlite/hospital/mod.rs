//! What the hospital's information system tells.

mod context;
mod encounters;
mod listing;
mod messages;
pub(super) mod orders;
pub(super) mod patients;
mod ports;
mod vitals;
mod work;

use baize_core::ports::{EncounterEvent, HospitalMessage, News, Taken, Told};
use rusqlite::Connection;

use super::matching;
use super::trouble::Trouble;
use encounters::find as encounter;
use messages::forget;

/// Keeps a message and what it says.
fn take(db: &Connection, message: &HospitalMessage) -> Result<Taken, Trouble> {
    if !messages::keep(db, message)? {
        return Ok(Taken::Duplicate);
    }
    let at = message.received_at;
    match &message.news {
        News::Encounter { event, patient, encounter } => {
            let stale = encounters::is_stale(db, encounter)?;
            let patient = patients::enter(db, patient, stale)?;
            encounters::enter(db, patient.id, encounter, *event, at)?;
            if patient.changed {
                matching::patient_changed(db, patient.id, at)?;
            }
        }
        News::Merge { patient, encounter, prior_id, prior_encounter } => {
            let surviving = patients::enter(db, patient, false)?;
            let mut kept = surviving.id;
            if let Some(prior) = prior_id {
                kept = patients::merge(db, prior, patient, at, &message.key.sender)?;
            }
            let number = encounters::enter(db, kept, encounter, EncounterEvent::Changed, at)?;
            if let (Some(prior), Some(number)) = (prior_encounter, number) {
                encounters::merge(db, prior, &number, kept, at, &message.key.sender)?;
            }
            matching::patient_changed(db, kept, at)?;
        }
        News::Orders { patient, encounter, orders } => {
            let patient = patients::enter(db, patient, false)?;
            let number = encounters::enter(db, patient.id, encounter, EncounterEvent::Changed, at)?;
            for order in orders {
                for id in orders::enter(db, patient.id, number.as_deref(), order, at)? {
                    matching::order_came(db, id, at)?;
                }
            }
            if patient.changed {
                matching::patient_changed(db, patient.id, at)?;
            }
        }
        News::Vitals { patient_id, issuer, encounter, measurements } => {
            if !measurements.is_empty() {
                let whose = (patient_id.as_str(), issuer.as_deref());
                vitals::enter(db, whose, encounter.as_deref(), measurements, at)?;
            }
        }
    }
    Ok(Taken::New)
}

/// Takes over what a message says of a value; what is stale only fills a gap. Whether anything changed.
fn take_over<T: Clone + PartialEq>(known: &mut Option<T>, told: &Told<T>, stale: bool) -> bool {
    let new = match told {
        Told::Nothing => return false,
        _ if stale && known.is_some() => return false,
        Told::Deleted if stale => return false,
        Told::Deleted => None,
        Told::Value(value) => Some(value.clone()),
    };
    let changed = *known != new;
    *known = new;
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_and_null_deletes_and_what_is_stale_fills_gaps() {
        let value = |text: &str| Told::Value(text.to_owned());
        for (known, told, stale, expected) in [
            (Some("a"), Told::Nothing, false, Some("a")),
            (Some("a"), Told::Deleted, false, None),
            (Some("a"), value("b"), false, Some("b")),
            (None, value("b"), false, Some("b")),
            (Some("a"), value("b"), true, Some("a")),
            (Some("a"), Told::Deleted, true, Some("a")),
            (None, value("b"), true, Some("b")),
        ] {
            let mut now = known.map(str::to_owned);
            let changed = take_over(&mut now, &told, stale);
            assert_eq!(
                (now.as_deref(), changed),
                (expected, known != expected),
                "{known:?} {told:?} {stale}"
            );
        }
    }
}
