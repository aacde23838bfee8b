//! The CSV file of an evaluation: which images, what is true of each, and to which subgroups they belong.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use baize_models::Manifest;

/// Columns that split the images into subgroups, where the CSV file has them.
pub(super) const SUBGROUPS: [&str; 5] = ["age_group", "sex", "view", "source", "kind"];
/// The age groups that are made of a numeric column `age`: years below which a group ends, and its name.
const AGES: [(f64, &str); 5] =
    [(1.0, "under 1"), (6.0, "1-5"), (18.0, "6-17"), (65.0, "18-64"), (f64::INFINITY, "65 and over")];

/// One line of the CSV file.
pub(super) struct Line {
    pub(super) path: String,
    /// Images of one patient are resampled together.
    pub(super) group: String,
    /// The truth of each measured label; `None` where the file does not say.
    pub(super) truth: Vec<Option<bool>>,
    /// Column and value of the subgroups.
    pub(super) subgroups: Vec<(&'static str, String)>,
}

/// One label of the model that the CSV file knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// Its place among the model's labels.
    pub(super) label: usize,
    /// The CSV file's column.
    pub(super) column: String,
}

/// What was read.
pub(super) struct Table {
    pub(super) measured: Vec<Measured>,
    pub(super) lines: Vec<Line>,
}

/// The column that tells the truth of a label: what the manifest says, else its English meaning in lower snake case.
pub(super) fn column_of(manifest: &Manifest, label: usize) -> String {
    let file = &manifest.file().labels;
    let named = file.get(label).and_then(|label| label.column.clone());
    named.unwrap_or_else(|| snake_case(file.get(label).map_or("", |label| label.meaning.en.as_str())))
}

fn snake_case(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// Reads the file for a model. `only` is the one column to measure.
///
/// # Errors
/// Where the file can't be read, names no image, has no column for any label, or a truth is neither 0 nor 1.
pub(super) fn read(path: &Path, manifest: &Manifest, only: Option<&str>) -> Result<Table> {
    let name = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot open {name}"))?;
    let columns: Vec<String> =
        reader.headers().with_context(|| format!("in {name}"))?.iter().map(trim).collect();
    ensure!(columns.iter().any(|column| column == "path"), "{name} has no column path");
    let measured = choose(&columns, manifest, only).with_context(|| format!("in {name}"))?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("in {name}"))?;
        let fields: HashMap<&str, &str> = columns.iter().map(String::as_str).zip(record.iter()).collect();
        let field =
            |column: &str| fields.get(column).map(|value| value.trim()).filter(|value| !value.is_empty());
        let path = field("path").with_context(|| format!("{name} has a line without a path"))?.to_owned();
        let truth = measured
            .iter()
            .map(|one| truth(field(&one.column)).with_context(|| format!("{path}: {}", one.column)))
            .collect::<Result<_>>()?;
        let mut subgroups: Vec<(&'static str, String)> = Vec::new();
        for column in SUBGROUPS {
            let value = field(column).map(str::to_owned);
            let value = value.or_else(|| (column == "age_group").then(|| age_group(field("age")?))?);
            subgroups.extend(value.map(|value| (column, value)));
        }
        // Without patients every image stands for itself.
        let group = field("patient").unwrap_or(&path).to_owned();
        lines.push(Line { path, group, truth, subgroups });
    }
    ensure!(!lines.is_empty(), "{name} names no image");
    Ok(Table { measured, lines })
}

fn trim(column: &str) -> String {
    // Spreadsheets put a mark before the first name.
    column.trim_start_matches('\u{feff}').trim().to_owned()
}

fn choose(columns: &[String], manifest: &Manifest, only: Option<&str>) -> Result<Vec<Measured>> {
    let has = |column: &str| columns.iter().any(|known| known == column);
    let all: Vec<Measured> = (0..manifest.labels().len())
        .map(|label| Measured { label, column: column_of(manifest, label) })
        .collect();
    let wanted: BTreeSet<&str> = all.iter().map(|one| one.column.as_str()).collect();
    let wanted = wanted.into_iter().collect::<Vec<_>>().join(", ");
    let Some(only) = only else {
        let found: Vec<Measured> = all.into_iter().filter(|one| has(&one.column)).collect();
        ensure!(
            !found.is_empty(),
            "no column fits {}, whose labels are called {wanted}; there are: {}",
            manifest.model(),
            columns.join(", ")
        );
        return Ok(found);
    };
    ensure!(has(only), "there is no column {only}; there are: {}", columns.join(", "));
    let single = all.len() == 1;
    match all.into_iter().find(|one| one.column == only || single) {
        Some(one) => Ok(vec![Measured { column: only.to_owned(), ..one }]),
        None => bail!("{} has no label {only}; its labels are called {wanted}", manifest.model()),
    }
}

fn truth(value: Option<&str>) -> Result<Option<bool>> {
    match value {
        None => Ok(None),
        Some("0" | "0.0") => Ok(Some(false)),
        Some("1" | "1.0") => Ok(Some(true)),
        Some(other) => bail!("must be 0, 1 or empty, not '{other}'"),
    }
}

fn age_group(age: &str) -> Option<String> {
    let years: f64 = age.parse().ok().filter(|years| *years >= 0.0)?;
    AGES.iter().find(|(below, _)| years < *below).map(|(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_findings_become_names_of_columns() {
        for (meaning, column) in [
            ("Pneumonia", "pneumonia"),
            ("Pleural thickening", "pleural_thickening"),
            ("No finding (normal)", "no_finding_normal"),
        ] {
            assert_eq!(snake_case(meaning), column);
        }
    }

    #[test]
    fn ages_are_grouped() {
        for (age, group) in [
            ("0.5", Some("under 1")),
            ("1", Some("1-5")),
            ("5.99", Some("1-5")),
            ("6", Some("6-17")),
            ("64", Some("18-64")),
            ("65", Some("65 and over")),
            ("-1", None),
            ("old", None),
            ("NaN", None),
        ] {
            assert_eq!(age_group(age).as_deref(), group, "{age}");
        }
    }

    #[test]
    fn a_truth_is_told_or_left_out() {
        assert_eq!(truth(None).unwrap(), None);
        assert_eq!(truth(Some("1.0")).unwrap(), Some(true));
        assert_eq!(truth(Some("0")).unwrap(), Some(false));
        assert!(truth(Some("-1")).is_err());
    }
}
