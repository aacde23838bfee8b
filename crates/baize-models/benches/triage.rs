//! How fast one patient is assessed, and how many a second offline: from JSON text to JSON text, with complaint, rules,
//! model, second reader and explanation. `make bench-triage` runs it on one core.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use baize_triage::complaint::Lexicon;
use baize_triage::{RuleSet, Triage, assess_json, assess_json_many};
use serde_json::{Value, json};

/// Patients measured; more than any cache of the matcher holds.
const PATIENTS: usize = 8192;
/// Patients that the model sees together offline, as `baize triage` does.
const BATCH: usize = 256;

const COMPLAINTS: [&str; 16] = [
    "胸痛2小时伴大汗，左肩放射",
    "SOB, hx CHF",
    "肚子疼一天，拉肚子，无发热",
    "RLQ pain, N/V x 2 days, denies fever",
    "头晕目眩，天旋地转，恶心呕吐",
    "s/p fall from ladder, left wrist pain, no LOC",
    "孩子高热抽搐一次，现嗜睡",
    "palpitations and lightheadedness since this morning",
    "右侧肢体无力，言语不清半小时",
    "suture removal",
    "喘不上气，既往哮喘",
    "vaginal bleeding, 8 weeks pregnant",
    "腰疼放射到左腿，不能走路",
    "r/o stroke, facial droop, slurred speech 1 hr",
    "切菜割伤手指，出血",
    "med refill",
];

fn patient(number: usize) -> String {
    // Spread without a generator: steps that share no factor with the ranges.
    let spread = |step: usize, from: usize, width: usize| from + number * step % width;
    let mut request = json!({
        "encounter": format!("E{number}"),
        "age_years": spread(37, 18, 77),
        "sex": if number.is_multiple_of(2) { "female" } else { "male" },
        "arrival_mode": if number.is_multiple_of(3) { "ambulance" } else { "walk_in" },
        "chief_complaint": COMPLAINTS[number % COMPLAINTS.len()],
        "vitals": {
            "heart_rate": spread(41, 52, 89),
            "systolic_bp": spread(53, 92, 101),
            "diastolic_bp": spread(29, 50, 41),
            "respiratory_rate": spread(7, 12, 15),
            "temperature_c": spread(11, 358, 37) as f64 / 10.0,
            "spo2": spread(5, 89, 12),
        },
        "nurse_level": 1 + number % 5,
    });
    if number.is_multiple_of(4) {
        request["history"] = json!(["pmh_asthma", "pmh_htn"]);
        request["prior_ed_visits"] = json!(number % 7);
    }
    request.to_string()
}

fn assess(triage: &Triage, request: &str) -> usize {
    let request: Value = serde_json::from_str(request).unwrap();
    assess_json(triage, &request).unwrap().to_string().len()
}

fn percentile(sorted: &[Duration], percent: f64) -> f64 {
    let last = (sorted.len() - 1) as f64;
    sorted[(percent / 100.0 * last).round() as usize].as_secs_f64() * 1000.0
}

fn main() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights/triage/0.1.0");
    let model = baize_models::triage::load(&weights).unwrap();
    let triage = Triage::new(RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap(), Some(model)).unwrap();
    let patients: Vec<String> = (0..PATIENTS).map(patient).collect();
    let warm: usize = patients.iter().take(512).map(|patient| assess(&triage, patient)).sum();
    assert!(warm > 0);

    let mut times: Vec<Duration> = patients
        .iter()
        .map(|patient| {
            let start = Instant::now();
            std::hint::black_box(assess(&triage, patient));
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("one at a time, {PATIENTS} patients, milliseconds");
    println!("  median {:.3}", percentile(&times, 50.0));
    println!("  p99    {:.3}", percentile(&times, 99.0));
    println!("  most   {:.3}", percentile(&times, 100.0));

    let start = Instant::now();
    for batch in patients.chunks(BATCH) {
        let requests: Vec<Value> = batch.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        for answer in assess_json_many(&triage, &requests) {
            std::hint::black_box(answer.unwrap().to_string());
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("offline in batches of {BATCH}: {:.0} patients a second", PATIENTS as f64 / seconds);
}
