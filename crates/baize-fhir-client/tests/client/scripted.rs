//! What a server answers, and what is made of it.

use std::time::Duration;

use baize_core::ports::{LinkLost, MessageAnswer};
use baize_fhir_client::{FhirClientConfig, Login};

use crate::server::{Does, Server, bundle, client, config, send};

#[tokio::test]
async fn a_bundle_goes_out_as_it_is_and_twice_makes_nothing_twice() {
    let server = Server::start(Does::Keeps).await;
    let client = client(config(server.url()));
    for _ in 0..2 {
        assert_eq!(send(&client).await, Ok(MessageAnswer::Accepted("200".into())));
    }
    assert_eq!(server.kept.lock().unwrap().len(), 2);
    assert!(server.bodies.lock().unwrap().iter().all(|body| *body == bundle()));
    let heads = server.heads.lock().unwrap();
    assert!(heads[0].starts_with("post /fhir http/1.1\r\n"), "{}", heads[0]);
    assert!(
        heads[0].contains("content-type: application/fhir+json") && heads[0].contains("x-request-id: m-1")
    );
}

/// The message is not taken for sent, and sending it again changes nothing at the server.
#[tokio::test]
async fn a_server_that_dies_before_it_answers_gets_it_again() {
    let server = Server::start(Does::DiesAfterwards).await;
    let client = client(config(server.url()));
    assert!(send(&client).await.is_err());
    assert_eq!(server.kept.lock().unwrap().len(), 2);
    *server.does.lock().unwrap() = Does::Keeps;
    assert!(matches!(send(&client).await, Ok(MessageAnswer::Accepted(_))));
    assert_eq!(server.kept.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn whatever_goes_wrong_is_never_an_acceptance() {
    let outcome = r#"{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid", "diagnostics": "坏"}]}"#;
    for (does, expected) in [
        (Does::Answers(422, "", outcome.into()), Ok(MessageAnswer::Refused("422".into(), "坏".into()))),
        (Does::Answers(409, "", outcome.into()), Ok(MessageAnswer::Later("409".into(), "坏".into()))),
        (
            Does::Answers(503, "retry-after: 7\r\n", String::new()),
            Ok(MessageAnswer::LaterThan(
                Duration::from_secs(7),
                "503".into(),
                "the server is in trouble".into(),
            )),
        ),
        (Does::Answers(307, "location: /elsewhere\r\n", String::new()), Err("the server has moved")),
        (Does::Answers(200, "", "<html>".into()), Err("no FHIR")),
        (Does::Answers(401, "", outcome.into()), Err("does not accept our login")),
        (Does::DiesMidAnswer, Err("the request failed")),
        (Does::Floods, Err("longer than any answer")),
    ] {
        let server = Server::start(does.clone()).await;
        let answer = send(&client(config(server.url()))).await;
        match (answer, expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, expected, "{does:?}"),
            (Err(LinkLost(why)), Err(expected)) => assert!(why.contains(expected), "{does:?}: {why}"),
            (answer, expected) => panic!("{does:?}: {answer:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_silent_or_not_there_costs_no_more_than_the_time_it_is_given() {
    let server = Server::start(Does::IsSilent).await;
    let hasty = FhirClientConfig { response_timeout: Duration::from_millis(200), ..config(server.url()) };
    assert!(matches!(send(&client(hasty)).await, Err(LinkLost(why)) if why.contains("no answer in time")));
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(send(&client(config(format!("http://{gone}/fhir")))).await.is_err());
}

#[tokio::test]
async fn the_line_of_a_file_logs_in_and_a_missing_one_is_told() {
    let server = Server::start(Does::Keeps).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let client = client(FhirClientConfig { login: Login::File(path.clone()), ..config(server.url()) });
    assert!(matches!(send(&client).await, Err(LinkLost(why)) if why.contains("authorization_file")));
    for token in ["Bearer one", "Bearer two"] {
        std::fs::write(&path, format!("{token}\n")).unwrap();
        send(&client).await.unwrap();
        let head = server.heads.lock().unwrap().last().unwrap().clone();
        assert!(head.contains(&format!("authorization: {}", token.to_lowercase())), "{head}");
    }
}

#[tokio::test]
async fn the_probe_tells_a_fhir_server_from_another() {
    for (does, fine) in [
        (Does::Answers(200, "", r#"{"resourceType": "CapabilityStatement"}"#.into()), true),
        (Does::Answers(200, "", "{}".into()), false),
        (Does::Answers(401, "", String::new()), false),
        (Does::Answers(404, "", String::new()), false),
    ] {
        let server = Server::start(does.clone()).await;
        assert_eq!(client(config(server.url())).probe().await.is_ok(), fine, "{does:?}");
        assert!(server.heads.lock().unwrap()[0].starts_with("get /fhir/metadata http"));
    }
}
