//! The complaint reader against tables of texts, against every phrase of its own lexicon and against arbitrary text.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use baize_triage::complaint::{ComplaintReader, Kind, Lexicon, MAX_CHARS, Reading, Side, Span, TooLong};
use proptest::prelude::*;

fn lexicon() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| Lexicon::builtin().unwrap())
}

fn read(text: &str) -> Reading {
    ComplaintReader::new(lexicon()).read(text).unwrap()
}

fn active(text: &str) -> BTreeSet<String> {
    read(text).active_codes().into_iter().map(str::to_owned).collect()
}

/// `codes` without their prefix, separated by spaces.
fn codes(codes: &str) -> BTreeSet<String> {
    codes.split_whitespace().map(|code| format!("cc_{code}")).collect()
}

fn part(text: &str, start: usize, end: usize) -> String {
    text.chars().skip(start).take(end - start).collect()
}

#[test]
fn chinese_complaints_give_the_codes_a_nurse_would_give() {
    let lines =
        include_str!("complaints_zh.tsv").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let (mut right, mut all) = (0, 0);
    for line in lines {
        let (text, expected) = line.split_once('\t').unwrap();
        let found = active(text);
        let holds = |want: &str| match want.strip_prefix('!') {
            Some(denied) => !found.contains(denied),
            None => want == "-" && found.is_empty() || want.split('|').any(|code| found.contains(code)),
        };
        all += 1;
        if expected.split(',').all(holds) {
            right += 1;
        } else {
            println!("{text}: expected {expected}, found {found:?}");
        }
    }
    println!("{right} of {all} Chinese complaints");
    assert!(all >= 250);
    assert!(right * 100 >= all * 97, "{right} of {all}");
}

#[test]
fn english_complaints() {
    for (text, expected) in [
        ("SOB", "shortnessofbreath"),
        ("CP x3 days", "chestpain"),
        ("N/V/D", "nausea emesis diarrhea"),
        ("RLQ abd. pain", "abdominalpain"),
        ("distension, abd", "abdominaldistention"),
        ("Pain, swelling in left leg", "legswelling"),
        ("twisted ankle, swollen", "ankleinjury jointswelling"),
        ("neck and back pain", "neckpain backpain"),
        ("left ankle and right knee pain", "anklepain kneepain"),
        ("mental change", "alteredmentalstatus"),
        ("G-weakness", "fatigue"),
        ("LBP - Low back pain", "backpain"),
        ("sezure like motion", "seizures"),
        ("FB in eye", "foreignbodyineye"),
        ("s/p fall, hit head", "fall headinjury"),
        ("slurred speech, left sided weakness", "strokealert weakness"),
        ("8 weeks pregnant, abdominal pain", "abdominalpainpregnant"),
        ("sudden onset headache", "headache-newonsetornewsymptoms"),
        ("BP 210/110", "hypertension"),
        ("BP 120/80, cough", "cough"),
        ("fever 39.2, hr 130", "fever rapidheartrate"),
        ("laceration, chin", "faciallaceration"),
        ("head injury, vomited x3", "headinjury emesis"),
        ("hot tea on her arm, burned", "burn"),
    ] {
        assert_eq!(active(text), codes(expected), "{text}");
    }
}

#[test]
fn negation_ends_where_the_clause_does() {
    for (text, present, denied) in [
        ("denies chest pain, has headache", "headache", "chestpain"),
        ("no fever, cough", "cough", "fever"),
        ("no fever, chills or cough", "", "fever chills cough"),
        ("denies fever, chills, or cough; abd pain", "abdominalpain", "fever chills cough"),
        ("no vomiting but nausea", "nausea", "emesis"),
        ("fall without LOC, headache", "fall headache", "lossofconsciousness"),
        ("no LOC after fall", "fall", "lossofconsciousness"),
        (
            "pt denies any chest pain or shortness of breath but has leg swelling",
            "legswelling",
            "chestpain shortnessofbreath",
        ),
        ("chest pain (-), dyspnea (+)", "dyspnea", "chestpain"),
        ("No fever. Chest pain", "chestpain", "fever"),
        ("w/o fever; cough", "cough", "fever"),
        ("not able to walk after fall", "extremityweakness fall", ""),
        ("no improvement of headache", "headache", ""),
        ("chest pain without relief", "chestpain", ""),
        ("无发热，咳嗽", "cough", "fever"),
        ("无发热咳嗽，胸痛", "chestpain", "fever cough"),
        ("无恶心、呕吐，腹痛", "abdominalpain", "nausea emesis"),
        ("没有胸痛但是头晕", "dizziness", "chestpain"),
        ("否认胸痛伴头痛", "headache", "chestpain"),
        ("咳嗽，不伴胸闷", "cough", "chesttightness"),
        ("不发烧，嗓子疼", "sorethroat", "fever"),
        ("没吐也没拉肚子，肚子疼", "abdominalpain", "emesis diarrhea"),
        ("膝盖不肿，就是疼", "kneepain", "jointswelling"),
        ("无明显诱因出现头晕", "dizziness", ""),
        ("没吃饭肚子疼", "abdominalpain", ""),
        ("没有尿痛", "", "dysuria"),
        ("没有尿", "urinaryretention", ""),
        ("无反应", "unresponsive", ""),
        ("无意识障碍", "", "alteredmentalstatus"),
        ("浑身没劲", "fatigue", ""),
        ("無發熱，胸悶", "chesttightness", "fever"),
    ] {
        let reading = read(text);
        let negated =
            reading.mentions.iter().filter(|m| m.negated).map(|m| m.code.clone()).collect::<BTreeSet<_>>();
        assert_eq!(active(text), codes(present), "{text}");
        assert_eq!(negated, codes(denied), "{text}");
    }
}

#[test]
fn history_and_suspicion() {
    let kind = |text: &str, code: &str| read(text).mentions.iter().find(|m| m.code == code).map(|m| m.kind);
    assert_eq!(active("SOB, hx CHF"), codes("shortnessofbreath"));
    assert_eq!(kind("hx of chest pain", "cc_chestpain"), Some(Kind::History));
    assert_eq!(kind("既往高血压史，头晕", "cc_hypertension"), Some(Kind::History));
    assert_eq!(kind("高血压病史10年，头痛半小时", "cc_headache"), Some(Kind::Present));
    assert_eq!(kind("r/o MI", "cc_chestpain"), Some(Kind::Suspected));
    assert_eq!(kind("?stroke", "cc_strokealert"), Some(Kind::Suspected));
    assert_eq!(kind("疑似脑出血", "cc_strokealert"), Some(Kind::Suspected));
    assert_eq!(kind("胸痛待查", "cc_chestpain"), Some(Kind::Suspected));
    let history = read("SOB, hx CHF, DM").conditions;
    let ids: Vec<_> = history.iter().filter(|c| c.history).map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["pmh_chfnonhp", "pmh_diabmelnoc"]);
}

#[test]
fn red_flags_with_their_level() {
    for (text, id, level) in [
        ("呼吸心跳骤停，正在按压", "cardiac_arrest", 1),
        ("心肌梗死", "myocardial_infarction", 1),
        ("r/o MI", "myocardial_infarction", 2),
        ("喝农药了", "acute_overdose", 1),
        ("孩子高烧39度，抽了一次", "paediatric_convulsion", 1),
        ("昏迷", "coma", 1),
        ("休克", "shock", 1),
        ("anaphylaxis", "shock", 1),
        ("胸痛2小时伴大汗", "cardiac_chest_pain", 2),
        ("chest pain radiating to left arm", "cardiac_chest_pain", 2),
        ("Rt. side motor weakness", "acute_stroke", 2),
        ("左侧肢体无力", "acute_stroke", 2),
        ("worst headache of life", "severe_pain", 2),
        ("吐血", "severe_bleeding", 2),
        ("asthma attack", "asthma", 3),
        ("头部外伤", "head_injury", 3),
        ("喝水就吐", "dehydration", 3),
    ] {
        let flags = read(text).red_flags;
        let flag = flags.iter().find(|flag| flag.id == id).unwrap_or_else(|| panic!("{text}: {flags:?}"));
        assert!(!flag.negated, "{text}");
        assert_eq!(flag.level, level, "{text}");
    }
    assert_eq!(read("hx MI, cough").red_flag_level(), None);
    assert_eq!(read("无昏迷，头晕").red_flag_level(), None);
    assert!(read("无昏迷，头晕").red_flags.iter().any(|flag| flag.id == "coma" && flag.negated));
    assert_eq!(read("肚子疼").red_flag_level(), None);
}

#[test]
fn time_side_and_radiation() {
    for (text, minutes) in [
        ("胸痛2小时", 120),
        ("腹痛３天", 3 * 1440),
        ("头痛半小时", 30),
        ("胸闷1个半小时", 90),
        ("cough x3 days", 3 * 1440),
        ("pain for 3-4 days", 4 * 1440),
        ("CP since yesterday", 1440),
        ("高血压病史10年，头痛两小时", 120),
    ] {
        assert_eq!(read(text).duration().map(|d| d.minutes), Some(minutes), "{text}");
    }
    assert_eq!(read("45 year old with cough").duration(), None);
    assert_eq!(read("怀孕8周，腹痛").duration(), None);
    for (text, side) in [
        ("左膝盖肿痛", Some(Side::Left)),
        ("Rt. flank pain", Some(Side::Right)),
        ("abdominal pain, Rt", Some(Side::Right)),
        ("双下肢水肿", Some(Side::Both)),
        ("一侧肢体无力", Some(Side::One)),
        ("knee pain", None),
    ] {
        assert_eq!(read(text).laterality(), side, "{text}");
    }
    let radiation = read("胸痛，向左肩放射").radiation;
    assert_eq!(
        (radiation[0].bodies.as_slice(), radiation[0].side),
        (&["shoulder".to_owned()][..], Some(Side::Left))
    );
    assert_eq!(active("胸痛，向左肩放射"), codes("chestpain"));
    assert_eq!(read("back pain radiating down left leg").radiation[0].bodies, ["leg"]);
}

#[test]
fn spans_count_characters_of_the_text_as_given() {
    for (text, code, words) in [
        ("😷 ＣＨＥＳＴ ｐａｉｎ，３天", "cc_chestpain", "ＣＨＥＳＴ ｐａｉｎ"),
        ("患者　頭痛、嘔吐", "cc_emesis", "嘔吐"),
        ("無發熱，胸悶", "cc_chesttightness", "胸悶"),
        ("左膝關節很腫", "cc_jointswelling", "膝關節很腫"),
        ("Ｎ／Ｖ for 2h", "cc_emesis", "Ｎ／Ｖ"),
        ("İİ knee  pains", "cc_kneepain", "knee  pains"),
    ] {
        let reading = read(text);
        let mention =
            reading.mentions.iter().find(|m| m.code == code).unwrap_or_else(|| panic!("{text}: {reading:?}"));
        assert_eq!(part(text, mention.start, mention.end), words, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_reported() {
    let unknown =
        |text: &str| read(text).unknown.iter().map(|s| part(text, s.start, s.end)).collect::<Vec<_>>();
    assert_eq!(unknown("asdf qwerty chest pain"), ["asdf qwerty"]);
    assert_eq!(unknown("??? ??"), ["??? ??"]);
    assert_eq!(unknown("吃了头孢"), ["吃了头孢"]);
    assert_eq!(unknown("头痛，龘龘"), ["龘龘"]);
    assert_eq!(unknown("the femur"), ["femur"]);
    assert_eq!(unknown("  "), [""; 0]);
    assert!(read("头发，面条，手机").mentions.is_empty());
}

#[test]
fn a_text_beyond_the_limit_is_refused() {
    let reader = ComplaintReader::new(lexicon());
    assert!(reader.read(&"痛".repeat(MAX_CHARS)).is_ok());
    let refused = reader.read(&"痛".repeat(MAX_CHARS + 1));
    assert_eq!(refused, Err(TooLong { chars: MAX_CHARS + 1, limit: MAX_CHARS }));
}

#[test]
fn names_groups_and_ages() {
    assert_eq!(lexicon().codes().count(), 200);
    assert_eq!(lexicon().name("cc_chestpain").unwrap().zh, "胸痛");
    assert!(lexicon().name("cc_nothing").is_none());
    assert_eq!(lexicon().group("cc_dyspnea"), lexicon().group("cc_shortnessofbreath"));
    for (code, age, refined) in [
        ("cc_fever", 74, "cc_fever-9weeksto74years"),
        ("cc_fever", 75, "cc_fever-75yearsorolder"),
        ("cc_fall", 64, "cc_fall"),
        ("cc_fall", 65, "cc_fall>65"),
        ("cc_cough", 80, "cc_cough"),
    ] {
        assert_eq!(lexicon().at_age(code, age), refined);
    }
}

/// The phrases of one language file by code.
fn phrases(file: &str) -> Vec<(String, String)> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("lexicon").join(file)).unwrap();
    let value: toml::Table = text.parse().unwrap();
    let list = |(code, phrases): (&String, &toml::Value)| {
        let code = code.clone();
        let phrases = phrases.as_array().unwrap().clone();
        phrases.into_iter().map(move |p| (code.clone(), p.as_str().unwrap().to_owned()))
    };
    value["phrases"].as_table().unwrap().iter().flat_map(list).collect()
}

#[test]
fn every_phrase_gives_its_code_and_can_be_denied() {
    for (file, cues) in [
        ("zh.toml", ["无", "没有", "否认", "不伴"]),
        ("en.toml", ["no ", "denies ", "without ", "negative for "]),
    ] {
        for (code, phrase) in phrases(file) {
            let reading = read(&phrase);
            assert!(reading.active_codes().contains(&code.as_str()), "{phrase} does not give {code}");
            for cue in cues {
                let denied = read(&format!("{cue}{phrase}"));
                assert!(denied.active_codes().is_empty(), "{cue}{phrase} gives {:?}", denied.active_codes());
                assert_eq!(denied.red_flag_level(), None, "{cue}{phrase}");
            }
        }
    }
}

#[test]
fn a_folder_reads_like_the_builtin_lexicon() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("lexicon");
    let lexicon = Lexicon::from_files(&dir).unwrap();
    assert_eq!(ComplaintReader::new(&lexicon).read("头晕，无发热"), Ok(read("头晕，无发热")));
    let message = Lexicon::from_files(&dir.join("nothing")).unwrap_err().to_string();
    assert!(message.starts_with("codes.toml"), "{message}");
}

#[test]
fn korean_triage_complaints_are_covered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/triage/ktas_dev.csv");
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: the KTAS visits are not here");
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let column = rows.headers().unwrap().iter().position(|name| name == "Chief_complain").unwrap();
    let (mut all, mut coded, mut lost) = (0, 0, 0);
    for row in rows.records() {
        let reading = read(row.unwrap().get(column).unwrap());
        all += 1;
        coded += usize::from(!reading.active_codes().is_empty());
        lost += usize::from(reading.mentions.is_empty() && reading.unknown.is_empty());
    }
    println!("{coded} of {all} complaints give a code");
    assert_eq!(lost, 0);
    assert!(coded * 1000 >= all * 975, "{coded} of {all}");
}

fn in_bounds(reading: &Reading, chars: usize) -> bool {
    let spans = reading.unknown.iter().copied();
    let spans = spans.chain(reading.mentions.iter().map(|m| Span { start: m.start, end: m.end }));
    let spans = spans.chain(reading.red_flags.iter().map(|f| Span { start: f.start, end: f.end }));
    let spans = spans.chain(reading.durations.iter().map(|d| Span { start: d.start, end: d.end }));
    let mut spans = spans.chain(reading.radiation.iter().map(|r| Span { start: r.start, end: r.end }));
    spans.all(|span| span.start < span.end && span.end <= chars)
}

/// Scraps that the reader knows, so that arbitrary texts reach the grammar too.
fn scrap() -> impl Strategy<Value = String> {
    let known = [
        "无", "头", "疼", "左", "放射", "，", "、", "？", "3", "天", " pain ", "no ", "knee", "hx ", ",",
        "(-)", "或", " or ", "史", "伴",
    ];
    prop_oneof![3 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #[test]
    fn any_text_is_read_within_its_bounds(text in "\\PC{0,200}|[\\s\\S]{0,200}") {
        prop_assert!(in_bounds(&read(&text), text.chars().count()));
    }

    #[test]
    fn any_mixture_of_known_words_is_read(scraps in proptest::collection::vec(scrap(), 0..60)) {
        let text = scraps.concat();
        let reading = read(&text);
        prop_assert!(in_bounds(&reading, text.chars().count()));
        prop_assert!(text.trim().is_empty() || !reading.mentions.is_empty() || !reading.unknown.is_empty());
    }
}
