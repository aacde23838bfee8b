//! A step of a visit to the triage desk.

use baize_core::ports::VisitResult;
use baize_core::{ErrorCode, Fault, Language};
use serde::Deserialize;
use serde_json::Value;

use super::codes::Code;
use super::patient;
use super::row::{Row, number};
use super::study::{NOT_OBTAINED, Observations};
use super::wording::OruWording;

/// An algorithm's assessment; a clinician confirms it (tables 0085 and 0123).
const PRELIMINARY: &str = "P";
/// What a clinician has decided.
const FINAL: &str = "F";

/// What is told of an assessment, as it was recorded.
#[derive(Deserialize)]
struct Assessment {
    #[serde(default)]
    target_minutes: Option<u32>,
    #[serde(default)]
    department: Option<Department>,
    #[serde(default)]
    news2: Option<News2>,
    #[serde(default)]
    rules_fired: Vec<Evidence>,
    #[serde(default)]
    red_flags: Vec<RedFlag>,
    #[serde(default)]
    explanation: Vec<Evidence>,
    #[serde(default)]
    model_status: Option<ModelStatus>,
    #[serde(default)]
    notes: Vec<Words>,
    #[serde(default)]
    notice: Option<Words>,
}

#[derive(Deserialize)]
struct Words {
    zh: String,
    en: String,
}

impl Words {
    fn get(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}

#[derive(Deserialize)]
struct Department {
    code: String,
    zh: String,
    en: String,
}

#[derive(Deserialize)]
struct News2 {
    #[serde(default)]
    score: Option<u8>,
}

#[derive(Deserialize)]
struct Evidence {
    text: Words,
}

#[derive(Deserialize)]
struct RedFlag {
    text: Words,
    #[serde(default)]
    negated: bool,
}

#[derive(Deserialize)]
struct ModelStatus {
    state: String,
    #[serde(default)]
    text: Option<Words>,
}

/// What is told of what is known of the patient.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Known {
    request: Request,
    decision: Option<Decision>,
    imaging: Vec<Imaging>,
}

/// What an image told the visit.
#[derive(Deserialize)]
struct Imaging {
    kind: String,
    text: Words,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request {
    vitals: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Decision {
    acuity: u8,
    level_cn: u8,
    #[serde(default)]
    reason: Option<String>,
    by: String,
}

/// Everything behind MSH.
///
/// # Errors
/// `Internal` for a record that cannot be read.
pub(super) fn rows(wording: &OruWording, result: &VisitResult) -> Result<Vec<Row>, Fault> {
    let entry = &result.entry;
    let unreadable = |_| Fault::new(ErrorCode::Internal, "the record of this triage visit cannot be read");
    let assessment: Assessment = serde_json::from_str(&entry.assessment).map_err(unreadable)?;
    let known: Known = serde_json::from_str(&entry.known).map_err(unreadable)?;
    let mut rows = Vec::new();
    match (&result.encounter, &entry.encounter) {
        (Some(encounter), _) => {
            rows.push(patient::of_his(&encounter.patient, Some(&encounter.number)));
            rows.push(patient::visit(encounter));
        }
        // The HIS has told nothing of it: nobody's name is guessed.
        (None, Some(number)) => rows.push(patient::of_account(number)),
        (None, None) => {}
    }
    let config = &wording.config;
    let at = wording.moment(entry.at);
    rows.push(
        Row::new("OBR")
            .raw(1, "1")
            .text(3, entry.visit.as_str())
            .code(4, &config.codes.triage, config.language)
            .raw(7, at.clone())
            .raw(22, at.clone())
            .raw(25, PRELIMINARY),
    );
    let mut told = Told { wording, at, observations: Observations::default() };
    told.assessment(entry.level_cn, entry.acuity, &assessment);
    told.imaging(&known.imaging);
    told.vitals(&known.request.vitals);
    if let Some(decision) = &known.decision {
        told.decision(decision);
    }
    told.notices(assessment.notice.as_ref());
    rows.extend(told.observations.rows);
    Ok(rows)
}

struct Told<'a> {
    wording: &'a OruWording,
    at: String,
    observations: Observations,
}

impl Told<'_> {
    fn assessment(&mut self, level_cn: u8, acuity: u8, assessment: &Assessment) {
        let config = &self.wording.config;
        let (codes, language) = (&config.codes.observations, config.language);
        // Ⅰ is life-threatening, Ⅱ is emergent.
        let flag = match level_cn {
            1 => "AA",
            2 => "A",
            _ => "",
        };
        self.number(&codes.level, f64::from(level_cn), "", flag);
        self.number(&codes.acuity, f64::from(acuity), "", "");
        if let Some(minutes) = assessment.target_minutes {
            self.number(&codes.target_minutes, f64::from(minutes), "min", "");
        }
        if let Some(department) = &assessment.department {
            let Department { code, zh, en } = department;
            let name = if language == Language::Chinese { zh } else { en };
            let at = self.at.clone();
            self.observations.add("CWE", |row| {
                let row = row.code(3, &codes.department, language).parts(5, &[code, name, "99BAIZE"]);
                row.raw(11, PRELIMINARY).raw(14, at)
            });
        }
        if let Some(score) = assessment.news2.as_ref().and_then(|news2| news2.score) {
            self.number(&codes.news2, f64::from(score), "{score}", "");
        }
        let flags = assessment.red_flags.iter().filter(|flag| !flag.negated).map(|flag| &flag.text);
        let rules = assessment.rules_fired.iter().map(|rule| &rule.text);
        let weighed = assessment.explanation.iter().map(|part| &part.text);
        for words in rules.chain(flags).chain(weighed).chain(&assessment.notes) {
            self.text(&codes.evidence, words.get(language), PRELIMINARY, None);
        }
        if let Some(status) = assessment.model_status.as_ref().filter(|status| status.state != "ran") {
            let why = status.text.as_ref().map_or(status.state.as_str(), |text| text.get(language));
            self.text(&codes.triage_model, why, NOT_OBTAINED, None);
        }
    }

    /// What images said, but for what made a rule fire and is told with the rules.
    fn imaging(&mut self, imaging: &[Imaging]) {
        let (codes, language) = (&self.wording.config.codes.observations, self.wording.config.language);
        for evidence in imaging.iter().filter(|one| one.kind != "raise") {
            let status = if evidence.kind == "not_read" { NOT_OBTAINED } else { PRELIMINARY };
            self.text(&codes.imaging, evidence.text.get(language), status, None);
        }
    }

    fn vitals(&mut self, vitals: &serde_json::Map<String, Value>) {
        let config = &self.wording.config;
        for (name, measure) in &config.codes.vitals {
            let Some(value) = vitals.get(name).and_then(Value::as_f64) else { continue };
            self.number(&measure.code(), value, &measure.unit, "");
        }
    }

    fn decision(&mut self, decision: &Decision) {
        let codes = &self.wording.config.codes.observations;
        for (code, value) in
            [(&codes.decision_level, decision.level_cn), (&codes.decision_acuity, decision.acuity)]
        {
            let (at, by, language) = (self.at.clone(), &decision.by, self.wording.config.language);
            self.observations.add("NM", |row| {
                let row = row.code(3, code, language).raw(5, value.to_string());
                row.raw(11, FINAL).raw(14, at).text(16, by)
            });
        }
        if let Some(reason) = &decision.reason {
            self.text(&codes.decision_reason, reason, FINAL, Some(&decision.by));
        }
    }

    fn notices(&mut self, notice: Option<&Words>) {
        let codes = &self.wording.config.codes;
        let own = notice.into_iter().flat_map(|words| [words.zh.as_str(), words.en.as_str()]);
        let general = codes.texts.triage_notices.iter();
        let general = general.flat_map(|sentence| [sentence.zh.as_str(), sentence.en.as_str()]);
        for text in own.chain(general) {
            self.text(&codes.observations.notice, text, PRELIMINARY, None);
        }
    }

    fn number(&mut self, code: &Code, value: f64, unit: &str, flag: &str) {
        let (at, language) = (self.at.clone(), self.wording.config.language);
        self.observations.add("NM", |row| {
            let row = row.code(3, code, language).raw(5, number(value)).text(6, unit);
            row.raw(8, flag).raw(11, PRELIMINARY).raw(14, at)
        });
    }

    fn text(&mut self, code: &Code, text: &str, status: &str, by: Option<&str>) {
        let (at, language) = (self.at.clone(), self.wording.config.language);
        self.observations.add("TX", |row| {
            let row = row.code(3, code, language).text(5, text).text(11, status).raw(14, at);
            row.maybe(16, by)
        });
    }
}
