//! Looking for studies and steps of visits, and what changed of them.
//!
//! Each condition names the rows that fit by a subquery that an index answers; rows come in the order of their primary
//! key, so that a page begins where the one before it ended, whatever has come in between.

use baize_core::ports::{
    ChangedSubject, FoundStep, FoundStudy, ResultChange, StudySearch, VisitId, VisitSearch,
};
use baize_core::{ModelRef, SopUid, StudyUid, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::convert::{self, micros, study_uid, time, unsigned};
use super::triage;
use super::trouble::Trouble;

/// Conditions in the making, with the values of their placeholders in order.
#[derive(Default)]
struct Conditions {
    all: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.all.push(condition.to_owned());
        self.values.extend(values);
    }

    /// `{}` in the condition becomes a list with a place for each value, as often as it stands there.
    fn one_of<'a>(&mut self, condition: &str, wanted: Option<impl IntoIterator<Item = &'a str>>) {
        let Some(wanted) = wanted else { return };
        let values: Vec<Value> = wanted.into_iter().map(|text| Value::Text(text.to_owned())).collect();
        let places = vec!["?"; values.len()].join(", ");
        let times = condition.matches("{}").count();
        self.all.push(condition.replace("{}", &format!("({places})")));
        for _ in 0..times {
            self.values.extend(values.iter().cloned());
        }
    }

    fn joined(&self) -> String {
        if self.all.is_empty() { "TRUE".to_owned() } else { self.all.join(" AND ") }
    }
}

fn texts(wanted: Option<&Vec<String>>) -> Option<impl Iterator<Item = &str>> {
    wanted.map(|values| values.iter().map(String::as_str))
}

pub(super) fn studies(db: &Connection, search: &StudySearch) -> Result<Vec<FoundStudy>, Trouble> {
    let mut conditions = Conditions::default();
    let uids = search.studies.as_ref().map(|studies| studies.iter().map(StudyUid::as_str));
    conditions.one_of("study.uid IN {}", uids);
    conditions.one_of(
        "study.id IN (SELECT study_id FROM instance WHERE patient_id IN {}
                      UNION SELECT order_match.study_id
                        FROM his_order JOIN order_match ON order_match.order_id = his_order.id
                       WHERE his_order.patient_id IN (SELECT COALESCE(merged_into, id) FROM his_patient WHERE pid IN {}))",
        texts(search.patients.as_ref()),
    );
    conditions.one_of(
        "study.id IN (SELECT study_id FROM instance WHERE accession IN {}
                      UNION SELECT order_match.study_id
                        FROM his_order JOIN order_match ON order_match.order_id = his_order.id
                       WHERE accession IN {} OR placer_number IN {} OR filler_number IN {})",
        texts(search.orders.as_ref()),
    );
    conditions.one_of(
        "study.id IN (SELECT order_match.study_id
                        FROM his_order JOIN order_match ON order_match.order_id = his_order.id
                       WHERE his_order.encounter IN {}
                          OR his_order.encounter IN (SELECT merged_into FROM encounter WHERE number IN {}))",
        texts(search.encounters.as_ref()),
    );
    if let Some((from, to)) = &search.days {
        let days = [from, to].map(|day| Value::Text(day.clone()));
        conditions.add("study.id IN (SELECT study_id FROM instance WHERE study_date BETWEEN ? AND ?)", days);
    }
    if let Some(span) = search.changed {
        let ends = [micros(span.from), micros(span.to)].map(Value::Integer);
        conditions.add(
            "study.id IN (SELECT study_id FROM study_result WHERE changed_at >= ? AND changed_at < ?
                                     UNION SELECT id FROM study WHERE updated_at >= ? AND updated_at < ?)",
            ends.iter().chain(&ends).cloned(),
        );
    }
    if let Some(place) = search.from_place {
        conditions.add("study.id <= ?", [Value::Integer(i64::try_from(place).unwrap_or(i64::MAX))]);
    }
    let join = if search.with_results { "JOIN" } else { "LEFT JOIN" };
    let statement = format!(
        "SELECT study.id, study.uid AS study_uid, study.updated_at, study_result.changed_at
           FROM study {join} study_result ON study_result.study_id = study.id
          WHERE {} ORDER BY study.id DESC LIMIT ?",
        conditions.joined()
    );
    conditions.values.push(Value::Integer(convert::limit(search.limit)));
    db.prepare_cached(&statement)?.query_and_then(params_from_iter(conditions.values), found_study)?.collect()
}

fn found_study(row: &Row<'_>) -> Result<FoundStudy, Trouble> {
    let changed: Option<i64> = row.get("changed_at")?;
    Ok(FoundStudy {
        place: unsigned(row, "id")?,
        study: study_uid(row)?,
        updated_at: time(row, "updated_at")?,
        changed_at: changed.map(|at| Timestamp::from_micros(at.unsigned_abs())),
    })
}

pub(super) fn steps(db: &Connection, search: &VisitSearch) -> Result<Vec<FoundStep>, Trouble> {
    let mut conditions = Conditions::default();
    conditions.add("change.visit IS NOT NULL", []);
    if let Some(steps) = &search.steps {
        let places = vec!["(?, ?)"; steps.len()].join(", ");
        let values = steps.iter().flat_map(|(visit, sequence)| {
            [Value::Text(visit.as_str().to_owned()), Value::Integer((*sequence).into())]
        });
        conditions.add(&format!("(change.visit, change.visit_sequence) IN (VALUES {places})"), values);
    }
    // An encounter that was given up in a merge is the one that is left.
    conditions.one_of(
        "entry.encounter IN (SELECT number FROM encounter
                              WHERE number IN {} OR merged_into IN {}
                                 OR number IN (SELECT merged_into FROM encounter WHERE number IN {})
                             UNION SELECT encounter FROM triage_entry WHERE encounter IN {})",
        texts(search.encounters.as_ref()),
    );
    // Nothing is known of the patients of visits but through their encounters.
    conditions.one_of(
        "entry.encounter IN (SELECT number FROM encounter
                              WHERE patient_id IN (SELECT COALESCE(merged_into, id) FROM his_patient WHERE pid IN {}))",
        texts(search.patients.as_ref()),
    );
    if let Some(span) = search.at {
        conditions
            .add("entry.at >= ? AND entry.at < ?", [micros(span.from), micros(span.to)].map(Value::Integer));
    }
    if let Some(place) = search.from_place {
        conditions.add("change.sequence <= ?", [Value::Integer(i64::try_from(place).unwrap_or(i64::MAX))]);
    }
    let statement = format!(
        "SELECT change.sequence AS place, entry.*
           FROM result_change AS change
           JOIN triage_entry AS entry ON entry.visit = change.visit AND entry.sequence = change.visit_sequence
          WHERE {} ORDER BY change.sequence DESC LIMIT ?",
        conditions.joined()
    );
    conditions.values.push(Value::Integer(convert::limit(search.limit)));
    db.prepare_cached(&statement)?.query_and_then(params_from_iter(conditions.values), found_step)?.collect()
}

fn found_step(row: &Row<'_>) -> Result<FoundStep, Trouble> {
    Ok(FoundStep { place: unsigned(row, "place")?, entry: triage::entry(row, &visit(row)?)? })
}

fn visit(row: &Row<'_>) -> Result<VisitId, Trouble> {
    let visit: String = row.get("visit")?;
    VisitId::parse(&visit).map_err(|_| Trouble::BadRow("visit"))
}

pub(super) fn study_of_image(db: &Connection, sop: &SopUid) -> Result<Option<StudyUid>, Trouble> {
    db.prepare_cached(
        "SELECT study.uid AS study_uid FROM instance JOIN study ON study.id = instance.study_id WHERE instance.sop = ?1",
    )?
    .query_and_then([sop.as_str()], study_uid)?
    .next()
    .transpose()
}

pub(super) fn told_models(db: &Connection) -> Result<Vec<(ModelRef, Timestamp)>, Trouble> {
    let read = |row: &Row<'_>| -> Result<_, Trouble> {
        Ok((ModelRef { id: row.get("id")?, version: row.get("version")? }, time(row, "since")?))
    };
    db.prepare_cached("SELECT id, version, since FROM told_model ORDER BY id, version")?
        .query_and_then([], read)?
        .collect()
}

pub(super) fn changes(db: &Connection, behind: u64, limit: usize) -> Result<Vec<ResultChange>, Trouble> {
    db.prepare_cached(
        "SELECT change.sequence, change.at, change.visit, change.visit_sequence, study.uid AS study_uid
           FROM result_change AS change LEFT JOIN study ON study.id = change.study_id
          WHERE change.sequence > ?1 ORDER BY change.sequence LIMIT ?2",
    )?
    .query_and_then(params![i64::try_from(behind).unwrap_or(i64::MAX), convert::limit(limit)], change)?
    .collect()
}

fn change(row: &Row<'_>) -> Result<ResultChange, Trouble> {
    let subject = match row.get::<_, Option<u32>>("visit_sequence")? {
        Some(sequence) => ChangedSubject::Step(visit(row)?, sequence),
        None => ChangedSubject::Study(study_uid(row)?),
    };
    Ok(ResultChange { sequence: unsigned(row, "sequence")?, at: time(row, "at")?, subject })
}

pub(super) fn last_change(db: &Connection) -> Result<u64, Trouble> {
    db.prepare_cached("SELECT COALESCE(MAX(sequence), 0) AS sequence FROM result_change")?
        .query_and_then([], |row| unsigned(row, "sequence"))?
        .next()
        .unwrap_or(Err(Trouble::BadRow("sequence")))
}
