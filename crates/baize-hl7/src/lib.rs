//! HL7 v2 at the edge of Baize: the codec, MLLP, and the profiles that say what a message means.
//!
//! [`Message`] decodes the character set first and splits after, because in GB18030 a trail byte may equal
//! `|`, `^`, `\` or `~`. What it doesn't know it keeps: rendering gives back the text that was parsed, line ends
//! included. [`mllp::Server`] hands a message to a [`mllp::Receiver`] and acknowledges only what that receiver
//! has made durable; [`mllp::Client`] says truthfully what a peer answered. A [`profile::Profile`] is data
//! (`hl7/*.toml`) that maps messages to patients, encounters, orders and vital signs, each value with the path it
//! came from; [`inbound`] hands what it reads to the [`Hospital`](baize_core::ports::Hospital). [`result`] writes what Baize
//! found as ORU^R01. [`check()`] reads files for a person who wants to know what Baize makes of them.

pub mod check;
pub mod codec;
pub mod inbound;
pub mod mllp;
pub mod profile;
pub mod result;

pub use check::{Checked, check};
pub use codec::{Charset, Code, Issue, Limits, Message, Parsed, Path, Position, Severity};
