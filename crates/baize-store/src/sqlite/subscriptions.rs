//! Who wants to be notified of results.

use baize_core::Timestamp;
use baize_core::ports::{Subscription, SubscriptionStatus, SubscriptionWish};
use rusqlite::{Connection, Row, named_params, params};

use super::convert::{self, micros, time, unsigned};
use super::trouble::Trouble;

const FHIR_JSON: &str = "application/fhir+json";

pub(super) fn add(
    db: &Connection,
    id: &str,
    owner: &str,
    wish: &SubscriptionWish,
    most: usize,
    now: Timestamp,
) -> Result<Option<Subscription>, Trouble> {
    db.prepare_cached(
        "INSERT INTO subscription (id, owner, criteria, reason, endpoint, payload, headers, status, created_at,
                                   updated_at, cursor, next_attempt_at)
         SELECT :id, :owner, :criteria, :reason, :endpoint, :payload, :headers, :status, :now, :now,
                (SELECT COALESCE(MAX(sequence), 0) FROM result_change), :now
          WHERE (SELECT COUNT(*) FROM subscription) < :most",
    )?
    .execute(named_params! {
        ":id": id,
        ":owner": owner,
        ":criteria": wish.criteria,
        ":reason": wish.reason,
        ":endpoint": wish.endpoint,
        ":payload": payload(wish),
        ":headers": headers(wish),
        ":status": status(wish).as_str(),
        ":now": micros(now),
        ":most": convert::limit(most),
    })?;
    one(db, id)
}

pub(super) fn all(db: &Connection) -> Result<Vec<Subscription>, Trouble> {
    db.prepare_cached("SELECT * FROM subscription ORDER BY created_at, id")?
        .query_and_then([], read)?
        .collect()
}

pub(super) fn one(db: &Connection, id: &str) -> Result<Option<Subscription>, Trouble> {
    db.prepare_cached("SELECT * FROM subscription WHERE id = ?1")?
        .query_and_then([id], read)?
        .next()
        .transpose()
}

pub(super) fn replace(
    db: &Connection,
    id: &str,
    wish: &SubscriptionWish,
    now: Timestamp,
) -> Result<Option<Subscription>, Trouble> {
    db.prepare_cached(
        "UPDATE subscription
            SET revision = revision + 1, criteria = :criteria, reason = :reason, endpoint = :endpoint,
                payload = :payload, headers = :headers, status = :status, updated_at = :now, attempts = 0,
                next_attempt_at = :now, failing_since = NULL, last_error = NULL
          WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": id,
        ":criteria": wish.criteria,
        ":reason": wish.reason,
        ":endpoint": wish.endpoint,
        ":payload": payload(wish),
        ":headers": headers(wish),
        ":status": status(wish).as_str(),
        ":now": micros(now),
    })?;
    one(db, id)
}

pub(super) fn remove(db: &Connection, id: &str) -> Result<bool, Trouble> {
    Ok(db.prepare_cached("DELETE FROM subscription WHERE id = ?1")?.execute([id])? > 0)
}

pub(super) fn due(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<Subscription>, Trouble> {
    db.prepare_cached(
        "SELECT * FROM subscription
          WHERE status <> 'off' AND next_attempt_at <= ?1
            AND cursor < (SELECT COALESCE(MAX(sequence), 0) FROM result_change)
          ORDER BY next_attempt_at, id LIMIT ?2",
    )?
    .query_and_then(params![micros(now), convert::limit(limit)], read)?
    .collect()
}

pub(super) fn told(
    db: &Connection,
    id: &str,
    revision: u64,
    cursor: u64,
    now: Timestamp,
) -> Result<(), Trouble> {
    // A place never moves back.
    db.prepare_cached(
        "UPDATE subscription
            SET cursor = MAX(cursor, ?3), attempts = 0, next_attempt_at = ?4, failing_since = NULL, last_error = NULL,
                status = CASE status WHEN 'error' THEN 'active' ELSE status END
          WHERE id = ?1 AND revision = ?2",
    )?
    .execute(params![id, signed(revision), signed(cursor), micros(now)])?;
    Ok(())
}

/// An attempt that failed.
pub(super) struct Failed {
    pub(super) id: String,
    pub(super) revision: u64,
    pub(super) why: String,
    pub(super) again_at: Timestamp,
    pub(super) alarm_before: Timestamp,
    pub(super) now: Timestamp,
}

pub(super) fn not_told(db: &Connection, failed: &Failed) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE subscription
            SET attempts = attempts + 1, next_attempt_at = :again_at, last_error = :why,
                failing_since = COALESCE(failing_since, :now),
                status = CASE WHEN status = 'active' AND COALESCE(failing_since, :now) <= :alarm_before
                              THEN 'error' ELSE status END
          WHERE id = :id AND revision = :revision",
    )?
    .execute(named_params! {
        ":id": failed.id,
        ":revision": signed(failed.revision),
        ":why": failed.why,
        ":again_at": micros(failed.again_at),
        ":alarm_before": micros(failed.alarm_before),
        ":now": micros(failed.now),
    })?;
    Ok(())
}

fn payload(wish: &SubscriptionWish) -> &'static str {
    if wish.with_payload { FHIR_JSON } else { "" }
}

fn headers(wish: &SubscriptionWish) -> String {
    wish.headers.join("\n")
}

fn status(wish: &SubscriptionWish) -> SubscriptionStatus {
    if wish.is_off { SubscriptionStatus::Off } else { SubscriptionStatus::Active }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(row: &Row<'_>) -> Result<Subscription, Trouble> {
    let (status, payload): (String, String) = (row.get("status")?, row.get("payload")?);
    let status = SubscriptionStatus::from_name(&status).ok_or(Trouble::BadRow("subscription status"))?;
    let headers: String = row.get("headers")?;
    let failing_since: Option<i64> = row.get("failing_since")?;
    Ok(Subscription {
        id: row.get("id")?,
        revision: unsigned(row, "revision")?,
        owner: row.get("owner")?,
        wish: SubscriptionWish {
            criteria: row.get("criteria")?,
            reason: row.get("reason")?,
            endpoint: row.get("endpoint")?,
            with_payload: payload == FHIR_JSON,
            headers: headers.lines().map(str::to_owned).collect(),
            is_off: status == SubscriptionStatus::Off,
        },
        status,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        cursor: unsigned(row, "cursor")?,
        attempts: row.get("attempts")?,
        failing_since: failing_since.map(|_| time(row, "failing_since")).transpose()?,
        last_error: row.get("last_error")?,
    })
}
