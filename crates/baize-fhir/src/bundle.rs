//! Bundles: the transaction that is sent, and the page of a search.

use baize_core::ports::{MessageId, Subject, Wording};
use baize_core::{ErrorCode, Fault, Timestamp};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::element::{Object, Resource, instant};
use crate::mapper::{Links, Mapper};
use crate::systems::uri;
use crate::terms::percent;

/// The system of tags that name a resource which has no identifier.
const RESOURCE_TAG: &str = "urn:baize:resource";

/// One resource of a search's page.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchEntry {
    /// The resource as it is served.
    pub resource: Resource,
    /// It is there because a match refers to it, not because it matches.
    pub included: bool,
}

/// A page of a search: `base` is where the resources are served, without a slash at its end; `links` are relations with
/// their URLs; `total` where it is known.
pub fn search_bundle(
    base: &str,
    links: &[(&str, String)],
    total: Option<usize>,
    entries: Vec<SearchEntry>,
) -> Value {
    let links: Vec<Value> =
        links.iter().map(|(relation, url)| json!({ "relation": relation, "url": url })).collect();
    let entry = |entry: SearchEntry| {
        let mode = if entry.included { "include" } else { "match" };
        json!({
            "fullUrl": format!("{base}/{}", entry.resource.key.path()),
            "resource": entry.resource.json,
            "search": { "mode": mode },
        })
    };
    Object::resource("Bundle")
        .with("type", json!("searchset"))
        .maybe("total", total)
        .with("link", links.into())
        .with("entry", entries.into_iter().map(entry).collect())
        .done()
}

impl Mapper {
    /// All that is told of a subject as one transaction. Each entry is a conditional update by the resource's identifier:
    /// sent again, it finds what it made before and leaves it as it is.
    pub fn transaction(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Value {
        let resources = match subject {
            Subject::Study(result) => {
                let mut made = self.devices(result, Links::Urn);
                made.extend(self.findings(result, Links::Urn));
                made.push(self.report(result, Links::Urn));
                made.push(self.provenance(result, Links::Urn));
                made
            }
            Subject::Visit(visit) => self.step(visit, Links::Urn),
        };
        Object::resource("Bundle")
            .with("identifier", json!({ "system": "urn:baize:message", "value": id.0 }))
            .with("type", json!("transaction"))
            .with("timestamp", json!(instant(now)))
            .with("entry", resources.into_iter().map(entry).collect())
            .done()
    }
}

fn entry(resource: Resource) -> Value {
    let (kind, urn) = (resource.key.kind(), resource.key.urn());
    let mut json = resource.json;
    let url = match json.get("identifier") {
        Some(_) => format!("{kind}?identifier={}%7C{}", percent(uri::RFC3986), percent(&urn)),
        // A Provenance of R4 has no identifier: a tag, which every resource may have, stands in its place.
        None => {
            json["meta"]["tag"] = json!([{ "system": RESOURCE_TAG, "code": urn }]);
            format!("{kind}?_tag={}%7C{}", percent(RESOURCE_TAG), percent(&urn))
        }
    };
    json!({ "fullUrl": urn, "resource": json, "request": { "method": "PUT", "url": url } })
}

impl Wording for Mapper {
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault> {
        let bundle = self.transaction(id, subject, now);
        let unwritten = |_| Fault::new(ErrorCode::Internal, "the bundle could not be written");
        serde_json::to_vec(&bundle).map(Bytes::from).map_err(unwritten)
    }
}
