//! What a client asks for with a Subscription, understood.

use std::str::FromStr as _;

use baize_core::ports::SubscriptionWish;
use baize_fhir::Endpoints;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::{FHIR_JSON, criteria};
use crate::problem::Problem;

/// The longest text of an element, in characters.
const MOST_CHARACTERS: usize = 2048;
const MOST_HEADERS: usize = 16;
/// Header lines that the connection or the payload has of its own.
const OWN_HEADERS: [&str; 8] =
    ["connection", "content-length", "content-type", "expect", "host", "te", "transfer-encoding", "upgrade"];
/// Elements that would change what is meant, and that are not understood.
const REFUSED: [(&str, &str); 3] = [
    ("end", "is not supported: delete the Subscription, or set its status to off"),
    ("implicitRules", "is not supported"),
    ("modifierExtension", "is not supported"),
];

/// Reads the resource.
///
/// # Errors
/// The element that is missing or not understood, and the remedy.
pub(super) fn read(resource: &Value, endpoints: &Endpoints) -> Result<SubscriptionWish, Problem> {
    let bad = |element: &str, remedy: &str| Problem::invalid(format!("{element}: {remedy}"));
    if resource["resourceType"] != "Subscription" {
        return Err(bad("resourceType", "must be Subscription"));
    }
    let channel = &resource["channel"];
    for (element, remedy) in REFUSED {
        if resource.get(element).is_some() || channel.get(element).is_some() {
            return Err(bad(element, remedy));
        }
    }
    let is_off = match resource["status"].as_str() {
        Some("off") => true,
        Some("requested" | "active" | "error") => false,
        _ => return Err(bad("status", "must be requested, active, error or off")),
    };
    if channel["type"] != "rest-hook" {
        return Err(bad("channel.type", "must be rest-hook"));
    }
    let with_payload = match &channel["payload"] {
        Value::Null => false,
        Value::String(media) if media.is_empty() => false,
        Value::String(media) if media == FHIR_JSON => true,
        _ => {
            return Err(bad(
                "channel.payload",
                "must be application/fhir+json, or absent for empty notifications",
            ));
        }
    };
    let criteria = text("criteria", &resource["criteria"])?;
    criteria::read(&criteria)?;
    let endpoint = text("channel.endpoint", &channel["endpoint"])?;
    endpoints.check(&endpoint).map_err(|why| bad("channel.endpoint", &why.to_string()))?;
    Ok(SubscriptionWish {
        criteria,
        reason: text("reason", &resource["reason"])?,
        endpoint,
        with_payload,
        headers: headers(&channel["header"])?,
        is_off,
    })
}

fn text(element: &str, value: &Value) -> Result<String, Problem> {
    let sound = |text: &&str| {
        !text.trim().is_empty() && text.chars().count() <= MOST_CHARACTERS && !text.contains(char::is_control)
    };
    value.as_str().filter(sound).map(str::to_owned).ok_or_else(|| {
        Problem::invalid(format!("{element}: must be one line of text, at most {MOST_CHARACTERS} characters"))
    })
}

fn headers(lines: &Value) -> Result<Vec<String>, Problem> {
    let bad = || {
        Problem::invalid(format!(
            "channel.header: must be a list of at most {MOST_HEADERS} lines such as 'Authorization: Bearer …'; those of \
             the connection and of the payload cannot be set"
        ))
    };
    let lines = match lines {
        Value::Null => return Ok(Vec::new()),
        Value::Array(lines) if lines.len() <= MOST_HEADERS => lines,
        _ => return Err(bad()),
    };
    let line = |line: &Value| {
        let line =
            line.as_str().filter(|line| line.len() <= MOST_CHARACTERS && !line.contains(char::is_control))?;
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_str(name.trim()).ok()?;
        HeaderValue::from_str(value.trim()).ok()?;
        (!OWN_HEADERS.contains(&name.as_str())).then(|| line.to_owned())
    };
    lines.iter().map(|one| line(one).ok_or_else(bad)).collect()
}
