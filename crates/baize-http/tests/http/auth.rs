//! Who may do what.

use axum::body::Body;
use baize_http::{ApiKey, AuthConfig, ConfigError, HttpConfig, Role};
use http::{Method, Request};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::fakes::World;
use crate::harness::{app_with_keys, config, ports};

/// Every route with the roles that may call it; `None` is open to all. Written out once more on purpose: the
/// table in the code is not to be changed by accident.
const ROUTES: &[(&str, &str, Option<&[Role]>)] = {
    use Role::{Admin, Integrator, Nurse, Radiologist};
    const ALL: Option<&[Role]> = Some(&[Nurse, Radiologist, Integrator, Admin]);
    &[
        ("GET", "/health/live", None),
        ("GET", "/health/ready", None),
        ("GET", "/version", None),
        ("GET", "/openapi.json", ALL),
        ("POST", "/dicomweb/studies", Some(&[Integrator, Admin])),
        ("POST", "/dicomweb/studies/1.2", Some(&[Integrator, Admin])),
        ("POST", "/v1/infer", Some(&[Radiologist, Integrator, Admin])),
        ("GET", "/v1/studies", ALL),
        ("GET", "/v1/studies/1.2", ALL),
        ("GET", "/v1/studies/1.2/findings", ALL),
        ("GET", "/v1/studies/1.2/instances/1.2.1/heat.json", ALL),
        ("GET", "/v1/studies/1.2/instances/1.2.1/heat.png", ALL),
        ("GET", "/v1/studies/1.2/instances/1.2.1/overlay.png", Some(&[Radiologist, Integrator, Admin])),
        ("GET", "/v1/studies/1.2/instances/1.2.1/reviews", ALL),
        ("POST", "/v1/studies/1.2/instances/1.2.1/reviews", Some(&[Radiologist, Admin])),
        ("GET", "/v1/events", ALL),
        ("POST", "/v1/triage/assessments", Some(&[Nurse, Integrator, Admin])),
        ("POST", "/v1/triage/assessments/1/vitals", Some(&[Nurse, Integrator, Admin])),
        ("POST", "/v1/triage/assessments/1/level", Some(&[Nurse, Integrator, Admin])),
        ("POST", "/v1/triage/assessments/1/acknowledgement", Some(&[Nurse, Integrator, Admin])),
        ("GET", "/v1/triage/assessments/1", ALL),
        ("GET", "/v1/triage/unacknowledged", ALL),
        ("GET", "/v1/outbox", Some(&[Integrator, Admin])),
        ("POST", "/v1/outbox/1/retry", Some(&[Integrator, Admin])),
    ]
};

fn request(method: &str, path: &str, credential: Option<(&str, &str)>) -> Request<Body> {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    if let Some((name, value)) = credential {
        request = request.header(name, value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_route_for_every_role() {
    let (app, keys) = app_with_keys();
    // An event stream never ends; a stopped server's ends at once.
    app.shutdown.cancel();
    for (method, path, roles) in ROUTES {
        let bare = app.send(request(method, path, None)).await;
        assert_eq!(bare.status == 401, roles.is_some(), "{path} without a key: {}", bare.status);
        for (role, key) in &keys {
            let answer =
                app.send(request(method, path, Some(("authorization", &format!("Bearer {key}"))))).await;
            let allowed = roles.is_none_or(|roles| roles.contains(role));
            assert_eq!(answer.status != 403, allowed, "{path} as {role}: {}", answer.status);
            assert_ne!(answer.status, 401, "{path} as {role}");
            if !allowed {
                let detail = answer.problem(403, "forbidden");
                assert!(detail.contains("admin"), "{detail}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_taken_from_either_header() {
    let (app, keys) = app_with_keys();
    let key = &keys[0].1;
    let bearer = format!("Bearer {key}");
    let lower = format!("bearer  {key}");
    let basic = format!("Basic {key}");
    let hash = "ab".repeat(32);
    for (header, value, status) in [
        ("authorization", bearer.as_str(), 200),
        ("authorization", &lower, 200),
        ("x-api-key", key, 200),
        ("authorization", &basic, 401),
        ("authorization", key, 401),
        ("authorization", "Bearer ", 401),
        ("authorization", "Bearer wrong", 401),
        ("x-api-key", "", 401),
        ("x-api-key", &hash, 401),
    ] {
        let answer = app.send(request("GET", "/v1/studies", Some((header, value)))).await;
        assert_eq!(answer.status, status, "{header}: {value}");
        if status == 401 {
            answer.problem(401, "unauthenticated");
            assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"baize\""));
        }
    }
    let missing = app.get("/v1/studies").await;
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"baize\"");
    let wrong = app.send(request("GET", "/v1/studies", Some(("x-api-key", "wrong")))).await;
    assert!(wrong.header("www-authenticate").contains("invalid_token"));
}

#[tokio::test]
async fn what_is_not_there_needs_no_key_to_be_not_found() {
    let (app, _) = app_with_keys();
    app.get("/v1/nothing").await.problem(404, "not_found");
    app.send(request("DELETE", "/v1/studies", None)).await.problem(405, "invalid_request");
}

#[tokio::test]
async fn the_keys_name_is_the_client_that_stored() {
    let (app, keys) = app_with_keys();
    let key = &keys.iter().find(|(role, _)| *role == Role::Integrator).unwrap().1;
    let body = crate::harness::multipart(&[crate::fakes::object("1.2", "1.3", "new")]);
    let request = Request::post("/dicomweb/studies")
        .header("content-type", crate::harness::related(crate::harness::BOUNDARY))
        .header("x-api-key", key)
        .body(Body::from(body))
        .unwrap();
    assert_eq!(app.send(request).await.status, 200);
    let accepted = app.world.accepted.lock().unwrap();
    assert_eq!(accepted[0].1, baize_core::ports::Door::Stow { client: "key-integrator".into() });
}

#[test]
fn authentication_that_nobody_passes_is_a_mistake() {
    let refused = |auth: AuthConfig| {
        let mut registry = Registry::default();
        let ports = ports(&World::new(), &mut registry, &CancellationToken::new());
        baize_http::router(ports, HttpConfig { auth: Some(auth), ..config() }).map(|_| ()).unwrap_err()
    };
    let nobody = AuthConfig { api_keys: vec![], jwt: None };
    assert!(matches!(refused(nobody), ConfigError::NobodyMayCall));
    let bad = ApiKey { name: "ward".into(), roles: vec![Role::Nurse], sha256: "plain text".into() };
    assert!(refused(AuthConfig { api_keys: vec![bad], jwt: None }).to_string().contains("'ward'"));
}
