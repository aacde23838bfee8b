//! Pure functions from bytes to a [`Message`] and back.

pub(crate) mod charset;
mod delimiters;
mod escape;
mod issue;
mod message;
mod parse;
mod path;
mod segment;

pub use self::charset::{Charset, Decoded};
pub use self::delimiters::Delimiters;
pub use self::escape::{escape, unescape};
pub use self::issue::{Code, Issue, Position, Severity};
pub use self::message::{CannotSet, Message};
pub use self::parse::{Head, Limits, Parsed, head};
pub use self::path::{BadPath, Path};
pub use self::segment::Segment;
