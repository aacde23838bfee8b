//! TLS for every edge: certificates and keys from PEM files, for both ends of a connection.
//!
//! ```no_run
//! # fn open() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! use baize_tls::{ClientTls, TlsFiles, server_config};
//!
//! let own = TlsFiles { certificates: "tls/baize.crt".into(), key: "tls/baize.key".into() };
//! // Serves only peers whose certificate the hospital's authority has issued.
//! let server = server_config(&own, Some(Path::new("tls/hospital-ca.crt")))?;
//! let client = ClientTls::open(Path::new("tls/hospital-ca.crt"), Some(&own), "pacs.hospital.example")?;
//! # Ok(())
//! # }
//! ```
//!
//! TLS 1.2 and 1.3 with the cipher suites of rustls, all of which RFC 9325 (BCP 195) recommends: what PS3.15 section B.9
//! asks for. The cryptographic provider is named, because which one is the process's default depends on what else is
//! linked in.

mod client;
mod files;

pub use client::ClientTls;
pub use files::{TlsError, TlsFiles, client_config, server_config};
