//! Results as messages, beside golden ones, and read again by our own codec and by python-hl7.
//!
//! `golden/result/NAME.hl7` is what the case NAME must give, byte for byte. `BAIZE_BLESS=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use baize_core::ports::{
    Arrival, CompletedBy, Completion, Encounter, EncounterState, FindingOpinion, HisPatient, InstanceRecord,
    MatchedBy, MessageId, Opinion, Order, OrderId, Progress, RecordedReview, Review, Standing, StudyContext,
    StudyResult, StudySummary, Subject, TriageEntry, TriageStep, Verdict, VisitId, VisitResult, Wording,
};
use baize_core::{
    Coded, ErrorCode, Fault, Finding, ImageFacts, InstanceIdentity, Lane, Language, ModelRef, Outcome,
    Population, Report, SeriesUid, Sex, SopUid, StudyUid, Text, Timestamp,
};
use baize_hl7::result::{Acknowledgement, Codes, OruConfig, OruWording, Party};
use baize_hl7::{Charset, Limits, Message};
use time::UtcOffset;

const NOW: Timestamp = Timestamp::from_micros(1_773_567_000_000_000);

fn wording(charset: Charset, language: Language) -> OruWording {
    let party = |application: &str, facility: &str| Party {
        application: application.into(),
        facility: facility.into(),
    };
    OruWording::new(OruConfig {
        sender: party("BAIZE", "影像科"),
        receiver: party("HIS", "三院"),
        charset,
        language,
        offset: UtcOffset::from_hms(8, 0, 0).unwrap(),
        acknowledgement: Acknowledgement::Original,
        codes: Codes::built_in().unwrap(),
    })
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.into(), en: en.into() }
}

fn model() -> ModelRef {
    ModelRef { id: "cxr-pneumonia-paed".into(), version: "0.1.0".into() }
}

fn identity(sop: u32) -> InstanceIdentity {
    InstanceIdentity {
        study: StudyUid::parse("1.2.840.1").unwrap(),
        series: SeriesUid::parse("1.2.840.1.1").unwrap(),
        sop: SopUid::parse(&format!("1.2.840.1.1.{sop}")).unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.1".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
    }
}

fn pneumonia(probability: f32) -> Finding {
    let meaning = text("肺炎", "Pneumonia");
    let code = Coded { scheme: "SCT".into(), value: "233604007".into(), meaning };
    Finding { code, probability, threshold: 0.5, critical: Some(0.88), region: None, heat: None }
}

fn facts() -> ImageFacts {
    ImageFacts {
        modality: Some("DX".into()),
        patient_id: Some("P^7".into()),
        patient_id_issuer: Some("HIS".into()),
        patient_name: Some("Wang^XiaoMing=王^小明=".into()),
        sex: Some(Sex::Male),
        birth_date: Some("20200102".into()),
        accession: Some("A1001".into()),
        study_date: Some("20260315".into()),
        ..ImageFacts::default()
    }
}

fn image(sop: u32, outcomes: Vec<Outcome>, pending: u64) -> InstanceRecord {
    let report = |outcome| Report {
        instance: identity(sop),
        model: Some(model()),
        outcome,
        finished_at: at(u64::from(sop)),
        gate: None,
    };
    InstanceRecord {
        identity: identity(sop),
        facts: facts(),
        received_at: at(0),
        pending,
        reports: outcomes.into_iter().map(report).collect(),
    }
}

fn analysed(probability: f32) -> Outcome {
    Outcome::Analysed {
        findings: vec![pneumonia(probability)],
        population: Population::Validated,
        caveats: vec![],
    }
}

fn study(standing: Standing, instances: Vec<InstanceRecord>) -> StudyResult {
    let progress =
        Progress { instances: instances.len() as u64, pending: 0, analysed: 1, refused: 0, failed: 0 };
    let complete = Some(Completion { by: CompletedBy::Quiet, at: at(60) });
    StudyResult {
        summary: StudySummary {
            study: identity(1).study,
            facts: facts(),
            received_at: at(0),
            updated_at: at(1),
            lane: Lane::Routine,
            progress,
            arrival: Arrival { complete, revision: 1, expected: None },
        },
        context: StudyContext::default(),
        instances,
        reviews: vec![],
        standing,
    }
}

fn review(sop: u32, verdict: Verdict, signed: bool, opinion: Option<Opinion>) -> RecordedReview {
    let about = |opinion| FindingOpinion { scheme: "SCT".into(), value: "233604007".into(), opinion };
    let review = Review {
        study: identity(1).study,
        sop: identity(sop).sop,
        model: model(),
        verdict,
        findings: opinion.into_iter().map(about).collect(),
        comment: Some("右下肺|片状影\n考虑炎症".into()),
        signed,
        reviewer: "dr-wang".into(),
        at: at(100),
    };
    RecordedReview { sequence: 1, review }
}

/// As the HIS tells it; the name has characters whose trail bytes in GB18030 are delimiters.
fn context() -> StudyContext {
    let patient = HisPatient {
        id: "P7".into(),
        issuer: Some("三院".into()),
        national_id: Some("11010519491231002X".into()),
        family_name: Some("張".into()),
        given_name: Some("亅倈亊".into()),
        sex: Some(Sex::Male),
        birth_date: Some("20200102".into()),
    };
    let order = Order {
        id: OrderId(1),
        placer_number: Some("PL1".into()),
        filler_number: Some("FI1".into()),
        accession: Some("A1001".into()),
        study: None,
        patient: patient.clone(),
        encounter: Some("V100".into()),
        modality: Some("DX".into()),
        procedure_code: Some("CXR1".into()),
        procedure_text: Some("胸部正位片".into()),
        reason: Some("发热、咳嗽".into()),
        scheduled_at: None,
        lane: Lane::Stat,
        cancelled: false,
        received_at: at(0),
        updated_at: at(0),
    };
    let encounter = Encounter {
        number: "V100".into(),
        patient,
        class: Some("E".into()),
        location: Some("急诊科".into()),
        reason: None,
        admitted_at: Some("2026-03-15T17:02:00+08:00".into()),
        state: EncounterState::Open,
        updated_at: at(0),
    };
    StudyContext { order: Some((order, MatchedBy::Accession)), encounter: Some(encounter) }
}

fn visit(step: TriageStep, encounter: Option<Encounter>) -> Subject {
    let decision = r#","decision":{"acuity":3,"level_cn":3,"reason":"面色苍白","by":"nurse-li","at":1}"#;
    let decision = if step == TriageStep::Level { decision } else { "" };
    let entry = TriageEntry {
        visit: VisitId::parse("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11").unwrap(),
        sequence: 2,
        step,
        at: at(5),
        actor: "triage-desk-1".into(),
        sent: "{}".into(),
        known: format!(
            r#"{{"request":{{"vitals":{{"heart_rate":128,"systolic_bp":92.5,"spo2":null,"avpu":"alert"}}}},
                "imaging":[{{"kind":"raise","text":{{"zh":"气胸","en":"pneumothorax"}}}},
                           {{"kind":"not_read","text":{{"zh":"胸片未能分析","en":"a chest film could not be read"}}}}]{decision}}}"#
        ),
        assessment: r#"{"level_cn":2,"acuity":2,"target_minutes":10,
            "department":{"code":"chest_pain_centre","zh":"胸痛中心","en":"Chest pain centre"},
            "news2":{"score":7},
            "rules_fired":[{"id":"cn.heart_rate.2","text":{"zh":"心率 128 次/分","en":"heart rate 128/min"}}],
            "red_flags":[{"text":{"zh":"胸痛伴大汗","en":"chest pain with sweating"},"negated":false},
                         {"text":{"zh":"呼吸困难","en":"dyspnoea"},"negated":true}],
            "explanation":[{"text":{"zh":"年龄 67 岁","en":"age 67"}}],
            "model_status":{"state":"failed","text":{"zh":"模型未能运行","en":"the model could not run"}},
            "notes":[],"notice":{"zh":"分诊级别须由医护人员确认","en":"A clinician confirms the level"}}"#
            .into(),
        level_cn: 2,
        acuity: 2,
        encounter: encounter.as_ref().map(|encounter| encounter.number.clone()),
        model: None,
    };
    Subject::Visit(Box::new(VisitResult { entry, encounter }))
}

fn cases() -> Vec<(&'static str, Charset, Language, Subject)> {
    let (utf8, gb) = (Charset::UTF_8, Charset::GB18030);
    let (zh, en) = (Language::Chinese, Language::English);
    let outside = Outcome::Analysed {
        findings: vec![pneumonia(0.872_5)],
        population: Population::Outside(text(
            "成人不在验证人群内",
            "adults were not among the validated patients",
        )),
        caveats: vec![text("像素内有文字", "burned-in text")],
    };
    let refused = Outcome::Refused(Fault::new(ErrorCode::WrongBodyPart, "Body Part Examined is HAND"));
    let failed = Outcome::Failed(Fault::new(ErrorCode::Internal, "the model panicked"));
    let several = vec![
        image(1, vec![outside], 0),
        image(2, vec![refused], 0),
        image(3, vec![failed], 0),
        image(4, vec![], 1),
    ];
    let boxed = |result| Subject::Study(Box::new(result));
    let with_his = |result| StudyResult { context: context(), ..result };
    let corrected = StudyResult {
        reviews: vec![
            review(1, Verdict::Corrected, false, Some(Opinion::Disagree)),
            review(2, Verdict::Rejected, false, None),
        ],
        ..study(Standing::Corrected, vec![image(1, vec![analysed(0.9)], 0), image(2, vec![analysed(0.9)], 0)])
    };
    let signed = StudyResult {
        reviews: vec![
            review(1, Verdict::Confirmed, true, Some(Opinion::Agree)),
            review(2, Verdict::Corrected, true, Some(Opinion::Uncertain)),
        ],
        ..study(Standing::Final, vec![image(1, vec![analysed(0.9)], 0), image(2, vec![analysed(0.1)], 0)])
    };
    vec![
        ("preliminary_without_order", utf8, en, boxed(study(Standing::Preliminary, several.clone()))),
        ("preliminary_gb18030", gb, zh, boxed(with_his(study(Standing::Preliminary, several)))),
        ("corrected", utf8, zh, boxed(with_his(corrected))),
        ("final", gb, zh, boxed(with_his(signed))),
        ("triage", gb, zh, visit(TriageStep::Vitals, context().encounter)),
        ("triage_decision", utf8, en, visit(TriageStep::Level, None)),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/result")
}

fn written(charset: Charset, language: Language, subject: &Subject) -> Vec<u8> {
    let id = MessageId("BZ7K2M9QXT0V4R8HJ3CW".into());
    wording(charset, language).message(&id, subject, at(120)).unwrap().to_vec()
}

#[test]
fn messages_are_written_as_the_golden_ones() {
    for (name, charset, language, subject) in cases() {
        let path = folder().join(format!("{name}.hl7"));
        let bytes = written(charset, language, &subject);
        if std::env::var_os("BAIZE_BLESS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let golden = fs::read(&path).unwrap_or_default();
        let shown = |bytes: &[u8]| charset.decode(bytes).unwrap().replace('\r', "\n");
        assert_eq!(shown(&bytes), shown(&golden), "{name}");
        assert_eq!(bytes, written(charset, language, &subject), "{name}: the same bytes every time");
    }
}

fn parsed(name: &str) -> Message {
    let (_, charset, language, subject) = cases().into_iter().find(|case| case.0 == name).unwrap();
    let bytes = written(charset, language, &subject);
    let parsed = Message::parse(&bytes, &Limits::default()).unwrap();
    assert_eq!(parsed.issues, [], "{name}");
    assert_eq!(parsed.message.to_bytes().unwrap(), bytes, "{name}: it is sent as it was kept");
    parsed.message
}

fn values(message: &Message, path: &str) -> Vec<String> {
    let count = message.segments_named("OBX").count();
    (1..=count)
        .map(|index| message.text(&format!("OBX[{index}]-{path}").parse().unwrap()).unwrap_or_default())
        .collect()
}

#[test]
fn only_a_signed_result_is_final_and_what_could_not_run_is_no_absence() {
    for (name, obr25) in
        [("preliminary_without_order", "P"), ("preliminary_gb18030", "P"), ("corrected", "C"), ("final", "F")]
    {
        let message = parsed(name);
        assert_eq!(message.text(&"OBR-25".parse().unwrap()).unwrap(), obr25, "{name}");
        let statuses = values(&message, "11");
        assert_eq!(statuses.iter().any(|status| status == "F"), obr25 == "F", "{name}");
        let signer = message.text(&"OBR-32".parse().unwrap());
        assert_eq!(signer.as_deref(), (obr25 == "F").then_some("dr-wang"), "{name}");
    }
    let message = parsed("preliminary_without_order");
    let (codes, results, statuses, groups) =
        (values(&message, "3.1"), values(&message, "5.1"), values(&message, "11"), values(&message, "4"));
    let of = |group: &str| -> Vec<(String, String)> {
        (0..codes.len())
            .filter(|index| groups[*index] == group && codes[*index] != "image")
            .map(|index| (statuses[index].clone(), results[index].clone()))
            .collect()
    };
    for (group, status) in [("2", "X"), ("3", "X"), ("4", "I")] {
        let [(found, why)] = of(group).try_into().unwrap();
        assert_eq!(found, status, "image {group}");
        assert!(!why.is_empty());
    }
    assert!(!results.iter().any(|code| code == "2667000"), "nothing is called absent");
    assert_eq!(of("1.1").len(), 3, "the finding with its probability and threshold");
}

#[test]
fn a_correction_shows_the_physicians_word() {
    let message = parsed("corrected");
    let presence: Vec<String> = values(&message, "5.1")
        .into_iter()
        .filter(|code| ["52101004", "2667000"].contains(&code.as_str()))
        .collect();
    assert_eq!(presence, ["2667000"], "image 1 is corrected to absent, image 2 was rejected");
    let message = parsed("final");
    let presence: Vec<String> = values(&message, "5.1")
        .into_iter()
        .filter(|code| ["52101004", "2667000", "82334004"].contains(&code.as_str()))
        .collect();
    assert_eq!(presence, ["52101004", "82334004"]);
}

#[test]
fn the_acknowledgement_is_asked_for_as_configured() {
    for (mode, expected) in [
        (Acknowledgement::Original, (None, None)),
        (Acknowledgement::Commit, (Some("AL"), Some("NE"))),
        (Acknowledgement::Application, (Some("AL"), Some("AL"))),
    ] {
        let mut config = config_of(wording(Charset::UTF_8, Language::English));
        config.acknowledgement = mode;
        let (_, _, _, subject) = cases().remove(0);
        let bytes = OruWording::new(config).message(&MessageId("1".into()), &subject, NOW).unwrap();
        let message = Message::parse(&bytes, &Limits::default()).unwrap().message;
        let field = |path: &str| message.text(&path.parse().unwrap());
        assert_eq!((field("MSH-15").as_deref(), field("MSH-16").as_deref()), expected);
        assert_eq!(field("MSH-18").as_deref(), Some("UNICODE UTF-8"));
        assert_eq!(message.message_type(), "ORU^R01^ORU_R01");
    }
}

fn config_of(wording: OruWording) -> OruConfig {
    wording.config().clone()
}

#[test]
fn what_a_character_set_lacks_is_no_message() {
    let (_, _, _, subject) = cases().remove(1);
    let wording = wording(Charset::LATIN_1, Language::English);
    let fault = wording.message(&MessageId("1".into()), &subject, NOW).unwrap_err();
    assert!(fault.message.contains("8859/1"), "{fault}");
}

/// python-hl7 reads the same values out of each golden message.
#[test]
fn python_hl7_reads_them() {
    const SCRIPT: &str = r"
import sys, hl7
for path in sys.argv[1:]:
    raw = open(path, 'rb').read()
    text = raw.decode('gb18030' if b'GB 18030' in raw else 'utf-8')
    message = hl7.parse(text)
    assert str(message) == text, path
    statuses = ''.join(str(row[11]) if len(row) > 11 else '-' for row in message.segments('OBX'))
    print(message.unescape(str(message.segment('MSH')[10])), message.segment('OBR')[25], statuses)
";
    let there = Command::new("python3").args(["-c", "import hl7"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: python-hl7 is not installed (deploy/requirements-test-peers.txt)");
        return;
    }
    let names: Vec<&str> = cases().into_iter().map(|case| case.0).collect();
    let paths = names.iter().map(|name| folder().join(format!("{name}.hl7")));
    let output = Command::new("python3").args(["-c", SCRIPT]).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    for (name, line) in names.iter().zip(said.lines()) {
        let message = parsed(name);
        let obr25 = message.text(&"OBR-25".parse().unwrap()).unwrap();
        let statuses: String = values(&message, "11")
            .into_iter()
            .map(|status| if status.is_empty() { "-".into() } else { status })
            .collect();
        assert_eq!(line, format!("BZ7K2M9QXT0V4R8HJ3CW {obr25} {statuses}"), "{name}");
    }
    assert_eq!(said.lines().count(), names.len());
}
