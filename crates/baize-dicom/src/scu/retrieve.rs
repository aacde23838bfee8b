//! C-MOVE (PS3.7 section 9.1.4): an archive is asked to send what it has to an AE title.

use baize_core::ports::{LinkLost, Retrieval};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use tracing::debug;

use super::Scu;
use super::find::failed;
use super::query::{Answer, encoded};
use crate::command::{C_MOVE_RQ, SubOperations, move_request};

/// Sub-operations are going on (PS3.4 table C.4-2).
const PENDING: u16 = 0xFF00;
/// Ended, some sub-operations with a warning or a failure.
const SOME_FAILED: u16 = 0xB000;
/// "Unable to perform sub-operations": the peer cannot send to the destination.
const CANNOT_SEND: u16 = 0xA702;

/// What shall be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID; the whole study where absent.
    pub series: Option<String>,
    /// SOP Instance UID, only together with a series; the whole series where absent.
    pub sop: Option<String>,
}

impl Wanted {
    fn encode(&self, transfer_syntax: &str) -> Result<Vec<u8>, String> {
        let level = match (&self.series, &self.sop) {
            (Some(_), Some(_)) => "IMAGE",
            (Some(_), None) => "SERIES",
            _ => "STUDY",
        };
        let mut identifier = InMemDicomObject::new_empty();
        let mut put = |tag, vr, value: &str| {
            identifier.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        };
        put(tags::QUERY_RETRIEVE_LEVEL, VR::CS, level);
        put(tags::STUDY_INSTANCE_UID, VR::UI, &self.study);
        if let Some(series) = &self.series {
            put(tags::SERIES_INSTANCE_UID, VR::UI, series);
            if let Some(sop) = &self.sop {
                put(tags::SOP_INSTANCE_UID, VR::UI, sop);
            }
        }
        encoded(&identifier, transfer_syntax)
    }
}

impl Scu {
    /// Asks the peer to send something to `destination`, an AE title that it must know, and tells of the progress. What
    /// the peer says is what is returned; whether the objects arrived, the destination knows.
    ///
    /// # Errors
    /// The peer is not there, does not take such requests, or refuses this one as a whole.
    pub async fn retrieve(
        &self,
        wanted: &Wanted,
        destination: &str,
        mut progress: impl FnMut(Retrieval) + Send,
    ) -> Result<Retrieval, LinkLost> {
        let sop_class = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE;
        let (mut association, context, syntax) = self.associate_for(sop_class).await?;
        let identifier = wanted.encode(syntax).map_err(LinkLost)?;
        let message_id = association.next_message_id();
        association.send_command(context, &move_request(message_id, sop_class, destination)).await?;
        association.send_data_set(context, &identifier).await?;
        let mut so_far = Retrieval::default();
        loop {
            let message = association.receive_answer(C_MOVE_RQ, message_id).await?;
            let response = message.response;
            take(&mut so_far, response.sub_operations);
            if response.status == PENDING {
                progress(so_far.clone());
                continue;
            }
            association.release().await;
            so_far.status = response.status;
            so_far.comment = response.comment;
            // A peer that is done has none left, whether or not it says so.
            so_far.remaining = response.sub_operations.remaining.unwrap_or(0);
            so_far.failed_instances = failed_instances(message.data_set.as_deref(), syntax);
            return match response.status {
                0 | SOME_FAILED | CANNOT_SEND => Ok(so_far),
                status => Err(failed("C-MOVE", status, so_far.comment.as_deref())),
            };
        }
    }
}

/// Takes over what the peer says; what it leaves out stays as it was.
fn take(so_far: &mut Retrieval, now: SubOperations) {
    let fields = [
        (&mut so_far.remaining, now.remaining),
        (&mut so_far.completed, now.completed),
        (&mut so_far.failed, now.failed),
        (&mut so_far.warning, now.warning),
    ];
    for (field, said) in fields {
        if let Some(count) = said {
            *field = count;
        }
    }
}

/// Failed SOP Instance UID List (0008,0058) of the last answer.
fn failed_instances(data_set: Option<&[u8]>, transfer_syntax: &str) -> Vec<String> {
    let Some(data_set) = data_set else { return Vec::new() };
    match Answer::decode(data_set, transfer_syntax) {
        Ok(answer) => answer.texts("00080058"),
        Err(fault) => {
            debug!(%fault, "the list of what was not sent cannot be read");
            Vec::new()
        }
    }
}
