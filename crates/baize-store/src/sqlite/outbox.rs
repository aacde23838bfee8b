//! What goes out.

use baize_core::ports::{
    Consignment, Delivery, DeliveryId, DeliveryState, ObjectName, OutboxLevel, Recipient, Settlement,
    SpoolKey, Takes,
};
use baize_core::{ErrorCode, Fault, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::convert::{self, identity_columns, micros};
use super::deliveries::{delivery, one, select_delivery};
use super::trouble::Trouble;
use super::{commitment, messages, mistake, report};

pub(super) fn set_recipients(db: &Connection, recipients: &[Recipient]) -> Result<(), Trouble> {
    db.execute("DELETE FROM recipient", [])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO recipient (name, analysed, refused, failed, priors, commitment, takes, studies, triage)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for recipient in recipients {
        let Recipient { name, takes, analysed, refused, failed, priors, commitment } = recipient;
        let (takes, studies, triage) = match *takes {
            Takes::Objects => ("objects", false, false),
            Takes::Messages { studies, triage } => ("messages", studies, triage),
        };
        insert
            .execute(params![name, analysed, refused, failed, priors, commitment, takes, studies, triage])?;
    }
    Ok(())
}

/// Makes the deliveries of a report that was just inserted. An object without an image, and one that we have made
/// ourselves, is nothing to report about: two systems that tell each other so would never end.
pub(super) fn enqueue(
    db: &Connection,
    report: i64,
    instance: i64,
    outcome: &str,
    fault: Option<&Fault>,
    at: Timestamp,
) -> Result<(), Trouble> {
    if fault.is_some_and(|fault| matches!(fault.code, ErrorCode::OwnResult | ErrorCode::NoPixelData)) {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO delivery (destination, kind, report_id, ordinal, study_id, lane, created_at, changed_at)
         SELECT recipient.name, 'object', :report, 0, instance.study_id, instance.lane, :at, :at
           FROM recipient, instance
           JOIN study ON study.id = instance.study_id
          WHERE instance.id = :instance
            AND recipient.takes = 'objects'
            AND (recipient.priors OR NOT study.is_prior)
            AND CASE :outcome WHEN 'analysed' THEN recipient.analysed
                              WHEN 'refused' THEN recipient.refused
                              ELSE recipient.failed END
            AND NOT EXISTS (SELECT 1 FROM delivery AS ours
                             WHERE ours.kind = 'object' AND ours.sop_instance = instance.sop)
          ORDER BY recipient.name",
    )?
    .execute(named_params! {
        ":report": report,
        ":instance": instance,
        ":outcome": outcome,
        ":at": micros(at),
    })?;
    Ok(())
}

/// Makes the deliveries of a study that were held back while it was a prior; as [`enqueue`] would have made them.
pub(super) fn enqueue_held_back(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO delivery (destination, kind, report_id, ordinal, study_id, lane, created_at, changed_at)
         SELECT recipient.name, 'object', report.id, 0, instance.study_id, instance.lane, :at, :at
           FROM recipient, instance
           JOIN report ON report.instance_id = instance.id
          WHERE instance.study_id = :study
            AND recipient.takes = 'objects'
            AND COALESCE(report.fault_code, '') NOT IN (:own, :no_pixels)
            AND CASE report.outcome WHEN 'analysed' THEN recipient.analysed
                                    WHEN 'refused' THEN recipient.refused
                                    ELSE recipient.failed END
            AND NOT EXISTS (SELECT 1 FROM delivery AS ours
                             WHERE ours.kind = 'object' AND ours.sop_instance = instance.sop)
          ORDER BY report.id, recipient.name
         ON CONFLICT DO NOTHING",
    )?
    .execute(named_params! {
        ":study": study,
        ":at": micros(at),
        ":own": ErrorCode::OwnResult.as_str(),
        ":no_pixels": ErrorCode::NoPixelData.as_str(),
    })?;
    messages::owe_held_back(db, study, at)
}

pub(super) fn resume_interrupted(db: &Connection) -> Result<usize, Trouble> {
    Ok(db.execute("UPDATE delivery SET state = 'pending' WHERE state = 'sending'", [])?)
}

pub(super) fn take(
    db: &Connection,
    destination: &str,
    now: Timestamp,
) -> Result<Option<Consignment>, Trouble> {
    // The first of its study, so that nothing overtakes; the walk along the index ends at the first that is due.
    let head = db
        .prepare_cached(
            "SELECT report_id, ordinal FROM delivery
              WHERE destination = ?1 AND kind = 'object' AND state IN ('pending', 'sending', 'waiting')
                AND (state = 'pending' OR (state = 'waiting' AND next_attempt_at <= ?2))
                AND NOT EXISTS (
                    SELECT 1 FROM delivery AS earlier
                     WHERE earlier.destination = delivery.destination AND earlier.kind = 'object'
                       AND earlier.state IN ('pending', 'sending', 'waiting')
                       AND earlier.study_id = delivery.study_id
                       AND (earlier.report_id, earlier.ordinal) < (delivery.report_id, delivery.ordinal))
              ORDER BY (lane = 2) DESC, report_id, ordinal
              LIMIT 1",
        )?
        .query_row(params![destination, micros(now)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((report, first)) = head else { return Ok(None) };
    let unfinished: Vec<Delivery> = db
        .prepare_cached(select_delivery!(
            "WHERE delivery.kind = 'object'
               AND delivery.destination = ?1 AND delivery.report_id = ?2 AND delivery.ordinal >= ?3
               AND delivery.state IN ('pending', 'sending', 'waiting')
             ORDER BY delivery.ordinal"
        ))?
        .query_and_then(params![destination, report, first], delivery)?
        .collect::<Result<_, _>>()?;
    let due = |delivery: &Delivery| match delivery.state {
        DeliveryState::Pending => true,
        DeliveryState::Waiting => delivery.next_attempt_at.is_some_and(|next| next <= now),
        _ => false,
    };
    let mut deliveries: Vec<Delivery> = unfinished.into_iter().take_while(due).collect();
    let mut begin = db.prepare_cached(
        "UPDATE delivery SET state = 'sending', attempts = attempts + 1, next_attempt_at = NULL, changed_at = ?2
          WHERE id = ?1",
    )?;
    for delivery in &mut deliveries {
        begin.execute(params![delivery.id.0, micros(now)])?;
        delivery.state = DeliveryState::Sending;
        delivery.attempts += 1;
        delivery.next_attempt_at = None;
        delivery.changed_at = now;
    }
    let first = deliveries.first().and_then(Delivery::object);
    let Some(identity) = first.map(|object| object.instance.clone()) else { return Ok(None) };
    let (source, lane) = db
        .prepare_cached(
            "SELECT instance.spool_key, instance.lane FROM report
               JOIN instance ON instance.id = report.instance_id WHERE report.id = ?1",
        )?
        .query_and_then([report], |row| -> Result<_, Trouble> {
            Ok((SpoolKey(row.get("spool_key")?), convert::lane(row)?))
        })?
        .next()
        .unwrap_or(Err(Trouble::BadRow("delivery")))?;
    let report = report::one(db, report, &identity)?;
    Ok(Some(Consignment { deliveries, report, lane, source }))
}

pub(super) fn name_objects(
    db: &Connection,
    placeholder: DeliveryId,
    objects: &[ObjectName],
) -> Result<Vec<Delivery>, Trouble> {
    let Some((first, others)) = objects.split_first() else {
        return Err(mistake("a result without objects").into());
    };
    let named = db
        .prepare_cached(
            "UPDATE delivery SET sop_class = ?2, sop_instance = ?3
              WHERE id = ?1 AND kind = 'object' AND state = 'sending' AND sop_instance IS NULL",
        )?
        .execute(params![placeholder.0, first.sop_class, first.sop_instance])?;
    if named != 1 {
        return Err(mistake("the delivery is not being sent or has its object already").into());
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO delivery (destination, kind, report_id, ordinal, study_id, lane, sop_class, sop_instance, state,
                               attempts, created_at, changed_at)
         SELECT destination, kind, report_id, ?2, study_id, lane, ?3, ?4, state, 1, created_at, changed_at
           FROM delivery WHERE id = ?1",
    )?;
    for (ordinal, object) in (1_i64..).zip(others) {
        insert.execute(params![placeholder.0, ordinal, object.sop_class, object.sop_instance])?;
    }
    db.prepare_cached(select_delivery!(
        "JOIN delivery AS first ON first.destination = delivery.destination AND first.report_id = delivery.report_id
         WHERE first.id = ?1 ORDER BY delivery.ordinal"
    ))?
    .query_and_then([placeholder.0], delivery)?
    .collect()
}

pub(super) fn settle(
    db: &Connection,
    id: DeliveryId,
    how: &Settlement,
    now: Timestamp,
) -> Result<(), Trouble> {
    let (state, next, status, comment) = match how {
        Settlement::Acknowledged { status, comment } => {
            (DeliveryState::Acknowledged, None, Some(*status), comment.as_deref())
        }
        Settlement::Refused { status, comment } => {
            (DeliveryState::Refused, None, *status, Some(comment.as_str()))
        }
        Settlement::Waiting { until, status, comment } => {
            (DeliveryState::Waiting, Some(micros(*until)), *status, Some(comment.as_str()))
        }
        Settlement::Untried => {
            db.prepare_cached(
                "UPDATE delivery SET state = 'pending', attempts = attempts - 1, changed_at = ?2
                  WHERE id = ?1 AND state = 'sending'",
            )?
            .execute(params![id.0, micros(now)])?;
            return Ok(());
        }
    };
    db.prepare_cached(
        "UPDATE delivery SET state = ?2, next_attempt_at = ?3, status = ?4, comment = ?5, changed_at = ?6
          WHERE id = ?1 AND kind = 'object' AND state = 'sending'",
    )?
    .execute(params![id.0, state.as_str(), next, status, comment, micros(now)])?;
    commitment::want(db, id, now)
}

pub(super) fn levels(db: &Connection) -> Result<Vec<OutboxLevel>, Trouble> {
    let level = |row: &Row<'_>| -> Result<OutboxLevel, Trouble> {
        let oldest: Option<i64> = row.get("oldest")?;
        Ok(OutboxLevel {
            destination: row.get("destination")?,
            unfinished: convert::unsigned(row, "unfinished")?,
            oldest: oldest.map(|_| convert::time(row, "oldest")).transpose()?,
            refused: convert::unsigned(row, "refused")?,
        })
    };
    db.prepare_cached(
        "WITH unfinished (destination, count, oldest) AS (
             SELECT destination, COUNT(*), MIN(created_at) FROM delivery
              WHERE state IN ('pending', 'sending', 'waiting') GROUP BY destination),
         refused (destination, count) AS (
             SELECT destination, COUNT(*) FROM delivery WHERE state = 'refused' GROUP BY destination),
         known (destination) AS (
             SELECT name FROM recipient UNION SELECT destination FROM unfinished UNION SELECT destination FROM refused)
         SELECT known.destination, COALESCE(unfinished.count, 0) AS unfinished, unfinished.oldest,
                COALESCE(refused.count, 0) AS refused
           FROM known
           LEFT JOIN unfinished ON unfinished.destination = known.destination
           LEFT JOIN refused ON refused.destination = known.destination
          ORDER BY known.destination",
    )?
    .query_and_then([], level)?
    .collect()
}

pub(super) fn retry(db: &Connection, id: DeliveryId, now: Timestamp) -> Result<Option<Delivery>, Trouble> {
    messages::forget_refused(db, id)?;
    db.prepare_cached(
        "UPDATE delivery SET state = 'pending', next_attempt_at = NULL, changed_at = ?2
          WHERE id = ?1 AND state IN ('refused', 'waiting')",
    )?
    .execute(params![id.0, micros(now)])?;
    one(db, id)
}
