//! Bodies of problems, and headers that every answer carries.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS};

use super::RequestId;
use crate::app::AppState;
use crate::problem::Problem;
use crate::{fhir, language};

/// Writes the body of a [`Problem`] in the caller's language, and forbids sniffing and storing.
pub(crate) async fn render(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let language = language::preferred(request.headers(), app.config.default_language);
    let request_id = request.extensions().get::<RequestId>().cloned();
    let is_fhir = fhir::is_fhir(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let id = request_id.as_ref().map_or("", RequestId::as_str);
        response = match is_fhir {
            true => fhir::render(&problem, response, language),
            false => problem.render(response, language, id),
        };
    }
    let headers = response.headers_mut();
    headers.entry(VARY).or_insert(HeaderValue::from_static("accept, accept-language"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
