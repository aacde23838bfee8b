//! The audit trail.

use baize_core::ports::{AuditEntry, AuditQuery, AuditRecord, Audited};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, named_params, params, params_from_iter};

use super::convert::{self, micros, time, unsigned};
use super::trouble::Trouble;

pub(super) fn record(db: &Connection, entry: &AuditEntry) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO audit_record (at, action, who, request_id, what, query)
         VALUES (:at, :action, :who, :request_id, :what, :query)",
    )?
    .execute(named_params! {
        ":at": micros(entry.at),
        ":action": entry.action.as_str(),
        ":who": entry.who,
        ":request_id": entry.request_id,
        ":what": entry.what,
        ":query": entry.query,
    })?;
    let sequence = db.last_insert_rowid();
    let mut insert = db.prepare_cached(
        "INSERT INTO audit_patient (value, sequence, system) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for patient in &entry.patients {
        let (system, value) = patient.rsplit_once('|').unwrap_or(("", patient));
        insert.execute(params![value, sequence, system])?;
    }
    Ok(())
}

pub(super) fn list(db: &Connection, query: &AuditQuery) -> Result<Vec<AuditRecord>, Trouble> {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    if let Some(sequences) = &query.sequences {
        conditions.push(format!("sequence IN ({})", vec!["?"; sequences.len()].join(", ")));
        values
            .extend(sequences.iter().map(|place| Value::Integer(i64::try_from(*place).unwrap_or(i64::MAX))));
    }
    if let Some(patients) = &query.patients {
        let places = vec!["?"; patients.len()].join(", ");
        conditions
            .push(format!("sequence IN (SELECT sequence FROM audit_patient WHERE value IN ({places}))"));
        values.extend(patients.iter().map(|patient| Value::Text(patient.clone())));
    }
    if let Some(span) = query.at {
        conditions.push("at >= ? AND at < ?".to_owned());
        values.extend([micros(span.from), micros(span.to)].map(Value::Integer));
    }
    if let Some(place) = query.from_place {
        conditions.push("sequence <= ?".to_owned());
        values.push(Value::Integer(i64::try_from(place).unwrap_or(i64::MAX)));
    }
    let condition = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    values.push(Value::Integer(convert::limit(query.limit)));
    let statement = format!("SELECT * FROM audit_record WHERE {condition} ORDER BY sequence DESC LIMIT ?");
    db.prepare_cached(&statement)?.query_and_then(params_from_iter(values), |row| read(db, row))?.collect()
}

fn read(db: &Connection, row: &Row<'_>) -> Result<AuditRecord, Trouble> {
    let action: String = row.get("action")?;
    let sequence: i64 = row.get("sequence")?;
    let patients = db
        .prepare_cached(
            "SELECT system || '|' || value FROM audit_patient WHERE sequence = ?1 ORDER BY value, system",
        )?
        .query_and_then([sequence], |row| Ok::<_, Trouble>(row.get(0)?))?
        .collect::<Result<_, _>>()?;
    Ok(AuditRecord {
        sequence: unsigned(row, "sequence")?,
        entry: AuditEntry {
            at: time(row, "at")?,
            action: Audited::from_name(&action).ok_or(Trouble::BadRow("audit action"))?,
            who: row.get("who")?,
            request_id: row.get("request_id")?,
            what: row.get("what")?,
            query: row.get("query")?,
            patients,
        },
    })
}
