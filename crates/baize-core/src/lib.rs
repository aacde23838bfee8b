//! The words and the contracts of Baize.
//!
//! Every other crate speaks in these types: which [`Study`](identity::StudyUid) an image belongs to, in
//! which [`Lane`] it travels, what a [`Finding`] is, which [`ErrorCode`] a failure has, and through which
//! [ports](ports) the edges (DICOM, HTTP, storage) meet the engine without knowing each other.
//!
//! Architecture Invariant: this crate does no I/O, knows no runtime, no tensor library and no wire format.

pub mod clock;
pub mod code;
pub mod fault;
pub mod finding;
pub mod heat;
pub mod identity;
pub mod lane;
pub mod model;
pub mod notice;
pub mod ports;
pub mod prior;
mod reason;

pub use clock::{Clock, SystemClock, Timestamp};
pub use code::{Coded, Language, Text};
pub use fault::{ErrorClass, ErrorCode, Fault};
pub use finding::{Finding, GateLook, Outcome, PixelBox, Population, Report};
pub use heat::{BadHeatMap, Extent, HeatMap, Mask};
pub use identity::{
    AgeYears, BadUid, ImageFacts, InstanceIdentity, MANUFACTURER, SeriesUid, Sex, SopUid, StudyUid,
};
pub use lane::Lane;
pub use model::ModelRef;
