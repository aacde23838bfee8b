//! Readings of monitors that wait for the triage desk.

use baize_core::Timestamp;
use baize_core::ports::{DueVitals, Measurement, ReadingId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::convert::{micros, time};
use super::super::trouble::Trouble;
use super::patients;

pub(super) fn enter(
    db: &Connection,
    (patient, issuer): (&str, Option<&str>),
    encounter: Option<&str>,
    measurements: &[Measurement],
    at: Timestamp,
) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO vitals_reading (patient_id, issuer, encounter, received_at, due_at) VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute(params![patient, issuer, encounter, micros(at)])?;
    let reading = db.last_insert_rowid();
    let mut insert = db.prepare_cached(
        "INSERT INTO vitals_measurement (reading_id, ordinal, name, value, measured_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (ordinal, measurement) in (0_i64..).zip(measurements) {
        let Measurement { name, value, measured_at } = measurement;
        insert.execute(params![reading, ordinal, name, value, measured_at])?;
    }
    Ok(())
}

pub(in super::super) fn due(db: &Connection, now: Timestamp) -> Result<Option<DueVitals>, Trouble> {
    let row = db
        .prepare_cached(
            "SELECT id, patient_id, issuer, encounter, received_at, attempts FROM vitals_reading
              WHERE state = 'due' AND due_at <= ?1 ORDER BY due_at, id LIMIT 1",
        )?
        .query_and_then([micros(now)], |row| -> Result<_, Trouble> {
            let (patient, issuer): (String, Option<String>) = (row.get("patient_id")?, row.get("issuer")?);
            let (patient_id, known) = patients::kept_identifier(db, &patient, issuer.as_deref())?;
            let encounter: Option<String> = row.get("encounter")?;
            let encounter = match (encounter, known) {
                (None, Some(known)) => only_open(db, known)?,
                (given, _) => given,
            };
            Ok(DueVitals {
                id: ReadingId(row.get("id")?),
                patient_id,
                encounter,
                measurements: Vec::new(),
                received_at: time(row, "received_at")?,
                attempts: row.get("attempts")?,
            })
        })?
        .next()
        .transpose()?;
    let Some(mut reading) = row else { return Ok(None) };
    reading.measurements = db
        .prepare_cached(
            "SELECT name, value, measured_at FROM vitals_measurement WHERE reading_id = ?1 ORDER BY ordinal",
        )?
        .query_map([reading.id.0], |row| {
            Ok(Measurement { name: row.get(0)?, value: row.get(1)?, measured_at: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Some(reading))
}

/// The patient's open encounter, if there is just one: which of several is meant nobody knows.
fn only_open(db: &Connection, patient: i64) -> Result<Option<String>, Trouble> {
    let only = db
        .prepare_cached(
            "SELECT MIN(number) FROM encounter
              WHERE patient_id = ?1 AND state = 'open' AND merged_into IS NULL HAVING COUNT(*) = 1",
        )?
        .query_row([patient], |row| row.get(0))
        .optional()?;
    Ok(only)
}

pub(in super::super) fn settle(
    db: &Connection,
    reading: ReadingId,
    again: Option<Timestamp>,
    outcome: &str,
) -> Result<(), Trouble> {
    let state = if again.is_some() { "due" } else { "settled" };
    db.prepare_cached(
        "UPDATE vitals_reading
            SET state = ?2, attempts = attempts + 1, due_at = COALESCE(?3, due_at), outcome = ?4
          WHERE id = ?1",
    )?
    .execute(params![reading.0, state, again.map(micros), outcome])?;
    Ok(())
}
