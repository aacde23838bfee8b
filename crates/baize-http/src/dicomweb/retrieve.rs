//! WADO-RS (PS3.18 section 10.4): objects as they were received.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::Fault;
use baize_core::ports::ArchiveRow;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::accept::{Accepted, Packing};
use super::multipart::{self, Part};
use super::{Place, seat};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::problem::Problem;

macro_rules! retrieve_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, ($($part:literal: $description:literal),*)) => {
        $(#[$doc])*
        ///
        /// Byte for byte as received; a transfer syntax other than the stored one is not acceptable. `multipart/related;
        /// type="application/dicom"`, or `application/dicom` for a single instance. Holds patient data.
        #[utoipa::path(
            get,
            path = $path,
            tag = "dicomweb",
            params($(($part = String, Path, description = $description, example = "1.2.840.113619.2.1"),)*),
            responses(
                (status = 200, description = "The objects", content(
                    (Vec<u8> = "multipart/related"),
                    (Vec<u8> = "application/dicom"),
                )),
                (status = 404, description = "Nothing of this name", body = ProblemDto,
                 content_type = "application/problem+json"),
                (status = 406, description = "Another media type or transfer syntax is asked for", body = ProblemDto,
                 content_type = "application/problem+json"),
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<AppState>>,
            place: Place,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            retrieve(app, place, &headers).await
        }
    };
}

retrieve_route!(
    /// Retrieves a study.
    retrieve_study, "/dicomweb/studies/{study}", ("study": "Study Instance UID")
);
retrieve_route!(
    /// Retrieves a series.
    retrieve_series, "/dicomweb/studies/{study}/series/{series}",
    ("study": "Study Instance UID", "series": "Series Instance UID")
);
retrieve_route!(
    /// Retrieves an instance.
    retrieve_instance, "/dicomweb/studies/{study}/series/{series}/instances/{sop}",
    ("study": "Study Instance UID", "series": "Series Instance UID", "sop": "SOP Instance UID")
);

async fn retrieve(app: Arc<AppState>, place: Place, headers: &HeaderMap) -> Result<Response, Problem> {
    let rows = place.rows(&app).await?;
    let stored: Vec<&str> = rows.iter().map(|row| row.identity.transfer_syntax.as_str()).collect();
    let packing = Accepted::of(headers).objects(&stored)?;
    let seat = seat(&app)?;
    let mut rows = rows.into_iter();
    // The first one before the answer begins: what is wrong with it has a status then.
    let Some(first) = rows.next() else { return Err(Problem::invalid("There is nothing to retrieve.")) };
    let first = part(&app, &first).await?;
    if packing == Packing::Single {
        return Ok(([(CONTENT_TYPE, first.content_type)], first.content).into_response());
    }
    let rest = stream::iter(rows).then(move |row| {
        let app = Arc::clone(&app);
        async move { part(&app, &row).await }
    });
    // The stream owns the seat: it is free again when the last byte is gone.
    let parts = stream::iter([Ok(first)]).chain(rest).map(move |part| {
        let _seat = &seat;
        part
    });
    Ok(multipart::respond("application/dicom", parts))
}

async fn part(app: &AppState, row: &ArchiveRow) -> Result<Part, Fault> {
    let content_type = format!("application/dicom; transfer-syntax={}", row.identity.transfer_syntax);
    Ok(Part { content_type, content: app.ports.spool.get(&row.spool_key).await? })
}
