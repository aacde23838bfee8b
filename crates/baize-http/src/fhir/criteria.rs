//! What a change is about, held against the criteria of a subscription: the search itself, narrowed to the change.

use std::sync::Arc;

use async_trait::async_trait;
use baize_core::Fault;
use baize_core::ports::{ChangedSubject, Criteria, Notice, ResultChange};
use baize_fhir::Kind;
use bytes::Bytes;

use super::query::{Filter, Handling, Search};
use super::{audit, find, parameters};
use crate::app::{AppState, Ports, state};
use crate::problem::Problem;
use crate::{ConfigError, HttpConfig};

/// The types that can be subscribed to.
const KINDS: [Kind; 3] = [Kind::DiagnosticReport, Kind::Observation, Kind::RiskAssessment];

/// Understands criteria as searches are understood.
///
/// # Errors
/// Another type, a parameter that is not known or not understood: by name.
pub(super) fn read(criteria: &str) -> Result<Search, Problem> {
    let (name, query) = criteria.split_once('?').unwrap_or((criteria, ""));
    let kind = Kind::from_name(name).filter(|kind| KINDS.contains(kind)).ok_or_else(|| {
        Problem::invalid(
            "criteria: must be a search for DiagnosticReport, Observation or RiskAssessment, such as \
             DiagnosticReport?status=final",
        )
    })?;
    let bad = || Problem::invalid("criteria: is no list of parameters");
    let uri: http::Uri = format!("/?{query}").parse().map_err(|_| bad())?;
    let given = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| bad())?.0;
    for (name, _) in &given {
        let base = name.split([':', '.']).next().unwrap_or_default();
        if parameters::reading(kind, base).is_none() {
            return Err(Problem::invalid(format!(
                "criteria: {name} is no parameter of {kind} that a subscription can have; /fhir/metadata lists them"
            )));
        }
    }
    let named = |problem: Problem| Problem::invalid(format!("criteria: {}", problem.fault().message));
    Search::read(kind, &given, Handling::Strict).map_err(named)
}

/// [`Criteria`] by the search of the read side.
pub struct SearchCriteria(Arc<AppState>);

impl SearchCriteria {
    /// Over the same ports as the edge itself.
    ///
    /// # Errors
    /// As [`router`](crate::router).
    pub fn new(ports: Ports, config: HttpConfig) -> Result<Self, ConfigError> {
        Ok(Self(state(ports, config)?))
    }
}

#[async_trait]
impl Criteria for SearchCriteria {
    async fn matching(&self, criteria: &str, change: &ResultChange) -> Result<Vec<Notice>, Fault> {
        let fault = |problem: Problem| problem.fault().clone();
        let mut search = read(criteria).map_err(fault)?;
        let narrowed = match &change.subject {
            ChangedSubject::Study(_) if search.kind == Kind::RiskAssessment => return Ok(Vec::new()),
            ChangedSubject::Study(study) => Filter::Study(vec![study.clone()]),
            ChangedSubject::Step(..) if search.kind == Kind::DiagnosticReport => return Ok(Vec::new()),
            ChangedSubject::Step(visit, sequence) => Filter::Ids(vec![format!("{visit}.{sequence}")]),
        };
        // Ahead of the others: the ledger looks for the first list of each kind.
        search.filters.insert(0, narrowed);
        let mut notices = Vec::new();
        loop {
            let page = find::page(&self.0, &search).await.map_err(fault)?;
            notices.extend(page.entries.into_iter().map(|entry| Notice {
                kind: entry.resource.key.kind().to_string(),
                id: entry.resource.key.id().to_owned(),
                patients: audit::patients(&entry.resource.json),
                json: Bytes::from(entry.resource.json.to_string()),
            }));
            match page.next {
                Some(next) => search.from = Some(next),
                None => return Ok(notices),
            }
        }
    }
}
