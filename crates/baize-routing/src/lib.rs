//! Routing rules: which models see an image, and how urgent it is, as data that a hospital keeps.
//!
//! [`Rules::parse`] reads a file such as `deploy/routing.toml`; [`Rules::builtin`] is that very file. A file holds two
//! lists. `[[route]]` is read from the top and the **first** rule whose conditions all hold decides which models may see
//! the image; where none does, every model whose manifest accepts it may. `[[urgency]]` is read to the end and the
//! **most urgent** lane of all rules that hold counts; a rule can't make an image less urgent than its sender did.
//!
//! [`Rules::route`] decides, [`Rules::explain`] says for every rule whether it holds and, where not, why.
//!
//! Architecture Invariant: pure functions over a data file; no storage, no network, no tensor library, no clock.

mod condition;
mod file;
mod reach;
mod rules;

pub use rules::{BodyPartFrom, Choice, Decision, RoutingError, Rules, Step, Verdict};
