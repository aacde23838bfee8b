//! A patient on whom the model was not validated: a refusal with its reason everywhere, never "no finding"; a score in
//! research mode only.

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, baize};

const CLINIC: &str = "engine.research_mode=false";

fn adult() -> ObjectBuilder {
    ObjectBuilder::chest(1).age("034Y").view("AP")
}

#[test]
fn infer_refuses_and_says_why_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let (file, objects) = (folder.path().join("adult.dcm"), folder.path().join("objects"));
    std::fs::write(&file, adult().build()).unwrap();
    let infer = |language: &str, more: &[&str]| {
        let mut command = baize();
        command.env("LANG", language).env("BAIZE__ENGINE__RESEARCH_MODE", "false").arg("infer").args(more);
        command.arg(&file).output().unwrap()
    };
    let output = infer("C", &["--json", "--objects", objects.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["code"]), (&json!("refused"), &json!("outside_population")));
    assert_eq!(answer["findings"], json!([]));
    assert!(answer["model"]["id"].is_string(), "the model that would have read it");
    assert!(answer["message"].as_str().unwrap().contains("age is outside"), "{answer}");
    assert!(!answer["message"].as_str().unwrap().contains("34"), "the age stays in the header");
    // What goes to archives says that nothing could be analysed.
    let written: Vec<Vec<u8>> = std::fs::read_dir(&objects)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let says = |words: &str| {
        written.iter().any(|bytes| bytes.windows(words.len()).any(|part| part == words.as_bytes()))
    };
    assert!(says("Outside the validated population"), "{} objects", written.len());

    let chinese = String::from_utf8(infer("zh_CN.UTF-8", &[]).stdout).unwrap();
    assert!(chinese.contains("超出已验证人群：患者年龄不在已验证范围内"), "{chinese}");
    let english = String::from_utf8(infer("C", &[]).stdout).unwrap();
    assert!(english.contains("Outside the validated population"), "{english}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_scores_strangers_in_research_mode_only() {
    for (setting, status) in [(CLINIC, "refused"), ("engine.research_mode=true", "ok")] {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &[setting]).await;
        for object in [adult(), ObjectBuilder::chest(2).age("004Y").view("")] {
            let (answer, body) = server.stow(&[object.build()]).await.unwrap();
            assert_eq!(answer, StatusCode::OK, "it is kept all the same: {body}");
            let results = server.results(&object.study_uid()).await;
            for result in &results {
                assert_eq!(result["status"], status, "{setting}: {result}");
                match status {
                    "refused" => {
                        assert_eq!(result["code"], "outside_population", "{result}");
                        assert!(result["findings"].as_array().is_none_or(Vec::is_empty), "{result}");
                    }
                    _ => assert_eq!(result["population"]["validated"], false, "{result}"),
                }
            }
            let (answer, read) = server.infer(object.build()).await;
            let result = if status == "ok" { &read["result"] } else { &read["result"]["result"] };
            assert_eq!(answer.is_success(), status == "ok", "{setting}: {read}");
            assert_eq!(result["status"], status, "{setting}: {read}");
        }
        let child = ObjectBuilder::chest(3).age("004Y").view("AP");
        server.stow(&[child.build()]).await.unwrap();
        let results = server.results(&child.study_uid()).await;
        let validated = |result: &&Value| result["population"]["validated"] == true;
        assert!(results.iter().any(|result| validated(&result)), "{results:?}");
    }
}
