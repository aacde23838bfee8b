//! One DIMSE operation: what is asked, and what becomes of it.

use std::sync::Arc;

use baize_core::ports::Door;
use baize_core::{ErrorCode, Fault, Lane, SopUid};
use dicom_dictionary_std::uids;
use tracing::{debug, info};

use super::ScpConfig;
use super::connection::Shared;
use super::incoming::{Incoming, TooLarge};
use super::negotiate::Context;
use super::status::Status;
use crate::command::{C_ECHO_RQ, C_STORE_RQ, N_EVENT_REPORT_RQ, Request};
use crate::commitment::report;
use crate::data_set::sop_uids;
use crate::part10::Head;

/// Longest report about storage commitment: some ten thousand objects.
const MAX_REPORT_BYTES: usize = 1 << 20;

/// An operation between its command set and its response.
pub(super) struct Operation {
    /// The presentation context in which all of it travels.
    pub(super) context: u8,
    /// The command set.
    pub(super) request: Request,
    transfer_syntax: &'static str,
    verdict: Verdict,
}

enum Verdict {
    /// Decided; a data set that still comes is let pass.
    Decided(Status),
    /// A C-STORE whose object is being collected.
    Store(Incoming),
    /// A report about storage commitment that is being collected.
    Report(Vec<u8>),
}

/// Looks at a command set and decides whether its data set is wanted.
pub(super) fn begin(context: &Context, calling_ae: &str, request: Request, shared: &Shared) -> Operation {
    let verdict = match request.field {
        C_ECHO_RQ => Verdict::Decided(echo(context)),
        C_STORE_RQ => match head(context, calling_ae, &request) {
            Ok(head) => Verdict::Store(Incoming::new(
                head,
                Arc::clone(&shared.budget),
                shared.config.max_object_bytes,
            )),
            Err(status) => Verdict::Decided(status),
        },
        N_EVENT_REPORT_RQ if context.abstract_syntax == uids::STORAGE_COMMITMENT_PUSH_MODEL => {
            if request.has_data_set {
                Verdict::Report(Vec::new())
            } else {
                Verdict::Decided(Status::failure(Status::INVALID_ARGUMENT, "the report has no data set"))
            }
        }
        field => {
            debug!(field, "operation not offered");
            let comment = "only C-ECHO and C-STORE are offered";
            Verdict::Decided(Status::failure(Status::UNRECOGNISED_OPERATION, comment))
        }
    };
    Operation { context: context.id, request, transfer_syntax: context.transfer_syntax, verdict }
}

fn echo(context: &Context) -> Status {
    if context.abstract_syntax == uids::VERIFICATION {
        return Status::success();
    }
    Status::failure(Status::SOP_CLASS_NOT_SUPPORTED, "C-ECHO belongs into a Verification context")
}

/// The head of the object that a C-STORE request announces, or why it cannot be stored.
fn head(context: &Context, calling_ae: &str, request: &Request) -> Result<Vec<u8>, Status> {
    if !request.has_data_set {
        return Err(Status::failure(Status::CANNOT_UNDERSTAND, "the C-STORE request has no data set"));
    }
    if context.abstract_syntax == uids::VERIFICATION
        || request.sop_class.as_ref() != Some(&context.abstract_syntax)
    {
        let comment = "Affected SOP Class UID is not that of the context";
        return Err(Status::failure(Status::SOP_CLASS_NOT_SUPPORTED, comment));
    }
    let sop_instance = request.sop_instance.as_deref().unwrap_or_default();
    if SopUid::parse(sop_instance).is_err() {
        let comment = "Affected SOP Instance UID is missing or no UID";
        return Err(Status::failure(Status::INVALID_ARGUMENT, comment));
    }
    let head = Head {
        sop_class: &context.abstract_syntax,
        sop_instance,
        transfer_syntax: context.transfer_syntax,
        source_ae: calling_ae,
    };
    head.to_bytes().map_err(|error| {
        tracing::error!(error, "file meta group could not be written");
        Status::from(&Fault::new(ErrorCode::Internal, "the file meta group could not be written"))
    })
}

impl Operation {
    /// Takes the next fragment of the data set.
    pub(super) async fn take(&mut self, fragment: &[u8], config: &ScpConfig) {
        if let Verdict::Store(incoming) = &mut self.verdict
            && let Err(TooLarge) = incoming.push(fragment).await
        {
            let comment = format!("the object is larger than {} bytes", config.max_object_bytes);
            // What was collected is given back at once; the rest only passes through.
            self.verdict = Verdict::Decided(Status::from(&Fault::new(ErrorCode::ObjectTooLarge, comment)));
        }
        if let Verdict::Report(report) = &mut self.verdict {
            if report.len() + fragment.len() > MAX_REPORT_BYTES {
                let status = Status::failure(Status::PROCESSING_FAILURE, "the report is too long");
                self.verdict = Verdict::Decided(status);
            } else {
                report.extend_from_slice(fragment);
            }
        }
    }

    /// Does what was asked, now that the data set is complete. Returns only when it is done for good.
    pub(super) async fn perform(self, calling_ae: &str, shared: &Shared) -> Status {
        let incoming = match self.verdict {
            Verdict::Decided(status) => return status,
            Verdict::Report(report) => return committed(&report, self.transfer_syntax, shared).await,
            Verdict::Store(incoming) => incoming,
        };
        if let Err(status) = matches_command(&self.request, incoming.data_set(), self.transfer_syntax) {
            return status;
        }
        let lane = if shared.config.is_stat(calling_ae) { Lane::Stat } else { Lane::Routine };
        let door = Door::Dimse { calling_ae: calling_ae.to_owned() };
        // The reservation stands until the intake has let go of the object.
        let (object, _reservation) = incoming.into_object();
        let size = object.len();
        match shared.intake.accept(object, door, lane).await {
            Ok(acceptance) => {
                let identity = &acceptance.identity;
                info!(
                    study = %identity.study, sop = %identity.sop, novelty = ?acceptance.novelty, %lane, size,
                    "object stored"
                );
                Status::success()
            }
            Err(fault) => {
                info!(code = %fault.code, size, "object refused");
                Status::from(&fault)
            }
        }
    }
}

/// Passes on what an archive reports about its commitment.
async fn committed(data_set: &[u8], transfer_syntax: &str, shared: &Shared) -> Status {
    let (Some(commitments), Some(answer)) = (&shared.commitments, report(data_set, transfer_syntax)) else {
        return Status::failure(Status::INVALID_ARGUMENT, "the report names no transaction");
    };
    let (committed, failed) = (answer.committed.len(), answer.failed.len());
    match commitments.committed(answer).await {
        Ok(()) => {
            info!(committed, failed, "storage commitment reported");
            Status::success()
        }
        Err(fault) => {
            info!(code = %fault.code, "storage commitment could not be noted");
            Status::failure(Status::PROCESSING_FAILURE, &fault.message)
        }
    }
}

/// Whether the data set is the one that the command announces (PS3.7 table 9.3-1). UIDs that cannot be found in
/// the data set are left to the intake, which reads all of it and says what is missing.
fn matches_command(request: &Request, data_set: &[u8], transfer_syntax: &str) -> Result<(), Status> {
    let inside = sop_uids(data_set, transfer_syntax);
    let differs = |inside: &Option<String>, command: &Option<String>| inside.is_some() && inside != command;
    if differs(&inside.instance, &request.sop_instance) {
        let comment = "SOP Instance UID of command and data set differ";
        return Err(Status::failure(Status::MISMATCH, comment));
    }
    if differs(&inside.class, &request.sop_class) {
        let comment = "SOP Class UID of command and data set differ";
        return Err(Status::failure(Status::MISMATCH, comment));
    }
    Ok(())
}
