//! What the tests of several crates need: synthetic DICOM objects, damaged ones, a clock to turn by
//! hand, certificates, an archive of other people, and a triage model that says what it is told to.
//!
//! ```
//! use baize_testkit::{ObjectBuilder, Syntax};
//!
//! let object = ObjectBuilder::chest(1).age("064Y").patient_name("王^小明").syntax(Syntax::Rle).build();
//! assert_eq!(&object[128..132], b"DICM");
//! ```
//!
//! Everything but the keys of [`Certificates`] is deterministic: the same seed gives the same bytes.

mod acuity;
mod certificates;
mod clock;
mod data_set;
mod fhir;
mod malformed;
mod noise;
mod object;
mod orthanc;
mod phantom;
mod syntax;

pub use acuity::FakeAcuityModel;
pub use certificates::Certificates;
pub use clock::VirtualClock;
pub use data_set::{DataSet, Tag, Value};
pub use fhir::FhirValidator;
pub use malformed::malformed;
pub use object::{ObjectBuilder, uid};
pub use orthanc::Orthanc;
pub use phantom::chest_phantom;
pub use syntax::Syntax;
