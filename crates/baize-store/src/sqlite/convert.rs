//! Between the words of the core and columns.

use std::time::Duration;

use baize_core::ports::Door;
use baize_core::{AgeYears, ImageFacts, InstanceIdentity, Lane, SeriesUid, Sex, SopUid, StudyUid, Timestamp};
use rusqlite::Row;

use super::trouble::Trouble;

/// Columns for [`identity`]; needs `instance`, `series` and `study` in the FROM clause.
macro_rules! identity_columns {
    () => {
        "study.uid AS study_uid, series.uid AS series_uid, instance.sop, instance.sop_class, instance.transfer_syntax"
    };
}

/// Columns for [`facts`]; needs `instance` in the FROM clause.
macro_rules! facts_columns {
    () => {
        "instance.modality, instance.body_part, instance.view, instance.frames, instance.rows, instance.columns, \
         instance.age_years, instance.sex, instance.patient_id, instance.patient_name, instance.accession, \
         instance.study_date, instance.study_description, instance.burned_in_annotation, \
         instance.patient_id_issuer, instance.birth_date"
    };
}

pub(super) use {facts_columns, identity_columns};

pub(super) fn identity(row: &Row<'_>) -> Result<InstanceIdentity, Trouble> {
    let series: String = row.get("series_uid")?;
    let sop: String = row.get("sop")?;
    Ok(InstanceIdentity {
        study: study_uid(row)?,
        series: SeriesUid::parse(&series).map_err(|_| Trouble::BadRow("series uid"))?,
        sop: SopUid::parse(&sop).map_err(|_| Trouble::BadRow("sop instance uid"))?,
        sop_class: row.get("sop_class")?,
        transfer_syntax: row.get("transfer_syntax")?,
    })
}

pub(super) fn study_uid(row: &Row<'_>) -> Result<StudyUid, Trouble> {
    let study: String = row.get("study_uid")?;
    StudyUid::parse(&study).map_err(|_| Trouble::BadRow("study uid"))
}

/// The column `sex`; NULL where it is unknown.
pub(super) fn sex(row: &Row<'_>) -> Result<Option<Sex>, Trouble> {
    Ok(match row.get::<_, Option<String>>("sex")?.as_deref() {
        None => None,
        Some("F") => Some(Sex::Female),
        Some("M") => Some(Sex::Male),
        Some("O") => Some(Sex::Other),
        Some(_) => return Err(Trouble::BadRow("sex")),
    })
}

pub(super) fn facts(row: &Row<'_>) -> Result<ImageFacts, Trouble> {
    Ok(ImageFacts {
        modality: row.get("modality")?,
        body_part: row.get("body_part")?,
        view: row.get("view")?,
        frames: row.get("frames")?,
        rows: row.get("rows")?,
        columns: row.get("columns")?,
        age: row.get::<_, Option<f32>>("age_years")?.map(AgeYears),
        sex: sex(row)?,
        patient_id: row.get("patient_id")?,
        patient_name: row.get("patient_name")?,
        accession: row.get("accession")?,
        study_date: row.get("study_date")?,
        study_description: row.get("study_description")?,
        burned_in_annotation: row.get("burned_in_annotation")?,
        patient_id_issuer: row.get("patient_id_issuer")?,
        birth_date: row.get("birth_date")?,
        // What only routing looks at is read from the object again.
        ..ImageFacts::default()
    })
}

pub(super) fn sex_text(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "F",
        Sex::Male => "M",
        Sex::Other => "O",
    }
}

/// The door's name and the peer behind it.
pub(super) fn door_text(door: &Door) -> (&'static str, &str) {
    match door {
        Door::Dimse { calling_ae } => ("dimse", calling_ae),
        Door::Stow { client } => ("stow", client),
    }
}

pub(super) fn rank(lane: Lane) -> i64 {
    match lane {
        Lane::Routine => 0,
        Lane::Urgent => 1,
        Lane::Stat => 2,
    }
}

pub(super) fn lane(row: &Row<'_>) -> Result<Lane, Trouble> {
    let rank: u8 = row.get("lane")?;
    Lane::ALL.get(usize::from(rank)).copied().ok_or(Trouble::BadRow("lane"))
}

/// Times after the year 294000 ("never") become the last one that SQLite can hold.
pub(super) fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, Trouble> {
    unsigned(row, column).map(Timestamp::from_micros)
}

/// SQLite's integers are signed.
pub(super) fn unsigned(row: &Row<'_>, column: &str) -> Result<u64, Trouble> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| Trouble::BadRow("number below zero"))
}

pub(super) fn span_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// For LIMIT.
pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_order_of_urgency() {
        assert_eq!(Lane::ALL.map(rank), [0, 1, 2], "a rank is an index of Lane::ALL");
    }
}
