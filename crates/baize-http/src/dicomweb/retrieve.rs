//! WADO-RS (PS3.18 section 10.4): objects as they were received, or in the transfer syntax that every client reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use baize_core::Fault;
use baize_core::ports::ArchiveRow;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;

use super::accept::{Accepted, EXPLICIT_LITTLE, Form, Packing};
use super::multipart::{self, Part};
use super::seat::Seat;
use super::{Place, not_converted};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::problem::Problem;

macro_rules! retrieve_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, ($($part:literal: $description:literal),*)) => {
        $(#[$doc])*
        ///
        /// Byte for byte as received, or in Explicit VR Little Endian where `transfer-syntax=1.2.840.10008.1.2.1` is asked for;
        /// another one is not acceptable. `multipart/related; type="application/dicom"`, or `application/dicom` for a single instance. Holds patient data.
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
    let (packing, form) = Accepted::of(headers).objects(&stored)?;
    let seat = Seat::take(&app)?;
    let mut rows = rows.into_iter();
    // The first one before the answer begins: what is wrong with it has a status then.
    let Some(first) = rows.next() else { return Err(Problem::invalid("There is nothing to retrieve.")) };
    let first = part(&app, &first, form).await.map_err(not_converted)?;
    if packing == Packing::Single {
        return Ok(multipart::respond_single(seat, first));
    }
    let rest = stream::iter(rows).then(move |row| {
        let app = Arc::clone(&app);
        async move { part(&app, &row, form).await }
    });
    Ok(multipart::respond("application/dicom", seat, stream::iter([Ok(first)]).chain(rest)))
}

async fn part(app: &AppState, row: &ArchiveRow, form: Form) -> Result<Part, Fault> {
    let object = app.ports.spool.get(&row.spool_key).await?;
    let stored = row.identity.transfer_syntax.as_str();
    let (syntax, content) = match form {
        Form::Native if stored != EXPLICIT_LITTLE => {
            (EXPLICIT_LITTLE, app.ports.views.transcode(object).await?)
        }
        Form::Native | Form::Stored => (stored, object),
    };
    Ok(Part { content_type: format!("application/dicom; transfer-syntax={syntax}"), content })
}
