//! The routes.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::{ErrorCode, Timestamp};
use baize_fhir::{Capability, Kind, Resource, capability_statement, search_bundle};
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::{self, Asked};
use super::query::{Handling, Search};
use super::scope::{Action, check};
use super::{FHIR_JSON, ROOT, accept, cursor, find, parameters, read};
use crate::app::AppState;
use crate::auth::Principal;
use crate::extract::{PathOf, QueryOf};
use crate::layers::RequestId;
use crate::media::MediaType;
use crate::problem::Problem;
use crate::routes::Routes;

pub(super) type Parameters = QueryOf<Vec<(String, String)>>;

/// The longest list of parameters in a body.
const MOST_FORM_BYTES: usize = 64 << 10;

/// What is served without a login.
pub(crate) fn open_routes() -> Routes {
    OpenApiRouter::default().routes(routes!(metadata)).routes(routes!(smart_configuration))
}

/// What shows results.
pub(crate) fn read_routes() -> Routes {
    OpenApiRouter::default()
        .routes(routes!(search_reports))
        .routes(routes!(post_search_reports))
        .routes(routes!(read_report))
        .routes(routes!(search_observations))
        .routes(routes!(post_search_observations))
        .routes(routes!(read_observation))
        .routes(routes!(search_imaging_studies))
        .routes(routes!(post_search_imaging_studies))
        .routes(routes!(read_imaging_study))
        .routes(routes!(search_risk_assessments))
        .routes(routes!(post_search_risk_assessments))
        .routes(routes!(read_risk_assessment))
        .routes(routes!(search_provenances))
        .routes(routes!(post_search_provenances))
        .routes(routes!(read_provenance))
        .routes(routes!(search_devices))
        .routes(routes!(post_search_devices))
        .routes(routes!(read_device))
        .routes(routes!(search_audit_events))
        .routes(routes!(post_search_audit_events))
        .routes(routes!(read_audit_event))
}

/// The types that are served, with what can be done with them.
const SERVED: [Kind; 8] = [
    Kind::AuditEvent,
    Kind::Device,
    Kind::DiagnosticReport,
    Kind::ImagingStudy,
    Kind::Observation,
    Kind::Provenance,
    Kind::RiskAssessment,
    Kind::Subscription,
];

/// What the FHIR side can do (CapabilityStatement).
///
/// Needs no login.
#[utoipa::path(get, path = "/fhir/metadata", tag = "fhir", responses(
    (status = 200, description = "The CapabilityStatement", body = Value, content_type = "application/fhir+json",
     example = json!({ "resourceType": "CapabilityStatement", "status": "active", "kind": "instance",
                       "fhirVersion": "4.0.1", "format": ["application/fhir+json", "json"] })),
    (status = 406, description = "Something else than JSON is wanted", body = Value,
     content_type = "application/fhir+json",
     example = json!({ "resourceType": "OperationOutcome", "issue": [
         { "severity": "error", "code": "not-supported", "diagnostics": "Accept: resources are application/fhir+json" }] })),
))]
async fn metadata(
    State(app): State<Arc<AppState>>,
    QueryOf(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::json(&headers, &parameters)?;
    let capability = |kind| Capability {
        kind,
        interactions: match kind {
            Kind::Subscription => vec!["create", "read", "update", "delete", "search-type"],
            _ => vec!["read", "search-type"],
        },
        search: parameters::all(kind),
        include: parameters::includes(kind),
    };
    let version = &app.config.build.version;
    Ok(fhir(&capability_statement(&base(&app), version, app.started_at, &SERVED.map(capability))))
}

/// How systems log in (SMART App Launch, Backend Services).
///
/// Needs no login. Tokens come from the hospital's identity provider; `scopes_supported` lists what they may hold.
#[utoipa::path(get, path = "/fhir/.well-known/smart-configuration", tag = "fhir", responses(
    (status = 200, description = "The configuration", body = Value, content_type = "application/json",
     example = json!({ "scopes_supported": ["system/DiagnosticReport.read", "system/*.rs"],
                       "capabilities": ["permission-v1", "permission-v2"],
                       "grant_types_supported": ["client_credentials"] })),
))]
async fn smart_configuration(State(app): State<Arc<AppState>>) -> Response {
    let issuer = app.config.auth.as_ref().and_then(|auth| auth.jwt.as_ref()).map(|jwt| jwt.issuer.clone());
    let scopes: Vec<String> = SERVED
        .iter()
        .flat_map(|kind| [format!("system/{kind}.read"), format!("system/{kind}.rs")])
        .chain(
            ["system/*.read", "system/*.rs", "system/Subscription.write", "system/Subscription.cruds"]
                .map(str::to_owned),
        )
        .collect();
    let mut configuration = json!({
        "scopes_supported": scopes,
        "capabilities": ["permission-v1", "permission-v2"],
        "grant_types_supported": ["client_credentials"],
    });
    if let Some(issuer) = issuer {
        configuration["issuer"] = json!(issuer);
    }
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], configuration.to_string())
        .into_response()
}

macro_rules! resource_routes {
    (
        $kind:ident, $search_path:literal, $post_path:literal, $read_path:literal, $id:literal, $example:literal,
        $(#[$search_doc:meta])* $search:ident, $(#[$post_doc:meta])* $post:ident, $(#[$read_doc:meta])* $read:ident
    ) => {
        $(#[$search_doc])*
        ///
        /// Parameters as `/fhir/metadata` lists them, besides `_count` (at most 200) and `_summary=count`. One that is not
        /// known is passed over and missing in the self link, or refused where `Prefer: handling=strict` is sent. The link
        /// `next` leads to the next page. Holds patient data.
        #[utoipa::path(
            get,
            path = $search_path,
            tag = "fhir",
            params(
                ("_id" = Option<String>, Query, description = "The id"),
                ("_lastUpdated" = Option<String>, Query, description = "When it last changed", example = "ge2026-03-01"),
                ("_count" = Option<u32>, Query, description = "Resources of a page; 50 where absent"),
            ),
            responses((status = 200, description = "A page (Bundle)", body = Value, content_type = "application/fhir+json",
                       example = json!({ "resourceType": "Bundle", "type": "searchset", "total": 0, "link": [
                           { "relation": "self", "url": concat!("https://baize.hospital.example", $search_path) }] })))
        )]
        async fn $search(
            State(app): State<Arc<AppState>>,
            Extension(caller): Extension<Principal>,
            Extension(request): Extension<RequestId>,
            QueryOf(parameters): Parameters,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            let asked = Asked { caller: &caller, request: &request };
            search(&app, &asked, Kind::$kind, parameters, &headers).await
        }

        $(#[$post_doc])*
        ///
        /// As the search by GET, with the parameters in the body, so that no proxy logs them. Holds patient data.
        #[utoipa::path(
            post,
            path = $post_path,
            tag = "fhir",
            request_body(content = String, content_type = "application/x-www-form-urlencoded",
                         description = "Parameters; at most 64 KiB"),
            responses(
                (status = 200, description = "A page (Bundle)", body = Value, content_type = "application/fhir+json",
                       example = json!({ "resourceType": "Bundle", "type": "searchset", "total": 0, "link": [
                           { "relation": "self", "url": concat!("https://baize.hospital.example", $search_path) }] })),
            )
        )]
        async fn $post(
            State(app): State<Arc<AppState>>,
            Extension(caller): Extension<Principal>,
            Extension(request): Extension<RequestId>,
            QueryOf(parameters): Parameters,
            headers: HeaderMap,
            body: Body,
        ) -> Result<Response, Problem> {
            let all = with_form(parameters, &headers, body).await?;
            let asked = Asked { caller: &caller, request: &request };
            search(&app, &asked, Kind::$kind, all, &headers).await
        }

        $(#[$read_doc])*
        ///
        /// Holds patient data.
        #[utoipa::path(
            get,
            path = $read_path,
            tag = "fhir",
            params(($id = String, Path, description = "The id, as a search or a reference has it", example = $example)),
            responses(
                (status = 200, description = "The resource", body = Value, content_type = "application/fhir+json",
                 example = json!({ "resourceType": stringify!($kind), "id": $example,
                                   "meta": { "lastUpdated": "2026-03-01T08:30:00.000250Z" } })),
                (status = 304, description = "It is as `If-None-Match` says"),
            )
        )]
        async fn $read(
            State(app): State<Arc<AppState>>,
            Extension(caller): Extension<Principal>,
            Extension(request): Extension<RequestId>,
            PathOf(id): PathOf<String>,
            QueryOf(parameters): Parameters,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            let asked = Asked { caller: &caller, request: &request };
            one(&app, &asked, Kind::$kind, &id, &parameters, &headers).await
        }
    };
}

resource_routes!(
    DiagnosticReport, "/fhir/DiagnosticReport", "/fhir/DiagnosticReport/_search", "/fhir/DiagnosticReport/{report}",
    "report", "1.2.840.113619.2.1",
    /// Searches for reports (DiagnosticReport).
    search_reports,
    /// Searches for reports by POST.
    post_search_reports,
    /// Reads a report.
    read_report
);
resource_routes!(
    Observation, "/fhir/Observation", "/fhir/Observation/_search", "/fhir/Observation/{observation}",
    "observation", "Eo-EAKETYZ.yobEvIQ3f0c6d0e0d3f",
    /// Searches for findings and triage levels (Observation).
    search_observations,
    /// Searches for findings and triage levels by POST.
    post_search_observations,
    /// Reads a finding or a triage level.
    read_observation
);
resource_routes!(
    ImagingStudy, "/fhir/ImagingStudy", "/fhir/ImagingStudy/_search", "/fhir/ImagingStudy/{study}",
    "study", "1.2.840.113619.2.1",
    /// Searches for studies (ImagingStudy).
    search_imaging_studies,
    /// Searches for studies by POST.
    post_search_imaging_studies,
    /// Reads a study.
    read_imaging_study
);
resource_routes!(
    RiskAssessment, "/fhir/RiskAssessment", "/fhir/RiskAssessment/_search", "/fhir/RiskAssessment/{step}",
    "step", "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11.1",
    /// Searches for triage assessments (RiskAssessment).
    search_risk_assessments,
    /// Searches for triage assessments by POST.
    post_search_risk_assessments,
    /// Reads a triage assessment.
    read_risk_assessment
);
resource_routes!(
    Provenance, "/fhir/Provenance", "/fhir/Provenance/_search", "/fhir/Provenance/{provenance}",
    "provenance", "1.2.840.113619.2.1",
    /// Searches for who made results and answers for them (Provenance).
    search_provenances,
    /// Searches for who made results by POST.
    post_search_provenances,
    /// Reads who made a result and answers for it.
    read_provenance
);
resource_routes!(
    Device, "/fhir/Device", "/fhir/Device/_search", "/fhir/Device/{device}",
    "device", "cxr-pneumonia-paed-0.1.0",
    /// Searches for models (Device).
    search_devices,
    /// Searches for models by POST.
    post_search_devices,
    /// Reads a model.
    read_device
);

resource_routes!(
    AuditEvent, "/fhir/AuditEvent", "/fhir/AuditEvent/_search", "/fhir/AuditEvent/{record}",
    "record", "1",
    /// Searches the audit trail (AuditEvent). Needs the role admin, or a scope.
    search_audit_events,
    /// Searches the audit trail by POST.
    post_search_audit_events,
    /// Reads a record of the audit trail.
    read_audit_event
);

/// The parameters of the query and of the body.
async fn with_form(
    mut parameters: Vec<(String, String)>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<(String, String)>, Problem> {
    let is_form =
        MediaType::of(headers).is_some_and(|media| media.essence == "application/x-www-form-urlencoded");
    let bytes = to_bytes(body, MOST_FORM_BYTES)
        .await
        .map_err(|_| Problem::invalid("body: is longer than 64 KiB, or stopped coming"))?;
    if !is_form && !bytes.is_empty() {
        let text = "Content-Type: send parameters as application/x-www-form-urlencoded.";
        return Err(Problem::new(ErrorCode::UnsupportedMediaType, text));
    }
    let bad = |_| Problem::invalid("body: is no list of parameters");
    let uri = format!("/?{}", String::from_utf8_lossy(&bytes))
        .parse::<http::Uri>()
        .map_err(|_| Problem::invalid("body: is no list of parameters"))?;
    let form = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(bad)?;
    parameters.extend(form.0);
    Ok(parameters)
}

async fn search(
    app: &AppState,
    asked: &Asked<'_>,
    kind: Kind,
    parameters: Vec<(String, String)>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    check(asked.caller, kind, Action::Search)?;
    accept::json(headers, &parameters)?;
    let search = Search::read(kind, &parameters, handling(headers))?;
    let page = find::page(app, &search).await?;
    let shown = page.entries.iter().map(|entry| &entry.resource.json);
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    audit::note(app, asked, kind.to_string(), Some(format!("{kind}?{}", query.join("&"))), shown).await?;
    let own = link(app, &search, search.from.map(cursor::Cursor::text));
    let mut links = vec![("self", own)];
    if let Some(next) = page.next.filter(|_| !search.count_only) {
        links.push(("next", link(app, &search, Some(next.text()))));
    }
    Ok(fhir(&search_bundle(&base(app), &links, page.total, page.entries)))
}

/// The address of a page, with the parameters that were understood.
pub(super) fn link(app: &AppState, search: &Search, page: Option<String>) -> String {
    let understood = search.understood.iter().filter(|(name, _)| name != cursor::NAME);
    let page = page.map(|page| (cursor::NAME.to_owned(), page));
    let all: Vec<String> = understood
        .chain(&page)
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let query = if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) };
    format!("{}/{}{query}", base(app), search.kind)
}

pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b',' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// `Prefer: handling=strict` (<http://hl7.org/fhir/R4/search.html#errors>).
pub(super) fn handling(headers: &HeaderMap) -> Handling {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let strict =
        preferences.flat_map(|list| list.split([',', ';'])).any(|one| one.trim() == "handling=strict");
    if strict { Handling::Strict } else { Handling::Lenient }
}

async fn one(
    app: &AppState,
    asked: &Asked<'_>,
    kind: Kind,
    id: &str,
    parameters: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    check(asked.caller, kind, Action::Read)?;
    accept::json(headers, parameters)?;
    let resource = read::resource(app, kind, id).await?;
    audit::note(app, asked, resource.key.path(), None, std::iter::once(&resource.json)).await?;
    let tag = tag(&resource);
    let mut response = match headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()) {
        Some(known) if known.split(',').any(|one| one.trim() == tag) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        _ => fhir(&resource.json),
    };
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(ETAG, tag);
    set(CONTENT_LOCATION, format!("{}/{}", base(app), resource.key.path()));
    if let Some(at) = resource.json["meta"]["versionId"].as_str().and_then(|micros| micros.parse().ok()) {
        set(LAST_MODIFIED, http_date(Timestamp::from_micros(at)));
    }
    Ok(response)
}

pub(super) fn tag(resource: &Resource) -> String {
    format!("W/\"{}\"", resource.json["meta"]["versionId"].as_str().unwrap_or_default())
}

/// As RFC 9110 section 5.6.7 writes it.
fn http_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let seconds = i64::try_from(at.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

pub(super) fn base(app: &AppState) -> String {
    format!("{}{ROOT}", app.config.public_url)
}

pub(super) fn fhir(json: &Value) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON))], json.to_string()).into_response()
}
