//! An association that stands: messages, one operation after the other (PS3.7 section 8, PS3.8 section 9).

use std::pin::pin;
use std::time::Duration;

use baize_core::{Clock as _, SystemClock};
use dicom_ul::pdu::{AbortRQServiceProviderReason as AbortReason, PDataValue, PDataValueType, Pdu};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{End, Shared, broken};
use super::negotiate::Agreement;
use super::operation::{Operation, begin};
use super::rate::PeerKey;
use crate::command::{BadCommand, C_CANCEL_RQ, C_STORE_RQ, Request};
use crate::upper_layer::{BoxedStream, Link};

/// Longest command set. A C-STORE request has some 300 bytes.
const MAX_COMMAND_BYTES: usize = 16 * 1024;

/// How long a peer that has just been answered may take to release the association when we are stopping.
const RELEASE_GRACE: Duration = Duration::from_millis(500);

/// What the next presentation data value should be.
enum Phase {
    /// A fragment of a command set. Idle where no fragment has come yet.
    Command { context: Option<u8>, bytes: Vec<u8> },
    /// A fragment of the data set of this operation.
    DataSet(Box<Operation>),
}

pub(super) struct Association<'a> {
    link: &'a mut Link<BoxedStream>,
    shared: &'a Shared,
    agreement: Agreement,
    peer: PeerKey,
    shutdown: CancellationToken,
    phase: Phase,
}

impl<'a> Association<'a> {
    pub(super) fn new(
        link: &'a mut Link<BoxedStream>,
        shared: &'a Shared,
        agreement: Agreement,
        peer: PeerKey,
        shutdown: CancellationToken,
    ) -> Self {
        let phase = Phase::Command { context: None, bytes: Vec::new() };
        Self { link, shared, agreement, peer, shutdown, phase }
    }

    /// Serves the peer to the end of the association.
    pub(super) async fn run(mut self) -> End {
        loop {
            let outcome = match self.next_pdu().await {
                Ok(Pdu::PData { data }) => self.take_all(data).await,
                Ok(Pdu::ReleaseRQ) => match self.link.send(&Pdu::ReleaseRP).await {
                    Ok(()) => Err(End::Released),
                    Err(error) => Err(broken(self.link, &error).await),
                },
                Ok(Pdu::AbortRQ { .. }) => Err(End::PeerAborted),
                Ok(Pdu::Unknown { .. }) => Err(self.violated(AbortReason::UnrecognizedPdu).await),
                Ok(
                    Pdu::AssociationRQ(_) | Pdu::AssociationAC(_) | Pdu::AssociationRJ(_) | Pdu::ReleaseRP,
                ) => Err(self.violated(AbortReason::UnexpectedPdu).await),
                Err(end) => Err(end),
            };
            if let Err(end) = outcome {
                return end;
            }
        }
    }

    /// The next PDU; between two operations, the wish to stop ends the wait.
    async fn next_pdu(&mut self) -> Result<Pdu, End> {
        let idle = matches!(&self.phase, Phase::Command { context: None, .. });
        let received = {
            let mut receive = pin!(self.link.receive());
            tokio::select! {
                biased;
                // Only the association-requestor may ask for release (PS3.8 section 7.2 as DICOM uses it), so a
                // peer that has just had its answer gets a moment to do so before it is aborted.
                () = self.shutdown.cancelled(), if idle => match timeout(RELEASE_GRACE, receive).await {
                    Ok(Ok(release @ (Pdu::ReleaseRQ | Pdu::AbortRQ { .. }))) => Some(Ok(release)),
                    _ => None,
                },
                received = &mut receive => Some(received),
            }
        };
        match received {
            Some(Ok(pdu)) => Ok(pdu),
            Some(Err(error)) => Err(broken(self.link, &error).await),
            None => {
                self.link.abort(AbortReason::ReasonNotSpecified).await;
                Err(End::Stopped)
            }
        }
    }

    /// Ends the association because the peer broke the protocol.
    async fn violated(&mut self, reason: AbortReason) -> End {
        self.link.abort(reason).await;
        End::ProtocolError
    }

    async fn take_all(&mut self, values: Vec<PDataValue>) -> Result<(), End> {
        for value in values {
            self.take(value).await?;
        }
        Ok(())
    }

    async fn take(&mut self, value: PDataValue) -> Result<(), End> {
        let id = value.presentation_context_id;
        match (&mut self.phase, value.value_type) {
            (Phase::Command { context, bytes }, PDataValueType::Command)
                if context.is_none_or(|open| open == id)
                    && bytes.len() + value.data.len() <= MAX_COMMAND_BYTES =>
            {
                *context = Some(id);
                bytes.extend_from_slice(&value.data);
                if value.is_last {
                    let command = std::mem::take(bytes);
                    self.phase = Phase::Command { context: None, bytes: Vec::new() };
                    return self.start(id, &command).await;
                }
            }
            (Phase::DataSet(operation), PDataValueType::Data) if operation.context == id => {
                self.shared.metrics.received(value.data.len());
                operation.take(&value.data, &self.shared.config).await;
                if value.is_last {
                    let next = Phase::Command { context: None, bytes: Vec::new() };
                    if let Phase::DataSet(operation) = std::mem::replace(&mut self.phase, next) {
                        return self.finish(*operation).await;
                    }
                }
            }
            _ => {
                debug!(context = id, "fragment out of place");
                return Err(self.violated(AbortReason::UnexpectedPduParameter).await);
            }
        }
        Ok(())
    }

    /// Acts on a complete command set.
    async fn start(&mut self, context: u8, command: &[u8]) -> Result<(), End> {
        let Some(context) = self.agreement.contexts.iter().find(|known| known.id == context) else {
            debug!(context, "presentation context was not accepted");
            return Err(self.violated(AbortReason::InvalidPduParameter).await);
        };
        let request = match Request::parse(command) {
            // Nothing runs that could be cancelled: a C-STORE is over once it is answered.
            Ok(request) if request.field == C_CANCEL_RQ && !request.has_data_set => return Ok(()),
            Ok(request) => request,
            Err(error) => return Err(self.unanswerable(error).await),
        };
        if request.field == C_STORE_RQ {
            keep_pace(self.shared, &self.peer, &self.shutdown).await;
        }
        let operation = begin(context, &self.agreement.calling_ae, request, self.shared);
        if operation.request.has_data_set {
            self.phase = Phase::DataSet(Box::new(operation));
            return Ok(());
        }
        self.finish(operation).await
    }

    async fn unanswerable(&mut self, error: BadCommand) -> End {
        debug!(%error, "command set cannot be answered");
        self.violated(AbortReason::InvalidPduParameter).await
    }

    /// Performs an operation whose data set is complete, and answers.
    async fn finish(&mut self, operation: Operation) -> Result<(), End> {
        let (context, request) = (operation.context, operation.request.clone());
        let status = operation.perform(&self.agreement.calling_ae, self.shared).await;
        if request.field == C_STORE_RQ {
            self.shared.metrics.stored(status.code);
        }
        if status.code != 0 {
            let code = format!("{:04X}", status.code);
            warn!(status = code, reason = status.comment.as_deref(), "operation refused");
        }
        let response = request.response(status.code, status.comment.as_deref());
        let peer_max_pdu = self.agreement.peer_max_pdu;
        match self.link.send_message(context, PDataValueType::Command, &response, peer_max_pdu).await {
            Ok(()) => Ok(()),
            Err(error) => Err(broken(self.link, &error).await),
        }
    }
}

/// Lets an object wait where its peer sends too fast. Nothing is read meanwhile.
async fn keep_pace(shared: &Shared, peer: &PeerKey, shutdown: &CancellationToken) {
    if shared.config.is_stat(&peer.calling_ae) {
        return;
    }
    let wait = shared.rates.wait_for_object(peer, SystemClock.now());
    if !wait.is_zero() {
        shared.metrics.slowed();
        tokio::select! {
            // What has begun is finished without delay.
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
