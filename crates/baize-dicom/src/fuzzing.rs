//! Ways in for the fuzz targets (`crates/fuzz`): whole conversations with a peer that may say anything. Built only under
//! `cargo fuzz`, which sets `cfg(fuzzing)`.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Acceptance, Door, Intake, ObjectName, Rendition};
use baize_core::{ErrorCode, Fault, Lane};
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::scp::{ScpConfig, converse};
use crate::scu::{ScuConfig, deliver};
use crate::upper_layer::BoxedStream;

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_PDU: u32 = 16_384;

/// A provider that takes any object: it only looks whether what it is given is the head of a Part 10 file and a
/// data set.
struct Glance;

#[async_trait]
impl Intake for Glance {
    async fn accept(&self, object: Bytes, _door: Door, _lane: Lane) -> Result<Acceptance, Fault> {
        assert_eq!(object.get(128..132), Some(b"DICM".as_slice()), "the object has no head");
        Err(Fault::new(ErrorCode::MalformedObject, "nothing is kept here"))
    }
}

/// A peer that says this and hangs up.
fn says(what: &[u8]) -> BoxedStream {
    Box::new(tokio::io::join(Cursor::new(what.to_vec()), tokio::io::sink()))
}

fn block_on(conversation: impl Future<Output = ()>) {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().ok()) {
        runtime.block_on(conversation);
    }
}

/// The provider hears `conversation` from a peer that calls.
pub fn provider(conversation: &[u8]) {
    let config = ScpConfig {
        bind: ([127, 0, 0, 1], 0).into(),
        tls: None,
        ae_title: "BAIZE".to_owned(),
        allowed_calling_aes: vec![],
        allow_any_calling_ae: true,
        stat_calling_aes: vec![],
        max_associations: 1,
        associations_per_minute: 0,
        objects_per_second: 0,
        max_pdu: MAX_PDU,
        max_object_bytes: 1 << 20,
        receive_budget_bytes: 2 << 20,
        idle_timeout: PATIENCE,
    };
    block_on(converse(says(conversation), config, Arc::new(Glance)));
}

/// The user hears `answers` from the archive that it sends the object to.
pub fn user(answers: &[u8], object: &Bytes, sop_class: &str, sop_instance: &str) {
    let config = ScuConfig {
        address: "127.0.0.1:104".to_owned(),
        called_ae: "PACS".to_owned(),
        calling_ae: "BAIZE".to_owned(),
        max_pdu: MAX_PDU,
        tls: None,
        connect_timeout: PATIENCE,
        response_timeout: PATIENCE,
    };
    let name = ObjectName { sop_class: sop_class.to_owned(), sop_instance: sop_instance.to_owned() };
    block_on(deliver(says(answers), config, Rendition { name, object: object.clone() }));
}
