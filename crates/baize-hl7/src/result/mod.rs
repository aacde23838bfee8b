//! Results as ORU^R01 messages (HL7 2.5.1 chapter 7), and their way over MLLP.
//!
//! [`OruWording`] writes a study's results, or a step at the triage desk, from the record alone: it makes up no text. One
//! message tells all of its subject.
//!
//! A study: `PID`, `PV1` and `ORC` as the HIS told them, else the patient as the images say; `OBR` with the standing in
//! OBR-25 and, where a physician has signed, who in OBR-32; then `OBX`: the Study Instance UID, and for each image, in
//! OBX-4 its number, the SOP Instance UID and each finding as a code with its probability and threshold (OBX-4 such as
//! `2.1`). **What could not be analysed is an `OBX` with status X and the reason**, never the absence of a finding.
//!
//! Codes and sentences are data (`hl7/result.toml`, [`Codes`]).

mod codes;
mod courier;
mod patient;
mod row;
mod study;
mod triage;
mod wording;

pub use self::codes::{Codes, CodesError};
pub use self::courier::MllpCourier;
pub use self::row::utc_offset;
pub use self::wording::{Acknowledgement, OruConfig, OruWording, Party};
