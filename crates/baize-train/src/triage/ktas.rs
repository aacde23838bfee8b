//! The visits of Moon et al. (2019), "Triage accuracy and causes of mistriage using the Korean Triage and Acuity
//! Scale", PLoS ONE 14(9):e0216972: complaints in free English text, the nurse's level and that of three experts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use baize_triage::request::Vocabulary;

use super::table::{Line, Table};
use super::visit::{Cohort, Fields, Visit};

/// Vital signs. A cell that is no number (`??`, `#BOÞ!`) is one that was not measured.
const VITALS: [(&str, &str); 7] = [
    ("SBP", "systolic_bp"),
    ("DBP", "diastolic_bp"),
    ("HR", "heart_rate"),
    ("RR", "respiratory_rate"),
    ("BT", "temperature_c"),
    ("Saturation", "spo2"),
    ("NRS_pain", "pain_score"),
];

/// Where the columns stand.
struct Columns {
    vitals: Vec<(&'static str, usize)>,
    sex: usize,
    age: usize,
    arrival: usize,
    complaint: usize,
    mental: usize,
    pain: usize,
    nurse: usize,
    expert: usize,
    disposition: usize,
}

/// Reads a file of visits. Each is a block of its own. The nurse's level is kept beside the request, not in it.
///
/// A visit counts as admitted where it ended in a ward, the intensive care unit, another hospital, an operating
/// theatre or death: with transfers, the nurses' levels tell admissions apart as the published reference figure says
/// (AUC 0.707).
///
/// # Errors
/// A file that cannot be read, a column that is missing, a code that the study does not have.
pub(crate) fn read_ktas(path: &Path, vocabulary: Vocabulary<'_>) -> Result<Cohort> {
    let mut table = Table::open(path)?;
    let columns = Columns::find(&table)?;
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
    fn find(table: &Table) -> Result<Self> {
        let places = VITALS.iter().map(|(column, field)| Ok((*field, table.column(column)?)));
        Ok(Self {
            vitals: places.collect::<Result<_>>()?,
            sex: table.column("Sex")?,
            age: table.column("Age")?,
            arrival: table.column("Arrival mode")?,
            complaint: table.column("Chief_complain")?,
            mental: table.column("Mental")?,
            pain: table.column("Pain")?,
            nurse: table.column("KTAS_RN")?,
            expert: table.column("KTAS_expert")?,
            disposition: table.column("Disposition")?,
        })
    }

    fn visit(&self, line: &Line, cohort: &mut Cohort, vocabulary: Vocabulary<'_>) -> Result<Option<Visit>> {
        let Some(request) = cohort.request(self.fields(line)?, vocabulary)? else { return Ok(None) };
        let admitted = match line.text(self.disposition) {
            // Discharged; 4 is written as another discharge.
            "1" | "4" => false,
            // Ward, intensive care, transfer, death, surgery.
            "2" | "3" | "5" | "6" | "7" => true,
            other => bail!("Disposition has no code {other:?}"),
        };
        Ok(Some(Visit {
            request,
            acuity: line.acuity(self.expert)?,
            nurse: Some(line.acuity(self.nurse)?),
            admitted,
            block: line.number.to_string(),
            audit: BTreeMap::new(),
        }))
    }

    fn fields(&self, line: &Line) -> Result<Fields> {
        let mut fields = Fields::default();
        fields.set("age_years", line.number(self.age));
        fields.set("chief_complaint", line.text(self.complaint));
        let sex = code(line, self.sex, "Sex", &[("1", "female"), ("2", "male")])?;
        fields.set("sex", sex);
        let arrivals = [
            ("1", "walk_in"),
            ("2", "ambulance"),
            ("3", "car"),
            ("4", "ambulance"),
            ("5", "other"),
            ("6", "other"),
            ("7", "other"),
        ];
        fields.set("arrival_mode", code(line, self.arrival, "Arrival mode", &arrivals)?);
        let mental = [("1", "alert"), ("2", "voice"), ("3", "pain"), ("4", "unresponsive")];
        fields.set_vital("avpu", code(line, self.mental, "Mental", &mental)?);
        for (field, place) in &self.vitals {
            fields.set_vital(field, line.number(*place));
        }
        // Who has no pain was not asked how much.
        if line.text(self.pain) == "0" {
            fields.set_vital("pain_score", 0);
        }
        Ok(fields)
    }
}

/// The desk's word for a code of the study; an empty cell is unknown.
fn code(
    line: &Line,
    place: usize,
    column: &str,
    meanings: &[(&str, &'static str)],
) -> Result<Option<&'static str>> {
    let written = line.text(place);
    if written.is_empty() {
        return Ok(None);
    }
    let meaning = meanings.iter().find(|(known, _)| *known == written).map(|(_, word)| *word);
    Ok(Some(meaning.with_context(|| format!("{column} has no code {written:?}"))?))
}
