//! `kill -9` at every stage: after a restart each accepted study has its result exactly once.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::Server;
use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;

/// Objects per round: more than one batch, so that some wait at every stage.
const OBJECTS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_study_has_its_result_exactly_once() {
    let data = tempfile::tempdir().unwrap();
    let mut accepted: Vec<String> = Vec::new();
    let stages = ["received", "decode", "infer", "write", "done"];
    for (round, stage) in (0_u64..).zip(stages) {
        let server = Arc::new(Server::start(data.path(), &[]).await);
        server.skip_log();
        let objects: Vec<_> = (0..OBJECTS).map(|n| ObjectBuilder::chest(round * 100 + n)).collect();
        let sending: Vec<_> = objects
            .iter()
            .map(|object| {
                let (server, study) = (Arc::clone(&server), object.study_uid());
                let bytes = object.build();
                tokio::spawn(async move {
                    match server.stow(&[bytes]).await {
                        Ok((StatusCode::OK, _)) => Some(study),
                        _ => None,
                    }
                })
            })
            .collect();
        let watched = Arc::clone(&server);
        let seen = tokio::task::spawn_blocking(move || {
            watched.saw(&format!("stage=\"{stage}\""), Duration::from_secs(60))
        });
        assert!(seen.await.unwrap(), "stage {stage} never came; log:\n{}", server.log().join("\n"));
        server.kill_now();
        for task in sending {
            accepted.extend(task.await.unwrap());
        }
        drop(server);
        let restarted = Server::start(data.path(), &[]).await;
        assert_exactly_once(&restarted, &accepted, stage).await;
        // What the sender never got an answer for, it sends again; what was kept is not doubled.
        for object in &objects {
            let (status, _) = restarted.stow(&[object.build()]).await.unwrap();
            assert_eq!(status, StatusCode::OK, "stage {stage}");
            if !accepted.iter().any(|study| *study == object.study_uid()) {
                accepted.push(object.study_uid());
            }
        }
        assert_exactly_once(&restarted, &accepted, stage).await;
    }
    assert_eq!(accepted.len() as u64, OBJECTS * stages.len() as u64);
}

async fn assert_exactly_once(server: &Server, studies: &[String], stage: &str) {
    for study in studies {
        let results = server.results(study).await;
        assert_eq!(results.len(), 1, "stage {stage}: {study} has {results:?}");
        assert_eq!(results[0]["status"], "ok", "stage {stage}: {results:?}");
        let overlay = results[0]["overlay"].as_str().unwrap();
        let (status, png) = server.get_bytes(overlay).await;
        assert_eq!(status, StatusCode::OK, "stage {stage}");
        assert!(png.starts_with(b"\x89PNG"), "stage {stage}");
    }
}
