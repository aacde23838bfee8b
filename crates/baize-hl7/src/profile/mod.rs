//! What messages mean: profiles as data, and the engine that reads messages with them.
//!
//! `hl7/standard.toml` is the profile of the standard itself; a site's file extends it and says only what differs
//! there, such as an accession number that travels in a Z-segment.

mod file;
mod map;
mod moment;
mod orders;
mod scope;
mod types;
mod vitals;

pub use self::file::{Profile, ProfileError};
pub use self::types::{
    Content, EncounterEvent, EncounterKind, Mapped, MappedLane, Mapping, Order, OrderAction, Orders, Patient,
    Visit, Vital, VitalsReading,
};
