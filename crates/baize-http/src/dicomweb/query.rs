//! The query of a search (PS3.18 section 8.3.4).

use std::collections::BTreeSet;

use baize_core::ports::{ArchiveLevel, ArchiveQuery, DayRange, TextMatch};
use baize_core::{SeriesUid, SopUid, StudyUid};

use super::attribute::{self, Key, Kind, OF_HEADERS};
use crate::problem::Problem;

/// Rows of an answer where a request names no limit.
const DEFAULT_LIMIT: usize = 200;
/// Rows of an answer at most.
const MOST_ROWS: usize = 1_000;
/// UIDs of one list at most.
const MOST_UIDS: usize = 500;
/// Characters of a value to match at most.
const MOST_CHARACTERS: usize = 256;

/// A search, understood.
pub(super) struct Search {
    /// What the ledger can tell.
    pub(super) query: ArchiveQuery,
    /// What only the objects' headers can tell: tag, kind, wanted value.
    pub(super) headers: Vec<(Key, Kind, String)>,
    pub(super) include: BTreeSet<Key>,
    /// Everything that the headers say is asked for.
    pub(super) include_all: bool,
    /// The limit that was asked for is above ours.
    pub(super) limit_was_lowered: bool,
}

impl Search {
    /// Reads the parameters. One that is not known is refused and not passed over: without it a search would
    /// return other patients' studies as if they matched. PS3.18 table 10.6.3-1 has status 400 for it.
    pub(super) fn read(level: ArchiveLevel, parameters: &[(String, String)]) -> Result<Self, Problem> {
        let mut search = Self {
            query: ArchiveQuery::everything(level, DEFAULT_LIMIT),
            headers: Vec::new(),
            include: BTreeSet::new(),
            include_all: false,
            limit_was_lowered: false,
        };
        let is_fuzzy = fuzzy(parameters)?;
        for (name, value) in parameters {
            match name.as_str() {
                "fuzzymatching" => {}
                "limit" => {
                    let asked = number(name, value)?;
                    search.limit_was_lowered = asked > MOST_ROWS;
                    search.query.limit = asked.min(MOST_ROWS);
                }
                "offset" => search.query.offset = number(name, value)?,
                "includefield" => search.include(value)?,
                _ => search.attribute(name, value, is_fuzzy)?,
            }
        }
        Ok(search)
    }

    fn include(&mut self, list: &str) -> Result<(), Problem> {
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match attribute::key(name) {
                _ if name == "all" => self.include_all = true,
                Some(key) => drop(self.include.insert(key)),
                None => {
                    return Err(Problem::invalid(
                        "includefield: name attributes by keyword, as GGGGEEEE, or 'all'",
                    ));
                }
            }
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str, is_fuzzy: bool) -> Result<(), Problem> {
        let unknown = || {
            Problem::invalid(
                "query: there is a parameter that this search does not know; name attributes of the level or above it \
                 by keyword or as GGGGEEEE, beside limit, offset, includefield and fuzzymatching",
            )
        };
        let key = attribute::key(name).ok_or_else(unknown)?;
        let value = value.trim();
        if value.chars().count() > MOST_CHARACTERS && !is_uid_list(&key) {
            return Err(Problem::invalid(format!("{key}: is longer than {MOST_CHARACTERS} characters")));
        }
        // An empty value matches everything and asks for the attribute (PS3.4 section C.2.2.2.3).
        self.include.insert(key.clone());
        if value.is_empty() {
            return Ok(());
        }
        let text = || Some(TextMatch::Pattern(value.to_owned()));
        let query = &mut self.query;
        match key.as_str() {
            "0020000D" => query.studies = uids(&key, value, StudyUid::parse)?,
            "0020000E" => query.series = uids(&key, value, SeriesUid::parse)?,
            "00080018" => query.sops = uids(&key, value, SopUid::parse)?,
            "00080016" => {
                let parsed = uids(&key, value, SopUid::parse)?;
                query.sop_classes = parsed.iter().map(|uid| uid.as_str().to_owned()).collect();
            }
            "00080060" => query.modality = text(),
            "00080061" => query.modality_in_study = text(),
            "00080020" => query.study_date = Some(days(&key, value)?),
            "00100020" => query.patient_id = text(),
            "00080050" => query.accession = text(),
            "00081030" => query.study_description = text(),
            "00100010" if is_fuzzy => {
                let words: Vec<String> = value
                    .split([' ', '^', ',', '=', '*'])
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect();
                query.patient_name = if words.is_empty() { None } else { Some(TextMatch::Words(words)) };
            }
            "00100010" => query.patient_name = text(),
            _ => {
                let known = OF_HEADERS.iter().find(|(tag, level, _)| *tag == key && *level <= query.level);
                let (_, _, kind) = known.ok_or_else(unknown)?;
                self.headers.push((key, *kind, value.to_owned()));
            }
        }
        Ok(())
    }
}

fn is_uid_list(key: &str) -> bool {
    matches!(key, "0020000D" | "0020000E" | "00080018" | "00080016")
}

fn fuzzy(parameters: &[(String, String)]) -> Result<bool, Problem> {
    match parameters.iter().find(|(name, _)| name == "fuzzymatching").map(|(_, value)| value.as_str()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::invalid("fuzzymatching: must be true or false")),
    }
}

fn number(name: &str, value: &str) -> Result<usize, Problem> {
    let parsed =
        value.parse::<u32>().map_err(|_| Problem::invalid(format!("{name}: must be a whole number")))?;
    Ok(parsed as usize)
}

fn uids<T, E: std::fmt::Display>(
    key: &str,
    list: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problem> {
    let parts: Vec<&str> = list.split([',', '\\']).map(str::trim).filter(|uid| !uid.is_empty()).collect();
    if parts.len() > MOST_UIDS {
        return Err(Problem::invalid(format!("{key}: names more than {MOST_UIDS} UIDs")));
    }
    parts.into_iter().map(|uid| parse(uid).map_err(|bad| Problem::invalid(format!("{key}: {bad}")))).collect()
}

/// `YYYYMMDD`, `from-to`, `from-` or `-to`.
fn days(key: &str, value: &str) -> Result<DayRange, Problem> {
    let bad = || Problem::invalid(format!("{key}: must be YYYYMMDD or a range such as 20240101-20240131"));
    let day = |text: &str| match text {
        "" => Ok(None),
        _ if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(text.to_owned())),
        _ => Err(bad()),
    };
    let (from, to) = value.split_once('-').unwrap_or((value, value));
    let range = DayRange { from: day(from.trim())?, to: day(to.trim())? };
    if range.from.is_none() && range.to.is_none() { Err(bad()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(level: ArchiveLevel, parameters: &[(&str, &str)]) -> Result<Search, Problem> {
        let owned: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Search::read(level, &owned)
    }

    #[test]
    fn parameters_are_understood_by_keyword_and_by_tag() {
        let search = read(
            ArchiveLevel::Study,
            &[
                ("PatientName", "Wang*"),
                ("00100020", "P1"),
                ("StudyDate", "20240101-"),
                ("StudyInstanceUID", "1.2,1.3"),
                ("ModalitiesInStudy", "CR"),
                ("StudyTime", "08"),
                ("AccessionNumber", ""),
                ("includefield", "StudyDescription,00180015"),
                ("includefield", "all"),
                ("limit", "5000"),
                ("offset", "3"),
            ],
        )
        .unwrap_or_else(|_| panic!("refused"));
        assert_eq!(search.query.patient_name, Some(TextMatch::Pattern("Wang*".into())));
        assert_eq!(search.query.patient_id, Some(TextMatch::Pattern("P1".into())));
        assert_eq!(search.query.study_date, Some(DayRange { from: Some("20240101".into()), to: None }));
        assert_eq!(search.query.studies.len(), 2);
        assert_eq!(search.query.accession, None, "an empty value matches everything");
        assert_eq!(search.headers, [("00080030".to_owned(), Kind::Time, "08".to_owned())]);
        assert!(
            search.include.contains("00080050") && search.include.contains("00180015") && search.include_all
        );
        assert_eq!((search.query.limit, search.query.offset, search.limit_was_lowered), (MOST_ROWS, 3, true));
    }

    #[test]
    fn fuzzy_matching_is_by_words() {
        let search = read(ArchiveLevel::Study, &[("PatientName", "xiao Wang*"), ("fuzzymatching", "true")]);
        let words = vec!["xiao".to_owned(), "Wang".to_owned()];
        assert_eq!(search.ok().unwrap().query.patient_name, Some(TextMatch::Words(words)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (name, value) in [
            ("PatientNmae", "x"),
            ("InstanceNumber", "1"),
            ("NumberOfStudyRelatedInstances", "1"),
            ("limit", "-1"),
            ("offset", "many"),
            ("fuzzymatching", "maybe"),
            ("includefield", "Everything"),
            ("StudyDate", "2024"),
            ("StudyDate", "-"),
            ("StudyInstanceUID", "1..2"),
        ] {
            assert!(read(ArchiveLevel::Study, &[(name, value)]).is_err(), "{name}={value}");
        }
        assert!(read(ArchiveLevel::Instance, &[("InstanceNumber", "1")]).is_ok());
        assert!(read(ArchiveLevel::Study, &[("PatientID", &"x".repeat(257))]).is_err());
        assert!(read(ArchiveLevel::Study, &[("StudyInstanceUID", &["1.2"; 501].join(","))]).is_err());
    }
}
