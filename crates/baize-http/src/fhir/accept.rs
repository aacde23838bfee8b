//! Which format a caller wants. There is JSON only.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::media::weighted;
use crate::problem::Problem;

/// Checks that JSON will do; `_format` overrides the header (<http://hl7.org/fhir/R4/http.html#parameters>).
///
/// # Errors
/// Only something else is wanted.
pub(super) fn json(headers: &HeaderMap, parameters: &[(String, String)]) -> Result<(), Problem> {
    let asked = parameters.iter().find(|(name, _)| name == "_format").map(|(_, value)| value.as_str());
    let is_wanted = match asked {
        Some(format) => is_json(format),
        None => {
            let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
            let ranges: Vec<(&str, f32)> = lists.flat_map(|list| list.split(',')).map(weighted).collect();
            ranges.is_empty() || ranges.iter().any(|(range, quality)| *quality > 0.0 && is_json(range))
        }
    };
    match is_wanted {
        true => Ok(()),
        false => Err(Problem::not_acceptable("Accept: resources are application/fhir+json")),
    }
}

fn is_json(format: &str) -> bool {
    // A space in a query may stand for the plus of the media type.
    let essence = format.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().replace(' ', "+");
    matches!(
        essence.as_str(),
        "json" | "application/json" | "application/fhir+json" | "text/json" | "*/*" | "application/*" | ""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_given_to_those_who_take_it() {
        for (accept, format, given) in [
            (None, None, true),
            (Some("application/fhir+json"), None, true),
            (Some("application/fhir+json; fhirVersion=4.0"), None, true),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), None, true),
            (Some("application/fhir+xml"), None, false),
            (Some("application/json;q=0"), None, false),
            (Some("application/fhir+xml"), Some("json"), true),
            (Some("application/fhir+json"), Some("xml"), false),
            (None, Some("application/fhir json"), true),
            (None, Some("application/fhir+xml"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            let format: Vec<_> =
                format.map(|format| ("_format".to_owned(), format.to_owned())).into_iter().collect();
            assert_eq!(json(&headers, &format).is_ok(), given, "{accept:?} {format:?}");
        }
    }
}
