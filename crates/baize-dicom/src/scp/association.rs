//! One association from its request to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::Intake;
use baize_core::{Clock as _, SystemClock};
use dicom_ul::pdu::{AbortRQServiceProviderReason as AbortReason, PDataValue, PDataValueType, Pdu};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug, info, warn};

use super::ScpConfig;
use super::budget::Budget;
use super::doors::Caller;
use super::metrics::Metrics;
use super::negotiate::{Agreement, Refusal, negotiate};
use super::operation::{Operation, begin};
use super::rate::{PeerKey, RateLimits};
use crate::command::{BadCommand, C_CANCEL_RQ, C_STORE_RQ, Request};
use crate::upper_layer::{BoxedStream, Link, LinkError};

/// Longest command set. A C-STORE request has some 300 bytes.
const MAX_COMMAND_BYTES: usize = 16 * 1024;

/// How long a peer that has just been answered may take to release the association when we are stopping.
const RELEASE_GRACE: Duration = Duration::from_millis(500);

/// What all associations share.
pub(super) struct Shared {
    pub(super) config: ScpConfig,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) budget: Arc<Budget>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) rates: RateLimits,
    pub(super) metrics: Metrics,
}

impl Shared {
    pub(super) fn new(config: ScpConfig, intake: Arc<dyn Intake>) -> Self {
        Self {
            budget: Arc::new(Budget::new(config.receive_budget_bytes, config.max_object_bytes)),
            slots: Arc::new(Semaphore::new(config.max_associations.min(Semaphore::MAX_PERMITS))),
            rates: RateLimits::new(&config),
            metrics: Metrics::default(),
            intake,
            config,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Released,
    PeerAborted,
    ConnectionLost,
    IdleTimeout,
    ProtocolError,
    TlsFailed,
    Stopped,
    Refused(Refusal),
}

impl End {
    /// The value of the metric's label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::PeerAborted => "peer_aborted",
            Self::ConnectionLost => "connection_lost",
            Self::IdleTimeout => "idle_timeout",
            Self::ProtocolError => "protocol_error",
            Self::TlsFailed => "tls_failed",
            Self::Stopped => "stopped",
            Self::Refused(Refusal::ProtocolVersion) => "rejected_protocol_version",
            Self::Refused(Refusal::ApplicationContext) => "rejected_application_context",
            Self::Refused(Refusal::CalledAe) => "rejected_called_ae",
            Self::Refused(Refusal::CallingAe) => "rejected_calling_ae",
            Self::Refused(Refusal::Limit) => "rejected_limit",
            Self::Refused(Refusal::Rate) => "rejected_rate",
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(caller: Caller, shared: Arc<Shared>, shutdown: CancellationToken) {
    let Caller { stream, peer, tls, handshake } = caller;
    let stream = match tls {
        None => Ok(Box::new(stream) as BoxedStream),
        Some(acceptor) => protected(acceptor, stream, &shared, &shutdown).await,
    };
    let end = match stream {
        Ok(stream) => {
            let mut link = Link::new(stream, shared.config.max_pdu, shared.config.idle_timeout);
            let end = associate(&mut link, peer, &shared, shutdown, handshake).await;
            // Counted before the peer may take its time to hang up.
            ended(end, &shared);
            return link.close().await;
        }
        Err(end) => end,
    };
    ended(end, &shared);
}

fn ended(end: End, shared: &Shared) {
    info!(result = end.as_str(), "association ended");
    shared.metrics.ended(end.as_str());
}

/// The TLS handshake.
async fn protected(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    shared: &Shared,
    shutdown: &CancellationToken,
) -> Result<BoxedStream, End> {
    let shaken = tokio::select! {
        biased;
        () = shutdown.cancelled() => return Err(End::Stopped),
        shaken = timeout(shared.config.idle_timeout, acceptor.accept(stream)) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            warn!(%error, "tls handshake failed");
            Err(End::TlsFailed)
        }
        Err(_) => {
            warn!("tls handshake took too long");
            Err(End::TlsFailed)
        }
    }
}

/// From the association request to the end; `handshake` is given back once the association stands.
async fn associate(
    link: &mut Link<BoxedStream>,
    peer: SocketAddr,
    shared: &Shared,
    shutdown: CancellationToken,
    handshake: OwnedSemaphorePermit,
) -> End {
    match establish(link, peer, shared, &shutdown).await {
        Ok((agreement, _slot)) => {
            drop(handshake);
            let _open = shared.metrics.opened();
            info!(contexts = agreement.contexts.len(), "association accepted");
            let peer = peer_key(&agreement.calling_ae, peer);
            let phase = Phase::Command { context: None, bytes: Vec::new() };
            Association { link, shared, agreement, peer, shutdown, phase }.run().await
        }
        Err(end) => end,
    }
}

/// Serves a stream that is no socket, from the association request to the end.
#[cfg(fuzzing)]
pub(super) async fn converse(stream: BoxedStream, peer: SocketAddr, shared: &Shared) {
    let mut link = Link::new(stream, shared.config.max_pdu, shared.config.idle_timeout);
    if let Ok(handshake) = Arc::new(Semaphore::new(1)).try_acquire_owned() {
        associate(&mut link, peer, shared, CancellationToken::new(), handshake).await;
    }
}

/// Whom the limits count.
fn peer_key(calling_ae: &str, peer: SocketAddr) -> PeerKey {
    // A peer that comes over IPv4 to a socket for both is the same peer.
    PeerKey { calling_ae: calling_ae.to_owned(), address: peer.ip().to_canonical() }
}

async fn establish(
    link: &mut Link<BoxedStream>,
    peer: SocketAddr,
    shared: &Shared,
    shutdown: &CancellationToken,
) -> Result<(Agreement, OwnedSemaphorePermit), End> {
    let received = tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        received = link.receive() => Some(received),
    };
    let request = match received {
        None => {
            link.abort(AbortReason::ReasonNotSpecified).await;
            return Err(End::Stopped);
        }
        Some(Ok(Pdu::AssociationRQ(request))) => request,
        Some(Ok(Pdu::AbortRQ { .. })) => return Err(End::PeerAborted),
        Some(Ok(_)) => {
            link.abort(AbortReason::UnexpectedPdu).await;
            return Err(End::ProtocolError);
        }
        Some(Err(error)) => return Err(broken(link, &error).await),
    };
    Span::current().record("calling_ae", request.calling_ae_title.escape_debug().to_string());
    let decided = negotiate(&shared.config, request).and_then(|agreement| {
        let calling_ae = &agreement.calling_ae;
        let in_turn = shared.config.is_stat(calling_ae)
            || shared.rates.admits_association(&peer_key(calling_ae, peer), SystemClock.now());
        if !in_turn {
            return Err(Refusal::Rate);
        }
        let slot = Arc::clone(&shared.slots).try_acquire_owned().map_err(|_| Refusal::Limit)?;
        Ok((agreement, slot))
    });
    let reply = match &decided {
        Ok((agreement, _)) => Pdu::AssociationAC(agreement.reply.clone()),
        Err(refusal) => Pdu::AssociationRJ(refusal.to_pdu()),
    };
    if let Err(error) = link.send(&reply).await {
        return Err(broken(link, &error).await);
    }
    decided.map_err(End::Refused)
}

/// Tells the peer why this is the end, where it can still hear it.
async fn broken(link: &mut Link<BoxedStream>, error: &LinkError) -> End {
    debug!(%error, "connection unusable");
    if let Some(reason) = error.abort_reason() {
        link.abort(reason).await;
    }
    match error {
        LinkError::Closed(_) => End::ConnectionLost,
        LinkError::Idle => End::IdleTimeout,
        LinkError::UnknownType(_) | LinkError::TooLong { .. } | LinkError::Malformed(_) => End::ProtocolError,
    }
}

/// What the next presentation data value should be.
enum Phase {
    /// A fragment of a command set. Idle where no fragment has come yet.
    Command { context: Option<u8>, bytes: Vec<u8> },
    /// A fragment of the data set of this operation.
    DataSet(Box<Operation>),
}

struct Association<'a> {
    link: &'a mut Link<BoxedStream>,
    shared: &'a Shared,
    agreement: Agreement,
    peer: PeerKey,
    shutdown: CancellationToken,
    phase: Phase,
}

impl Association<'_> {
    async fn run(mut self) -> End {
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
