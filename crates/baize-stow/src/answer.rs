//! What an archive's answer says about the one object that was sent.

use baize_core::ports::{LinkLost, PeerAnswer};
use serde_json::{Map, Value};

const REFERENCED_SOP_SEQUENCE: &str = "00081199";
const FAILED_SOP_SEQUENCE: &str = "00081198";
const OTHER_FAILURES_SEQUENCE: &str = "0008119A";
const REFERENCED_SOP_INSTANCE: &str = "00081155";
const WARNING_REASON: &str = "00081196";
const FAILURE_REASON: &str = "00081197";

/// Refused for a reason that does not last: the login, the time, the number of requests.
const PASSING: [u16; 5] = [401, 403, 407, 408, 429];

/// Reads the answer to a request with one object.
///
/// # Errors
/// It says nothing about the object that would be final.
pub(crate) fn read(http: u16, body: &[u8], sop_instance: &str) -> Result<PeerAnswer, LinkLost> {
    let told = serde_json::from_slice::<Value>(body).ok();
    // Some servers put the one data set into an array.
    let data_set = told.as_ref().and_then(|told| told.get(0).unwrap_or(told).as_object());
    if let Some(answer) = data_set.and_then(|data_set| about(data_set, http, sop_instance)) {
        return Ok(answer);
    }
    match http {
        200..=299 if data_set.is_none() => Err(LinkLost(format!(
            "HTTP {http} with an answer that is no DICOM JSON: it says nothing about the object"
        ))),
        200..=299 => Err(LinkLost(format!("HTTP {http}, but the answer does not name the object"))),
        300..=399 => Err(LinkLost(format!("HTTP {http}: the service has moved; configure its new address"))),
        401 | 403 => Err(LinkLost(format!("HTTP {http}: the service does not accept our login"))),
        http if PASSING.contains(&http) || http >= 500 => {
            Err(LinkLost(format!("HTTP {http}: the service cannot take objects now")))
        }
        _ => Ok(PeerAnswer::NotTaken(format!("HTTP {http} without a reason for this object"))),
    }
}

/// What a STOW-RS response data set (PS3.18 section 10.5.3.2) says about an object. A failure counts for more than a
/// success, should it name both.
fn about(data_set: &Map<String, Value>, http: u16, sop_instance: &str) -> Option<PeerAnswer> {
    let is_ours = |item: &&Value| {
        let uid = first(item, REFERENCED_SOP_INSTANCE).and_then(Value::as_str);
        uid.is_some_and(|uid| uid.trim_end_matches(['\0', ' ']) == sop_instance)
    };
    let failed = items(data_set, FAILED_SOP_SEQUENCE).iter().find(is_ours);
    // Failures of objects that the archive could not even name: the request held ours alone.
    let nameless = || items(data_set, OTHER_FAILURES_SEQUENCE).first();
    if let Some(failed) = failed.or_else(nameless) {
        return Some(match reason(failed, FAILURE_REASON) {
            // An archive that calls a failure a success, or a warning, has failed all the same.
            Some(status) if status != 0 && status & 0xF000 != 0xB000 => {
                PeerAnswer::Status(status, Some(failure(status, http)))
            }
            _ => {
                PeerAnswer::NotTaken(format!("HTTP {http}: the object is listed as failed, without a reason"))
            }
        });
    }
    let kept = items(data_set, REFERENCED_SOP_SEQUENCE).iter().find(is_ours)?;
    match http {
        200..=299 => {
            let warning = reason(kept, WARNING_REASON).filter(|status| status & 0xF000 == 0xB000);
            let comment = warning.map(|_| format!("HTTP {http}: kept with a warning"));
            Some(PeerAnswer::Status(warning.unwrap_or(0), comment))
        }
        // Kept and failed at once: what it means, nobody knows.
        _ => None,
    }
}

/// PS3.18 table 10.5.3-2 in words.
fn failure(status: u16, http: u16) -> String {
    let meaning = match status {
        0xA700..=0xA7FF => "out of resources",
        0xA900..=0xA9FF => "the object does not match its SOP class",
        0xC000..=0xCFFF => "the object is not understood, or its transfer syntax is not supported",
        0x0110 => "processing failure",
        0x0111 => "another object with this UID is there",
        0x0122 => "the SOP class is not supported",
        0x0124 => "not authorised",
        _ => "refused",
    };
    format!("HTTP {http}, failure reason {status:04X}: {meaning}")
}

fn items<'a>(data_set: &'a Map<String, Value>, sequence: &str) -> &'a [Value] {
    let value = data_set.get(sequence).and_then(|element| element.get("Value"));
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn first<'a>(item: &'a Value, attribute: &str) -> Option<&'a Value> {
    item.get(attribute)?.get("Value")?.get(0)
}

fn reason(item: &Value, attribute: &str) -> Option<u16> {
    let value = first(item, attribute)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = "2.25.7";

    fn listed(sequence: &str, uid: &str, reason: Option<(&str, u16)>) -> Value {
        let mut item = json!({ REFERENCED_SOP_INSTANCE: { "vr": "UI", "Value": [uid] } });
        if let Some((attribute, status)) = reason {
            item[attribute] = json!({ "vr": "US", "Value": [status] });
        }
        json!({ sequence: { "vr": "SQ", "Value": [item] } })
    }

    /// Acknowledged, refused and so on, as the outbox will take it.
    fn told(http: u16, body: &Value) -> String {
        match read(http, body.to_string().as_bytes(), OURS) {
            Ok(PeerAnswer::Status(status, _)) => format!("{status:04X}"),
            Ok(PeerAnswer::NotTaken(_)) => "not taken".into(),
            Err(LinkLost(_)) => "lost".into(),
        }
    }

    #[test]
    fn only_the_object_itself_in_a_success_is_an_acknowledgement() {
        let kept = listed(REFERENCED_SOP_SEQUENCE, OURS, None);
        let warned = listed(REFERENCED_SOP_SEQUENCE, OURS, Some((WARNING_REASON, 0xB000)));
        let failed = |reason| listed(FAILED_SOP_SEQUENCE, OURS, Some((FAILURE_REASON, reason)));
        let mut both = kept.clone();
        both[FAILED_SOP_SEQUENCE] = failed(0xC000)[FAILED_SOP_SEQUENCE].clone();
        let nameless = json!({ OTHER_FAILURES_SEQUENCE: { "vr": "SQ", "Value": [
            { FAILURE_REASON: { "vr": "US", "Value": [0xC122] } }
        ] } });
        let cases = [
            (200, kept.clone(), "0000"),
            (200, json!([kept]), "0000"),
            (202, warned.clone(), "B000"),
            (200, listed(REFERENCED_SOP_SEQUENCE, "2.25.70", None), "lost"),
            (200, json!({}), "lost"),
            (200, json!("ok"), "lost"),
            (409, kept.clone(), "not taken"),
            (503, kept, "lost"),
            (200, both, "C000"),
            (200, failed(0xA900), "A900"),
            (202, failed(0x0122), "0122"),
            (409, failed(0xA700), "A700"),
            (409, failed(0), "not taken"),
            (409, failed(0xB000), "not taken"),
            (409, listed(FAILED_SOP_SEQUENCE, OURS, None), "not taken"),
            (409, nameless, "C122"),
            (409, listed(FAILED_SOP_SEQUENCE, "2.25.70", Some((FAILURE_REASON, 0xC000))), "not taken"),
        ];
        for (http, body, expected) in cases {
            assert_eq!(told(http, &body), expected, "{http} {body}");
        }
        for (http, expected) in [
            (301, "lost"),
            (400, "not taken"),
            (401, "lost"),
            (403, "lost"),
            (404, "not taken"),
            (408, "lost"),
            (413, "not taken"),
            (415, "not taken"),
            (429, "lost"),
            (500, "lost"),
            (503, "lost"),
        ] {
            assert_eq!(told(http, &Value::Null), expected, "{http}");
        }
    }

    #[test]
    fn garbage_is_no_answer_and_never_a_panic() {
        let whole = listed(REFERENCED_SOP_SEQUENCE, OURS, Some((WARNING_REASON, 0xB007))).to_string();
        for end in 0..whole.len() {
            assert!(read(200, &whole.as_bytes()[..end], OURS).is_err());
        }
        for body in [
            &b"<NativeDicomModel/>"[..],
            b"",
            b"[]",
            b"[1]",
            b"\xff\xfe",
            b"{\"00081199\":{\"Value\":[1,null]}}",
        ] {
            assert!(read(200, body, OURS).is_err());
        }
    }
}
