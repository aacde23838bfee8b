//! No patient data in the log, whatever happens to the object.

use crate::harness::Server;
use baize_testkit::{ObjectBuilder, malformed};

const PATIENT_ID: (u16, u16) = (0x0010, 0x0020);
const PATIENT_BIRTH_DATE: (u16, u16) = (0x0010, 0x0030);

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_no_patient() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &["log.filter=trace"]).await;
    let secrets = ["秘密", "SECRET^NAME", "PID-48151623", "ACC-42108", "19400305", "神秘的胸痛", "xyzzyitis"];
    let object = |seed| {
        ObjectBuilder::chest(seed)
            .patient_name("SECRET^NAME=秘密^患者")
            .text(PATIENT_ID, b"LO", "PID-48151623")
            .accession("ACC-42108")
            .text(PATIENT_BIRTH_DATE, b"DA", "19400305")
    };
    let good = object(1).build();
    let (status, _) = server.stow(std::slice::from_ref(&good)).await.unwrap();
    assert!(status.is_success());
    server.results(&object(1).study_uid()).await;
    server.infer(good.clone()).await;
    server.stow(&[good[..good.len() / 2].to_vec()]).await.unwrap();
    let leg = object(2).body_part("EXTREMITY").build();
    server.stow(&[leg]).await.unwrap();
    for (_, bytes) in malformed(7, 40) {
        server.infer(bytes).await;
    }
    for path in ["/v1/studies", "/v1/studies?limit=x", "/v1/studies/PID-48151623", "/nowhere"] {
        server.get(path).await;
    }
    triage(&server).await;
    assert!(server.terminate().success());
    let log = server.log();
    assert!(log.iter().any(|line| line.contains("triage step recorded")), "triage was watched");
    assert!(log.len() > 20, "the log was watched: {log:?}");
    for line in &log {
        for secret in secrets {
            assert!(!line.contains(secret), "{secret} stands in the log: {line}");
        }
    }
}

/// A visit with everything that may go wrong with it.
async fn triage(server: &Server) {
    const ASSESSMENTS: &str = "/v1/triage/assessments";
    let request = r#"{"encounter": "PID-48151623", "age_years": 58, "chief_complaint": "神秘的胸痛 xyzzyitis SOB",
        "vitals": {"heart_rate": 186}, "nurse_level": 3}"#;
    let (status, visit) = server.post(ASSESSMENTS, request).await.unwrap();
    assert_eq!(status, 201, "{visit}");
    let id = visit["id"].as_str().unwrap();
    for (path, body, status) in [
        ("/vitals", r#"{"spo2": 88}"#, 200),
        ("/vitals", r#"{"spo2": "神秘的胸痛"}"#, 400),
        ("/level", r#"{"level": 4, "reason": "神秘的胸痛 PID-48151623"}"#, 200),
        ("/level", r#"{"level": "xyzzyitis", "PID-48151623": 1}"#, 400),
        ("/level", r#"{"reason": "神秘的胸痛"#, 400),
    ] {
        let (answered, answer) = server.post(&format!("{ASSESSMENTS}/{id}{path}"), body).await.unwrap();
        assert_eq!(answered, status, "{body}: {answer}");
    }
    for body in [
        r#"{"chief_complaint": ["神秘的胸痛"]}"#,
        r#"{"xyzzyitis": 1}"#,
        r#"{"encounter": "PID-48151623"}"#,
        "xyzzyitis",
    ] {
        assert_eq!(server.post(ASSESSMENTS, body).await.unwrap().0, 400, "{body}");
    }
    server.get(&format!("{ASSESSMENTS}/PID-48151623")).await;
    server.get(&format!("{ASSESSMENTS}/{id}")).await;
}
