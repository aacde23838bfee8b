//! What a service answers, and what is made of it.

use std::time::Duration;

use baize_core::ports::{LinkLost, PeerAnswer};
use baize_stow::{StowClient, StowConfig};
use tempfile::TempDir;

use crate::service::{Does, Service, certificate, config, listed, object, send};

const REFERENCED: &str = "00081199";
const FAILED: &str = "00081198";
const FAILURE_REASON: &str = "00081197";
const WARNING_REASON: &str = "00081196";

async fn ask(does: Does) -> (Result<PeerAnswer, LinkLost>, Service) {
    let service = Service::start(does, None).await;
    let answer = send(config(format!("http://{}/dicom-web", service.address))).await;
    (answer, service)
}

#[tokio::test]
async fn the_object_goes_out_whole_and_is_acknowledged_by_name() {
    let (answer, service) = ask(Does::Answers(200, listed(REFERENCED, None))).await;
    assert_eq!(answer, Ok(PeerAnswer::Status(0, None)));
    let seen = service.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].head.starts_with("POST /dicom-web/studies HTTP/1.1\r\n"), "{}", seen[0].head);
    let head = seen[0].head.to_lowercase();
    assert!(head.contains("accept: application/dicom+json") && !head.contains("authorization"), "{head}");
    let boundary = head.split("boundary=").nth(1).unwrap().lines().next().unwrap();
    let body = &seen[0].body;
    let object = object().object;
    let begin = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
    let end = format!("\r\n--{boundary}--\r\n");
    assert_eq!(&body[..begin.len()], begin.as_bytes());
    assert_eq!(&body[begin.len()..body.len() - end.len()], &object[..]);
    assert_eq!(&body[body.len() - end.len()..], end.as_bytes());
}

#[tokio::test]
async fn every_answer_is_taken_for_what_it_is() {
    let reason = |status| Some((FAILURE_REASON, status));
    for (does, status) in [
        (Does::Answers(202, listed(REFERENCED, Some((WARNING_REASON, 0xB000)))), 0xB000),
        (Does::Answers(202, listed(FAILED, reason(0xA900))), 0xA900),
        (Does::Answers(409, listed(FAILED, reason(0x0122))), 0x0122),
        (Does::Answers(409, listed(FAILED, reason(0xA700))), 0xA700),
    ] {
        let (answer, _service) = ask(does.clone()).await;
        assert!(
            matches!(answer, Ok(PeerAnswer::Status(said, Some(_))) if said == status),
            "{does:?}: {answer:?}"
        );
    }
    for does in [Does::Answers(409, String::new()), Does::Answers(415, "<html>".into())] {
        let (answer, _service) = ask(does.clone()).await;
        assert!(matches!(answer, Ok(PeerAnswer::NotTaken(_))), "{does:?}: {answer:?}");
    }
    for (does, said) in [
        (Does::Answers(200, "<html>thank you</html>".into()), "no DICOM JSON"),
        (Does::Answers(200, "{}".into()), "does not name"),
        (Does::Answers(401, String::new()), "login"),
        (Does::Answers(429, String::new()), "HTTP 429"),
        (Does::Answers(503, listed(REFERENCED, None)), "HTTP 503"),
        (Does::Redirects("http://elsewhere.example/".into()), "moved"),
        (Does::DiesMidAnswer, "the request failed"),
        (Does::HangsUp, "the request failed"),
        (Does::Floods, "longer than any answer"),
    ] {
        let (answer, _service) = ask(does.clone()).await;
        let LinkLost(told) = answer.unwrap_err();
        assert!(told.contains(said), "{does:?}: {told}");
    }
}

#[tokio::test]
async fn silence_ends_when_it_is_configured_to() {
    let service = Service::start(Does::IsSilent, None).await;
    let impatient = StowConfig {
        response_timeout: Duration::from_millis(200),
        ..config(format!("http://{}/dicom-web", service.address))
    };
    let LinkLost(told) = send(impatient).await.unwrap_err();
    assert!(told.contains("no answer in time"), "{told}");
}

#[tokio::test]
async fn nobody_there_is_found_out_before_anything_is_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let LinkLost(told) = send(config(format!("http://{address}/dicom-web"))).await.unwrap_err();
    assert!(told.contains("no connection"), "{told}");
}

#[tokio::test]
async fn the_login_is_read_anew_each_time() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    let service = Service::start(Does::Answers(200, listed(REFERENCED, None)), None).await;
    let settings = StowConfig {
        authorization_file: Some(file.clone()),
        ..config(format!("http://{}/dicom-web", service.address))
    };
    let LinkLost(told) = send(settings.clone()).await.unwrap_err();
    assert!(told.contains("authorization_file"), "{told}");
    for token in ["Bearer one\n", "Basic dHdv"] {
        std::fs::write(&file, token).unwrap();
        send(settings.clone()).await.unwrap();
        let seen = service.seen().pop().unwrap();
        assert!(seen.head.contains(&format!("authorization: {}\r\n", token.trim())), "{}", seen.head);
    }
}

#[tokio::test]
async fn only_a_service_that_the_authority_vouches_for_gets_anything() {
    let (ours, others) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (tls, authority) = certificate(&ours);
    let (_, stranger) = certificate(&others);
    let service = Service::start(Does::Answers(200, listed(REFERENCED, None)), Some(tls)).await;
    let url = format!("https://localhost:{}/dicom-web", service.address.port());
    let settings = StowConfig { ca_file: Some(authority), ..config(url) };
    assert_eq!(send(settings.clone()).await, Ok(PeerAnswer::Status(0, None)));
    for ca_file in [Some(stranger), None] {
        let LinkLost(told) = send(StowConfig { ca_file, ..settings.clone() }).await.unwrap_err();
        assert!(told.to_lowercase().contains("certificate"), "{told}");
    }
    let ip = format!("https://127.0.0.1:{}/dicom-web", service.address.port());
    assert!(send(StowConfig { url: ip, ..settings }).await.is_err(), "the certificate has another name");
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (url, ca_file) in [
        ("pacs", None),
        ("https://pacs/dicom-web", Some(folder.path().join("nowhere.pem"))),
        ("https://pacs/dicom-web", Some(empty)),
    ] {
        assert!(
            StowClient::new(StowConfig { ca_file: ca_file.clone(), ..config(url.into()) }).is_err(),
            "{url} {ca_file:?}"
        );
    }
}

#[tokio::test]
async fn the_probe_tells_a_login_that_is_not_accepted() {
    for (status, fine) in [(200, true), (204, true), (401, false), (404, false), (503, false)] {
        let service = Service::start(Does::Answers(status, "[]".into()), None).await;
        let client = StowClient::new(config(format!("http://{}/dicom-web", service.address))).unwrap();
        assert_eq!(client.probe().await.is_ok(), fine, "{status}");
        assert!(service.seen()[0].head.starts_with("GET /dicom-web/studies?limit=1 HTTP"));
    }
}
