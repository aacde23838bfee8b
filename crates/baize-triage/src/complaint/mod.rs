//! Reads chief complaints: free text in Chinese or English becomes complaint codes, red flags and their circumstances.
//!
//! All words are data (`lexicon/*.toml`, replaceable by the hospital). One automaton finds them in the normalised
//! text (case, full width, traditional characters, punctuation); a small grammar joins body parts with symptoms; then
//! negation, history and suspicion are decided within a clause. What nothing matched is reported, never guessed.
//!
//! ```
//! use baize_triage::complaint::{ComplaintReader, Lexicon};
//! let lexicon = Lexicon::builtin()?;
//! let reading = ComplaintReader::new(&lexicon).read("胸痛2小时伴大汗，左肩放射，无发热")?;
//! assert_eq!(reading.active_codes(), ["cc_chestpain"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Architecture Invariant: time is linear in the text, every offset counts Unicode scalar values of the text as it was
//! given, and nothing here panics on any text.

mod compose;
mod context;
mod data;
mod entry;
mod error;
mod flags;
mod grammar;
mod lexicon;
mod load;
mod normal;
mod part;
mod reader;
mod reading;
mod table;
mod time;
mod token;

pub use error::{LexiconError, TooLong};
pub use lexicon::{Header, Lexicon};
pub use reader::{ComplaintReader, MAX_CHARS};
pub use reading::{Condition, Duration, Kind, Mention, Radiation, Reading, RedFlagMention, Side, Span};
