//! Searching what was received, and our results beside it, as a PACS is searched.
//!
//! In the statements, `instance` is a row of `archived`, and `image` the image that it is about, which knows the patient.

use baize_core::ports::{ArchiveLevel, ArchiveQuery, ArchiveRow, SpoolKey, TextMatch};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::convert::{self, identity_columns, unsigned};
use super::trouble::Trouble;

/// A statement in the making: conditions and the values of their placeholders, in order.
#[derive(Default)]
struct Conditions {
    all: Vec<String>,
    values: Vec<Value>,
}

pub(super) fn find(db: &Connection, query: &ArchiveQuery) -> Result<Vec<ArchiveRow>, Trouble> {
    let (statement, values) = statement(query);
    db.prepare_cached(&statement)?.query_and_then(params_from_iter(values), row)?.collect()
}

fn statement(query: &ArchiveQuery) -> (String, Vec<Value>) {
    let mut conditions = Conditions::default();
    conditions.of_study(query);
    conditions.within(query);
    let Conditions { all, mut values } = conditions;
    let condition = if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") };
    values.extend([limit(query.limit), limit(query.offset)]);
    let statement = format!(
        "SELECT {columns}, instance.spool_key,
                (SELECT GROUP_CONCAT(DISTINCT modality) FROM archived AS other WHERE other.study_id = study.id)
                    AS modalities,
                (SELECT COUNT(DISTINCT series_id) FROM archived AS other WHERE other.study_id = study.id)
                    AS study_series,
                (SELECT COUNT(*) FROM archived AS other WHERE other.study_id = study.id) AS study_instances,
                (SELECT COUNT(*) FROM archived AS other WHERE other.series_id = series.id) AS series_instances
           FROM {tables} JOIN instance AS image ON image.id = instance.image_id
          WHERE {condition}
          ORDER BY study.received_at DESC, {order}
          LIMIT ? OFFSET ?",
        columns = identity_columns!(),
        tables = tables(query.level),
        order = match query.level {
            ArchiveLevel::Study => "study.id",
            ArchiveLevel::Series | ArchiveLevel::Instance => "instance.id",
        },
    );
    (statement, values)
}

/// What a row stands for, with its first object.
fn tables(level: ArchiveLevel) -> &'static str {
    match level {
        ArchiveLevel::Study => {
            "study JOIN archived AS instance ON instance.id = (SELECT MIN(id) FROM archived WHERE study_id = study.id)
                   JOIN series ON series.id = instance.series_id"
        }
        ArchiveLevel::Series => {
            "series JOIN study ON study.id = series.study_id
                    JOIN archived AS instance ON instance.id = (SELECT MIN(id) FROM archived WHERE series_id = series.id)"
        }
        ArchiveLevel::Instance => {
            "archived AS instance JOIN series ON series.id = instance.series_id
                                  JOIN study ON study.id = instance.study_id"
        }
    }
}

impl Conditions {
    /// What is the same in all objects of a study, read off the image of the row's first one.
    fn of_study(&mut self, query: &ArchiveQuery) {
        self.one_of("study.uid", query.studies.iter().map(|uid| uid.as_str()));
        if let Some(range) = &query.study_date {
            for (day, compared) in [(&range.from, ">="), (&range.to, "<=")] {
                if let Some(day) = day {
                    self.add(format!("image.study_date {compared} ?"), [day.clone()]);
                }
            }
            // Also with both ends open: a study without a date is not within a range of dates.
            self.add("image.study_date IS NOT NULL".to_owned(), []);
        }
        for (column, wanted) in [
            ("image.patient_id", &query.patient_id),
            ("image.accession", &query.accession),
            ("image.study_description", &query.study_description),
        ] {
            self.text(column, wanted.as_ref());
        }
        match &query.patient_name {
            Some(TextMatch::Pattern(pattern)) => self.name_pattern(pattern),
            Some(TextMatch::Words(words)) => self.words("image.patient_name", words),
            None => {}
        }
        if let Some(wanted) = &query.modality_in_study {
            self.exists("inner_instance.study_id = study.id", |inner| {
                inner.text("inner_instance.modality", Some(wanted));
            });
        }
    }

    /// What differs between instances: one instance of the row must have all of it.
    fn within(&mut self, query: &ArchiveQuery) {
        let nothing = query.series.is_empty()
            && query.sops.is_empty()
            && query.sop_classes.is_empty()
            && query.modality.is_none();
        if nothing {
            return;
        }
        let belongs = match query.level {
            ArchiveLevel::Study => "inner_instance.study_id = study.id",
            ArchiveLevel::Series => "inner_instance.series_id = series.id",
            ArchiveLevel::Instance => "inner_instance.id = instance.id",
        };
        self.exists(belongs, |inner| {
            inner.one_of("inner_series.uid", query.series.iter().map(|uid| uid.as_str()));
            inner.one_of("inner_instance.sop", query.sops.iter().map(|uid| uid.as_str()));
            inner.one_of("inner_instance.sop_class", query.sop_classes.iter().map(String::as_str));
            inner.text("inner_instance.modality", query.modality.as_ref());
        });
    }

    fn add<const N: usize>(&mut self, condition: String, values: [String; N]) {
        self.all.push(condition);
        self.values.extend(values.map(Value::Text));
    }

    fn exists(&mut self, belongs: &str, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        inner.add(belongs.to_owned(), []);
        fill(&mut inner);
        self.all.push(format!(
            "EXISTS (SELECT 1 FROM archived AS inner_instance
                              JOIN series AS inner_series ON inner_series.id = inner_instance.series_id
                      WHERE {})",
            inner.all.join(" AND ")
        ));
        self.values.append(&mut inner.values);
    }

    fn one_of<'a>(&mut self, column: &str, wanted: impl ExactSizeIterator<Item = &'a str>) {
        if wanted.len() == 0 {
            return;
        }
        let places = vec!["?"; wanted.len()].join(", ");
        self.all.push(format!("{column} IN ({places})"));
        self.values.extend(wanted.map(|uid| Value::Text(uid.to_owned())));
    }

    fn text(&mut self, column: &str, wanted: Option<&TextMatch>) {
        match wanted {
            None => {}
            Some(TextMatch::Pattern(pattern)) => self.add(format!("{column} GLOB ?"), [glob(pattern)]),
            Some(TextMatch::Words(words)) => self.words(column, words),
        }
    }

    /// The whole name or one of its writings (alphabetic, ideographic, phonetic); empty components at the end say nothing.
    /// Without a wildcard, the first components of a writing are enough: a family name finds the family.
    fn name_pattern(&mut self, pattern: &str) {
        let wanted = like(pattern.trim_end_matches('^'));
        let behind = if pattern.contains(['*', '?']) { "=%" } else { "^%" };
        self.add(
            r"(image.patient_name LIKE ? ESCAPE '\' OR RTRIM(image.patient_name, '^=') LIKE ? ESCAPE '\'
               OR '=' || image.patient_name || '=' LIKE ? ESCAPE '\' OR '=' || image.patient_name || '=' LIKE ? ESCAPE '\')"
                .to_owned(),
            [wanted.clone(), wanted.clone(), format!("%={wanted}=%"), format!("%={wanted}{behind}")],
        );
    }

    /// Every word begins a word, or the words written together begin the text or one writing of a name: Chinese
    /// names are typed without a gap.
    fn words(&mut self, column: &str, words: &[String]) {
        let spaced = format!("' ' || REPLACE(REPLACE(REPLACE({column}, '^', ' '), '=', ' '), ',', ' ')");
        let joined = format!("'=' || REPLACE(REPLACE({column}, '^', ''), ' ', '')");
        let each = vec![format!(r"{spaced} LIKE ? ESCAPE '\'"); words.len()].join(" AND ");
        self.all.push(format!(r"(({each}) OR {joined} LIKE ? ESCAPE '\')"));
        self.values.extend(words.iter().map(|word| Value::Text(format!("% {}%", literal(word)))));
        self.values.push(Value::Text(format!("%={}%", literal(&words.concat()))));
    }
}

/// A pattern for GLOB, which has the same wildcards and, besides, sets in brackets.
fn glob(pattern: &str) -> String {
    pattern.replace('[', "[[]")
}

/// A pattern for LIKE.
fn like(pattern: &str) -> String {
    literal(pattern).replace('*', "%").replace('?', "_")
}

/// Text for LIKE that stands for itself.
fn literal(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

fn limit(count: usize) -> Value {
    Value::Integer(convert::limit(count))
}

fn row(row: &Row<'_>) -> Result<ArchiveRow, Trouble> {
    let modalities: Option<String> = row.get("modalities")?;
    Ok(ArchiveRow {
        identity: convert::identity(row)?,
        spool_key: SpoolKey(row.get("spool_key")?),
        modalities: modalities
            .unwrap_or_default()
            .split(',')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect(),
        study_series: unsigned(row, "study_series")?,
        study_instances: unsigned(row, "study_instances")?,
        series_instances: unsigned(row, "series_instances")?,
    })
}

#[cfg(test)]
mod tests {
    use baize_core::{SeriesUid, SopUid, StudyUid};

    use super::super::schema;
    use super::*;

    /// A study's rows are found by index, however many others there are.
    #[test]
    fn no_search_within_a_study_walks_through_all_studies() {
        let folder = tempfile::tempdir().unwrap();
        let db = schema::open_writer(&folder.path().join("x.db")).unwrap();
        for level in [ArchiveLevel::Study, ArchiveLevel::Series, ArchiveLevel::Instance] {
            let query = ArchiveQuery {
                studies: vec![StudyUid::parse("1.2").unwrap()],
                series: vec![SeriesUid::parse("1.3").unwrap()],
                sops: vec![SopUid::parse("1.4").unwrap()],
                modality: Some(TextMatch::Pattern("SR".into())),
                modality_in_study: Some(TextMatch::Pattern("SR".into())),
                ..ArchiveQuery::everything(level, 10)
            };
            let (statement, values) = statement(&query);
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let steps: Vec<String> = plan
                .query_map(params_from_iter(values), |row| row.get("detail"))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let whole = |step: &&String| step.starts_with("SCAN ") || step.starts_with("MATERIALIZE");
            let wasteful: Vec<_> = steps.iter().filter(whole).collect();
            assert!(wasteful.is_empty(), "{level:?}: {steps:#?}");
        }
    }
}
