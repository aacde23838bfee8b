//! Which archives answer for keeping what they acknowledged.

use baize_core::Timestamp;
use baize_core::ports::{CommitmentAnswer, DeliveryId, ObjectName};
use rusqlite::{Connection, Row, params};

use super::convert::{self, micros};
use super::trouble::Trouble;

/// Notes that the archive shall commit itself to a delivery that was just settled, where it acknowledged it and is one
/// that is asked.
pub(super) fn want(db: &Connection, delivery: DeliveryId, now: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO commitment (delivery_id, destination, sop_instance, ask_at)
         SELECT delivery.id, delivery.destination, delivery.sop_instance, ?2
           FROM delivery JOIN recipient ON recipient.name = delivery.destination
          WHERE delivery.id = ?1 AND delivery.kind = 'object' AND delivery.state = 'acknowledged' AND recipient.commitment = 1
         ON CONFLICT (delivery_id) DO NOTHING",
    )?
    .execute(params![delivery.0, micros(now)])?;
    Ok(())
}

pub(super) fn take(
    db: &Connection,
    destination: &str,
    transaction: &str,
    now: Timestamp,
    again_at: Timestamp,
    limit: usize,
) -> Result<Vec<ObjectName>, Trouble> {
    db.prepare_cached(
        "UPDATE commitment SET transaction_uid = ?2, ask_at = ?4
          WHERE delivery_id IN (SELECT delivery_id FROM commitment
                                 WHERE destination = ?1 AND committed_at IS NULL AND ask_at <= ?3
                                 ORDER BY ask_at, delivery_id LIMIT ?5)",
    )?
    .execute(params![destination, transaction, micros(now), micros(again_at), convert::limit(limit)])?;
    let name = |row: &Row<'_>| -> Result<ObjectName, Trouble> {
        Ok(ObjectName { sop_class: row.get("sop_class")?, sop_instance: row.get("sop_instance")? })
    };
    db.prepare_cached(
        "SELECT delivery.sop_class, delivery.sop_instance FROM commitment
           JOIN delivery ON delivery.id = commitment.delivery_id
          WHERE commitment.transaction_uid = ?1 AND commitment.committed_at IS NULL
          ORDER BY commitment.delivery_id",
    )?
    .query_and_then([transaction], name)?
    .collect()
}

pub(super) fn postpone(db: &Connection, transaction: &str, again_at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE commitment SET ask_at = ?2 WHERE transaction_uid = ?1 AND committed_at IS NULL",
    )?
    .execute(params![transaction, micros(again_at)])?;
    Ok(())
}

pub(super) fn settle(
    db: &Connection,
    answer: &CommitmentAnswer,
    now: Timestamp,
    again_at: Timestamp,
) -> Result<usize, Trouble> {
    let mut settled = 0;
    // An object that is named both ways is not kept.
    let mut deny = db.prepare_cached(
        "UPDATE commitment SET denied = 1
          WHERE transaction_uid = ?1 AND sop_instance = ?2 AND committed_at IS NULL
         RETURNING delivery_id",
    )?;
    let mut send_again = db.prepare_cached(
        "UPDATE delivery SET state = 'waiting', next_attempt_at = ?2, comment = ?3, changed_at = ?4
          WHERE id = ?1 AND state = 'acknowledged'",
    )?;
    let mut forget = db.prepare_cached("DELETE FROM commitment WHERE delivery_id = ?1")?;
    for (sop_instance, reason) in &answer.failed {
        let comment = format!("the peer does not commit itself to keeping the object: {}", in_words(*reason));
        let denied: Vec<i64> = deny
            .query_map(params![answer.transaction, sop_instance], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for delivery in denied {
            send_again.execute(params![delivery, micros(again_at), comment, micros(now)])?;
            forget.execute([delivery])?;
            settled += 1;
        }
    }
    let mut keep = db.prepare_cached(
        "UPDATE commitment SET committed_at = ?3, ask_at = NULL
          WHERE transaction_uid = ?1 AND sop_instance = ?2 AND committed_at IS NULL",
    )?;
    for sop_instance in &answer.committed {
        settled += keep.execute(params![answer.transaction, sop_instance, micros(now)])?;
    }
    Ok(settled)
}

/// Failure Reason (0008,1197), PS3.3 section C.14.1.1.
fn in_words(reason: u16) -> String {
    match reason {
        0x0110 => "processing failure".to_owned(),
        0x0112 => "it has no such object".to_owned(),
        0x0213 => "resource limitation".to_owned(),
        0x0122 => "it does not know the SOP class".to_owned(),
        0x0119 => "class and instance do not fit".to_owned(),
        0x0131 => "duplicate transaction UID".to_owned(),
        other => format!("failure reason {other:04X}"),
    }
}
