//! What follows from messages outside of the ledger.

use baize_core::ports::HospitalLevels;
use baize_core::{Lane, StudyUid};
use rusqlite::{Connection, params};

use super::super::convert::{self, lane, rank, study_uid, unsigned};
use super::super::trouble::Trouble;

pub(super) fn due_raises(db: &Connection, limit: usize) -> Result<Vec<(StudyUid, Lane)>, Trouble> {
    db.prepare_cached(
        "SELECT study.uid AS study_uid, raise_due.lane FROM raise_due JOIN study ON study.id = raise_due.study_id
          ORDER BY raise_due.lane DESC, raise_due.study_id LIMIT ?1",
    )?
    .query_and_then([convert::limit(limit)], |row| Ok((study_uid(row)?, lane(row)?)))?
    .collect()
}

/// A higher lane that came meanwhile stays due.
pub(super) fn settle_raise(db: &Connection, study: &StudyUid, lane: Lane) -> Result<(), Trouble> {
    db.prepare_cached(
        "DELETE FROM raise_due WHERE study_id = (SELECT id FROM study WHERE uid = ?1) AND lane <= ?2",
    )?
    .execute(params![study.as_str(), rank(lane)])?;
    Ok(())
}

pub(super) fn levels(db: &Connection) -> Result<HospitalLevels, Trouble> {
    db.prepare_cached(
        "SELECT (SELECT COUNT(*) FROM raise_due) AS raises,
                (SELECT COUNT(*) FROM vitals_reading WHERE state = 'due') AS readings,
                (SELECT COUNT(*) FROM reconciliation WHERE state = 'open') AS unmatched",
    )?
    .query_and_then([], |row| {
        Ok(HospitalLevels {
            raises: unsigned(row, "raises")?,
            readings: unsigned(row, "readings")?,
            unmatched: unsigned(row, "unmatched")?,
        })
    })?
    .next()
    .unwrap_or(Err(Trouble::BadRow("count")))
}
