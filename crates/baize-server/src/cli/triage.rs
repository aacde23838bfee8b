//! `baize triage`: assessments offline, one JSON object a line.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use baize_triage::complaint::Lexicon;
use baize_triage::{RuleSet, assess_json};
use clap::Args;
use serde_json::{Value, json};

/// Exit status when some request was refused and all others were assessed.
const EXIT_SOME_REFUSED: u8 = 3;
/// The longest line that is read; a longer one is refused, not held in memory.
const MAX_LINE: u64 = 1 << 20;

/// `baize triage`: reads requests from standard input and writes an assessment, or the errors, for each.
///
/// There is no acuity model yet: the rules and the complaint reader stand alone, and each assessment says so.
#[derive(Debug, Args)]
pub(crate) struct Triage {}

impl Triage {
    /// Answers each line in order; blank lines are passed over.
    ///
    /// # Errors
    /// Rule files that do not hold, standard input or output that breaks.
    #[expect(clippy::unused_self, reason = "every verb is run the same way")]
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let triage = baize_triage::Triage::new(RuleSet::builtin()?, Lexicon::builtin()?, None)?;
        let mut input = std::io::stdin().lock();
        let mut output = std::io::BufWriter::new(std::io::stdout().lock());
        let mut refused = false;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = std::io::Read::take(&mut input, MAX_LINE + 1).read_until(b'\n', &mut line);
            if read.context("standard input")? == 0 {
                break;
            }
            let answer = if line.len() as u64 > MAX_LINE {
                input.skip_until(b'\n').context("standard input")?;
                Err(not_read("the line is longer than 1 MiB", "该行超过 1 MiB"))
            } else if line.trim_ascii().is_empty() {
                continue;
            } else {
                match serde_json::from_slice::<Value>(&line) {
                    Ok(request) => {
                        assess_json(&triage, &request).map_err(|errors| json!({ "errors": errors }))
                    }
                    Err(_) => Err(not_read("the line is not a JSON object", "该行不是 JSON 对象")),
                }
            };
            refused |= answer.is_err();
            let (Ok(written) | Err(written)) = answer;
            writeln!(output, "{written}").context("standard output")?;
        }
        output.flush().context("standard output")?;
        Ok(if refused { ExitCode::from(EXIT_SOME_REFUSED) } else { ExitCode::SUCCESS })
    }
}

fn not_read(en: &str, zh: &str) -> Value {
    json!({ "errors": [{ "field": "", "problem": "unreadable", "value": "", "text": { "zh": zh, "en": en } }] })
}
