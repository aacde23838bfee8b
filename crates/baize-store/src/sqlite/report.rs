//! What was found.

use std::time::Duration;

use baize_core::ports::Cause;
use baize_core::{
    Coded, ErrorCode, Fault, Finding, GateLook, InstanceIdentity, ModelRef, Outcome, PixelBox, Population,
    Report, Text,
};
use rusqlite::{Connection, Row, named_params, params};

use super::convert::{self, micros, span_micros};
use super::heat::heat_columns;
use super::trouble::Trouble;
use super::{heat, messages, mistake, outbox};

/// A number that is none would come back as "absent" or not at all.
pub(super) fn check(report: &Report) -> Result<(), Fault> {
    if report.gate.as_ref().is_some_and(|look| !(0.0..=1.0).contains(&look.probability)) {
        return Err(mistake("the gate's probability is not within 0 and 1"));
    }
    let Outcome::Analysed { findings, .. } = &report.outcome else { return Ok(()) };
    let sound = |finding: &Finding| {
        (0.0..=1.0).contains(&finding.probability)
            && finding.threshold.is_finite()
            && finding.critical.is_none_or(|cut| cut > finding.threshold && cut <= 1.0)
    };
    if findings.iter().all(sound) {
        return Ok(());
    }
    Err(mistake("a finding's probability is not within 0 and 1, or a threshold of it is none"))
}

pub(super) fn insert(db: &Connection, instance: i64, report: &Report) -> Result<(), Trouble> {
    let (outcome, outside, fault) = match &report.outcome {
        Outcome::Analysed { population: Population::Validated, .. } => ("analysed", None, None),
        Outcome::Analysed { population: Population::Outside(why), .. } => ("analysed", Some(why), None),
        Outcome::Refused(fault) => ("refused", None, Some(fault)),
        Outcome::Failed(fault) => ("failed", None, Some(fault)),
    };
    db.prepare_cached(
        "INSERT INTO report (instance_id, model_id, model_version, outcome, finished_at, outside_zh, outside_en,
                             fault_code, fault_message, retry_after_us,
                             gate_id, gate_version, gate_class, gate_class_zh, gate_class_en, gate_probability)
         VALUES (:instance, :model_id, :model_version, :outcome, :finished_at, :outside_zh, :outside_en,
                 :fault_code, :fault_message, :retry_after,
                 :gate_id, :gate_version, :gate_class, :gate_class_zh, :gate_class_en, :gate_probability)",
    )?
    .execute(named_params! {
        ":instance": instance,
        ":model_id": report.model.as_ref().map(|model| &model.id),
        ":model_version": report.model.as_ref().map(|model| &model.version),
        ":outcome": outcome,
        ":finished_at": micros(report.finished_at),
        ":outside_zh": outside.map(|why| &why.zh),
        ":outside_en": outside.map(|why| &why.en),
        ":fault_code": fault.map(|fault| fault.code.as_str()),
        ":fault_message": fault.map(|fault| &fault.message),
        ":retry_after": fault.and_then(|fault| fault.retry_after).map(span_micros),
        ":gate_id": report.gate.as_ref().map(|look| &look.gate.id),
        ":gate_version": report.gate.as_ref().map(|look| &look.gate.version),
        ":gate_class": report.gate.as_ref().map(|look| &look.class),
        ":gate_class_zh": report.gate.as_ref().map(|look| &look.name.zh),
        ":gate_class_en": report.gate.as_ref().map(|look| &look.name.en),
        ":gate_probability": report.gate.as_ref().map(|look| look.probability),
    })?;
    let id = db.last_insert_rowid();
    if let Outcome::Analysed { findings, caveats, .. } = &report.outcome {
        insert_findings(db, id, findings)?;
        insert_caveats(db, id, caveats)?;
    }
    // In the report's own transaction: no crash can come between a result and its way out.
    outbox::enqueue(db, id, instance, outcome, fault, report.finished_at)?;
    match &report.outcome {
        // Nobody waits for the rest of a study to hear of it.
        Outcome::Analysed { findings, .. } if findings.iter().any(Finding::is_critical) => {
            messages::owe_for_instance(db, instance, Cause::Critical, report.finished_at)
        }
        Outcome::Analysed { findings, .. } if findings.iter().any(Finding::is_positive) => {
            messages::owe_for_instance(db, instance, Cause::Finding, report.finished_at)
        }
        _ => Ok(()),
    }
}

fn insert_findings(db: &Connection, report: i64, findings: &[Finding]) -> Result<(), Trouble> {
    let mut insert = db.prepare_cached(
        "INSERT INTO finding (report_id, ordinal, scheme, code, meaning_zh, meaning_en, probability, threshold,
                              box_x, box_y, box_width, box_height, critical)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for (ordinal, finding) in (0_i64..).zip(findings) {
        let code = &finding.code;
        let region = finding.region;
        insert.execute(params![
            report,
            ordinal,
            code.scheme,
            code.value,
            code.meaning.zh,
            code.meaning.en,
            finding.probability,
            finding.threshold,
            region.map(|region| region.x),
            region.map(|region| region.y),
            region.map(|region| region.width),
            region.map(|region| region.height),
            finding.critical,
        ])?;
        if let Some(map) = &finding.heat {
            heat::insert(db, report, ordinal, map)?;
        }
    }
    Ok(())
}

fn insert_caveats(db: &Connection, report: i64, caveats: &[Text]) -> Result<(), Trouble> {
    let mut insert =
        db.prepare_cached("INSERT INTO caveat (report_id, ordinal, zh, en) VALUES (?1, ?2, ?3, ?4)")?;
    for (ordinal, caveat) in (0_i64..).zip(caveats) {
        insert.execute(params![report, ordinal, caveat.zh, caveat.en])?;
    }
    Ok(())
}

/// The reports of one image, in the order of their models.
pub(super) fn of_instance(
    db: &Connection,
    instance: i64,
    identity: &InstanceIdentity,
) -> Result<Vec<Report>, Trouble> {
    db.prepare_cached(
        "SELECT id, model_id, model_version, outcome, finished_at, outside_zh, outside_en,
                fault_code, fault_message, retry_after_us,
                gate_id, gate_version, gate_class, gate_class_zh, gate_class_en, gate_probability
           FROM report WHERE instance_id = ?1 ORDER BY model_id, model_version",
    )?
    .query_and_then([instance], |row| read(db, row, identity))?
    .collect()
}

/// One report, which is about the image of that identity.
pub(super) fn one(db: &Connection, id: i64, identity: &InstanceIdentity) -> Result<Report, Trouble> {
    db.prepare_cached(
        "SELECT id, model_id, model_version, outcome, finished_at, outside_zh, outside_en,
                fault_code, fault_message, retry_after_us,
                gate_id, gate_version, gate_class, gate_class_zh, gate_class_en, gate_probability
           FROM report WHERE id = ?1",
    )?
    .query_and_then([id], |row| read(db, row, identity))?
    .next()
    .unwrap_or(Err(Trouble::BadRow("report number")))
}

fn read(db: &Connection, row: &Row<'_>, identity: &InstanceIdentity) -> Result<Report, Trouble> {
    let id = row.get("id")?;
    let kind: String = row.get("outcome")?;
    let outcome = match kind.as_str() {
        "analysed" => Outcome::Analysed {
            findings: findings(db, id)?,
            population: pair(row, "outside_zh", "outside_en")?
                .map_or(Population::Validated, |(zh, en)| Population::Outside(Text { zh, en })),
            caveats: caveats(db, id)?,
        },
        "refused" => Outcome::Refused(fault(row)?),
        "failed" => Outcome::Failed(fault(row)?),
        _ => return Err(Trouble::BadRow("outcome")),
    };
    let model = pair(row, "model_id", "model_version")?.map(|(id, version)| ModelRef { id, version });
    let finished_at = convert::time(row, "finished_at")?;
    Ok(Report { instance: identity.clone(), model, outcome, finished_at, gate: gate(row)? })
}

fn gate(row: &Row<'_>) -> Result<Option<GateLook>, Trouble> {
    let Some((id, version)) = pair(row, "gate_id", "gate_version")? else { return Ok(None) };
    let name = pair(row, "gate_class_zh", "gate_class_en")?;
    let (zh, en) = name.ok_or(Trouble::BadRow("gate class"))?;
    Ok(Some(GateLook {
        gate: ModelRef { id, version },
        class: row.get("gate_class")?,
        name: Text { zh, en },
        probability: row.get("gate_probability")?,
    }))
}

/// Two columns that are NULL together.
fn pair(row: &Row<'_>, first: &str, second: &str) -> Result<Option<(String, String)>, Trouble> {
    let (first, second): (Option<_>, Option<_>) = (row.get(first)?, row.get(second)?);
    Ok(first.zip(second))
}

fn fault(row: &Row<'_>) -> Result<Fault, Trouble> {
    let code: String = row.get("fault_code")?;
    let retry_after: Option<i64> = row.get("retry_after_us")?;
    Ok(Fault {
        code: ErrorCode::from_name(&code).ok_or(Trouble::BadRow("fault code"))?,
        message: row.get("fault_message")?,
        retry_after: retry_after.map(|micros| Duration::from_micros(micros.unsigned_abs())),
    })
}

fn findings(db: &Connection, report: i64) -> Result<Vec<Finding>, Trouble> {
    let read = |row: &Row<'_>| -> Result<Finding, Trouble> {
        let meaning = Text { zh: row.get("meaning_zh")?, en: row.get("meaning_en")? };
        let region = match row.get("box_x")? {
            None => None,
            Some(x) => Some(PixelBox {
                x,
                y: row.get("box_y")?,
                width: row.get("box_width")?,
                height: row.get("box_height")?,
            }),
        };
        Ok(Finding {
            code: Coded { scheme: row.get("scheme")?, value: row.get("code")?, meaning },
            probability: row.get("probability")?,
            threshold: row.get("threshold")?,
            critical: row.get("critical")?,
            region,
            heat: heat::read(row)?,
        })
    };
    db.prepare_cached(concat!(
        "SELECT finding.*, ",
        heat_columns!(),
        " FROM finding LEFT JOIN finding_heat AS heat
                    ON heat.report_id = finding.report_id AND heat.ordinal = finding.ordinal
          WHERE finding.report_id = ?1 ORDER BY finding.ordinal"
    ))?
    .query_and_then([report], read)?
    .collect()
}

fn caveats(db: &Connection, report: i64) -> Result<Vec<Text>, Trouble> {
    db.prepare_cached("SELECT zh, en FROM caveat WHERE report_id = ?1 ORDER BY ordinal")?
        .query_and_then([report], |row| Ok(Text { zh: row.get("zh")?, en: row.get("en")? }))?
        .collect()
}
