//! The audit trail: written before anything is shown, and served as AuditEvents.

use std::collections::BTreeSet;

use baize_core::Fault;
use baize_core::ports::{AuditEntry, AuditRecord, Audited};
use baize_fhir::{AuditAction, AuditFacts, Resource, audit_event};
use serde_json::Value;

use crate::app::AppState;
use crate::auth::Principal;
use crate::layers::RequestId;

/// Patients of one record at most: a page has no more resources.
const MOST_PATIENTS: usize = 400;

/// Who asks, and under which id.
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Principal,
    pub(super) request: &'a RequestId,
}

/// Notes that these resources are about to be shown. Returns when that is durable.
pub(super) async fn note(
    app: &AppState,
    asked: &Asked<'_>,
    what: String,
    query: Option<String>,
    shown: impl Iterator<Item = &Value>,
) -> Result<(), Fault> {
    let patients: BTreeSet<String> = shown.flat_map(patients).collect();
    let entry = AuditEntry {
        at: app.ports.clock.now(),
        action: if query.is_some() { Audited::Search } else { Audited::Read },
        who: asked.caller.name.clone(),
        request_id: Some(asked.request.as_str().to_owned()),
        what,
        query,
        patients: patients.into_iter().take(MOST_PATIENTS).collect(),
    };
    app.ports.fhir.audit.record(entry).await
}

/// The patients whose data a resource holds, as `system|value`.
pub(super) fn patients(resource: &Value) -> Vec<String> {
    let entities = resource["entity"].as_array().into_iter().flatten().map(|entity| &entity["what"]);
    let subjects = std::iter::once(&resource["subject"]).chain(entities);
    let identified = subjects.filter(|reference| reference["type"] == "Patient");
    let named = identified.filter_map(|reference| {
        let identifier = &reference["identifier"];
        let system = identifier["system"].as_str().unwrap_or_default();
        Some(format!("{system}|{}", identifier["value"].as_str()?))
    });
    named.collect()
}

/// A record as it is served.
pub(super) fn event(app: &AppState, record: &AuditRecord) -> Resource {
    let entry = &record.entry;
    let facts = AuditFacts {
        sequence: record.sequence,
        at: entry.at,
        action: match entry.action {
            Audited::Read => AuditAction::Read,
            Audited::Search => AuditAction::Search,
            Audited::Export => AuditAction::Export,
        },
        who: &entry.who,
        address: None,
        request_id: entry.request_id.as_deref(),
        what: &entry.what,
        query: entry.query.as_deref(),
        patients: entry.patients.clone(),
        succeeded: true,
        software: &app.config.build.version,
    };
    audit_event(&facts).served(entry.at)
}
