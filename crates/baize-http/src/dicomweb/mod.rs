//! The read side of DICOMweb (PS3.18): QIDO-RS in `search`, WADO-RS in `retrieve`, `metadata`, `pixels`,
//! `rendered` and `thumbnail`. STOW-RS has a module of its own, `stow`.
//!
//! Memory is bounded: an answer holds one object at a time, and [`MOST_RETRIEVALS`] answers may be under way; one that
//! nobody reads any more gives its place back (`seat`).

mod accept;
mod attribute;
mod matching;
pub(crate) mod metadata;
mod multipart;
pub(crate) mod pixels;
mod query;
pub(crate) mod rendered;
mod result;
pub(crate) mod retrieve;
pub(crate) mod search;
mod seat;
pub(crate) mod thumbnail;

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use baize_core::ports::{ArchiveLevel, ArchiveQuery, ArchiveRow};
use baize_core::{ErrorCode, Fault, InstanceIdentity, SeriesUid, SopUid, StudyUid};
use bytes::Bytes;
use http::request::Parts;

use crate::app::AppState;
use crate::extract::{PathOf, sop_uid, study_uid};
use crate::problem::Problem;

use seat::Seat;

/// Answers with whole objects that may be under way at once.
pub(crate) const MOST_RETRIEVALS: usize = 16;

/// Objects that one request may ask for. A large study has a few thousand.
const MOST_OBJECTS: usize = 20_000;

const DICOM_JSON: &str = "application/dicom+json";

/// What a path names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    study: Option<StudyUid>,
    series: Option<SeriesUid>,
    sop: Option<SopUid>,
    /// Frame numbers as written.
    frames: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathOf(mut named) = PathOf::<HashMap<String, String>>::from_request_parts(parts, state).await?;
        let (study, series, sop) = (named.remove("study"), named.remove("series"), named.remove("sop"));
        Ok(Self {
            study: study.as_deref().map(study_uid).transpose()?,
            series: series.as_deref().map(series_uid).transpose()?,
            sop: sop.as_deref().map(sop_uid).transpose()?,
            frames: named.remove("frames"),
        })
    }
}

fn series_uid(text: &str) -> Result<SeriesUid, Problem> {
    SeriesUid::parse(text).map_err(|bad| Problem::invalid(format!("series: {bad}")))
}

impl Place {
    fn instance(study: &str, series: &str, sop: &str) -> Result<Self, Problem> {
        Ok(Self {
            study: Some(study_uid(study)?),
            series: Some(series_uid(series)?),
            sop: Some(sop_uid(sop)?),
            frames: None,
        })
    }

    /// The instances there; none is a problem.
    async fn rows(self, app: &AppState) -> Result<Vec<ArchiveRow>, Problem> {
        let query = ArchiveQuery {
            studies: self.study.into_iter().collect(),
            series: self.series.into_iter().collect(),
            sops: self.sop.into_iter().collect(),
            ..ArchiveQuery::everything(ArchiveLevel::Instance, MOST_OBJECTS + 1)
        };
        let rows = app.ports.archive.find(query).await?;
        match rows.len() {
            0 => {
                Err(Problem::new(ErrorCode::NotFound, "No such study, series or instance has been received."))
            }
            1..=MOST_OBJECTS => Ok(rows),
            _ => {
                Err(Problem::invalid(format!("There are more than {MOST_OBJECTS} instances: ask by series.")))
            }
        }
    }

    /// The one instance there, with its bytes and a seat for as long as they are held.
    async fn object(self, app: &AppState) -> Result<(ArchiveRow, Bytes, Seat), Problem> {
        let rows = self.rows(app).await?;
        let seat = Seat::take(app)?;
        let Some(row) = rows.into_iter().next() else {
            return Err(Problem::new(ErrorCode::NotFound, "No such instance has been received."));
        };
        let object = app.ports.spool.get(&row.spool_key).await?;
        Ok((row, object, seat))
    }
}

/// A client asked for another encoding, and it cannot be had: that is not acceptable, rather than a fault of the object.
fn not_converted(fault: Fault) -> Problem {
    match fault.code {
        ErrorCode::UnsupportedTransferSyntax | ErrorCode::UnsupportedPixelFormat => {
            Problem::not_acceptable(format!(
                "Accept: this cannot be given in Explicit VR Little Endian, only as stored (transfer-syntax=*): {}",
                fault.message
            ))
        }
        _ => fault.into(),
    }
}

/// Where a study is retrieved.
pub(crate) fn study_url(public_url: &str, study: &StudyUid) -> String {
    format!("{public_url}/dicomweb/studies/{study}")
}

/// Where a series is retrieved.
fn series_url(public_url: &str, identity: &InstanceIdentity) -> String {
    format!("{}/series/{}", study_url(public_url, &identity.study), identity.series)
}

/// Where an instance is retrieved.
pub(crate) fn instance_url(public_url: &str, identity: &InstanceIdentity) -> String {
    format!("{}/instances/{}", series_url(public_url, identity), identity.sop)
}
