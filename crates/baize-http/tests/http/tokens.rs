//! Tokens of an identity provider.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use baize_http::{AuthConfig, ConfigError, HttpConfig, JwtConfig, JwtKey};
use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fakes::{NOW, World};
use crate::harness::{App, app_with, config, ports};

const SECRET: &[u8] = b"a secret of thirty-two bytes or so";

/// Of a key pair whose private half was thrown away after signing [`RS256_TOKEN`].
const RSA_PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx/IDIRVa6X5SLTDxph+O
jQngMx2VCaf59/9UlMf3kjjxYNhG2Kmc2cw1nevoAm5bna57rZo+OyTQy/gvqR6B
zF9wJrpeUDo4Kc8wiIY7LTN7jh4o0hah1lLsKvAdMqZYB0rj81Jf/QOOqWDcuDqO
w56l7gjC+05raaR1wQkwIbnVZ7JnMDSWQ0v6gt9wcbkLONcPlaW3flERP/8Xn9uw
E1EUFrDmJFKbrswYwqvwcX54vlhDyduVp1bMcdvPnBqmcbzhNct66dLs19yd1YQD
F0RSWYAFtf1kSUXZnZSSKwApaHoNoUj+8h+2sIYsj8SVTPhnDb6sYe0s7wOXnbiK
7QIDAQAB
-----END PUBLIC KEY-----
";

/// For `dr-rsa`, a radiologist, until an hour after the tests' clock.
const RS256_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJiYWl6ZSIsInN1YiI6ImRyLXJzYSIsImV4cCI6MTc3MjM1Nzg4MSwicm9sZXMiOlsicmFkaW9sb2dpc3QiXX0.qlFVechvlZUp8AE1vig8U_mj6C-gQlvjT8SlvBaefolCtW4gQkeRrHQltRQuXL8zECRBX-uO-JTSHOLT6AtGkIjIozXrS-gJOeAc2MrEwSO_9gGDENW1GwiZMQOhqRQDSv75klKSmnBoMMTzawRPOtFwo22HbhIc58CLGERDkVEbszywSw4l49h3Thidy-S8s-PcAPvugp2WAAQeAiWrwBfV40H6blV52FCkz8acNMQfageAq2O3d1QVrelHcZKoLqd0ycIxdyZIX4jw03GGyxWgOpbxKyHwS6Mqfw1DD1sjcPjLEwF4tLW8pImJ-An0ICsHTn2JMDxVNKYxQIH_hg";

fn jwt(key: JwtKey) -> JwtConfig {
    JwtConfig {
        key,
        issuer: "https://id.example".into(),
        audience: "baize".into(),
        leeway: Duration::from_secs(30),
    }
}

fn app_of(key: JwtKey) -> App {
    app_with(HttpConfig { auth: Some(AuthConfig { api_keys: vec![], jwt: Some(jwt(key)) }), ..config() })
}

fn now() -> u64 {
    NOW.as_micros() / 1_000_000
}

fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "baize", "sub": "dr-wang", "exp": now() + 60, "roles": ["radiologist"] })
}

fn hs256(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

async fn status(app: &App, path: &str, token: &str) -> u16 {
    let request =
        Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    app.send(request).await.status.as_u16()
}

#[tokio::test]
async fn a_sound_token_carries_its_roles() {
    let app = app_of(JwtKey::Hs256(SECRET.to_vec()));
    let overlay = "/v1/studies/1.2/instances/1.2.1/overlay.png";
    for (roles, list, picture) in [
        (json!(["radiologist"]), 200, 200),
        (json!(["nurse", "hr-manager"]), 200, 403),
        (json!(["admin"]), 200, 200),
        (json!(["hr-manager"]), 403, 403),
        (json!([]), 403, 403),
    ] {
        let mut claims = claims();
        claims["roles"] = roles.clone();
        let token = hs256(&claims);
        assert_eq!(status(&app, "/v1/studies", &token).await, list, "{roles}");
        assert_eq!(status(&app, overlay, &token).await, picture, "{roles}");
    }
    let mut several = claims();
    several["aud"] = json!(["other", "baize"]);
    assert_eq!(status(&app, "/v1/studies", &hs256(&several)).await, 200);
}

#[tokio::test]
async fn every_claim_counts() {
    let app = app_of(JwtKey::Hs256(SECRET.to_vec()));
    let changes: &[(&str, Option<Value>)] = &[
        ("exp", None),
        ("exp", Some(json!(now() - 31))),
        ("exp", Some(json!("tomorrow"))),
        ("nbf", Some(json!(now() + 31))),
        ("iss", None),
        ("iss", Some(json!("https://evil.example"))),
        ("aud", None),
        ("aud", Some(json!("billing"))),
        ("sub", None),
        ("sub", Some(json!(""))),
        ("roles", Some(json!("admin"))),
    ];
    for (claim, value) in changes {
        let mut claims = claims();
        match value {
            Some(value) => claims[*claim] = value.clone(),
            None => drop(claims.as_object_mut().unwrap().remove(*claim)),
        }
        assert_eq!(status(&app, "/v1/studies", &hs256(&claims)).await, 401, "{claim}: {value:?}");
    }
}

#[tokio::test]
async fn a_token_lives_by_the_servers_clock() {
    let app = app_of(JwtKey::Hs256(SECRET.to_vec()));
    let token = hs256(&claims());
    for (seconds, expected) in [(60, 200), (89, 200), (91, 401)] {
        app.world.micros.store((now() + seconds) * 1_000_000, Ordering::SeqCst);
        assert_eq!(status(&app, "/v1/studies", &token).await, expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn signatures_are_checked_with_the_configured_algorithm_only() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let public = pair.public_key_pem();
    let es256 = app_of(JwtKey::Es256(public.clone()));
    let private = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let good = encode(&Header::new(Algorithm::ES256), &claims(), &private).unwrap();
    assert_eq!(status(&es256, "/v1/studies", &good).await, 200);

    // The classic confusion: HS256 with the public key as the secret.
    let confused = EncodingKey::from_secret(public.as_bytes());
    let forged = encode(&Header::new(Algorithm::HS256), &claims(), &confused).unwrap();
    assert_eq!(status(&es256, "/v1/studies", &forged).await, 401);
    assert_eq!(status(&es256, "/v1/studies", &hs256(&claims())).await, 401);

    let hs = app_of(JwtKey::Hs256(SECRET.to_vec()));
    assert_eq!(status(&hs, "/v1/studies", &good).await, 401);
    let payload = hs256(&claims()).split('.').nth(1).unwrap().to_owned();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let mut tampered = hs256(&claims());
    tampered.pop();
    for token in [unsigned.as_str(), &tampered, "a.b.c", "..", "x"] {
        assert_eq!(status(&hs, "/v1/studies", token).await, 401, "{token}");
    }
}

#[tokio::test]
async fn rs256_tokens_are_taken() {
    let app = app_of(JwtKey::Rs256(RSA_PUBLIC.into()));
    assert_eq!(status(&app, "/v1/studies", RS256_TOKEN).await, 200);
    let broken = RS256_TOKEN.replace(".qlFV", ".qlFW");
    assert_ne!(broken, RS256_TOKEN);
    assert_eq!(status(&app, "/v1/studies", &broken).await, 401);
}

#[test]
fn bad_keys_are_found_before_a_port_is_bound() {
    let refused = |key: JwtKey| {
        let auth = AuthConfig { api_keys: vec![], jwt: Some(jwt(key)) };
        let mut registry = Registry::default();
        let ports = ports(&World::new(), &mut registry, &CancellationToken::new());
        baize_http::router(ports, HttpConfig { auth: Some(auth), ..config() }).map(|_| ()).unwrap_err()
    };
    assert!(matches!(refused(JwtKey::Hs256(b"short".to_vec())), ConfigError::ShortSecret));
    assert!(matches!(
        refused(JwtKey::Rs256("no pem".into())),
        ConfigError::BadPublicKey { algorithm: "RS256", .. }
    ));
    assert!(matches!(
        refused(JwtKey::Es256(RSA_PUBLIC.into())),
        ConfigError::BadPublicKey { algorithm: "ES256", .. }
    ));
    assert_eq!(format!("{:?}", JwtKey::Hs256(SECRET.to_vec())), "Hs256(..)", "the secret is never printed");
}

#[tokio::test]
async fn scopes_of_a_system_decide_on_the_fhir_side_and_nowhere_else() {
    let app = app_of(JwtKey::Hs256(SECRET.to_vec()));
    for (roles, scope, reports, observations, list) in [
        (json!([]), "system/DiagnosticReport.read", 200, 403, 403),
        (json!([]), "openid system/Observation.rs", 403, 200, 403),
        (json!([]), "system/*.read", 200, 200, 403),
        (json!([]), "user/*.read", 403, 403, 403),
        (json!(["admin"]), "system/Observation.rs", 403, 200, 200),
        (json!(["nurse"]), "", 200, 200, 200),
    ] {
        let mut claims = claims();
        claims["roles"] = roles.clone();
        claims["scope"] = json!(scope);
        let token = hs256(&claims);
        assert_eq!(status(&app, "/fhir/DiagnosticReport", &token).await, reports, "{roles} {scope}");
        assert_eq!(status(&app, "/fhir/Observation", &token).await, observations, "{roles} {scope}");
        assert_eq!(status(&app, "/v1/studies", &token).await, list, "{roles} {scope}");
    }
    let mut narrow = claims();
    narrow["scope"] = json!("system/Observation.r");
    assert_eq!(status(&app, "/fhir/Observation", &hs256(&narrow)).await, 403, "reading is not searching");
}
