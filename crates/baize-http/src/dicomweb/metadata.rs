//! WADO-RS metadata (PS3.18 section 10.4.1.1.2): all attributes, with references instead of large values.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::Fault;
use baize_core::ports::ArchiveRow;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::accept::Accepted;
use super::seat::Seat;
use super::{DICOM_JSON, Place, instance_url};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::problem::Problem;

macro_rules! metadata_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, ($($part:literal: $description:literal),*)) => {
        $(#[$doc])*
        ///
        /// In the DICOM JSON model; pixels and other large values are `BulkDataURI`. Text is Unicode, and Specific Character
        /// Set says so. Holds patient data.
        #[utoipa::path(
            get,
            path = $path,
            tag = "dicomweb",
            params($(($part = String, Path, description = $description, example = "1.2.840.113619.2.1"),)*),
            responses(
                (status = 200, description = "One data set per instance", body = Vec<Object>,
                 content_type = "application/dicom+json"),
                (status = 404, description = "Nothing of this name", body = ProblemDto,
                 content_type = "application/problem+json"),
                (status = 406, description = "Not application/dicom+json", body = ProblemDto,
                 content_type = "application/problem+json"),
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<AppState>>,
            place: Place,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            metadata(app, place, &headers).await
        }
    };
}

metadata_route!(
    /// Retrieves the metadata of a study.
    metadata_of_study, "/dicomweb/studies/{study}/metadata", ("study": "Study Instance UID")
);
metadata_route!(
    /// Retrieves the metadata of a series.
    metadata_of_series, "/dicomweb/studies/{study}/series/{series}/metadata",
    ("study": "Study Instance UID", "series": "Series Instance UID")
);
metadata_route!(
    /// Retrieves the metadata of an instance.
    metadata_of_instance, "/dicomweb/studies/{study}/series/{series}/instances/{sop}/metadata",
    ("study": "Study Instance UID", "series": "Series Instance UID", "sop": "SOP Instance UID")
);

async fn metadata(app: Arc<AppState>, place: Place, headers: &HeaderMap) -> Result<Response, Problem> {
    Accepted::of(headers).json()?;
    let mut rows = place.rows(&app).await?.into_iter();
    let seat = Seat::take(&app)?;
    let Some(first) = rows.next() else { return Err(Problem::invalid("There is nothing to describe.")) };
    let first = described(&app, &first).await?;
    let rest = stream::iter(rows).then(move |row| {
        let app = Arc::clone(&app);
        async move { described(&app, &row).await.map(|text| format!(",{text}")) }
    });
    let texts = stream::iter([Ok(format!("[{first}"))]).chain(rest).chain(stream::iter([Ok("]".to_owned())]));
    let body = seat.body(texts.map(|text| text.map(Bytes::from)));
    Ok(([(CONTENT_TYPE, DICOM_JSON)], body).into_response())
}

async fn described(app: &AppState, row: &ArchiveRow) -> Result<String, Fault> {
    let object = app.ports.spool.get(&row.spool_key).await?;
    let bulk_url = format!("{}/bulkdata", instance_url(&app.config.public_url, &row.identity));
    app.ports.views.metadata(object, bulk_url).await
}
