//! Messages that go out: when one is owed, its turn, and what it told.

use baize_core::ports::{
    Cause, DeliveryId, DeliveryState, MadeMessage, MessageId, MessageSettlement, OwedMessage, Standing,
    Telling, ToldBefore, TriageEntry,
};
use baize_core::{ErrorCode, Lane, Timestamp};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use super::convert::{self, micros, rank};
use super::trouble::Trouble;
use super::{deliveries, mistake};

/// Owes a message about a study to every recipient that is told of studies and has a result to be told of. A message
/// that was not begun yet tells this cause, too.
pub(super) fn owe_study(db: &Connection, study: i64, cause: Cause, at: Timestamp) -> Result<(), Trouble> {
    let lane = if cause == Cause::Critical { Lane::Stat } else { Lane::Routine };
    raise(db, study, lane)?;
    // What is being made now may have been read before: it takes no further cause. All three states are named for the index.
    db.prepare_cached(
        "UPDATE delivery
            SET causes = CASE WHEN ',' || causes || ',' LIKE '%,' || :cause || ',%' THEN causes
                              ELSE causes || ',' || :cause END
          WHERE subject = :study AND kind = 'message' AND state IN ('pending', 'sending', 'waiting')
            AND state <> 'sending' AND message_id IS NULL",
    )?
    .execute(named_params! { ":study": study, ":cause": cause.as_str() })?;
    db.prepare_cached(
        "INSERT INTO delivery (destination, kind, study_id, causes, lane, created_at, changed_at)
         SELECT recipient.name, 'message', study.id, :cause, MAX(study.lane, :lane), :at, :at
           FROM recipient, study
          WHERE study.id = :study
            AND recipient.takes = 'messages' AND recipient.studies
            AND (recipient.priors OR NOT study.is_prior)
            AND EXISTS (SELECT 1 FROM instance JOIN report ON report.instance_id = instance.id
                         WHERE instance.study_id = study.id
                           AND COALESCE(report.fault_code, '') NOT IN (:own, :no_pixels)
                           AND CASE report.outcome WHEN 'analysed' THEN recipient.analysed
                                                   WHEN 'refused' THEN recipient.refused
                                                   ELSE recipient.failed END)
            AND NOT EXISTS (SELECT 1 FROM delivery
                             WHERE delivery.destination = recipient.name AND delivery.subject = study.id
                               AND delivery.kind = 'message'
                               AND delivery.state IN ('pending', 'sending', 'waiting')
                               AND delivery.state <> 'sending' AND delivery.message_id IS NULL)
          ORDER BY recipient.name",
    )?
    .execute(named_params! {
        ":study": study,
        ":cause": cause.as_str(),
        ":lane": rank(lane),
        ":at": micros(at),
        ":own": ErrorCode::OwnResult.as_str(),
        ":no_pixels": ErrorCode::NoPixelData.as_str(),
    })?;
    Ok(())
}

/// As [`owe_study`], for the study of an image.
pub(super) fn owe_for_instance(
    db: &Connection,
    instance: i64,
    cause: Cause,
    at: Timestamp,
) -> Result<(), Trouble> {
    owe_study(db, study_of(db, instance)?, cause, at)
}

/// Owes a message where a study is complete and nothing of it is pending.
pub(super) fn owe_if_done(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    let done = db
        .prepare_cached(
            "SELECT 1 FROM study
              WHERE id = ?1 AND completed_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM instance JOIN job ON job.instance_id = instance.id
                                 WHERE instance.study_id = study.id AND job.state <> 'done')",
        )?
        .exists([study])?;
    match done {
        true => owe_study(db, study, Cause::Complete, at),
        false => Ok(()),
    }
}

/// The same after a job of one of its images was done.
pub(super) fn owe_if_last(db: &Connection, instance: i64, at: Timestamp) -> Result<(), Trouble> {
    owe_if_done(db, study_of(db, instance)?, at)
}

/// Owes a message where an order was found to belong to a study, or not to belong to it, after the study was told of.
pub(super) fn owe_matched(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    let is_told_of = db
        .prepare_cached(
            "SELECT 1 FROM delivery
              WHERE study_id = ?1 AND kind = 'message' AND state IN ('acknowledged', 'covered')
             UNION ALL
             SELECT 1 FROM delivery
              WHERE subject = ?1 AND kind = 'message' AND state IN ('pending', 'sending', 'waiting')",
        )?
        .exists([study])?;
    match is_told_of {
        true => owe_study(db, study, Cause::Matched, at),
        false => Ok(()),
    }
}

/// Owes what was held back while a study was a prior.
pub(super) fn owe_held_back(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    let found = db
        .prepare_cached(
            "SELECT 1 FROM instance JOIN report ON report.instance_id = instance.id
               JOIN finding ON finding.report_id = report.id
              WHERE instance.study_id = ?1 AND finding.probability >= finding.threshold",
        )?
        .exists([study])?;
    if found {
        owe_study(db, study, Cause::Finding, at)?;
    }
    owe_if_done(db, study, at)
}

fn study_of(db: &Connection, instance: i64) -> Result<i64, Trouble> {
    let mut study = db.prepare_cached("SELECT study_id FROM instance WHERE id = ?1")?;
    Ok(study.query_row([instance], |row| row.get(0))?)
}

/// Owes a message about a step of a visit, in the urgency of what was assessed.
pub(super) fn owe_entry(db: &Connection, entry: &TriageEntry) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO delivery (destination, kind, visit, sequence, causes, lane, created_at, changed_at)
         SELECT name, 'message', :visit, :sequence, :cause, :lane, :at, :at
           FROM recipient WHERE takes = 'messages' AND triage ORDER BY name",
    )?
    .execute(named_params! {
        ":visit": entry.visit.as_str(),
        ":sequence": entry.sequence,
        ":cause": entry.step.as_str(),
        ":lane": rank(urgency(entry.level_cn)),
        ":at": micros(entry.at),
    })?;
    raise(db, entry.visit.as_str(), urgency(entry.level_cn))
}

/// What is still to be told of a subject must not hold up news that are more urgent.
fn raise(db: &Connection, subject: impl ToSql, lane: Lane) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE delivery SET lane = ?2
          WHERE subject = ?1 AND kind = 'message' AND state IN ('pending', 'sending', 'waiting') AND lane < ?2",
    )?
    .execute(params![subject, rank(lane)])?;
    Ok(())
}

/// Levels Ⅰ and Ⅱ of the four-level category are seen at once or within minutes.
fn urgency(level_cn: u8) -> Lane {
    match level_cn {
        ..=2 => Lane::Stat,
        3 => Lane::Urgent,
        _ => Lane::Routine,
    }
}

pub(super) fn take(
    db: &Connection,
    destination: &str,
    now: Timestamp,
) -> Result<Option<OwedMessage>, Trouble> {
    // The first of its subject, so that nothing overtakes; the walk along the index ends at the first that is due. What was
    // made goes before what is made anew after a refusal: that will tell more.
    let head: Option<i64> = db
        .prepare_cached(
            "SELECT id FROM delivery
              WHERE destination = ?1 AND kind = 'message' AND state IN ('pending', 'sending', 'waiting')
                AND (state = 'pending' OR (state = 'waiting' AND next_attempt_at <= ?2))
                AND NOT EXISTS (
                    SELECT 1 FROM delivery AS first
                     WHERE first.subject = delivery.subject AND first.destination = delivery.destination
                       AND first.kind = 'message' AND first.state IN ('pending', 'sending', 'waiting')
                       AND (first.state = 'sending'
                            OR (first.message_id IS NULL, first.id) < (delivery.message_id IS NULL, delivery.id)))
              ORDER BY (lane = 2) DESC, id
              LIMIT 1",
        )?
        .query_row(params![destination, micros(now)], |row| row.get(0))
        .optional()?;
    let Some(id) = head else { return Ok(None) };
    db.prepare_cached(
        "UPDATE delivery SET state = 'sending', attempts = attempts + 1, next_attempt_at = NULL, changed_at = ?2
          WHERE id = ?1",
    )?
    .execute(params![id, micros(now)])?;
    let delivery = deliveries::one(db, DeliveryId(id))?.ok_or(Trouble::BadRow("delivery"))?;
    let (study, lane) = db
        .prepare_cached("SELECT study_id, lane FROM delivery WHERE id = ?1")?
        .query_and_then([id], |row| -> Result<_, Trouble> {
            Ok((row.get::<_, Option<i64>>("study_id")?, convert::lane(row)?))
        })?
        .next()
        .unwrap_or(Err(Trouble::BadRow("delivery")))?;
    let told = match study {
        Some(study) => told(db, destination, study)?,
        None => None,
    };
    Ok(Some(OwedMessage { made: made(db, id)?, delivery, lane, told }))
}

fn made(db: &Connection, delivery: i64) -> Result<Option<(MessageId, Bytes)>, Trouble> {
    let made: Option<(String, Vec<u8>)> = db
        .prepare_cached(
            "SELECT delivery.message_id, outgoing_message.payload FROM delivery
               JOIN outgoing_message ON outgoing_message.delivery_id = delivery.id
              WHERE delivery.id = ?1",
        )?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(made.map(|(id, payload)| (MessageId(id), payload.into())))
}

/// What was acknowledged last is what was made last: a study's messages go one by one.
fn told(db: &Connection, destination: &str, study: i64) -> Result<Option<ToldBefore>, Trouble> {
    db.prepare_cached(
        "SELECT told.standing, told.content, told.results, told.corrections,
                told.whole OR EXISTS (
                    SELECT 1 FROM delivery AS later
                     WHERE later.study_id = ?1 AND later.destination = ?2 AND later.kind = 'message'
                       AND later.state IN ('acknowledged', 'covered')
                       AND later.whole AND later.changed_at >= delivery.changed_at) AS whole,
                MAX(told.standing IN ('final', 'amended')) OVER () AS was_final
           FROM delivery JOIN outgoing_message AS told ON told.delivery_id = delivery.id
          WHERE delivery.study_id = ?1 AND delivery.destination = ?2 AND delivery.kind = 'message'
            AND delivery.state IN ('acknowledged', 'covered') AND delivery.state = 'acknowledged'
          ORDER BY told.made_at DESC, delivery.id DESC
          LIMIT 1",
    )?
    .query_and_then(params![study, destination], |row| {
        Ok(ToldBefore { last: telling(row)?, was_final: row.get("was_final")? })
    })?
    .next()
    .transpose()
}

fn telling(row: &Row<'_>) -> Result<Telling, Trouble> {
    let standing: String = row.get("standing")?;
    Ok(Telling {
        standing: Standing::from_name(&standing).ok_or(Trouble::BadRow("standing"))?,
        whole: row.get("whole")?,
        content: row.get("content")?,
        results: row.get("results")?,
        corrections: row.get("corrections")?,
    })
}

pub(super) fn keep(
    db: &Connection,
    delivery: DeliveryId,
    made: &MadeMessage,
    now: Timestamp,
) -> Result<(), Trouble> {
    let named = db
        .prepare_cached(
            "UPDATE delivery SET message_id = ?2
              WHERE id = ?1 AND kind = 'message' AND state = 'sending' AND message_id IS NULL
                AND (study_id IS NOT NULL) = ?3",
        )?
        .execute(params![delivery.0, made.id.0, made.telling.is_some()])?;
    if named != 1 {
        return Err(mistake("the delivery is no message that is to be made").into());
    }
    let telling = made.telling.as_ref();
    db.prepare_cached(
        "INSERT INTO outgoing_message (delivery_id, made_at, payload, standing, whole, content, results, corrections)
         VALUES (:delivery, :now, :payload, :standing, :whole, :content, :results, :corrections)",
    )?
    .execute(named_params! {
        ":delivery": delivery.0,
        ":now": micros(now),
        ":payload": made.payload.as_ref(),
        ":standing": telling.map(|telling| telling.standing.as_str()),
        ":whole": telling.map(|telling| telling.whole),
        ":content": telling.map(|telling| telling.content),
        ":results": telling.map(|telling| telling.results),
        ":corrections": telling.map(|telling| telling.corrections),
    })?;
    Ok(())
}

pub(super) fn settle(
    db: &Connection,
    id: DeliveryId,
    how: &MessageSettlement,
    now: Timestamp,
) -> Result<(), Trouble> {
    let whole = match how {
        MessageSettlement::Covered { whole } => Some(*whole),
        _ => None,
    };
    let (state, next, answer, comment) = match how {
        MessageSettlement::Acknowledged { answer } => {
            (DeliveryState::Acknowledged, None, Some(answer.as_str()), None)
        }
        MessageSettlement::Refused { answer, comment } => {
            (DeliveryState::Refused, None, answer.as_deref(), Some(comment.as_str()))
        }
        MessageSettlement::Waiting { until, answer, comment } => {
            (DeliveryState::Waiting, Some(micros(*until)), answer.as_deref(), Some(comment.as_str()))
        }
        MessageSettlement::Covered { .. } => (DeliveryState::Covered, None, None, None),
    };
    let settled = db
        .prepare_cached(
            "UPDATE delivery
                SET state = ?2, next_attempt_at = ?3, answer = ?4, comment = ?5, changed_at = ?6, whole = ?7
              WHERE id = ?1 AND kind = 'message' AND state = 'sending'",
        )?
        .execute(params![id.0, state.as_str(), next, answer, comment, micros(now), whole])?;
    if settled == 1 && state == DeliveryState::Acknowledged {
        // It holds patient data, and nobody needs it any more.
        db.prepare_cached("UPDATE outgoing_message SET payload = NULL WHERE delivery_id = ?1")?
            .execute([id.0])?;
    }
    Ok(())
}

/// Before a refused message is tried again: it is made anew, under another identifier. The peer has refused the old one,
/// and what it told may be out of date.
pub(super) fn forget_refused(db: &Connection, id: DeliveryId) -> Result<(), Trouble> {
    db.prepare_cached(
        "DELETE FROM outgoing_message
          WHERE delivery_id = (SELECT id FROM delivery WHERE id = ?1 AND state = 'refused' AND kind = 'message')",
    )?
    .execute([id.0])?;
    db.prepare_cached(
        "UPDATE delivery SET message_id = NULL WHERE id = ?1 AND state = 'refused' AND kind = 'message'",
    )?
    .execute([id.0])?;
    Ok(())
}
