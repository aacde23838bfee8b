//! Encounters, whatever the order in which messages about them come in.

use baize_core::Timestamp;
use baize_core::ports::{Encounter, EncounterEvent, EncounterNews, EncounterState};
use rusqlite::{Connection, Row, named_params, params};

use super::super::convert::{micros, time};
use super::super::trouble::Trouble;
use super::{patients, take_over};

/// As it is kept.
struct Kept {
    class: Option<String>,
    location: Option<String>,
    reason: Option<String>,
    admitted_at: Option<String>,
    state: EncounterState,
    occurred_at: Option<String>,
    turned_at: Option<String>,
}

/// Whether a message tells of something that happened before what is known.
pub(super) fn is_stale(db: &Connection, news: &EncounterNews) -> Result<bool, Trouble> {
    let Some(number) = &news.number else { return Ok(false) };
    let number = kept_number(db, number)?;
    let known = kept(db, &number)?;
    Ok(known.is_some_and(|known| is_before(news.occurred_at.as_deref(), known.occurred_at.as_deref())))
}

/// Takes over what a message says of an encounter. Returns the number that it has now; `None` where none was given.
pub(super) fn enter(
    db: &Connection,
    patient: i64,
    news: &EncounterNews,
    event: EncounterEvent,
    at: Timestamp,
) -> Result<Option<String>, Trouble> {
    let Some(number) = &news.number else { return Ok(None) };
    let number = kept_number(db, number)?;
    let known = kept(db, &number)?;
    let happened = news.occurred_at.as_deref();
    let stale = known.as_ref().is_some_and(|known| is_before(happened, known.occurred_at.as_deref()));
    let mut row = known.unwrap_or(Kept {
        class: None,
        location: None,
        reason: None,
        admitted_at: None,
        state: EncounterState::Open,
        occurred_at: None,
        turned_at: None,
    });
    take_over(&mut row.class, &news.class, stale);
    take_over(&mut row.location, &news.location, stale);
    take_over(&mut row.reason, &news.reason, stale);
    take_over(&mut row.admitted_at, &news.admitted_at, stale);
    // A cancellation that overtakes the admission that it cancels stays one.
    let turns = event != EncounterEvent::Changed && !is_before(happened, row.turned_at.as_deref());
    if turns {
        row.state = match event {
            EncounterEvent::Cancelled => EncounterState::Cancelled,
            _ => EncounterState::Open,
        };
        row.turned_at = news.occurred_at.clone().or(row.turned_at);
    }
    if !stale {
        row.occurred_at = news.occurred_at.clone().or(row.occurred_at);
    }
    db.prepare_cached(
        "INSERT INTO encounter (number, patient_id, class, location, reason, admitted_at, state, occurred_at, turned_at,
                                updated_at)
         VALUES (:number, :patient, :class, :location, :reason, :admitted_at, :state, :occurred_at, :turned_at, :at)
         ON CONFLICT DO UPDATE SET
             patient_id = CASE WHEN :stale THEN patient_id ELSE excluded.patient_id END,
             class = excluded.class, location = excluded.location, reason = excluded.reason,
             admitted_at = excluded.admitted_at, state = excluded.state, occurred_at = excluded.occurred_at,
             turned_at = excluded.turned_at, updated_at = MAX(updated_at, excluded.updated_at)",
    )?
    .execute(named_params! {
        ":number": number,
        ":patient": patient,
        ":class": row.class,
        ":location": row.location,
        ":reason": row.reason,
        ":admitted_at": row.admitted_at,
        ":state": state_text(row.state),
        ":occurred_at": row.occurred_at,
        ":turned_at": row.turned_at,
        ":at": micros(at),
        ":stale": stale,
    })?;
    Ok(Some(number))
}

/// Two encounters are one: orders go to the one that stays, and whoever names the other later means it.
pub(super) fn merge(
    db: &Connection,
    prior: &str,
    surviving: &str,
    patient: i64,
    at: Timestamp,
    sender: &str,
) -> Result<(), Trouble> {
    let given_up = kept_number(db, prior)?;
    if given_up == surviving {
        return Ok(());
    }
    let unknown = EncounterNews { number: Some(given_up.clone()), ..EncounterNews::default() };
    enter(db, patient, &unknown, EncounterEvent::Changed, at)?;
    db.prepare_cached("UPDATE encounter SET merged_into = ?2 WHERE number = ?1 OR merged_into = ?1")?
        .execute([given_up.as_str(), surviving])?;
    db.prepare_cached("UPDATE his_order SET encounter = ?2 WHERE encounter = ?1")?
        .execute([given_up.as_str(), surviving])?;
    db.prepare_cached(
        "INSERT INTO his_merge (kind, prior, surviving, at, sender) VALUES ('encounter', ?1, ?2, ?3, ?4)",
    )?
    .execute(params![prior, surviving, micros(at), sender])?;
    Ok(())
}

/// The encounter of a number, also of one that was given up.
pub(in super::super) fn find(db: &Connection, number: &str) -> Result<Option<Encounter>, Trouble> {
    let number = kept_number(db, number)?;
    db.prepare_cached("SELECT * FROM encounter WHERE number = ?1")?
        .query_and_then([number], |row| encounter(db, row))?
        .next()
        .transpose()
}

fn encounter(db: &Connection, row: &Row<'_>) -> Result<Encounter, Trouble> {
    Ok(Encounter {
        number: row.get("number")?,
        patient: patients::read(db, row.get("patient_id")?)?,
        class: row.get("class")?,
        location: row.get("location")?,
        reason: row.get("reason")?,
        admitted_at: row.get("admitted_at")?,
        state: state(row)?,
        updated_at: time(row, "updated_at")?,
    })
}

fn kept_number(db: &Connection, number: &str) -> Result<String, Trouble> {
    let kept = db
        .prepare_cached("SELECT merged_into FROM encounter WHERE number = ?1 AND merged_into IS NOT NULL")?
        .query_map([number], |row| row.get(0))?
        .next()
        .transpose()?;
    Ok(kept.unwrap_or_else(|| number.to_owned()))
}

fn kept(db: &Connection, number: &str) -> Result<Option<Kept>, Trouble> {
    db.prepare_cached("SELECT * FROM encounter WHERE number = ?1")?
        .query_and_then([number], |row| {
            Ok(Kept {
                class: row.get("class")?,
                location: row.get("location")?,
                reason: row.get("reason")?,
                admitted_at: row.get("admitted_at")?,
                state: state(row)?,
                occurred_at: row.get("occurred_at")?,
                turned_at: row.get("turned_at")?,
            })
        })?
        .next()
        .transpose()
}

fn state(row: &Row<'_>) -> Result<EncounterState, Trouble> {
    match row.get::<_, String>("state")?.as_str() {
        "open" => Ok(EncounterState::Open),
        "cancelled" => Ok(EncounterState::Cancelled),
        _ => Err(Trouble::BadRow("encounter state")),
    }
}

fn state_text(state: EncounterState) -> &'static str {
    match state {
        EncounterState::Open => "open",
        EncounterState::Cancelled => "cancelled",
    }
}

/// Whether one moment is before another, both in ISO 8601. Where they are not equally exact or in different zones, the
/// order of arrival holds.
fn is_before(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    const SECONDS: usize = "2026-03-15T09:30:00".len();
    one.len() == other.len() && one.get(SECONDS..) == other.get(SECONDS..) && one < other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_compared_is_before() {
        for (one, other, before) in [
            (Some("2026-03-15T09:30:00"), Some("2026-03-15T09:30:01"), true),
            (Some("2026-03-15T09:30:01"), Some("2026-03-15T09:30:00"), false),
            (Some("2026-03-15"), Some("2026-03-16"), true),
            (Some("2026-03-15"), Some("2026-03-15T09:30:00"), false),
            (Some("2026-03-15T09:30:00+08:00"), Some("2026-03-15T09:30:01+09:00"), false),
            (Some("2026-03-15T09:30:00"), Some("2026-03-15T09:30:00"), false),
            (None, Some("2026-03-15"), false),
            (Some("2026-03-15"), None, false),
        ] {
            assert_eq!(is_before(one, other), before, "{one:?} {other:?}");
        }
    }
}
