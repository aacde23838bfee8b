//! Orders for people.

use baize_core::StudyUid;
use baize_core::ports::{MatchedBy, OrderQuery, OrderState, PlacedOrder};
use rusqlite::{Connection, Row};

use super::super::convert::{self, time};
use super::super::trouble::Trouble;
use super::orders;

/// Each filter that is set, so that its index is used.
fn conditions(query: &OrderQuery) -> String {
    let filters = [
        (
            query.study.is_some(),
            "his_order.id IN (SELECT order_id FROM order_match JOIN study ON study.id = study_id
                               WHERE study.uid = :study)",
        ),
        (query.accession.is_some(), "his_order.accession = :accession"),
        (
            query.encounter.is_some(),
            "his_order.encounter = COALESCE((SELECT merged_into FROM encounter WHERE number = :encounter), :encounter)",
        ),
        (
            query.patient_id.is_some(),
            "his_order.patient_id IN (SELECT COALESCE(merged_into, id) FROM his_patient WHERE pid = :patient)",
        ),
        (query.state == Some(OrderState::Waiting), "NOT cancelled AND order_match.how IS NULL"),
        (query.state == Some(OrderState::Matched), "NOT cancelled AND order_match.how IS NOT NULL"),
        (query.state == Some(OrderState::Cancelled), "cancelled"),
    ];
    filters.into_iter().filter(|(set, _)| *set).map(|(_, sql)| format!(" AND {sql}")).collect()
}

pub(super) fn orders(db: &Connection, query: &OrderQuery) -> Result<Vec<PlacedOrder>, Trouble> {
    let sql = format!(
        "SELECT his_order.*, order_match.how, order_match.at AS matched_at, study.uid AS matched_study
           FROM his_order
           LEFT JOIN order_match ON order_match.order_id = his_order.id
           LEFT JOIN study ON study.id = order_match.study_id
          WHERE his_order.id < :before{}
          ORDER BY his_order.id DESC LIMIT :limit",
        conditions(query)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let texts = [
        (":study", query.study.as_ref().map(StudyUid::as_str)),
        (":accession", query.accession.as_deref()),
        (":encounter", query.encounter.as_deref()),
        (":patient", query.patient_id.as_deref()),
    ];
    let numbers = [
        (":before", query.before.map_or(i64::MAX, |order| order.0)),
        (":limit", convert::limit(query.limit)),
    ];
    for (name, number) in numbers {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, number)?;
        }
    }
    for (name, text) in texts {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, text)?;
        }
    }
    let mut rows = statement.raw_query();
    let mut orders = Vec::new();
    while let Some(row) = rows.next()? {
        orders.push(placed(db, row)?);
    }
    Ok(orders)
}

fn placed(db: &Connection, row: &Row<'_>) -> Result<PlacedOrder, Trouble> {
    let study: Option<String> = row.get("matched_study")?;
    let how: Option<String> = row.get("how")?;
    let matched = match study.zip(how) {
        None => None,
        Some((study, how)) => Some((
            StudyUid::parse(&study).map_err(|_| Trouble::BadRow("study uid"))?,
            MatchedBy::from_name(&how).ok_or(Trouble::BadRow("match"))?,
            time(row, "matched_at")?,
        )),
    };
    Ok(PlacedOrder { order: orders::read(db, row)?, matched })
}
