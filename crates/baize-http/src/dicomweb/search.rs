//! QIDO-RS (PS3.18 section 10.6): studies, series and instances by their attributes.
//!
//! The ledger has the attributes that most searches name. The others are read from the beginning of the files,
//! for the rows of an answer only; a search by one of those looks at [`MOST_LOOKED_AT`] rows at most and says so.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ports::{ArchiveLevel, ArchiveQuery, ArchiveRow};
use baize_core::{ErrorCode, Fault};
use http::header::{CONTENT_TYPE, WARNING};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::accept::Accepted;
use super::matching::matches;
use super::query::Search;
use super::result::{Named, data_set};
use super::{DICOM_JSON, Place};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::extract::QueryOf;
use crate::problem::Problem;

/// Bytes of a file in which its attributes up to the pixels are looked for first; nearly all need less.
const START: usize = 256 * 1024;

/// Rows that a search looks at by what only their files say.
const MOST_LOOKED_AT: usize = 2_000;

type Parameters = QueryOf<Vec<(String, String)>>;

macro_rules! search_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, $level:ident, ($($part:literal: $description:literal),*)) => {
        $(#[$doc])*
        ///
        /// Parameters: any of the attributes by keyword or tag (`PatientName=王*`, `00080020=20240101-20240131`), `limit`
        /// (1000 at most), `offset`, `includefield` (keyword, tag or `all`), `fuzzymatching=true` (names by the beginnings of
        /// words). A parameter that is not known is refused. `Warning: 299` says that more would match. Holds patient data.
        #[utoipa::path(
            get,
            path = $path,
            tag = "dicomweb",
            params(
                $(($part = String, Path, description = $description, example = "1.2.840.113619.2.1"),)*
                ("limit" = Option<u32>, Query, description = "Rows at most; 200 where absent"),
                ("offset" = Option<u32>, Query, description = "Rows to pass over"),
                ("includefield" = Option<String>, Query, description = "Further attributes, separated by commas"),
                ("fuzzymatching" = Option<bool>, Query, description = "Names by the beginnings of words"),
            ),
            responses(
                (status = 200, description = "The rows, in the DICOM JSON model", body = Vec<Object>,
                 content_type = "application/dicom+json"),
                (status = 204, description = "Nothing matches"),
                (status = 406, description = "Not application/dicom+json", body = ProblemDto,
                 content_type = "application/problem+json"),
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<AppState>>,
            place: Place,
            QueryOf(parameters): Parameters,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            search(&app, ArchiveLevel::$level, place, &parameters, &headers).await
        }
    };
}

search_route!(
    /// Searches for studies.
    search_studies, "/dicomweb/studies", Study, ()
);
search_route!(
    /// Searches for series.
    search_series, "/dicomweb/series", Series, ()
);
search_route!(
    /// Searches for the series of a study.
    search_series_of_study, "/dicomweb/studies/{study}/series", Series, ("study": "Study Instance UID")
);
search_route!(
    /// Searches for instances.
    search_instances, "/dicomweb/instances", Instance, ()
);
search_route!(
    /// Searches for the instances of a study.
    search_instances_of_study, "/dicomweb/studies/{study}/instances", Instance, ("study": "Study Instance UID")
);
search_route!(
    /// Searches for the instances of a series.
    search_instances_of_series, "/dicomweb/studies/{study}/series/{series}/instances", Instance,
    ("study": "Study Instance UID", "series": "Series Instance UID")
);

/// What was found, and whether there is more.
struct Found {
    rows: Vec<(ArchiveRow, Map<String, Value>)>,
    warning: Option<&'static str>,
}

async fn search(
    app: &AppState,
    level: ArchiveLevel,
    place: Place,
    parameters: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let mut search = Search::read(level, parameters)?;
    Accepted::of(headers).json()?;
    let named = Named { study: place.study.is_some(), series: place.series.is_some() };
    if !narrow(&mut search.query, place) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let found =
        if search.headers.is_empty() { page(app, &search).await? } else { look(app, &search).await? };
    let mut response = if found.rows.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let url = &app.config.public_url;
        let rows = found.rows.into_iter().map(|(row, header)| data_set(url, &search, &named, &row, header));
        let body = Value::Array(rows.collect()).to_string();
        ([(CONTENT_TYPE, DICOM_JSON)], body).into_response()
    };
    let lowered = search.limit_was_lowered.then_some("299 baize \"The limit was lowered to 1000\"");
    for warning in found.warning.into_iter().chain(lowered) {
        response.headers_mut().append(WARNING, HeaderValue::from_static(warning));
    }
    Ok(response)
}

/// Adds what the path names; `false` where the query names something else, so that nothing can match.
fn narrow(query: &mut ArchiveQuery, place: Place) -> bool {
    let (is_empty, studies, series) = (|one: usize| one == 0, &query.studies, &query.series);
    let fits = place.study.as_ref().is_none_or(|uid| is_empty(studies.len()) || studies.contains(uid))
        && place.series.as_ref().is_none_or(|uid| is_empty(series.len()) || series.contains(uid));
    if let Some(study) = place.study {
        query.studies = vec![study];
    }
    if let Some(series) = place.series {
        query.series = vec![series];
    }
    fits
}

const MORE: &str = "299 baize \"There are additional results that can be requested\"";

/// A page that the ledger alone can tell.
async fn page(app: &AppState, search: &Search) -> Result<Found, Problem> {
    let limit = search.query.limit;
    let mut rows = app.ports.archive.find(ArchiveQuery { limit: limit + 1, ..search.query.clone() }).await?;
    let warning = (rows.len() > limit).then_some(MORE);
    rows.truncate(limit);
    let mut found = Found { rows: Vec::with_capacity(rows.len()), warning };
    for row in rows {
        let header = header(app, &row).await?;
        found.rows.push((row, header));
    }
    Ok(found)
}

/// A page for which the files have to be looked at.
async fn look(app: &AppState, search: &Search) -> Result<Found, Problem> {
    let mut found = Found { rows: Vec::new(), warning: None };
    let all = ArchiveQuery { limit: MOST_LOOKED_AT + 1, offset: 0, ..search.query.clone() };
    let rows = app.ports.archive.find(all).await?;
    if rows.len() > MOST_LOOKED_AT {
        found.warning = Some("299 baize \"Only the 2000 newest were looked at: narrow the search\"");
    }
    let mut passed_over = 0;
    for row in rows.into_iter().take(MOST_LOOKED_AT) {
        let header = header(app, &row).await?;
        if !search.headers.iter().all(|(key, kind, wanted)| matches(*kind, wanted, header.get(key))) {
            continue;
        }
        if passed_over < search.query.offset {
            passed_over += 1;
        } else if found.rows.len() == search.query.limit {
            found.warning = Some(MORE);
            break;
        } else {
            found.rows.push((row, header));
        }
    }
    Ok(found)
}

/// What the row's first object says; nothing where it cannot be read, since the row is true all the same.
async fn header(app: &AppState, row: &ArchiveRow) -> Result<Map<String, Value>, Problem> {
    match read_header(app, row).await {
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
        Err(fault) if matches!(fault.code, ErrorCode::Saturated | ErrorCode::Draining) => Err(fault.into()),
        Err(fault) => {
            tracing::warn!(sop = %row.identity.sop, code = %fault.code, "header of a stored object not readable");
            Ok(Map::new())
        }
    }
}

async fn read_header(app: &AppState, row: &ArchiveRow) -> Result<String, Fault> {
    let (spool, views) = (&app.ports.spool, &app.ports.views);
    let start = spool.start(&row.spool_key, START).await?;
    let is_whole = start.len() < START;
    if let Some(header) = views.header(start).await? {
        return Ok(header);
    }
    let unreadable = || Fault::new(ErrorCode::MalformedObject, "the data set of a stored object is damaged");
    if is_whole {
        return Err(unreadable());
    }
    // It holds a whole object, as an answer with objects does, and waits for its turn.
    let closed = |_| Fault::new(ErrorCode::Draining, "the server is shutting down");
    let _seat = app.retrievals.acquire().await.map_err(closed)?;
    let object = spool.get(&row.spool_key).await?;
    views.header(object).await?.ok_or_else(unreadable)
}
