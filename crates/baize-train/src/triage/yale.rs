//! The adult visits of Hong, Haimovich and Taylor (2018), "Predicting hospital admission at emergency department
//! triage using machine learning", PLoS ONE 13(7):e0201016.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use baize_triage::request::Vocabulary;
use serde_json::Value;

use super::table::{Line, Table};
use super::visit::{Cohort, Fields, Visit};

/// Numbers of the request outside of the vital signs.
const NUMBERS: [(&str, &str); 3] =
    [("age", "age_years"), ("n_edvisits", "prior_ed_visits"), ("n_admissions", "prior_admissions")];
/// Vital signs; an empty cell is one that was not measured.
const VITALS: [(&str, &str); 6] = [
    ("triage_vital_hr", "heart_rate"),
    ("triage_vital_sbp", "systolic_bp"),
    ("triage_vital_dbp", "diastolic_bp"),
    ("triage_vital_rr", "respiratory_rate"),
    ("triage_vital_temp", "temperature_f"),
    ("triage_vital_o2", "spo2"),
];
/// Words that the desk understands as they are.
const WORDS: [(&str, &str); 2] = [("gender", "sex"), ("arrivalmode", "arrival_mode")];

/// Where the columns stand.
struct Columns {
    numbers: Vec<(&'static str, usize)>,
    vitals: Vec<(&'static str, usize)>,
    words: Vec<(&'static str, usize)>,
    oxygen: usize,
    complaints: Vec<(String, usize)>,
    history: Vec<(String, usize)>,
    audit: Vec<(String, usize)>,
    block: usize,
    acuity: usize,
    disposition: usize,
}

/// Reads a file of visits. Every column of the vocabulary has to be there; what the desk does not ask (counts of
/// images, drugs, the hour of arrival) is passed over, and `audit_*` never gets into a request.
///
/// # Errors
/// A file that cannot be read, a column that is missing, a cell that is not what its column holds.
pub(crate) fn read_yale(path: &Path, vocabulary: Vocabulary<'_>) -> Result<Cohort> {
    let mut table = Table::open(path)?;
    let columns = Columns::find(&table, vocabulary)?;
    let mut cohort = Cohort::default();
    while let Some(line) = table.next()? {
        let visit = columns.visit(&line, &mut cohort, vocabulary);
        let visit = visit.with_context(|| format!("{} line {}", table.name, line.number))?;
        cohort.visits.extend(visit);
    }
    cohort.report(&table.name);
    Ok(cohort)
}

impl Columns {
    fn find(table: &Table, vocabulary: Vocabulary<'_>) -> Result<Self> {
        let places = |pairs: &[(&str, &'static str)]| -> Result<Vec<(&'static str, usize)>> {
            pairs.iter().map(|(column, field)| Ok((*field, table.column(column)?))).collect()
        };
        let flags = |names: &mut dyn Iterator<Item = &String>| -> Result<Vec<(String, usize)>> {
            names.map(|name| Ok((name.clone(), table.column(name)?))).collect()
        };
        let schema = vocabulary.schema;
        let mut history = schema.names().iter().filter(|name| schema.knows_history(name));
        Ok(Self {
            numbers: places(&NUMBERS)?,
            vitals: places(&VITALS)?,
            words: places(&WORDS)?,
            oxygen: table.column("triage_vital_o2_device")?,
            complaints: flags(&mut schema.complaints().iter())?,
            history: flags(&mut history)?,
            audit: table.columns_of("audit_"),
            block: table.column("block")?,
            acuity: table.column("esi")?,
            disposition: table.column("disposition")?,
        })
    }

    fn visit(&self, line: &Line, cohort: &mut Cohort, vocabulary: Vocabulary<'_>) -> Result<Option<Visit>> {
        let Some(request) = cohort.request(self.fields(line)?, vocabulary)? else { return Ok(None) };
        let admitted = match line.text(self.disposition) {
            "Admit" => true,
            "Discharge" => false,
            other => bail!("disposition must be Admit or Discharge, not {other:?}"),
        };
        let group = |(column, place): &(String, usize)| (column.clone(), line.text(*place).to_owned());
        Ok(Some(Visit {
            request,
            acuity: line.acuity(self.acuity)?,
            nurse: None,
            admitted,
            block: line.text(self.block).to_owned(),
            audit: self.audit.iter().map(group).collect::<BTreeMap<_, _>>(),
        }))
    }

    fn fields(&self, line: &Line) -> Result<Fields> {
        let mut fields = Fields::default();
        for (field, place) in &self.numbers {
            fields.set(field, number(line, *place)?);
        }
        for (field, place) in &self.vitals {
            fields.set_vital(field, number(line, *place)?);
        }
        for (field, place) in &self.words {
            fields.set(field, line.text(*place));
        }
        let oxygen = number(line, self.oxygen)?;
        fields.set_vital("on_oxygen", oxygen.map(|value| value != 0.0));
        fields.set("complaint_codes", marked(&self.complaints, line)?);
        fields.set("history", marked(&self.history, line)?);
        Ok(fields)
    }
}

/// A number, or nothing where the cell is empty.
fn number(line: &Line, place: usize) -> Result<Option<f64>> {
    let written = line.text(place);
    match line.number(place) {
        None if !written.is_empty() => bail!("{written:?} is not a number"),
        value => Ok(value),
    }
}

/// The names of the columns that are marked. Some count how often; once is enough.
fn marked(columns: &[(String, usize)], line: &Line) -> Result<Value> {
    let mut names = Vec::new();
    for (name, place) in columns {
        match line.text(*place) {
            "0" | "" => {}
            _ if number(line, *place)?.is_some_and(|value| value != 0.0) => {
                names.push(Value::from(name.as_str()))
            }
            _ => {}
        }
    }
    Ok(Value::Array(names))
}
