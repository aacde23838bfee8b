//! Decides which images are admitted, when a device runs, and which images share a batch.
//!
//! The whole scheduler is one state machine: [`Scheduler::on`] takes the present moment and an [`Event`] and
//! answers with [`Action`]s for its caller to carry out. The rules:
//!
//! - **Admission before decoding**, by exact limits on jobs and on bytes ([`Limits`]), a share of which only
//!   STAT work may take. Work that a client waits for ([`Attachment::Attached`]) is also turned away when it
//!   would finish after its deadline, and expires when the deadline passes in the queue; work that is in the
//!   ledger is never dropped.
//! - **One queue per model**, earliest deadline first. The deadline is fixed at admission, which is what
//!   keeps routine work from starving among its like; STAT work goes before everything else.
//! - **Late binding**: a batch is chosen when a device offers its slot, not before, so that a STAT image never
//!   waits behind more than the batch that is running.
//! - **Batch sizes are [`Bucket`]s**, each with a service time learnt from warm-up and from every batch since.
//!   A batch without STAT work is capped so that it can't block a device for longer than the STAT budget.
//!
//! Architecture Invariant: no clock, no thread, no runtime, no tensor; the same events give the same actions.

mod bucket;
mod permits;
mod queue;
mod scheduler;
mod service;
mod types;

pub use bucket::Bucket;
pub use permits::Limits;
pub use scheduler::Scheduler;
pub use types::{
    Action, Attachment, Batch, BatchId, Config, DeviceId, Event, FireReason, ItemId, QueueId, Rejection,
};
