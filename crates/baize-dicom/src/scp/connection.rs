//! A connection from its first byte to its end: TLS, the association request, and who is let in.

use std::net::SocketAddr;
use std::sync::Arc;

use baize_core::ports::{Commitments, Intake};
use baize_core::{Clock as _, SystemClock};
use dicom_ul::pdu::{AbortRQServiceProviderReason as AbortReason, Pdu};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug, info, warn};

use super::ScpConfig;
use super::association::Association;
use super::budget::Budget;
use super::doors::Caller;
use super::metrics::Metrics;
use super::negotiate::{Agreement, Offer, Refusal, negotiate};
use super::rate::{PeerKey, RateLimits};
use crate::upper_layer::{BoxedStream, Link, LinkError};

/// What all associations share.
pub(super) struct Shared {
    pub(super) config: ScpConfig,
    pub(super) intake: Arc<dyn Intake>,
    /// Who wants to know what archives report about storage commitment.
    pub(super) commitments: Option<Arc<dyn Commitments>>,
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
            commitments: None,
            config,
        }
    }

    fn offer(&self) -> Offer {
        if self.commitments.is_some() { Offer::StorageAndCommitment } else { Offer::Storage }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
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
            Association::new(link, shared, agreement, peer, shutdown).run().await
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
    let decided = negotiate(&shared.config, shared.offer(), request).and_then(|agreement| {
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
pub(super) async fn broken(link: &mut Link<BoxedStream>, error: &LinkError) -> End {
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
