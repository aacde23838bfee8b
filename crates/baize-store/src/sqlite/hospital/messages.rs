//! Messages as they came, for the days that they are kept.

use baize_core::Timestamp;
use baize_core::ports::HospitalMessage;
use rusqlite::{Connection, params};

use super::super::convert::{limit as sql_limit, micros};
use super::super::trouble::Trouble;

/// `false`: it was kept before.
pub(super) fn keep(db: &Connection, message: &HospitalMessage) -> Result<bool, Trouble> {
    let key = &message.key;
    let kept = db
        .prepare_cached(
            "INSERT INTO his_message (sender, control_id, digest, kind, received_at, raw)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.sender,
            key.control_id,
            key.digest,
            message.kind,
            micros(message.received_at),
            &*message.raw,
        ])?;
    Ok(kept > 0)
}

/// A bounded step: the writer has others to serve.
pub(in super::super) fn forget(db: &Connection, before: Timestamp, limit: usize) -> Result<usize, Trouble> {
    let (before, limit) = (micros(before), sql_limit(limit));
    let messages = db
        .prepare_cached(
            "DELETE FROM his_message WHERE id IN
                (SELECT id FROM his_message WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)",
        )?
        .execute(params![before, limit])?;
    let readings = db
        .prepare_cached(
            "DELETE FROM vitals_reading WHERE id IN
                (SELECT id FROM vitals_reading WHERE state = 'settled' AND received_at < ?1
                  ORDER BY received_at LIMIT ?2)",
        )?
        .execute(params![before, limit])?;
    Ok(messages + readings)
}
