//! `baize triage`: assessments offline, one JSON object a line.

use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
use baize_triage::{FieldError, assess_json, assess_json_many, read_json};
use clap::Args;
use serde_json::{Value, json};

use crate::config::{self, Config};
use crate::{telemetry, wiring};

/// Exit status when some request was refused and all others were assessed.
const EXIT_SOME_REFUSED: u8 = 3;
/// The longest line that is read; a longer one is refused, not held in memory.
const MAX_LINE: u64 = 1 << 20;
/// Lines that are assessed together.
const BATCH: usize = 256;
/// Lines that are worth a thread.
const SHARE: usize = 16;
/// Read from standard input at once.
const BUFFER_BYTES: usize = 256 << 10;

/// `baize triage`: reads requests from standard input and writes an assessment, or the errors, for each, in order.
///
/// Ends with status 3 where some request was refused.
#[derive(Debug, Args)]
pub(crate) struct Triage {}

/// A line of the input.
enum Line {
    Json(Vec<u8>),
    TooLong,
}

/// An assessment, or why there is none.
type Answer = Result<Value, Value>;

impl Triage {
    /// Answers each line in order; blank lines are passed over. What has come in is answered before more is waited for.
    ///
    /// # Errors
    /// Rule files or a model that do not hold, standard input or output that breaks.
    pub(crate) fn run(self, mut config: Config) -> anyhow::Result<ExitCode> {
        // The assessments are the output; what the parts log is for the server's operator.
        if config.log.filter == config::Log::default().filter {
            config.log.filter = "warn".into();
        }
        telemetry::install(&config.log)?;
        let triage = wiring::triage(&config)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
        let mut output = BufWriter::new(io::stdout().lock());
        let mut refused = false;
        loop {
            let lines = next_lines(&mut input).context("standard input")?;
            if lines.is_empty() {
                break;
            }
            for answer in answer_all(&triage, &lines, threads) {
                refused |= answer.is_err();
                let (Ok(written) | Err(written)) = answer;
                writeln!(output, "{written}").context("standard output")?;
            }
            output.flush().context("standard output")?;
        }
        Ok(if refused { ExitCode::from(EXIT_SOME_REFUSED) } else { ExitCode::SUCCESS })
    }
}

/// The next line, and those behind it that are here already; none at the end of the input.
fn next_lines<R: io::Read>(input: &mut BufReader<R>) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    while lines.is_empty() || (lines.len() < BATCH && input.buffer().contains(&b'\n')) {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE {
            input.skip_until(b'\n')?;
            lines.push(Line::TooLong);
        } else if !line.trim_ascii().is_empty() {
            lines.push(Line::Json(line));
        }
    }
    Ok(lines)
}

/// One answer for each line, made on several threads where there are many.
fn answer_all(triage: &baize_triage::Triage, lines: &[Line], threads: usize) -> Vec<Answer> {
    let share = lines.len().div_ceil(threads.max(1)).max(SHARE);
    if lines.len() <= share {
        return answer_some(triage, lines);
    }
    thread::scope(|scope| {
        let begun: Vec<_> = lines
            .chunks(share)
            .map(|some| (some.len(), scope.spawn(move || answer_some(triage, some))))
            .collect();
        let lost = |count| (0..count).map(|_| Err(not_assessed())).collect();
        begun.into_iter().flat_map(|(count, thread)| thread.join().unwrap_or_else(|_| lost(count))).collect()
    })
}

/// The model sees the requests together. Where one of them brings the assessment down, each is assessed alone.
fn answer_some(triage: &baize_triage::Triage, lines: &[Line]) -> Vec<Answer> {
    let mut requests = Vec::new();
    let mut read: Vec<Option<Value>> = Vec::new();
    for line in lines {
        let errors = match line {
            Line::TooLong => Some(not_read("the line is longer than 1 MiB", "该行超过 1 MiB")),
            Line::Json(text) => match read_json(text.trim_ascii_end()) {
                Ok(request) => {
                    requests.push(request);
                    None
                }
                Err(errors) => Some(refusal(errors)),
            },
        };
        read.push(errors);
    }
    // Unwind safety: triage is not changed by assessing.
    let together = catch_unwind(AssertUnwindSafe(|| assess_json_many(triage, &requests)));
    let alone = |request: &Value| {
        let one = catch_unwind(AssertUnwindSafe(|| assess_json(triage, request)));
        one.map_or_else(|_| Err(not_assessed()), |answer| answer.map_err(refusal))
    };
    let mut assessed = match together {
        Ok(answers) => answers.into_iter().map(|answer| answer.map_err(refusal)).collect::<Vec<_>>(),
        Err(_) => requests.iter().map(alone).collect(),
    }
    .into_iter();
    read.into_iter()
        .map(|errors| match errors {
            Some(errors) => Err(errors),
            None => assessed.next().unwrap_or_else(|| Err(not_assessed())),
        })
        .collect()
}

fn refusal(errors: Vec<FieldError>) -> Value {
    json!({ "errors": errors })
}

fn not_read(en: &str, zh: &str) -> Value {
    json!({ "errors": [{ "field": "", "problem": "unreadable", "value": "", "text": { "zh": zh, "en": en } }] })
}

fn not_assessed() -> Value {
    let zh = "内部错误：未能评估该患者，请人工分级";
    let en = "internal error: this patient could not be assessed; level the patient by hand";
    json!({ "errors": [{ "field": "", "problem": "internal", "value": "", "text": { "zh": zh, "en": en } }] })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use baize_testkit::FakeAcuityModel;
    use baize_triage::complaint::Lexicon;
    use baize_triage::{ModelOutput, RuleSet};

    use super::*;

    #[test]
    fn a_panic_over_one_patient_loses_no_other() {
        let output = ModelOutput {
            acuity_probabilities: [0.0, 0.0, 0.0, 1.0, 0.0],
            admission: 0.1,
            contributions: vec![],
        };
        let model = FakeAcuityModel::new(output.acuity_probabilities).predicting(move |patient| {
            assert!(!patient.values().contains(&97.0), "made to");
            Ok(output.clone())
        });
        let (rules, lexicon) = (RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap());
        let triage = baize_triage::Triage::new(rules, lexicon, Some(Arc::new(model))).unwrap();
        let line = |n: usize| {
            let age = if n == 41 { 97 } else { 40 };
            let text = match n {
                7 => "not json".to_owned(),
                _ => json!({ "encounter": n, "age_years": age, "chief_complaint": "扭伤" }).to_string(),
            };
            Line::Json(text.into_bytes())
        };
        let lines: Vec<Line> = (0..100).map(line).collect();
        for threads in [1, 2, 7] {
            let answers = answer_all(&triage, &lines, threads);
            assert_eq!(answers.len(), lines.len());
            for (n, answer) in answers.iter().enumerate() {
                match (n, answer) {
                    (7, Err(errors)) => assert_eq!(errors["errors"][0]["problem"], "unreadable"),
                    (41, Err(errors)) => assert_eq!(errors["errors"][0]["problem"], "internal"),
                    (_, Ok(assessment)) => assert_eq!(assessment["encounter"], n.to_string()),
                    (_, Err(errors)) => panic!("{n}: {errors}"),
                }
            }
        }
    }

    #[test]
    fn lines_are_taken_as_they_are_there() {
        let long = "x".repeat(MAX_LINE as usize + 5);
        let text = format!("one\n\n  \ntwo\r\n{long}\nthree");
        let mut input = BufReader::with_capacity(4 << 20, text.as_bytes());
        let mut found = Vec::new();
        loop {
            let lines = next_lines(&mut input).unwrap();
            if lines.is_empty() {
                break;
            }
            found.extend(lines.into_iter().map(|line| match line {
                Line::Json(text) => String::from_utf8(text).unwrap().trim().to_owned(),
                Line::TooLong => "too long".to_owned(),
            }));
        }
        assert_eq!(found, ["one", "two", "too long", "three"]);
        let many = "x\n".repeat(BATCH * 2 + 1);
        let mut input = BufReader::with_capacity(BUFFER_BYTES, many.as_bytes());
        let counts: Vec<usize> = (0..4).map(|_| next_lines(&mut input).unwrap().len()).collect();
        assert_eq!(counts, [BATCH, BATCH, 1, 0]);
    }
}
