//! OperationOutcome: what went wrong.

use serde_json::{Value, json};

use crate::element::Object;

/// What kind of trouble it is (value set issue-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    /// What was sent is not understood.
    Invalid,
    /// It is understood and not supported.
    NotSupported,
    /// Nobody is logged in.
    Login,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// No capacity now.
    Throttled,
    /// It took too long, or we are shutting down.
    Transient,
    /// Too large.
    TooLong,
    /// Our own trouble.
    Exception,
}

impl IssueKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotSupported => "not-supported",
            Self::Login => "login",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::TooLong => "too-long",
            Self::Exception => "exception",
        }
    }
}

/// One issue: what kind it is, its title for people, and what exactly went wrong.
pub fn operation_outcome(kind: IssueKind, title: &str, detail: &str) -> Value {
    let issue = Object::default()
        .with("severity", json!("error"))
        .with("code", json!(kind.as_str()))
        .with("details", json!({ "text": title }))
        .with("diagnostics", json!(detail))
        .done();
    json!({ "resourceType": "OperationOutcome", "issue": [issue] })
}

/// What an OperationOutcome of another server says, in a few words; `None` for anything else.
pub fn said(body: &Value) -> Option<String> {
    const MOST: usize = 300;
    if body["resourceType"] != "OperationOutcome" {
        return None;
    }
    let issues = body["issue"].as_array()?;
    let words = |issue: &Value| {
        let told = [&issue["details"]["text"], &issue["diagnostics"], &issue["code"]];
        told.into_iter()
            .find_map(|text| text.as_str().filter(|text| !text.trim().is_empty()))
            .map(str::to_owned)
    };
    let all: Vec<String> = issues.iter().filter_map(words).collect();
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    let text: String = all.join("; ").chars().map(plain).collect();
    Some(match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_servers_outcome_is_told_in_short() {
        let outcome = operation_outcome(IssueKind::Invalid, "Invalid", "x");
        assert_eq!(said(&outcome).as_deref(), Some("Invalid"));
        let long = json!({ "resourceType": "OperationOutcome", "issue": [
            { "code": "invalid", "diagnostics": "坏\n".repeat(500) }, { "code": "processing" },
        ] });
        let told = said(&long).unwrap();
        assert!(told.chars().count() == 301 && told.starts_with("坏 坏") && told.ends_with('…'), "{told}");
        assert_eq!(said(&json!({ "resourceType": "Bundle" })), None);
        assert_eq!(said(&json!("<html>")), None);
    }
}
