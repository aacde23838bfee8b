//! Logging in by SMART Backend Services.

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::LinkLost;
use baize_fhir_client::{FhirClient, FhirClientConfig, Login, SmartKey, SmartLogin};
use baize_testkit::VirtualClock;

use crate::server::{Does, Server, config, send};

fn key() -> SmartKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    SmartKey::Es384(pair.serialize_pem())
}

fn login(server: &Server, key: SmartKey) -> Login {
    Login::Smart(SmartLogin {
        token_url: format!("http://{}/token", server.address),
        client_id: "baize".into(),
        key,
        key_id: Some("k1".into()),
        scope: "system/*.cruds".into(),
    })
}

fn granted(token: &str) -> Does {
    Does::Answers(
        200,
        "",
        format!(r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": 300}}"#),
    )
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_ends_or_is_not_accepted() {
    let (fhir, issuer) = (Server::start(Does::Keeps).await, Server::start(granted("one")).await);
    let clock = Arc::new(VirtualClock::default());
    let smart = FhirClientConfig { login: login(&issuer, key()), ..config(fhir.url()) };
    let client = FhirClient::new(smart, clock.clone()).unwrap();
    let last_head = || fhir.heads.lock().unwrap().last().unwrap().clone();
    for _ in 0..2 {
        send(&client).await.unwrap();
        assert!(last_head().contains("authorization: bearer one"));
    }
    assert_eq!(issuer.bodies.lock().unwrap().len(), 1);
    let asked = String::from_utf8(issuer.bodies.lock().unwrap()[0].clone()).unwrap();
    assert!(
        asked.contains("grant_type=client_credentials") && asked.contains("scope=system%2F*.cruds"),
        "{asked}"
    );
    let assertion = asked.split("client_assertion=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(assertion.split('.').count(), 3, "a signed token");

    clock.advance(Duration::from_secs(300));
    *issuer.does.lock().unwrap() = granted("two");
    send(&client).await.unwrap();
    assert!(last_head().contains("authorization: bearer two"));

    *fhir.does.lock().unwrap() = Does::Answers(401, "", String::new());
    assert!(matches!(send(&client).await, Err(LinkLost(why)) if why.contains("login")));
    (*issuer.does.lock().unwrap(), *fhir.does.lock().unwrap()) = (granted("three"), Does::Keeps);
    send(&client).await.unwrap();
    assert!(last_head().contains("authorization: bearer three"));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let fhir = Server::start(Does::Keeps).await;
    for does in
        [Does::Answers(400, "", "{}".into()), Does::Answers(200, "", "{}".into()), Does::DiesMidAnswer]
    {
        let issuer = Server::start(does.clone()).await;
        let smart = FhirClientConfig { login: login(&issuer, key()), ..config(fhir.url()) };
        let client = FhirClient::new(smart, Arc::new(VirtualClock::default())).unwrap();
        assert!(send(&client).await.is_err(), "{does:?}");
    }
    assert!(fhir.heads.lock().unwrap().is_empty());
    for bad in [SmartKey::Es384("x".into()), SmartKey::Rs384("x".into())] {
        let smart = FhirClientConfig { login: login(&fhir, bad), ..config(fhir.url()) };
        assert!(FhirClient::new(smart, Arc::new(VirtualClock::default())).is_err());
    }
}
