//! What the tests of several crates need: synthetic DICOM objects, damaged ones, and a clock to turn by hand.
//!
//! ```
//! use baize_testkit::{ObjectBuilder, Syntax};
//!
//! let object = ObjectBuilder::chest(1).age("064Y").patient_name("王^小明").syntax(Syntax::Rle).build();
//! assert_eq!(&object[128..132], b"DICM");
//! ```
//!
//! Everything is deterministic: the same seed gives the same bytes.

mod clock;
mod data_set;
mod malformed;
mod noise;
mod object;
mod phantom;
mod syntax;

pub use clock::VirtualClock;
pub use data_set::{DataSet, Tag, Value};
pub use malformed::malformed;
pub use object::{ObjectBuilder, uid};
pub use phantom::chest_phantom;
pub use syntax::Syntax;
