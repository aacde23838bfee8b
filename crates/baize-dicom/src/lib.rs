//! Baize on a DICOM network: the DIMSE service class provider that takes images from modalities and archives, and the
//! user that hands results to them.
//!
//! [`Scp`](scp::Scp) listens for C-ECHO and C-STORE, plain and over TLS. Every object that a peer sends becomes one DICOM
//! Part 10 object, its data set exactly as received, and goes through the [`Intake`](baize_core::ports::Intake)
//! port; the C-STORE response is sent only after that port has answered, so success on the wire means durable.
//!
//! ```no_run
//! # async fn serve(intake: std::sync::Arc<dyn baize_core::ports::Intake>) -> std::io::Result<()> {
//! use std::time::Duration;
//!
//! use baize_dicom::scp::{Scp, ScpConfig};
//! use tokio_util::sync::CancellationToken;
//!
//! let config = ScpConfig {
//!     bind: ([127, 0, 0, 1], 11112).into(),
//!     tls: None,
//!     ae_title: "BAIZE".to_owned(),
//!     allowed_calling_aes: vec!["CR1".to_owned()],
//!     allow_any_calling_ae: false,
//!     stat_calling_aes: vec![],
//!     max_associations: 16,
//!     associations_per_minute: 0,
//!     objects_per_second: 0,
//!     max_pdu: 131_072,
//!     max_object_bytes: 512 << 20,
//!     receive_budget_bytes: 2 << 30,
//!     idle_timeout: Duration::from_secs(60),
//! };
//! let scp = Scp::bind(config, intake).await?;
//! scp.run(CancellationToken::new()).await;
//! # Ok(())
//! # }
//! ```
//!
//! [`results`] makes the objects that carry a result back to the archive: structured report, key image,
//! presentation state and key object selection.
//!
//! [`Scu`](scu::Scu) is the way to one archive: it implements the [`Courier`](baize_core::ports::Courier) port by C-STORE
//! and answers whether the archive is there by C-ECHO.
//!
//! Architecture Invariant: DICOM wire types (PDUs, command sets, data sets) never leave this crate, and it
//! knows no other edge: what is to be kept goes through `baize_core::ports`.

mod command;
mod data_set;
#[cfg(fuzzing)]
pub mod fuzzing;
mod part10;
pub mod results;
pub mod scp;
pub mod scu;
mod transfer_syntax;
mod upper_layer;

/// Implementation Class UID of Baize (PS3.7 section D.3.3.2), in associations and in the file meta group of
/// every object that Baize writes. A UUID-derived UID (PS3.5 section B.2).
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.100840381294574814434461900802660565717";

/// Implementation Version Name of Baize (PS3.7 section D.3.3.2), at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str = concat!("BAIZE ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_implementation_names_fit_their_fields() {
        assert!(IMPLEMENTATION_CLASS_UID.len() <= 64);
        assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16, "{IMPLEMENTATION_VERSION_NAME} is too long");
    }
}
