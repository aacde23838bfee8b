//! Bodies with DICOM objects (or, short ones, JSON) in them, read under limits.
//!
//! Three limits hold at once: `max_object_bytes` for one object, `max_request_bytes` for one body, and the
//! process-wide [`Budget`] for what all uploads hold in memory. One object of a request is in memory at a time.

mod budget;
mod gate;
mod parts;
mod single;

use std::sync::Arc;
use std::time::Duration;

use baize_core::{ErrorCode, Fault, Lane};
use bytes::{Bytes, BytesMut};

pub(crate) use budget::Budget;
pub(crate) use parts::{Part, Parts};
pub(crate) use single::{read_one, read_whole};

use budget::Reservation;

/// How bodies are read.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) object_bytes: u64,
    pub(crate) request_bytes: u64,
    pub(crate) idle: Duration,
    pub(crate) budget: Arc<Budget>,
}

/// One object in memory, with its share of the budget.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    _share: Reservation,
}

/// An object that is still coming in.
struct Growing {
    bytes: BytesMut,
    share: Reservation,
    most: u64,
}

impl Growing {
    fn new(limits: &Limits, lane: Lane) -> Self {
        Self {
            bytes: BytesMut::new(),
            share: Budget::reserve(&limits.budget, lane),
            most: limits.object_bytes,
        }
    }

    fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        if (self.bytes.len() + chunk.len()) as u64 > self.most {
            return Err(object_too_large(self.most));
        }
        self.share.grow(chunk.len() as u64)?;
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(self) -> Object {
        Object { bytes: self.bytes.freeze(), _share: self.share }
    }
}

fn object_too_large(most: u64) -> Fault {
    Fault::new(ErrorCode::ObjectTooLarge, format!("The object is larger than the limit of {most} bytes."))
}

fn request_too_large(most: u64) -> Fault {
    Fault::new(
        ErrorCode::ObjectTooLarge,
        format!("The request body is larger than the limit of {most} bytes."),
    )
}

fn stalled(idle: Duration) -> Fault {
    let text = format!("The request body brought nothing for {} seconds.", idle.as_secs());
    Fault::new(ErrorCode::InvalidRequest, text)
}

fn broken_off() -> Fault {
    Fault::new(ErrorCode::Cancelled, "The connection broke off before the body was complete.")
}
