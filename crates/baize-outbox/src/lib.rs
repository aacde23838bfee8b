//! The outbox: hands results to other systems until each has acknowledged them.
//!
//! It brings two things: objects, some for each report, and messages, each of which tells all of a study or of a step at the
//! triage desk.
//!
//! The ledger makes the deliveries together with their causes ([`OutboxRecords`](baize_core::ports::OutboxRecords));
//! [`DeliveryService`] takes them, makes the objects ([`Renditions`](baize_core::ports::Renditions)), and sends them
//! over the destination's [`Courier`](baize_core::ports::Courier):
//!
//! - **Acknowledged** is only what the peer has answered for, by status 0x0000 or a warning, about that very object.
//! - **Refused** is final until a person retries: a failure status, an object kind that the peer does not take, a
//!   result of which no object can be made.
//! - **Waiting** is everything else: nobody answers, the connection breaks, the peer is out of resources. It is tried
//!   again, at growing intervals up to a cap. After a while an alarm says so; after a month, by default, it is given up
//!   until a person retries.
//!
//! A destination may be asked to commit itself to what it has acknowledged (storage commitment). When it says that it does
//! not keep an object, that object waits and goes out again: nobody but the peer itself takes an acknowledgement back.
//!
//! A message is made when its turn comes, from all that is known then (`subject`), by the destination's
//! [`Wording`](baize_core::ports::Wording). What it tells is compared with what its destination has acknowledged
//! (`telling`): that says whether it is preliminary, corrected, final or amended, and one that would tell nothing new is not
//! sent. Then it is kept, and every attempt sends the same bytes under the same identifier. It is never given up.
//!
//! An object may reach a peer more than once, under the same SOP Instance UID each time: when its answer is lost, or
//! when the process ends between the answer and the record of it.
//!
//! Each destination has workers of its own, so that none waits for another. When a peer cannot be reached at all, the
//! destination pauses as a whole and one delivery probes; when a connection breaks over one object, only that object's
//! study waits, so that one bad object cannot hold up all others.
//!
//! Architecture Invariant: this crate speaks no protocol and knows no database; both are behind ports.

mod attempt;
mod backoff;
mod commitment;
mod metrics;
mod service;
mod subject;
mod tell;
mod telling;
mod watch;

pub use backoff::Backoff;
pub use metrics::Metrics;
pub use service::{DeliveryService, Destination, Parts, Settings, Way};
pub use subject::Sources;
