//! A courier that does as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baize_core::Lane;
use baize_core::ports::{Courier, Handover, LinkLost, PeerAnswer, Rendition};
use tokio::sync::Semaphore;

/// What the peer does with the next object, or at the next connection.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    Answers(u16),
    Declines,
    HangsUp,
    /// Nobody answers the connection; the object does not come so far.
    IsDown,
}

/// Acknowledges everything, unless told otherwise.
#[derive(Clone)]
pub(crate) struct FakePeer(Arc<State>);

struct State {
    script: Mutex<VecDeque<Does>>,
    /// SOP Instance UIDs in the order in which they came.
    seen: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    gate: Semaphore,
}

impl FakePeer {
    pub(crate) fn new(script: &[Does]) -> Self {
        Self(Arc::new(State {
            script: Mutex::new(script.iter().cloned().collect()),
            seen: Mutex::default(),
            connections: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    /// A peer that answers nothing until [`let_go`](Self::let_go).
    pub(crate) fn stuck() -> Self {
        let peer = Self::new(&[]);
        peer.0.gate.forget_permits(Semaphore::MAX_PERMITS);
        peer
    }

    pub(crate) fn let_go(&self) {
        self.0.gate.add_permits(1000);
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.0.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.0.connections.lock().unwrap()
    }

    pub(crate) fn courier(&self) -> Arc<dyn Courier> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Courier for FakePeer {
    async fn connect(&self, _objects: &[Rendition], _lane: Lane) -> Result<Box<dyn Handover>, LinkLost> {
        *self.0.connections.lock().unwrap() += 1;
        let mut script = self.0.script.lock().unwrap();
        if let Some(Does::IsDown) = script.front() {
            script.pop_front();
            return Err(LinkLost("nobody there".into()));
        }
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Handover for FakePeer {
    async fn send(&mut self, object: &Rendition) -> Result<PeerAnswer, LinkLost> {
        let _passed = self.0.gate.acquire().await.unwrap();
        self.0.seen.lock().unwrap().push(object.name.sop_instance.clone());
        match self.0.script.lock().unwrap().pop_front() {
            None => Ok(PeerAnswer::Status(0, None)),
            Some(Does::Answers(status)) => Ok(PeerAnswer::Status(status, None)),
            Some(Does::Declines) => Ok(PeerAnswer::NotTaken("not my kind".into())),
            Some(Does::HangsUp | Does::IsDown) => Err(LinkLost("gone".into())),
        }
    }

    async fn close(self: Box<Self>) {}
}
