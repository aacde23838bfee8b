//! MLLP: HL7 v2 messages over TCP, one at a time on a connection, each acknowledged.
//!
//! `frame` cuts a stream into messages, `ack` knows what is answered and how it is written, `server` and `client`
//! are the two ends, `key` tells whether a message came in already. TLS is `baize-tls`.

mod ack;
mod client;
mod connection;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key;
mod link;
mod metrics;
mod server;

pub(crate) mod frame;

pub use self::ack::{Acknowledger, Receipt};
pub use self::client::{Answer, Client, ClientConfig, Exchange};
pub use self::metrics::Metrics;
pub use self::server::{Inbound, Receiver, Server, ServerConfig};
