//! What a server's answer says of the Bundle that was sent.

use std::time::Duration;

use baize_core::ports::{LinkLost, MessageAnswer};
use baize_fhir::said;
use serde_json::Value;

/// What came back.
pub(crate) struct Came<'a> {
    /// The HTTP status.
    pub(crate) http: u16,
    /// What `Retry-After` asks for.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: &'a [u8],
}

/// Reads the answer to a transaction of so many entries (<http://hl7.org/fhir/R4/http.html#transaction-response>).
///
/// # Errors
/// It says nothing about the Bundle.
pub(crate) fn read(came: &Came<'_>, entries: usize) -> Result<MessageAnswer, LinkLost> {
    let http = came.http;
    let told: Option<Value> =
        serde_json::from_slice(came.body).ok().filter(|told: &Value| told["resourceType"].is_string());
    let outcome = told.as_ref().and_then(said);
    match http {
        200..=299 => {
            let told = told.ok_or_else(|| LinkLost(format!("HTTP {http} with an answer that is no FHIR")))?;
            response(http, &told, entries)
        }
        300..=399 => Err(LinkLost(format!("HTTP {http}: the server has moved; configure its new address"))),
        401 | 403 => Err(LinkLost(format!("HTTP {http}: the server does not accept our login"))),
        // Said before any server of FHIR was asked, but plainly about now.
        408 | 429 | 500..=599 => {
            Ok(later(came, outcome.unwrap_or_else(|| "the server is in trouble".to_owned())))
        }
        400 | 413 | 422 => match outcome {
            Some(outcome) => Ok(MessageAnswer::Refused(http.to_string(), outcome)),
            None => Err(LinkLost(format!(
                "HTTP {http} without an OperationOutcome: is this the base of a FHIR server?"
            ))),
        },
        _ => match outcome {
            Some(outcome) => Ok(later(came, outcome)),
            None => Err(LinkLost(format!(
                "HTTP {http} without an OperationOutcome: is this the base of a FHIR server?"
            ))),
        },
    }
}

fn later(came: &Came<'_>, comment: String) -> MessageAnswer {
    let said = came.http.to_string();
    match came.retry_after {
        Some(wait) => MessageAnswer::LaterThan(wait, said, comment),
        None => MessageAnswer::Later(said, comment),
    }
}

/// A transaction succeeds or fails as a whole, but some servers take it for a batch: each entry is looked at.
fn response(http: u16, told: &Value, entries: usize) -> Result<MessageAnswer, LinkLost> {
    if told["resourceType"] != "Bundle" || told["type"] != "transaction-response" {
        return Err(LinkLost(format!("HTTP {http}, but the answer is no transaction-response")));
    }
    let answered = told["entry"].as_array().map_or(&[][..], Vec::as_slice);
    if answered.len() != entries {
        let answered = answered.len();
        return Err(LinkLost(format!("HTTP {http}, but it answers for {answered} of {entries} entries")));
    }
    let mut worst: Option<(u16, String)> = None;
    for entry in answered {
        let status = entry["response"]["status"].as_str().unwrap_or_default();
        let code: u16 = status.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let comment = said(&entry["response"]["outcome"]).unwrap_or_else(|| "an entry failed".to_owned());
        match code {
            200..=299 => {}
            // A refusal outweighs what may pass.
            400 | 404..=408 | 410 | 413 | 422 => worst = Some((code, comment)),
            _ => worst = worst.or(Some((code, comment))),
        }
    }
    Ok(match worst {
        None => MessageAnswer::Accepted(http.to_string()),
        Some((code @ (400 | 404..=408 | 410 | 413 | 422), comment)) => {
            MessageAnswer::Refused(code.to_string(), comment)
        }
        Some((code, comment)) => MessageAnswer::Later(code.to_string(), comment),
    })
}

#[cfg(test)]
mod tests {
    use baize_fhir::{IssueKind, operation_outcome};
    use serde_json::json;

    use super::*;

    fn responded(statuses: &[&str]) -> Value {
        let entry: Vec<Value> =
            statuses.iter().map(|status| json!({ "response": { "status": status } })).collect();
        json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": entry })
    }

    /// Accepted, refused and so on, as the outbox will take it.
    fn told(http: u16, body: &str) -> String {
        let came = Came { http, retry_after: None, body: body.as_bytes() };
        match read(&came, 2) {
            Ok(MessageAnswer::Accepted(said)) => format!("accepted {said}"),
            Ok(MessageAnswer::Later(said, _)) => format!("later {said}"),
            Ok(MessageAnswer::LaterThan(..)) => "later than".into(),
            Ok(MessageAnswer::Refused(said, _)) => format!("refused {said}"),
            Err(LinkLost(_)) => "lost".into(),
        }
    }

    #[test]
    fn only_a_response_in_which_every_entry_succeeded_is_an_acceptance() {
        let outcome = operation_outcome(IssueKind::Invalid, "no", "no").to_string();
        let mut collection = responded(&["200 OK", "200 OK"]);
        collection["type"] = json!("collection");
        for (http, body, expected) in [
            (200, responded(&["201 Created", "200 OK"]).to_string(), "accepted 200"),
            (201, responded(&["204", "200"]).to_string(), "accepted 201"),
            (200, responded(&["200 OK"]).to_string(), "lost"),
            (200, responded(&["200 OK", "200 OK", "200 OK"]).to_string(), "lost"),
            (200, responded(&["200 OK", "422 Unprocessable"]).to_string(), "refused 422"),
            (200, responded(&["409 Conflict", "400"]).to_string(), "refused 400"),
            (200, responded(&["200 OK", "412"]).to_string(), "later 412"),
            (200, responded(&["200 OK", ""]).to_string(), "later 0"),
            (200, collection.to_string(), "lost"),
            (200, outcome.clone(), "lost"),
            (200, "ok".into(), "lost"),
            (200, "{}".into(), "lost"),
            (204, String::new(), "lost"),
            (307, String::new(), "lost"),
            (400, outcome.clone(), "refused 400"),
            (422, outcome.clone(), "refused 422"),
            (413, outcome.clone(), "refused 413"),
            (400, "<html>".into(), "lost"),
            (422, String::new(), "lost"),
            (401, outcome.clone(), "lost"),
            (403, outcome.clone(), "lost"),
            (404, outcome.clone(), "later 404"),
            (404, "<html>".into(), "lost"),
            (409, outcome.clone(), "later 409"),
            (412, outcome.clone(), "later 412"),
            (429, String::new(), "later 429"),
            (500, outcome, "later 500"),
            (503, "<html>".into(), "later 503"),
        ] {
            assert_eq!(told(http, &body), expected, "{http} {body}");
        }
    }

    #[test]
    fn garbage_is_no_answer_and_never_a_panic() {
        let whole = responded(&["200 OK", "200 OK"]).to_string();
        for end in 0..whole.len() {
            assert_eq!(told(200, &whole[..end]), "lost");
        }
        for entry in [
            json!(null),
            json!([null, null]),
            json!([[], "x"]),
            json!([{ "response": 7 }, { "response": { "status": 200 } }]),
        ] {
            let body = json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": entry });
            assert!(!told(200, &body.to_string()).starts_with("accepted"), "{body}");
        }
    }

    #[test]
    fn a_server_says_how_long_to_wait() {
        let came = Came { http: 503, retry_after: Some(Duration::from_secs(7)), body: b"" };
        assert!(matches!(read(&came, 1), Ok(MessageAnswer::LaterThan(wait, ..)) if wait.as_secs() == 7));
    }
}
