//! Subscriptions (<http://hl7.org/fhir/R4/subscription.html>).

use baize_core::ports::Subscription;
use serde_json::json;

use crate::element::{Object, Resource};
use crate::key::Key;

/// A subscription as it is served. Its header lines hold secrets: only the owner gets them.
pub fn subscription(kept: &Subscription, for_owner: bool) -> Resource {
    let wish = &kept.wish;
    let headers = if for_owner { wish.headers.as_slice() } else { &[] };
    let channel = Object::default()
        .with("type", json!("rest-hook"))
        .with("endpoint", json!(wish.endpoint))
        .maybe("payload", wish.with_payload.then_some("application/fhir+json"))
        .with("header", json!(headers));
    let json = Object::resource("Subscription")
        .with("status", json!(kept.status.as_str()))
        .with("reason", json!(wish.reason))
        .with("criteria", json!(wish.criteria))
        .maybe("error", kept.last_error.clone())
        .with("channel", channel.done())
        .done();
    Resource { key: Key::of_subscription(&kept.id), json }.served(kept.updated_at)
}
