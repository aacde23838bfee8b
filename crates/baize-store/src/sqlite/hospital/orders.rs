//! Orders, and which of them a message means.

use baize_core::ports::{Order, OrderEvent, OrderId, OrderNews, Told};
use baize_core::{Lane, StudyUid, Timestamp};
use rusqlite::{Connection, Row, named_params, params};

use super::super::convert::{lane, micros, rank, time};
use super::super::matching::moments::{self, Span};
use super::super::matching::rules;
use super::super::trouble::Trouble;
use super::{patients, take_over};

/// Takes over what a message says of an order. Returns the orders that it meant: mostly one; several where it names
/// only a number that they share.
pub(super) fn enter(
    db: &Connection,
    patient: i64,
    encounter: Option<&str>,
    news: &OrderNews,
    at: Timestamp,
) -> Result<Vec<i64>, Trouble> {
    let known = meant(db, patient, news)?;
    if known.is_empty() {
        let order = Order {
            id: OrderId(0),
            placer_number: None,
            filler_number: None,
            accession: None,
            study: None,
            patient: patients::read(db, patient)?,
            encounter: None,
            modality: None,
            procedure_code: None,
            procedure_text: None,
            reason: None,
            scheduled_at: None,
            lane: Lane::Routine,
            cancelled: false,
            received_at: at,
            updated_at: at,
        };
        db.prepare_cached(
            "INSERT INTO his_order (patient_id, lane, cancelled, received_at, updated_at, planned_from, planned_to)
             VALUES (?1, 0, 0, ?2, ?2, ?2, ?2)",
        )?
        .execute(params![patient, micros(at)])?;
        let id = db.last_insert_rowid();
        write(db, order, id, encounter, news, at)?;
        return Ok(vec![id]);
    }
    let mut ids = Vec::with_capacity(known.len());
    for order in known {
        let id = order.id.0;
        write(db, order, id, encounter, news, at)?;
        ids.push(id);
    }
    Ok(ids)
}

fn write(
    db: &Connection,
    mut order: Order,
    id: i64,
    encounter: Option<&str>,
    news: &OrderNews,
    at: Timestamp,
) -> Result<(), Trouble> {
    take_over(&mut order.placer_number, &news.placer_number, false);
    take_over(&mut order.filler_number, &news.filler_number, false);
    take_over(&mut order.accession, &news.accession, false);
    take_over(&mut order.study, &news.study, false);
    take_over(&mut order.modality, &news.modality, false);
    take_over(&mut order.procedure_code, &news.procedure_code, false);
    take_over(&mut order.procedure_text, &news.procedure_text, false);
    take_over(&mut order.reason, &news.reason, false);
    take_over(&mut order.scheduled_at, &news.scheduled_at, false);
    let order_lane = order.lane.raised_to(news.lane.unwrap_or(Lane::Routine));
    let rules = rules::read(db)?;
    let offset = rules.map_or(0, |rules| rules.utc_offset_seconds);
    let planned = planned(db, order.scheduled_at.as_deref(), order.received_at, offset)?;
    let overdue = rules.map(|rules| planned.to.saturating_add(rules.window));
    db.prepare_cached(
        "UPDATE his_order
            SET placer_number = :placer, filler_number = :filler, accession = :accession, study_uid = :study,
                encounter = COALESCE(:encounter, encounter), modality = :modality, procedure_code = :code,
                procedure_text = :text, reason = :reason, scheduled_at = :scheduled, lane = :lane,
                cancelled = :cancelled, updated_at = MAX(updated_at, :at), planned_from = :from, planned_to = :to,
                overdue_at = CASE WHEN :cancelled OR EXISTS (SELECT 1 FROM order_match WHERE order_id = :id)
                                  THEN NULL ELSE :overdue END
          WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": id,
        ":placer": order.placer_number,
        ":filler": order.filler_number,
        ":accession": order.accession,
        ":study": order.study.as_ref().map(StudyUid::as_str),
        ":encounter": encounter,
        ":modality": order.modality,
        ":code": order.procedure_code,
        ":text": order.procedure_text,
        ":reason": order.reason,
        ":scheduled": order.scheduled_at,
        ":lane": rank(order_lane),
        ":cancelled": news.event == OrderEvent::Cancelled,
        ":at": micros(at),
        ":from": planned.from,
        ":to": planned.to,
        ":overdue": overdue,
    })?;
    Ok(())
}

/// When an order shall be done: a day, a moment, or the moment at which it came in.
fn planned(
    db: &Connection,
    scheduled: Option<&str>,
    received: Timestamp,
    utc_offset: i64,
) -> Result<Span, Trouble> {
    let span = match scheduled {
        Some(text) => moments::span(db, text, utc_offset)?,
        None => None,
    };
    Ok(span.unwrap_or(Span::moment(micros(received))))
}

/// The orders of a patient that a message means: by the first of its names that one of them has, and which nothing else
/// contradicts. Two procedures of one request share the placer's number, and differ in the filler's or in the accession
/// number.
fn meant(db: &Connection, patient: i64, news: &OrderNews) -> Result<Vec<Order>, Trouble> {
    let study = news.study.value().map(StudyUid::as_str);
    let names = [
        ("placer_number", news.placer_number.value().map(String::as_str)),
        ("filler_number", news.filler_number.value().map(String::as_str)),
        ("accession", news.accession.value().map(String::as_str)),
        ("study_uid", study),
    ];
    let known: Vec<Order> = db
        .prepare_cached(
            "SELECT * FROM his_order
              WHERE patient_id = ?1
                AND (placer_number = ?2 OR filler_number = ?3 OR accession = ?4 OR study_uid = ?5)
              ORDER BY id DESC LIMIT 100",
        )?
        .query_and_then(params![patient, names[0].1, names[1].1, names[2].1, names[3].1], |row| {
            read(db, row)
        })?
        .collect::<Result<_, _>>()?;
    let fitting: Vec<Order> = known.into_iter().filter(|order| !contradicts(order, news)).collect();
    let has = |order: &Order, name: usize| {
        let own = match name {
            0 => order.placer_number.as_deref(),
            1 => order.filler_number.as_deref(),
            2 => order.accession.as_deref(),
            _ => order.study.as_ref().map(StudyUid::as_str),
        };
        names[name].1.is_some() && own == names[name].1
    };
    let best = (0..names.len()).find(|name| fitting.iter().any(|order| has(order, *name)));
    let Some(best) = best else { return Ok(Vec::new()) };
    Ok(fitting.into_iter().filter(|order| has(order, best)).collect())
}

fn contradicts(order: &Order, news: &OrderNews) -> bool {
    fn differ<T: PartialEq>(known: &Option<T>, told: &Told<T>) -> bool {
        matches!((known, told), (Some(known), Told::Value(told)) if known != told)
    }
    fn same<T: PartialEq>(known: &Option<T>, told: &Told<T>) -> bool {
        known.is_some() && known.as_ref() == told.value()
    }
    // Both numbers together name an order for good: then the accession number was corrected.
    let surely =
        same(&order.placer_number, &news.placer_number) && same(&order.filler_number, &news.filler_number);
    differ(&order.placer_number, &news.placer_number)
        || differ(&order.filler_number, &news.filler_number)
        || !surely && (differ(&order.accession, &news.accession) || differ(&order.study, &news.study))
}

/// An order from a row of its table.
pub(in super::super) fn read(db: &Connection, row: &Row<'_>) -> Result<Order, Trouble> {
    let study: Option<String> = row.get("study_uid")?;
    let study = study.map(|uid| StudyUid::parse(&uid).map_err(|_| Trouble::BadRow("study uid")));
    Ok(Order {
        id: OrderId(row.get("id")?),
        placer_number: row.get("placer_number")?,
        filler_number: row.get("filler_number")?,
        accession: row.get("accession")?,
        study: study.transpose()?,
        patient: patients::read(db, row.get("patient_id")?)?,
        encounter: row.get("encounter")?,
        modality: row.get("modality")?,
        procedure_code: row.get("procedure_code")?,
        procedure_text: row.get("procedure_text")?,
        reason: row.get("reason")?,
        scheduled_at: row.get("scheduled_at")?,
        lane: lane(row)?,
        cancelled: row.get("cancelled")?,
        received_at: time(row, "received_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// The order of a number.
pub(in super::super) fn find(db: &Connection, id: i64) -> Result<Option<Order>, Trouble> {
    db.prepare_cached("SELECT * FROM his_order WHERE id = ?1")?
        .query_and_then([id], |row| read(db, row))?
        .next()
        .transpose()
}
