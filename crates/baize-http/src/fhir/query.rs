//! A search, understood.

use baize_core::StudyUid;
use baize_fhir::{Kind, PeriodQuery};

use super::cursor::{self, Cursor};
use super::parameters::{INCLUDE_RESULT, Reading, reading};
use super::token::{Token, list};
use crate::problem::Problem;

/// Resources of a page where a request names no number.
const DEFAULT_COUNT: usize = 50;
/// Resources of a page at most.
const MOST: usize = 200;
/// Values of one parameter at most.
const MOST_VALUES: usize = 100;

/// What a parameter asks for; of its values, one must fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Ids(Vec<String>),
    Patient(Vec<Token>),
    Encounter(Vec<Token>),
    Order(Vec<Token>),
    Study(Vec<StudyUid>),
    Date(Vec<PeriodQuery>),
    LastUpdated(Vec<PeriodQuery>),
    Code(String, Vec<Token>),
}

/// A search. All of its filters must fit.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) kind: Kind,
    pub(super) filters: Vec<Filter>,
    pub(super) count: usize,
    /// Only how many there are.
    pub(super) count_only: bool,
    /// The results of a report with it.
    pub(super) include_results: bool,
    pub(super) from: Option<Cursor>,
    /// The parameters that were understood, as they were sent, for the links of the answer.
    pub(super) understood: Vec<(String, String)>,
}

/// What becomes of a parameter that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    /// It is passed over, and left out of the self link.
    Lenient,
    /// It is refused.
    Strict,
}

impl Search {
    /// Reads the parameters (<http://hl7.org/fhir/R4/search.html>). A parameter that is known but holds nothing that can be
    /// understood is refused, whatever the handling: without it other patients' results would seem to match.
    pub(super) fn read(
        kind: Kind,
        parameters: &[(String, String)],
        handling: Handling,
    ) -> Result<Self, Problem> {
        let mut search = Self {
            kind,
            filters: Vec::new(),
            count: DEFAULT_COUNT,
            count_only: false,
            include_results: false,
            from: None,
            understood: Vec::new(),
        };
        for (name, value) in parameters {
            if search.parameter(name, value)? {
                search.understood.push((name.clone(), value.clone()));
            } else if handling == Handling::Strict {
                return Err(Problem::invalid(
                    "query: there is a parameter that this search does not know; /fhir/metadata lists those that it does",
                ));
            }
        }
        Ok(search)
    }

    /// Whether it was understood.
    fn parameter(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "_format" | "_pretty" => {}
            "_count" => {
                let bad = || Problem::invalid("_count: must be a whole number of at most 32 bits");
                let asked: u32 = value.parse().map_err(|_| bad())?;
                // A page of nothing asks how many there are.
                self.count_only |= asked == 0;
                self.count = usize::try_from(asked).unwrap_or(MOST).clamp(1, MOST);
            }
            "_summary" => match value {
                "count" => self.count_only = true,
                "false" => {}
                _ => return Ok(false),
            },
            "_include" if self.kind == Kind::DiagnosticReport && value == INCLUDE_RESULT => {
                self.include_results = true;
            }
            cursor::NAME => {
                let bad = || Problem::invalid("_page: is none of the links that a search gave");
                self.from = Some(Cursor::parse(value).ok_or_else(bad)?);
                // The links of the next page get their own.
                return Ok(true);
            }
            _ => return self.filter(name, value),
        }
        Ok(true)
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        // `patient.identifier` asks for the same as `patient:identifier`, as there is nothing else to chain to.
        let (base, modifier) = match name.split_once([':', '.']) {
            Some((base, modifier)) => (base, Some(modifier)),
            None => (name, None),
        };
        let Some(reading) = reading(self.kind, base) else { return Ok(false) };
        let is_reference = matches!(reading, Reading::Patient | Reading::Encounter | Reading::Order);
        let is_identifier = match modifier {
            None => false,
            Some("identifier") if is_reference => true,
            // FHIR forbids to pass over a modifier that is not known.
            Some(_) => {
                return Err(Problem::invalid(format!("{base}: this modifier or chain is not supported")));
            }
        };
        let values = list(value);
        if values.len() > MOST_VALUES {
            return Err(Problem::invalid(format!("{base}: has more than {MOST_VALUES} values")));
        }
        let bad = |what: &str| Problem::invalid(format!("{base}: {what}"));
        let tokens = |read: fn(&str) -> Option<Token>| -> Result<Vec<Token>, Problem> {
            values.iter().map(|value| read(value).ok_or_else(|| bad("has an empty value"))).collect()
        };
        // The value of a reference may be a token too: `accession=system|A1`.
        let reference = |value: &str| match value.contains('|') {
            true => Token::parse(value),
            false => Token::of_reference(value),
        };
        let dates = || -> Result<Vec<PeriodQuery>, Problem> {
            let bad_date = || bad("must be a date such as 2024-01-31 or ge2024-01-31T08:00:00+08:00");
            values.iter().map(|value| PeriodQuery::parse(value).ok_or_else(bad_date)).collect()
        };
        let is_token = is_identifier || base == "accession";
        self.filters.push(match reading {
            Reading::Id => Filter::Ids(values.iter().map(|value| (*value).to_owned()).collect()),
            Reading::Patient => Filter::Patient(tokens(if is_token { Token::parse } else { reference })?),
            Reading::Encounter => Filter::Encounter(tokens(if is_token { Token::parse } else { reference })?),
            Reading::Order => Filter::Order(tokens(if is_token { Token::parse } else { reference })?),
            Reading::Study => {
                let bad_study =
                    || bad("must be a Study Instance UID, urn:oid: and one, or ImagingStudy/ and one");
                Filter::Study(
                    values
                        .iter()
                        .map(|value| study(value).ok_or_else(bad_study))
                        .collect::<Result<_, _>>()?,
                )
            }
            Reading::Date => Filter::Date(dates()?),
            Reading::LastUpdated => Filter::LastUpdated(dates()?),
            Reading::Code => Filter::Code(base.to_owned(), tokens(Token::parse)?),
        });
        Ok(true)
    }
}

/// A study by its UID, bare or as FHIR writes it.
fn study(text: &str) -> Option<StudyUid> {
    let text = text.trim().rsplit(['|', '/']).next()?;
    StudyUid::parse(text.strip_prefix("urn:oid:").unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, parameters: &[(&str, &str)], handling: Handling) -> Result<Search, Problem> {
        let owned: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Search::read(kind, &owned, handling)
    }

    #[test]
    fn parameters_are_understood() {
        let search = read(
            Kind::DiagnosticReport,
            &[
                ("patient", "Patient/7"),
                ("subject:identifier", "urn:oid:1.2|7"),
                ("patient.identifier", "7"),
                ("encounter", "E1,E2"),
                ("accession", "https://ris.example|A1"),
                ("based-on:identifier", "A1"),
                ("study", "urn:dicom:uid|urn:oid:1.2.3,ImagingStudy/1.2.4"),
                ("date", "ge2024-01-01"),
                ("_lastUpdated", "lt2024-01-01T00:00:00Z"),
                ("status", "preliminary,final"),
                ("_include", "DiagnosticReport:result"),
                ("_count", "7"),
                ("_format", "json"),
                ("unknown", "x"),
            ],
            Handling::Lenient,
        )
        .unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!((search.filters.len(), search.count, search.include_results), (10, 7, true));
        assert_eq!(search.understood.len(), 13);
        let uid = |text| StudyUid::parse(text).unwrap();
        assert!(search.filters.contains(&Filter::Study(vec![uid("1.2.3"), uid("1.2.4")])));
    }

    #[test]
    fn what_is_known_and_not_understood_is_refused() {
        for (name, value) in [
            ("patient", ""),
            ("patient", ","),
            ("patient:exact", "7"),
            ("patient.name", "x"),
            ("status:not", "final"),
            ("status", "|"),
            ("study", "x"),
            ("date", "tomorrow"),
            ("_lastUpdated", "1"),
            ("_count", "-1"),
            ("_count", "many"),
            ("_page", "x"),
        ] {
            assert!(
                read(Kind::DiagnosticReport, &[(name, value)], Handling::Lenient).is_err(),
                "{name}={value}"
            );
        }
        let many = vec!["1"; 101].join(",");
        assert!(read(Kind::Observation, &[("encounter", &many)], Handling::Lenient).is_err());
    }

    #[test]
    fn what_is_not_known_depends_on_the_handling() {
        for (name, value) in [("nmae", "x"), ("_summary", "text"), ("_include", "*"), ("modality", "CR")] {
            let lenient = read(Kind::DiagnosticReport, &[(name, value)], Handling::Lenient)
                .unwrap_or_else(|_| panic!());
            assert_eq!((lenient.filters.len(), lenient.understood.len()), (0, 0), "{name}");
            assert!(read(Kind::DiagnosticReport, &[(name, value)], Handling::Strict).is_err(), "{name}");
        }
    }
}
