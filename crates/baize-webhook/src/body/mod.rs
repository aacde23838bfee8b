//! The JSON document. Fields may be added; a change of what is there has another `schema`.

mod results;
mod study;
mod triage;

use baize_core::ports::{MessageId, Subject, Wording};
use baize_core::{ErrorCode, Fault, Language, Text, Timestamp, notice};
use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use self::study::StudyDoc;
use self::triage::TriageDoc;

/// Names the form of the document.
const SCHEMA: &str = "baize.result/1";

/// Writes JSON documents of the schema `baize.result/1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonWording;

impl Wording for JsonWording {
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault> {
        let (study, triage) = match subject {
            Subject::Study(result) => (Some(StudyDoc::of(result)), None),
            Subject::Visit(result) => (None, Some(TriageDoc::of(result)?)),
        };
        let document = Document {
            schema: SCHEMA,
            message: &id.0,
            made_at: time_text(now),
            kind: if study.is_some() { "study" } else { "triage" },
            study,
            triage,
            notices: [notice::physician_review, notice::research_use]
                .map(|sentence| Words { zh: sentence(Language::Chinese), en: sentence(Language::English) }),
        };
        let written = serde_json::to_vec(&document);
        let written = written.map_err(|error| Fault::new(ErrorCode::Internal, error.to_string()))?;
        Ok(written.into())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    message: &'a str,
    made_at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<StudyDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triage: Option<TriageDoc<'a>>,
    notices: [Words<'static>; 2],
}

#[derive(Serialize)]
struct Words<'a> {
    zh: &'a str,
    en: &'a str,
}

impl<'a> Words<'a> {
    fn of(text: &'a Text) -> Self {
        Self { zh: &text.zh, en: &text.en }
    }
}

/// Such as `2026-03-01T08:30:00.000250Z`.
fn time_text(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
}
