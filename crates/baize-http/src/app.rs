//! The application: state, routes and layers put together.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use baize_core::ports::{
    Archive, Events, FusionRecords, HealthCheck, HospitalRecords, Identify, Intake, ObjectViews, Outbox,
    Reader, Reconciliation, Reviews, Spool, Studies, StudyWatch,
};
use baize_core::{Clock, ErrorCode, Timestamp};
use baize_desk::Desk;
use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::dicomweb::MOST_RETRIEVALS;
use crate::fhir::FhirPorts;
use crate::layers::{Guard, Quota, catch_panics, cors, guard, render, trace};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::upload::{Budget, Limits};
use crate::{ConfigError, HttpConfig, openapi, routes};

/// What the REST edge stands on.
#[derive(Clone)]
pub struct Ports {
    /// Where stored objects go.
    pub intake: Arc<dyn Intake>,
    /// Tells which study an object is of, before it is stored into a study, and names objects that could not be
    /// stored.
    pub identify: Arc<dyn Identify>,
    /// Reads an image while the caller waits.
    pub reader: Arc<dyn Reader>,
    /// The work list and the findings.
    pub studies: Arc<dyn Studies>,
    /// What physicians say of the findings.
    pub reviews: Arc<dyn Reviews>,
    /// When a study is here as a whole.
    pub watch: Arc<dyn StudyWatch>,
    /// What was received, to be searched.
    pub archive: Arc<dyn Archive>,
    /// Makes stored objects readable.
    pub views: Arc<dyn ObjectViews>,
    /// Where the objects and the annotated pictures are.
    pub spool: Arc<dyn Spool>,
    /// What happens.
    pub events: Arc<dyn Events>,
    /// Where patients are triaged.
    pub desk: Arc<Desk>,
    /// Which visits wait for a nurse.
    pub fusion: Arc<dyn FusionRecords>,
    /// What goes out.
    pub outbox: Arc<dyn Outbox>,
    /// What the FHIR side stands on.
    pub fhir: FhirPorts,
    /// What the HIS has told.
    pub hospital: Arc<dyn HospitalRecords>,
    /// Which order a study answers, and what people say of it.
    pub reconciliation: Arc<dyn Reconciliation>,
    /// Whether the server can work.
    pub health: Arc<dyn HealthCheck>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// Cancelled when the server shuts down: ends the event streams, which would otherwise never end.
    pub shutdown: CancellationToken,
}

/// What every handler can see.
pub(crate) struct AppState {
    pub(crate) ports: Ports,
    pub(crate) config: HttpConfig,
    pub(crate) authenticator: Option<Authenticator>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) event_seats: Arc<Semaphore>,
    /// Places for answers that hold whole objects.
    pub(crate) retrievals: Arc<Semaphore>,
    pub(crate) description: Bytes,
    /// When this process began to serve.
    pub(crate) started_at: Timestamp,
    upload_budget: Arc<Budget>,
}

impl AppState {
    pub(crate) fn upload_limits(&self) -> Limits {
        Limits {
            object_bytes: self.config.max_object_bytes,
            request_bytes: self.config.max_request_bytes,
            idle: self.config.upload_idle_timeout,
            budget: Arc::clone(&self.upload_budget),
        }
    }
}

/// Builds the application.
///
/// # Errors
/// A [`ConfigError`] that names the setting.
pub fn router(ports: Ports, config: HttpConfig) -> Result<Router, ConfigError> {
    let cors = cors(&config.allowed_origins);
    let app = state(ports, config)?;
    let mut router = Router::new();
    for (group, routes) in routes::groups() {
        let guard_of_group = Guard { app: Arc::clone(&app), group };
        router = router.merge(Router::from(routes).route_layer(from_fn_with_state(guard_of_group, guard)));
    }
    let router = router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(catch_panics))
        .layer(from_fn_with_state(Arc::clone(&app), render))
        .layer(from_fn_with_state(Arc::clone(&app), trace))
        .with_state(app);
    // Outermost: a browser asks first, without a login, and must be able to read problems as well.
    Ok(match cors {
        Some(cors) => router.layer(cors),
        None => router,
    })
}

/// What handlers see.
///
/// # Errors
/// As [`router`].
pub(crate) fn state(ports: Ports, config: HttpConfig) -> Result<Arc<AppState>, ConfigError> {
    config.check()?;
    let description = openapi().to_json().unwrap_or_default();
    Ok(Arc::new(AppState {
        authenticator: config.auth.as_ref().map(Authenticator::new).transpose()?,
        quota: Quota::new(config.max_in_flight_per_client),
        event_seats: Arc::new(Semaphore::new(config.max_event_streams.min(Semaphore::MAX_PERMITS))),
        retrievals: Arc::new(Semaphore::new(MOST_RETRIEVALS)),
        upload_budget: Budget::new(config.upload_memory_bytes, config.max_object_bytes),
        description: Bytes::from(description),
        started_at: ports.clock.now(),
        ports,
        config,
    }))
}

async fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "There is no such route; /openapi.json lists them.")
}

async fn method_not_allowed(request: Request) -> Response {
    let detail = format!("method: this route does not take {}", request.method());
    let mut response = Problem::invalid(detail).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
