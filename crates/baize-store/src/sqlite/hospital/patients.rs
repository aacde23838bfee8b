//! Patients: one row per identifier, and where an identifier leads after merges.

use baize_core::Timestamp;
use baize_core::ports::{HisPatient, PatientNews};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::convert::{micros, sex, sex_text};
use super::super::trouble::Trouble;
use super::take_over;

/// A patient after a message about them.
pub(super) struct Entered {
    /// The row that holds for the patient now.
    pub(super) id: i64,
    /// Something by which orders and studies are told apart is not as it was.
    pub(super) changed: bool,
}

/// Takes over what a message says of a patient, under whichever identifier; `stale` only fills gaps.
pub(super) fn enter(db: &Connection, news: &PatientNews, stale: bool) -> Result<Entered, Trouble> {
    let row = match identifier(db, news)? {
        Some(row) => row,
        None => insert(db, news)?,
    };
    let id = surviving(db, row)?;
    let mut patient = read(db, id)?;
    let mut changed = take_over(&mut patient.sex, &news.sex, stale);
    changed |= take_over(&mut patient.birth_date, &news.birth_date, stale);
    let mut named = take_over(&mut patient.national_id, &news.national_id, stale);
    named |= take_over(&mut patient.family_name, &news.family_name, stale);
    named |= take_over(&mut patient.given_name, &news.given_name, stale);
    if changed || named {
        db.prepare_cached(
            "UPDATE his_patient SET national_id = ?2, family_name = ?3, given_name = ?4, sex = ?5, birth_date = ?6
              WHERE id = ?1",
        )?
        .execute(params![
            id,
            patient.national_id,
            patient.family_name,
            patient.given_name,
            patient.sex.map(sex_text),
            patient.birth_date,
        ])?;
    }
    Ok(Entered { id, changed })
}

/// The row of an identifier. A message that does not say who gave it out means the only one there is; the first that
/// says so completes one of which nobody has said it.
fn identifier(db: &Connection, news: &PatientNews) -> Result<Option<i64>, Trouble> {
    let rows: Vec<(i64, Option<String>)> = db
        .prepare_cached("SELECT id, issuer FROM his_patient WHERE pid = ?1 LIMIT 100")?
        .query_map([&news.id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if let Some((id, _)) = rows.iter().find(|(_, issuer)| *issuer == news.issuer) {
        return Ok(Some(*id));
    }
    match (&news.issuer, rows.as_slice()) {
        (None, [(id, _)]) => Ok(Some(*id)),
        (Some(issuer), rows) => {
            let Some((id, _)) = rows.iter().find(|(_, issuer)| issuer.is_none()) else { return Ok(None) };
            let known = read(db, *id)?;
            let differs = |one: &Option<String>, other: Option<&String>| matches!((one.as_ref(), other), (Some(one), Some(other)) if one != other);
            if differs(&known.birth_date, news.birth_date.value())
                || matches!((known.sex, news.sex.value()), (Some(one), Some(other)) if one != *other)
            {
                return Ok(None);
            }
            db.prepare_cached("UPDATE his_patient SET issuer = ?2 WHERE id = ?1")?
                .execute(params![id, issuer])?;
            Ok(Some(*id))
        }
        _ => Ok(None),
    }
}

fn insert(db: &Connection, news: &PatientNews) -> Result<i64, Trouble> {
    db.prepare_cached("INSERT INTO his_patient (pid, issuer) VALUES (?1, ?2)")?
        .execute(params![news.id, news.issuer])?;
    Ok(db.last_insert_rowid())
}

/// The row to which an identifier leads.
pub(in super::super) fn surviving(db: &Connection, row: i64) -> Result<i64, Trouble> {
    let merged: Option<i64> = db
        .prepare_cached("SELECT merged_into FROM his_patient WHERE id = ?1")?
        .query_row([row], |row| row.get(0))?;
    Ok(merged.unwrap_or(row))
}

/// Two identifiers are one patient: what belongs to the one that is given up goes to the other, and whoever uses it
/// later means the other. Nothing is lost; the last word on which of the two stays holds. Returns the row that stays.
pub(super) fn merge(
    db: &Connection,
    prior_id: &str,
    surviving_news: &PatientNews,
    at: Timestamp,
    sender: &str,
) -> Result<i64, Trouble> {
    let find = |id: &str| -> Result<i64, Trouble> {
        let news = PatientNews {
            id: id.to_owned(),
            issuer: surviving_news.issuer.clone(),
            ..PatientNews::default()
        };
        match identifier(db, &news)? {
            Some(row) => Ok(row),
            None => insert(db, &news),
        }
    };
    let (kept, prior) = (find(&surviving_news.id)?, find(prior_id)?);
    if kept == prior {
        return surviving(db, kept);
    }
    let given_up = surviving(db, prior)?;
    let mut to = surviving(db, kept)?;
    if to == given_up {
        if given_up != prior {
            // Both lead to a third one already.
            return Ok(to);
        }
        // They are one already, but the other way round: the identifier that stays is the one named last.
        db.prepare_cached("UPDATE his_patient SET merged_into = NULL WHERE id = ?1")?.execute([kept])?;
        take_along(db, prior, kept)?;
        to = kept;
    }
    db.prepare_cached(
        "UPDATE his_patient SET merged_into = ?2 WHERE (id = ?1 OR merged_into = ?1) AND id <> ?2",
    )?
    .execute([given_up, to])?;
    db.prepare_cached("UPDATE encounter SET patient_id = ?2 WHERE patient_id = ?1")?
        .execute([given_up, to])?;
    db.prepare_cached("UPDATE his_order SET patient_id = ?2 WHERE patient_id = ?1")?
        .execute([given_up, to])?;
    db.prepare_cached(
        "INSERT INTO his_merge (kind, prior, surviving, at, sender) VALUES ('patient', ?1, ?2, ?3, ?4)",
    )?
    .execute(params![prior_id, surviving_news.id, micros(at), sender])?;
    Ok(to)
}

/// What is known under the row that was given up and now stays: as of the one that stayed before.
fn take_along(db: &Connection, from: i64, to: i64) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE his_patient SET (national_id, family_name, given_name, sex, birth_date) =
             (SELECT national_id, family_name, given_name, sex, birth_date FROM his_patient WHERE id = ?1)
          WHERE id = ?2",
    )?
    .execute([from, to])?;
    Ok(())
}

/// What is known of a patient.
pub(in super::super) fn read(db: &Connection, id: i64) -> Result<HisPatient, Trouble> {
    db.prepare_cached("SELECT * FROM his_patient WHERE id = ?1")?
        .query_and_then([id], patient)?
        .next()
        .unwrap_or(Err(Trouble::BadRow("patient number")))
}

fn patient(row: &Row<'_>) -> Result<HisPatient, Trouble> {
    Ok(HisPatient {
        id: row.get("pid")?,
        issuer: row.get("issuer")?,
        national_id: row.get("national_id")?,
        family_name: row.get("family_name")?,
        given_name: row.get("given_name")?,
        sex: sex(row)?,
        birth_date: row.get("birth_date")?,
    })
}

/// Every identifier of a patient with its issuer, the one that stays first.
pub(in super::super) fn identifiers(
    db: &Connection,
    patient: i64,
) -> Result<Vec<(String, Option<String>)>, Trouble> {
    let all = db
        .prepare_cached(
            "SELECT pid, issuer FROM his_patient WHERE id = ?1 OR merged_into = ?1 ORDER BY id <> ?1, id LIMIT 100",
        )?
        .query_map([patient], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(all)
}

/// The patients to whom an identifier leads, whoever gave it out.
pub(in super::super) fn of_identifier(db: &Connection, pid: &str) -> Result<Vec<i64>, Trouble> {
    let all = db
        .prepare_cached(
            "SELECT DISTINCT COALESCE(merged_into, id) FROM his_patient WHERE pid = ?1 LIMIT 100",
        )?
        .query_map([pid], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(all)
}

/// The identifier that stays, for one that may have been given up; as it is where it is not known.
pub(super) fn kept_identifier(
    db: &Connection,
    pid: &str,
    issuer: Option<&str>,
) -> Result<(String, Option<i64>), Trouble> {
    let exact: Option<i64> = db
        .prepare_cached("SELECT COALESCE(merged_into, id) FROM his_patient WHERE pid = ?1 AND issuer IS ?2")?
        .query_row(params![pid, issuer], |row| row.get(0))
        .optional()?;
    let row = match (exact, of_identifier(db, pid)?.as_slice()) {
        (Some(row), _) => Some(row),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    match row {
        Some(row) => Ok((read(db, row)?.id, Some(row))),
        None => Ok((pid.to_owned(), None)),
    }
}
