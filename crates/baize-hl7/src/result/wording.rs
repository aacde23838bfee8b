//! The message as a whole.

use baize_core::ports::{MessageId, Subject, Wording};
use baize_core::{ErrorCode, Fault, Language, Timestamp};
use bytes::Bytes;
use time::UtcOffset;

use super::codes::Codes;
use super::row::{Row, moment};
use super::{study, triage};
use crate::codec::{Charset, Delimiters, Message};

/// An application in its facility: MSH-3 and MSH-4, or MSH-5 and MSH-6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The application.
    pub application: String,
    /// The facility.
    pub facility: String,
}

/// Which acknowledgement is asked for (HL7 2.5.1 section 2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Original mode: MSH-15 and MSH-16 are empty, and AA ends it.
    Original,
    /// Enhanced mode: CA ends it (MSH-15 AL, MSH-16 NE).
    Commit,
    /// Enhanced mode: AA after CA ends it (both AL).
    Application,
}

/// How messages to one destination are written.
#[derive(Clone, Debug)]
pub struct OruConfig {
    /// Who we are.
    pub sender: Party,
    /// Who the destination is.
    pub receiver: Party,
    /// MSH-18, and what the bytes are.
    pub charset: Charset,
    /// The language of what has no code.
    pub language: Language,
    /// The zone that times are told in.
    pub offset: UtcOffset,
    /// Which acknowledgement is asked for.
    pub acknowledgement: Acknowledgement,
    /// Codes and sentences.
    pub codes: Codes,
}

/// Writes ORU^R01 of HL7 2.5.1.
#[derive(Clone, Debug)]
pub struct OruWording {
    pub(super) config: OruConfig,
}

impl OruWording {
    /// For one destination.
    pub fn new(config: OruConfig) -> Self {
        Self { config }
    }

    /// How it writes.
    pub fn config(&self) -> &OruConfig {
        &self.config
    }

    fn header(&self, id: &MessageId, now: Timestamp) -> Row {
        let OruConfig { sender, receiver, .. } = &self.config;
        let (accept, application) = match self.config.acknowledgement {
            Acknowledgement::Original => ("", ""),
            Acknowledgement::Commit => ("AL", "NE"),
            Acknowledgement::Application => ("AL", "AL"),
        };
        // One less than in MSH, whose first field is the separator itself.
        Row::new("MSH")
            .raw(1, Delimiters::default().encoding_characters())
            .text(2, &sender.application)
            .text(3, &sender.facility)
            .text(4, &receiver.application)
            .text(5, &receiver.facility)
            .raw(6, self.moment(now))
            .raw(8, "ORU^R01^ORU_R01")
            .text(9, &id.0)
            .raw(10, "P")
            .raw(11, "2.5.1")
            .raw(14, accept)
            .raw(15, application)
            .text(17, self.config.charset.as_str())
    }

    pub(super) fn moment(&self, at: Timestamp) -> String {
        moment(at, self.config.offset)
    }
}

impl Wording for OruWording {
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault> {
        let mut rows = vec![self.header(id, now)];
        rows.extend(match subject {
            Subject::Study(result) => study::rows(self, result, now),
            Subject::Visit(result) => triage::rows(self, result)?,
        });
        let mut message = Message::new(Delimiters::default(), self.config.charset);
        message.replace(rows.into_iter().map(Row::end));
        let bytes = message.to_bytes().ok_or_else(|| {
            let charset = self.config.charset;
            Fault::new(ErrorCode::Internal, format!("the result has a character that {charset} lacks"))
        })?;
        Ok(bytes.into())
    }
}
