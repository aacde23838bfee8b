//! Running a search: subjects from the ledger, resources made from each, and a page of those that match.

use std::time::Duration;

use baize_core::ports::{
    AuditQuery, FoundStep, FoundStudy, Span, StudyResult, StudySearch, VisitResult, VisitSearch,
};
use baize_core::{StudyUid, Timestamp};
use baize_fhir::{Kind, Links, ObservationName, Period, PeriodQuery, Resource, SearchEntry, instant};

use super::candidate::Candidate;
use super::cursor::{Cursor, Part};
use super::query::{Filter, Search};
use super::token::Token;
use super::{audit, load, read};
use crate::app::AppState;
use crate::problem::Problem;

/// Subjects asked of the ledger at a time.
const BATCH: usize = 32;
/// Subjects looked at for one page: a search that matches little ends its page early, with a link to go on.
const MOST_LOOKED_AT: usize = 512;
/// Subjects looked at to count what matches.
const MOST_COUNTED: usize = 4096;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A page.
pub(super) struct Page {
    pub(super) entries: Vec<SearchEntry>,
    /// Where the next one begins.
    pub(super) next: Option<Cursor>,
    /// How many match on all pages, where that is known.
    pub(super) total: Option<usize>,
}

/// A page in the making.
struct Filling<'a> {
    app: &'a AppState,
    search: &'a Search,
    entries: Vec<SearchEntry>,
    matched: usize,
    looked_at: usize,
}

/// What came of looking at a subject, or at all of them.
enum Went {
    On,
    /// The page is full, or took long enough: the next one begins there.
    Ended(Cursor),
}

pub(super) async fn page(app: &AppState, search: &Search) -> Result<Page, Problem> {
    let search = &follow_merges(app, search.clone()).await?;
    let mut filling = Filling { app, search, entries: Vec::new(), matched: 0, looked_at: 0 };
    let next = match filling.fill().await? {
        Went::On => None,
        Went::Ended(cursor) => Some(cursor),
    };
    if search.count_only && next.is_some() {
        return Err(Problem::invalid("query: matches too much to be counted; narrow the search"));
    }
    let is_whole = search.from.is_none() && next.is_none();
    Ok(Page { total: is_whole.then_some(filling.matched), entries: filling.entries, next })
}

/// An encounter that was given up in a merge is told under the number that is left.
async fn follow_merges(app: &AppState, mut search: Search) -> Result<Search, Problem> {
    for filter in &mut search.filters {
        let Filter::Encounter(tokens) = filter else { continue };
        for token in tokens.clone() {
            let Some(number) = token.value() else { continue };
            let known = app.ports.hospital.encounter(number).await?;
            tokens.extend(
                known.filter(|known| known.number != number).map(|known| token.with_value(known.number)),
            );
        }
    }
    Ok(search)
}

impl Filling<'_> {
    async fn fill(&mut self) -> Result<Went, Problem> {
        let (of_studies, of_steps) = match self.search.kind {
            Kind::DiagnosticReport | Kind::ImagingStudy => (true, false),
            Kind::Observation | Kind::Provenance => (true, true),
            Kind::RiskAssessment => (false, true),
            Kind::Device => return self.devices().await,
            Kind::AuditEvent => return self.records().await,
            Kind::Subscription => return Ok(Went::On),
        };
        let from = self.search.from;
        if of_studies && from.is_none_or(|from| from.part == Part::Studies) {
            let went = self.studies(from).await?;
            if matches!(went, Went::Ended(_)) {
                return Ok(went);
            }
        }
        if of_steps {
            return self.steps(from.filter(|from| from.part == Part::Steps)).await;
        }
        Ok(Went::On)
    }

    async fn studies(&mut self, from: Option<Cursor>) -> Result<Went, Problem> {
        let Some(mut wanted) = study_search(self.app, self.search).await? else { return Ok(Went::On) };
        wanted.from_place = from.map(|from| from.place);
        loop {
            let batch = self.app.ports.fhir.search.find_studies(wanted.clone()).await?;
            for found in &batch {
                let skip = from.filter(|from| from.place == found.place).map_or(0, |from| from.skip);
                let Some(result) = load::study(self.app, found).await? else { continue };
                let made = self.of_study(found, &result);
                if let Went::Ended(cursor) = self.take(Part::Studies, found.place, skip, made, Some(&result))
                {
                    return Ok(Went::Ended(cursor));
                }
            }
            match batch.last() {
                Some(last) if batch.len() == wanted.limit && last.place > 0 => {
                    wanted.from_place = Some(last.place - 1)
                }
                _ => return Ok(Went::On),
            }
        }
    }

    async fn steps(&mut self, from: Option<Cursor>) -> Result<Went, Problem> {
        let Some(mut wanted) = visit_search(self.search) else { return Ok(Went::On) };
        wanted.from_place = from.map(|from| from.place);
        loop {
            let batch = self.app.ports.fhir.search.find_steps(wanted.clone()).await?;
            let places: Vec<u64> = batch.iter().map(|found| found.place).collect();
            for FoundStep { place, entry } in batch {
                let skip = from.filter(|from| from.place == place).map_or(0, |from| from.skip);
                let visit = load::step(self.app, entry).await?;
                let made = self.of_step(&visit);
                if let Went::Ended(cursor) = self.take(Part::Steps, place, skip, made, None) {
                    return Ok(Went::Ended(cursor));
                }
            }
            match places.last() {
                Some(last) if places.len() == wanted.limit && *last > 0 => wanted.from_place = Some(last - 1),
                _ => return Ok(Went::On),
            }
        }
    }

    async fn devices(&mut self) -> Result<Went, Problem> {
        let from = self.search.from.map_or(0, |from| from.skip);
        let made = read::devices(self.app).await?.into_iter().map(|(resource, since)| Candidate {
            resource,
            date: None,
            changed_at: since,
            patient_ids: Vec::new(),
        });
        Ok(self.take(Part::Listed, 0, from, made.collect(), None))
    }

    async fn records(&mut self) -> Result<Went, Problem> {
        let Some(mut wanted) = audit_query(self.search) else { return Ok(Went::On) };
        wanted.from_place = self.search.from.map(|from| from.place);
        loop {
            let batch = self.app.ports.fhir.audit.audited(wanted.clone()).await?;
            for record in &batch {
                let identified = record.entry.patients.iter().filter_map(|patient| patient.rsplit_once('|'));
                let patient_ids = identified.map(|(system, value)| {
                    ((!system.is_empty()).then(|| system.to_owned()), value.to_owned())
                });
                let made = Candidate {
                    resource: audit::event(self.app, record),
                    date: Some(Period::moment(record.entry.at)),
                    changed_at: record.entry.at,
                    patient_ids: patient_ids.collect(),
                };
                if let Went::Ended(cursor) = self.take(Part::Listed, record.sequence, 0, vec![made], None) {
                    return Ok(Went::Ended(cursor));
                }
            }
            match batch.last() {
                Some(last) if batch.len() == wanted.limit && last.sequence > 0 => {
                    wanted.from_place = Some(last.sequence - 1);
                }
                _ => return Ok(Went::On),
            }
        }
    }

    /// The resources of the wanted type that can be made of a study.
    fn of_study(&self, found: &FoundStudy, result: &StudyResult) -> Vec<Candidate> {
        let mapper = &self.app.ports.fhir.mapper;
        let told = found.changed_at;
        let (made, changed_at) = match (self.search.kind, told) {
            (Kind::ImagingStudy, _) => (vec![mapper.imaging_study(result)], load::changed(found)),
            (Kind::DiagnosticReport, Some(at)) => (vec![mapper.report(result, Links::Served)], at),
            (Kind::Provenance, Some(at)) => (vec![mapper.provenance(result, Links::Served)], at),
            (Kind::Observation, Some(at)) => (mapper.findings(result, Links::Served), at),
            _ => (Vec::new(), found.updated_at),
        };
        let facts = &result.summary.facts;
        let system = mapper.systems().of_patient(facts.patient_id_issuer.as_deref());
        let date = facts.study_date.as_deref().and_then(Period::day);
        let candidate = |resource: Resource| Candidate {
            resource: resource.served(changed_at),
            date,
            changed_at,
            patient_ids: facts.patient_id.clone().map(|id| (system.clone(), id)).into_iter().collect(),
        };
        made.into_iter().map(candidate).collect()
    }

    fn of_step(&self, visit: &VisitResult) -> Vec<Candidate> {
        let mapper = &self.app.ports.fhir.mapper;
        let made = match self.search.kind {
            Kind::RiskAssessment => mapper.risk(visit, Links::Served),
            Kind::Observation => mapper.triage_level(visit, Links::Served),
            Kind::Provenance => mapper.step_provenance(visit, Links::Served),
            _ => return Vec::new(),
        };
        let at = visit.entry.at;
        let date = Some(Period::moment(at));
        vec![Candidate { resource: made.served(at), date, changed_at: at, patient_ids: Vec::new() }]
    }

    /// Takes those that match onto the page.
    fn take(
        &mut self,
        part: Part,
        place: u64,
        skip: usize,
        made: Vec<Candidate>,
        result: Option<&StudyResult>,
    ) -> Went {
        let most = if self.search.count_only { MOST_COUNTED } else { MOST_LOOKED_AT };
        if self.looked_at >= most {
            return Went::Ended(Cursor { part, place, skip });
        }
        self.looked_at += 1;
        let is_wanted = |(_, candidate): &(usize, Candidate)| candidate.fits(self.search);
        let fitting: Vec<_> = made.into_iter().enumerate().skip(skip).filter(is_wanted).collect();
        for (index, candidate) in fitting {
            if self.search.count_only {
                self.matched += 1;
                continue;
            }
            if self.matched == self.search.count {
                return Went::Ended(Cursor { part, place, skip: index });
            }
            self.matched += 1;
            let changed_at = candidate.changed_at;
            self.entries.push(SearchEntry { resource: candidate.resource, included: false });
            if let Some(result) = result.filter(|_| self.search.include_results) {
                let results = self.app.ports.fhir.mapper.findings(result, Links::Served);
                self.entries.extend(
                    results
                        .into_iter()
                        .map(|made| SearchEntry { resource: made.served(changed_at), included: true }),
                );
            }
        }
        Went::On
    }
}

/// What the ledger shall look for; `None` where nothing can match.
async fn study_search(app: &AppState, search: &Search) -> Result<Option<StudySearch>, Problem> {
    let with_results = search.kind != Kind::ImagingStudy;
    let mut wanted = StudySearch { with_results, limit: BATCH, ..StudySearch::default() };
    for filter in &search.filters {
        let can_match = match filter {
            Filter::Ids(ids) if search.kind == Kind::Observation => {
                let mut studies = Vec::new();
                for id in ids {
                    if let Some(ObservationName::Image(sop)) = ObservationName::parse(id) {
                        studies.extend(app.ports.fhir.search.study_of_image(&sop).await?);
                    }
                }
                narrow(&mut wanted.studies, Some(studies))
            }
            Filter::Ids(ids) => narrow(
                &mut wanted.studies,
                Some(ids.iter().filter_map(|id| StudyUid::parse(id).ok()).collect()),
            ),
            Filter::Study(studies) => narrow(&mut wanted.studies, Some(studies.clone())),
            Filter::Patient(tokens) => narrow(&mut wanted.patients, values(tokens)),
            Filter::Encounter(tokens) => narrow(&mut wanted.encounters, values(tokens)),
            Filter::Order(tokens) => narrow(&mut wanted.orders, values(tokens)),
            Filter::Date(periods) => {
                let (from, to) = reach(periods, DAY);
                let (from, to) = (day(from), day(to));
                wanted.days = Some(match wanted.days.take() {
                    Some((other_from, other_to)) => (from.max(other_from), to.min(other_to)),
                    None => (from, to),
                });
                true
            }
            Filter::LastUpdated(periods) => {
                wanted.changed = Some(span(periods, wanted.changed));
                true
            }
            Filter::Code(..) => true,
        };
        if !can_match {
            return Ok(None);
        }
    }
    // A study is found by one list of UIDs; what else is asked of them is asked of each.
    let others = search.filters.iter().filter_map(|filter| match filter {
        Filter::Study(studies) => Some(studies),
        _ => None,
    });
    for studies in others {
        if let Some(known) = &mut wanted.studies {
            known.retain(|study| studies.contains(study));
        }
    }
    Ok(wanted.studies.as_ref().is_none_or(|studies| !studies.is_empty()).then_some(wanted))
}

fn visit_search(search: &Search) -> Option<VisitSearch> {
    let mut wanted = VisitSearch { limit: BATCH, ..VisitSearch::default() };
    for filter in &search.filters {
        let can_match = match filter {
            Filter::Ids(ids) => {
                let steps = ids.iter().filter_map(|id| match ObservationName::parse(id) {
                    Some(ObservationName::Step(visit, sequence)) => Some((visit, sequence)),
                    _ => None,
                });
                narrow(&mut wanted.steps, Some(steps.collect()))
            }
            Filter::Patient(tokens) => narrow(&mut wanted.patients, values(tokens)),
            Filter::Encounter(tokens) => narrow(&mut wanted.encounters, values(tokens)),
            Filter::Date(periods) | Filter::LastUpdated(periods) => {
                wanted.at = Some(span(periods, wanted.at));
                true
            }
            // Visits have neither orders nor images.
            Filter::Order(_) | Filter::Study(_) => false,
            Filter::Code(..) => true,
        };
        if !can_match {
            return None;
        }
    }
    Some(wanted)
}

fn audit_query(search: &Search) -> Option<AuditQuery> {
    let mut wanted = AuditQuery { limit: BATCH, ..AuditQuery::default() };
    for filter in &search.filters {
        let can_match = match filter {
            Filter::Ids(ids) => {
                narrow(&mut wanted.sequences, Some(ids.iter().filter_map(|id| id.parse().ok()).collect()))
            }
            Filter::Patient(tokens) => narrow(&mut wanted.patients, values(tokens)),
            Filter::Date(periods) | Filter::LastUpdated(periods) => {
                wanted.at = Some(span(periods, wanted.at));
                true
            }
            Filter::Encounter(_) | Filter::Order(_) | Filter::Study(_) => false,
            Filter::Code(..) => true,
        };
        if !can_match {
            return None;
        }
    }
    Some(wanted)
}

/// Of several lists of one kind the first is looked for; all are held against the resources. `false` where nothing can
/// match; no list: nothing to look for by an index.
fn narrow<T>(known: &mut Option<Vec<T>>, values: Option<Vec<T>>) -> bool {
    let Some(values) = values else { return true };
    if values.is_empty() {
        return false;
    }
    known.get_or_insert(values);
    true
}

/// The values of tokens; `None` where one of them fits any value.
fn values(tokens: &[Token]) -> Option<Vec<String>> {
    tokens.iter().map(|token| token.value().map(str::to_owned)).collect()
}

/// From where to where a search by an index must look, for what lasts `longest` at most.
fn reach(periods: &[PeriodQuery], longest: Duration) -> (Timestamp, Timestamp) {
    let all = (Timestamp::from_micros(0), Timestamp::from_micros(u64::MAX));
    let reaches = periods.iter().map(|period| period.reach(longest));
    reaches.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or(all)
}

fn span(periods: &[PeriodQuery], known: Option<Span>) -> Span {
    let (from, to) = reach(periods, Duration::from_micros(1));
    match known {
        Some(known) => Span { from: from.max(known.from), to: to.min(known.to) },
        None => Span { from, to },
    }
}

/// The day of a moment, as DICOM writes it.
fn day(at: Timestamp) -> String {
    instant(at).chars().take(10).filter(|character| *character != '-').collect()
}
