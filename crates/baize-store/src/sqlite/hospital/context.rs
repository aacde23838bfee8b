//! What the HIS says of a study, and which studies belong to an encounter.

use baize_core::StudyUid;
use baize_core::ports::{MatchedBy, StudyContext};
use rusqlite::Connection;

use super::super::convert::study_uid;
use super::super::trouble::Trouble;
use super::{encounters, orders};

/// The order that was found most surely; of several, the most urgent.
pub(super) fn of_study(db: &Connection, study: &StudyUid) -> Result<StudyContext, Trouble> {
    let order = db
        .prepare_cached(
            "SELECT his_order.*, order_match.how
               FROM study JOIN order_match ON order_match.study_id = study.id
               JOIN his_order ON his_order.id = order_match.order_id
              WHERE study.uid = ?1
              ORDER BY his_order.cancelled,
                       CASE order_match.how WHEN 'study_uid' THEN 0 WHEN 'accession' THEN 1 WHEN 'person' THEN 2
                                            ELSE 3 END,
                       his_order.lane DESC, his_order.id
              LIMIT 1",
        )?
        .query_and_then([study.as_str()], |row| -> Result<_, Trouble> {
            let how: String = row.get("how")?;
            let how = MatchedBy::from_name(&how).ok_or(Trouble::BadRow("match"))?;
            Ok((orders::read(db, row)?, how))
        })?
        .next()
        .transpose()?;
    let number = order.as_ref().and_then(|(order, _)| order.encounter.clone());
    let encounter = match number {
        Some(number) => encounters::find(db, &number)?,
        None => None,
    };
    Ok(StudyContext { order, encounter })
}

/// Newest first.
pub(super) fn studies_of(db: &Connection, number: &str) -> Result<Vec<StudyUid>, Trouble> {
    let Some(encounter) = encounters::find(db, number)? else { return Ok(Vec::new()) };
    db.prepare_cached(
        "SELECT study.uid AS study_uid FROM study
          WHERE study.id IN (SELECT order_match.study_id FROM order_match
                               JOIN his_order ON his_order.id = order_match.order_id
                              WHERE his_order.encounter = ?1)
          ORDER BY study.received_at DESC",
    )?
    .query_and_then([encounter.number], study_uid)?
    .collect()
}
