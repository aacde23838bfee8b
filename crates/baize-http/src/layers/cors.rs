//! Viewers that are served from somewhere else (the CORS protocol of the Fetch standard).
//!
//! Only origins that the configuration names may read answers in a browser, and they log in as everybody does: cookies
//! play no part, so no page can act with another page's login.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::CorsLayer;

/// How long a browser may remember what is allowed.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Whether this is an origin as browsers write it: scheme, host and perhaps a port, in small letters, and nothing
/// behind; `*` is none.
pub fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.authority().is_some_and(|authority| text.ends_with(&format!("://{authority}")));
    let plain = !text.bytes().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'@' | b'*'));
    is_http && bare && plain
}

/// The layer for these origins; `None` where there are none, and answers say nothing about origins.
pub(crate) fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let (api_key, request_id) =
        (HeaderName::from_static("x-api-key"), HeaderName::from_static("x-request-id"));
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                ACCEPT,
                ACCEPT_LANGUAGE,
                AUTHORIZATION,
                CONTENT_TYPE,
                api_key,
                request_id.clone(),
            ])
            .expose_headers([RETRY_AFTER, WARNING, request_id])
            .max_age(MAX_AGE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        for origin in ["https://viewer.hospital.example", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert!(is_origin(origin), "{origin}");
        }
        for none in [
            "*",
            "null",
            "",
            "viewer.hospital.example",
            "https://viewer.hospital.example/",
            "https://viewer.hospital.example/ohif",
            "https://*.hospital.example",
            "https://Viewer.hospital.example",
            "https://user@viewer.hospital.example",
            "ftp://viewer.hospital.example",
            "https://a b",
        ] {
            assert!(!is_origin(none), "{none}");
        }
    }
}
