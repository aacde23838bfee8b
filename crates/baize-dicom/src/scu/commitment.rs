//! Storage commitment, the asking side (PS3.4 annex J): N-ACTION, and the report if it comes at once.

use std::time::Duration;

use baize_core::ports::{CommitmentAnswer, LinkLost, ObjectName};
use dicom_dictionary_std::uids;
use tokio::time::timeout;
use tracing::debug;

use super::association::{Association, Proposal};
use super::{Scu, answer_to};
use crate::command::{N_ACTION_RQ, N_EVENT_REPORT_RQ, action_request};
use crate::commitment::{REQUEST, WELL_KNOWN_INSTANCE, report, request};

/// How long the association stays open for a report on it. Most archives open one of their own for it, later.
const LINGER: Duration = Duration::from_secs(3);

impl Scu {
    /// Asks for commitment; `None` where the peer will report later, on an association of its own.
    pub(super) async fn commitment(
        &self,
        transaction: &str,
        objects: &[ObjectName],
    ) -> Result<Option<CommitmentAnswer>, LinkLost> {
        let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN;
        let proposal = Proposal::new(uids::STORAGE_COMMITMENT_PUSH_MODEL, &[syntax]);
        let mut association = self.associate(vec![proposal]).await?;
        let context = association
            .context(uids::STORAGE_COMMITMENT_PUSH_MODEL, syntax)
            .ok_or_else(|| LinkLost("the peer does not offer storage commitment".to_owned()))?;
        let message_id = association.next_message_id();
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let command = action_request(message_id, class, WELL_KNOWN_INSTANCE, REQUEST);
        association.send_command(context, &command).await?;
        association.send_data_set(context, &request(transaction, objects)).await?;
        let response = answer_to(&mut association, N_ACTION_RQ, message_id).await?;
        if response.status != 0 {
            association.release().await;
            let status = response.status;
            let comment = response.comment.map(|comment| format!(": {comment}")).unwrap_or_default();
            return Err(LinkLost(format!(
                "the peer answered the request for storage commitment with status {status:04X}{comment}"
            )));
        }
        let reported = timeout(LINGER, heard(&mut association, context, transaction)).await;
        match reported {
            Ok(Ok(answer)) => {
                association.release().await;
                Ok(answer)
            }
            Ok(Err(lost)) => {
                // It has the request: it will report on an association of its own.
                debug!(%lost, "no report on this association");
                Ok(None)
            }
            Err(_) => {
                association.release().await;
                Ok(None)
            }
        }
    }
}

/// Waits for the report about the transaction and answers it.
async fn heard(
    association: &mut Association,
    context: u8,
    transaction: &str,
) -> Result<Option<CommitmentAnswer>, LinkLost> {
    let (asked, data_set) = association.receive_request().await?;
    let answer = report(&data_set, uids::IMPLICIT_VR_LITTLE_ENDIAN)
        .filter(|answer| asked.field == N_EVENT_REPORT_RQ && answer.transaction == transaction);
    // Not an answer to what was asked: processing failure (PS3.7 annex C).
    let status = if answer.is_some() { 0x0000 } else { 0x0110 };
    association.send_command(context, &asked.response(status, None)).await?;
    Ok(answer)
}
