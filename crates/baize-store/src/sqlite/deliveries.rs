//! Deliveries as they are read.

use baize_core::ModelRef;
use baize_core::ports::{
    Cause, Delivery, DeliveryId, DeliveryQuery, DeliveryState, Freight, MessageFreight, MessageId,
    ObjectFreight, ObjectName, Standing, SubjectKey, VisitId,
};
use rusqlite::{Connection, Row, params};

use super::convert::{self, identity_columns};
use super::trouble::Trouble;

/// Whole deliveries.
macro_rules! select_delivery {
    ($tail:literal) => {
        concat!(
            "SELECT delivery.id, delivery.destination, delivery.kind, delivery.state, delivery.attempts,
                    delivery.created_at, delivery.changed_at, delivery.next_attempt_at, delivery.status,
                    delivery.answer, delivery.comment, delivery.visit, delivery.sequence, delivery.causes,
                    delivery.message_id, delivery.lane,
                    (SELECT standing FROM outgoing_message WHERE delivery_id = delivery.id) AS standing,
                    delivery.sop_class AS object_class, delivery.sop_instance AS object_instance,
                    (SELECT committed_at FROM commitment WHERE commitment.delivery_id = delivery.id) AS committed_at,
                    report.model_id, report.model_version, ",
            identity_columns!(),
            " FROM delivery
              LEFT JOIN report ON report.id = delivery.report_id
              LEFT JOIN instance ON instance.id = report.instance_id
              LEFT JOIN series ON series.id = instance.series_id
              LEFT JOIN study ON study.id = delivery.study_id ",
            $tail
        )
    };
}

pub(super) use select_delivery;

pub(super) fn list(db: &Connection, query: &DeliveryQuery) -> Result<Vec<Delivery>, Trouble> {
    // A condition that may be absent keeps an index from being used, and a state is what people look for.
    // Baize's own recipients are shown by their name only.
    let sql = match query.state {
        Some(_) => select_delivery!(
            "WHERE delivery.state = ?1
               AND CASE WHEN ?2 IS NULL THEN delivery.destination NOT LIKE '@%' ELSE delivery.destination = ?2 END
               AND delivery.id < COALESCE(?3, 9223372036854775807)
             ORDER BY delivery.id DESC LIMIT ?4"
        ),
        None => select_delivery!(
            "WHERE ?1 IS NULL
               AND CASE WHEN ?2 IS NULL THEN delivery.destination NOT LIKE '@%' ELSE delivery.destination = ?2 END
               AND delivery.id < COALESCE(?3, 9223372036854775807)
             ORDER BY delivery.id DESC LIMIT ?4"
        ),
    };
    db.prepare_cached(sql)?
        .query_and_then(
            params![
                query.state.map(DeliveryState::as_str),
                query.destination,
                query.before.map(|id| id.0),
                convert::limit(query.limit)
            ],
            delivery,
        )?
        .collect()
}

pub(super) fn one(db: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Trouble> {
    db.prepare_cached(select_delivery!("WHERE delivery.id = ?1"))?
        .query_and_then([id.0], delivery)?
        .next()
        .transpose()
}

pub(super) fn delivery(row: &Row<'_>) -> Result<Delivery, Trouble> {
    let (kind, state): (String, String) = (row.get("kind")?, row.get("state")?);
    let next: Option<i64> = row.get("next_attempt_at")?;
    Ok(Delivery {
        id: DeliveryId(row.get("id")?),
        destination: row.get("destination")?,
        freight: match kind.as_str() {
            "object" => Freight::Object(object(row)?),
            _ => Freight::Message(message(row)?),
        },
        state: DeliveryState::from_name(&state).ok_or(Trouble::BadRow("delivery state"))?,
        attempts: row.get("attempts")?,
        created_at: convert::time(row, "created_at")?,
        changed_at: convert::time(row, "changed_at")?,
        next_attempt_at: next.map(|_| convert::time(row, "next_attempt_at")).transpose()?,
        comment: row.get("comment")?,
    })
}

fn object(row: &Row<'_>) -> Result<ObjectFreight, Trouble> {
    let committed: Option<i64> = row.get("committed_at")?;
    let class: Option<String> = row.get("object_class")?;
    let instance: Option<String> = row.get("object_instance")?;
    let model_id: Option<String> = row.get("model_id")?;
    let model_version: Option<String> = row.get("model_version")?;
    Ok(ObjectFreight {
        instance: convert::identity(row)?,
        model: model_id.zip(model_version).map(|(id, version)| ModelRef { id, version }),
        name: class.zip(instance).map(|(sop_class, sop_instance)| ObjectName { sop_class, sop_instance }),
        status: row.get("status")?,
        committed_at: committed.map(|_| convert::time(row, "committed_at")).transpose()?,
    })
}

fn message(row: &Row<'_>) -> Result<MessageFreight, Trouble> {
    let visit: Option<String> = row.get("visit")?;
    let causes: String = row.get("causes")?;
    let standing: Option<String> = row.get("standing")?;
    Ok(MessageFreight {
        subject: match visit {
            Some(visit) => {
                let visit = VisitId::parse(&visit).map_err(|_| Trouble::BadRow("visit"))?;
                SubjectKey::Visit(visit, row.get("sequence")?)
            }
            None => SubjectKey::Study(convert::study_uid(row)?),
        },
        causes: causes
            .split(',')
            .map(|name| Cause::from_name(name).ok_or(Trouble::BadRow("cause")))
            .collect::<Result<_, _>>()?,
        id: row.get::<_, Option<String>>("message_id")?.map(MessageId),
        standing: standing
            .map(|name| Standing::from_name(&name).ok_or(Trouble::BadRow("standing")))
            .transpose()?,
        answer: row.get("answer")?,
    })
}
