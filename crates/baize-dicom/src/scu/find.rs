//! C-FIND (PS3.7 section 9.1.2): answers one by one, until there are enough.

use baize_core::ports::LinkLost;
use dicom_dictionary_std::uids;
use tracing::warn;

use super::Scu;
use super::association::{Association, Proposal};
use super::query::{Answer, Query};
use crate::command::{C_FIND_RQ, cancel_request, find_request};

/// Statuses that say "here is one, more may follow" (PS3.4 table C.4-1).
const PENDING: [u16; 2] = [0xFF00, 0xFF01];
/// "Matching terminated due to Cancel request".
const CANCELLED: u16 = 0xFE00;
/// Answers that a peer may still have on the way when it is told to stop. One that goes on after these never ends.
const MOST_AFTER_CANCEL: usize = 10_000;

/// How a query ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Answers that were handed on.
    pub count: usize,
    /// There were more, but not more were wanted.
    pub cut_off: bool,
    /// Answers that could not be read.
    pub unreadable: usize,
}

impl Scu {
    /// Asks, and hands each answer on as it comes; after `most` of them the peer is told to stop.
    ///
    /// # Errors
    /// Why there are no answers, or not all: the peer is not there, does not take such questions, answers with a
    /// failure, or breaks off. What was handed on before is then not all there is.
    pub async fn find(
        &self,
        query: &Query,
        most: usize,
        mut each: impl FnMut(Answer) + Send,
    ) -> Result<Findings, LinkLost> {
        let sop_class = query.level.sop_class();
        let (mut association, context, syntax) = self.associate_for(sop_class).await?;
        let identifier = query.encode(syntax).map_err(LinkLost)?;
        let message_id = association.next_message_id();
        association.send_command(context, &find_request(message_id, sop_class)).await?;
        association.send_data_set(context, &identifier).await?;
        let mut found = Findings { count: 0, cut_off: false, unreadable: 0 };
        let mut ignored = 0;
        loop {
            let message = association.receive_answer(C_FIND_RQ, message_id).await?;
            let status = message.response.status;
            if !PENDING.contains(&status) {
                association.release().await;
                return match status {
                    0 => Ok(found),
                    CANCELLED if found.cut_off => Ok(found),
                    _ => Err(failed("C-FIND", status, message.response.comment.as_deref())),
                };
            }
            if found.cut_off {
                ignored += 1;
                if ignored > MOST_AFTER_CANCEL {
                    // It does not heed the cancel; what was asked for is here all the same.
                    association.abort().await;
                    return Ok(found);
                }
                continue;
            }
            if found.count + found.unreadable == most {
                found.cut_off = true;
                association.send_command(context, &cancel_request(message_id)).await?;
                continue;
            }
            match Answer::decode(message.data_set.as_deref().unwrap_or_default(), syntax) {
                Ok(answer) => {
                    found.count += 1;
                    each(answer);
                }
                Err(fault) => {
                    warn!(%fault, peer = self.config.called_ae, "an answer to a query cannot be read");
                    found.unreadable += 1;
                }
            }
        }
    }

    /// All answers to a question that shall have at most `most`.
    pub(super) async fn find_all(
        &self,
        query: &Query,
        most: usize,
    ) -> Result<(Vec<Answer>, Findings), LinkLost> {
        let mut answers = Vec::new();
        let found = self.find(query, most, |answer| answers.push(answer)).await?;
        Ok((answers, found))
    }

    /// An association for one service, with the context and the transfer syntax that were agreed.
    pub(super) async fn associate_for(
        &self,
        sop_class: &str,
    ) -> Result<(Association, u8, &'static str), LinkLost> {
        let syntaxes = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
        let association = self.associate(vec![Proposal::new(sop_class, &syntaxes)]).await?;
        let agreed =
            syntaxes.into_iter().find_map(|syntax| Some((association.context(sop_class, syntax)?, syntax)));
        match agreed {
            Some((context, syntax)) => Ok((association, context, syntax)),
            None => {
                association.release().await;
                Err(LinkLost(format!("the peer does not offer SOP class {sop_class}")))
            }
        }
    }
}

/// A failure that the peer has answered with.
pub(super) fn failed(operation: &str, status: u16, comment: Option<&str>) -> LinkLost {
    let meaning = match status {
        0xA700..=0xA7FF => ": out of resources",
        0xA801 => ": it does not know the AE title that shall get the objects",
        0xA900..=0xA9FF => ": the question does not fit the kind of query",
        0x0122 => ": the SOP class is not supported",
        0xFE00 => ": cancelled",
        _ => "",
    };
    let comment = comment.map(|comment| format!(" ({comment})")).unwrap_or_default();
    LinkLost(format!("the peer answered {operation} with status {status:04X}{meaning}{comment}"))
}
