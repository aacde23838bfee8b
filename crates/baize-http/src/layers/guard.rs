//! Credentials, roles and quota, before a handler runs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use baize_core::ErrorCode;

use crate::access::Group;
use crate::app::AppState;
use crate::auth::{Principal, Unknown};
use crate::problem::Problem;

/// What stands before the routes of one group.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: Arc<AppState>,
    pub(crate) group: Group,
}

/// Lets the request through with its [`Principal`], or answers 401, 403 or 429.
pub(crate) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(roles) = guard.group.roles() else { return Ok(next.run(request).await) };
    let principal = identify(&guard.app, &request)?;
    tracing::Span::current().record("client", &principal.name);
    let by_scope = matches!(guard.group, Group::Fhir | Group::Subscriptions);
    let has_scopes = by_scope && !principal.scopes.is_empty();
    if !principal.has_one_of(roles) && !has_scopes {
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let detail = format!("This needs one of the roles {}.", names.join(", "));
        return Err(Problem::new(ErrorCode::Forbidden, detail));
    }
    let _ticket = match guard.group.counts_in_flight() {
        true => Some(guard.app.quota.enter(&principal.name)?),
        false => None,
    };
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

fn identify(app: &AppState, request: &Request) -> Result<Principal, Problem> {
    let Some(authenticator) = &app.authenticator else { return Ok(Principal::anonymous()) };
    authenticator.caller(request.headers(), app.ports.clock.now()).map_err(|unknown| {
        let (detail, challenge) = match unknown {
            Unknown::Missing => (
                "Send an API key or a token as 'Authorization: Bearer …', or an API key as 'X-API-Key'.",
                "Bearer realm=\"baize\"",
            ),
            Unknown::Wrong => (
                "The API key or token is unknown, malformed or has expired.",
                "Bearer realm=\"baize\", error=\"invalid_token\"",
            ),
        };
        Problem::new(ErrorCode::Unauthenticated, detail).with_challenge(challenge)
    })
}
