//! RiskAssessment, Observation and Provenance of a step at the triage desk.
//!
//! What the assessment says in detail is read from its JSON; levels stand beside it in the record, so that they are told
//! even where the JSON is of another version.

use baize_core::ports::{TriageEntry, TriageStep, VisitResult};
use baize_core::{MANUFACTURER, Text};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::element::{
    Object, Resource, annotation, both, clean, coding, concept, instant, made_by_a_model, narrative,
    own_identifier, plain_coding,
};
use crate::finding::{category, decimal};
use crate::key::{Key, Kind};
use crate::mapper::{Links, Mapper};
use crate::report::agent;
use crate::systems::uri;
use crate::words::text;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    zh: String,
    en: String,
}

impl Words {
    fn text(&self) -> Text {
        text(self.zh.clone(), self.en.clone())
    }
}

/// What is read of an assessment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    acuity_probabilities: Option<[f32; 5]>,
    admission_probability: Option<f32>,
    rules_fired: Vec<Fired>,
    department: Option<Words>,
    target_minutes: Option<u32>,
    news2: News2,
    model_status: ModelStatus,
    notice: Option<Words>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Fired {
    text: Words,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct News2 {
    score: Option<u8>,
    complete: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ModelStatus {
    text: Option<Words>,
}

/// What is read of what is known after a step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    decision: Option<Decision>,
}

#[derive(Clone, Debug, Deserialize)]
struct Decision {
    acuity: u8,
    reason: Option<String>,
    by: String,
}

/// A step with what was read of it.
struct Step<'a> {
    visit: &'a VisitResult,
    entry: &'a TriageEntry,
    said: Said,
    decision: Option<Decision>,
}

impl<'a> Step<'a> {
    fn of(visit: &'a VisitResult) -> Self {
        let entry = &visit.entry;
        let known: Known = serde_json::from_str(&entry.known).unwrap_or_default();
        Self {
            visit,
            entry,
            said: serde_json::from_str(&entry.assessment).unwrap_or_default(),
            decision: known.decision,
        }
    }

    /// A person's decision that is newer than anything that was measured.
    fn decided(&self) -> Option<&Decision> {
        self.decision.as_ref().filter(|_| self.entry.step == TriageStep::Level)
    }

    fn status(&self) -> &'static str {
        if self.decided().is_some() { "final" } else { "preliminary" }
    }

    fn key(&self, kind: Kind) -> Key {
        Key::of_step(kind, &self.entry.visit, self.entry.sequence)
    }

    /// What a reader is told, the levels first.
    fn lines(&self) -> Vec<Text> {
        let (level, acuity) = (self.entry.level_cn, self.entry.acuity);
        let name = level_name(level);
        let mut lines = vec![text(
            format!("分诊级别：{level} 级（{}），五级分诊 {acuity} 级", name.zh),
            format!("Triage level {level} of 4 ({}), acuity {acuity} of 5", name.en.to_lowercase()),
        )];
        lines.extend(self.decision.as_ref().map(|decision| {
            let (by, acuity) = (&decision.by, decision.acuity);
            text(format!("{by} 定级：{acuity} 级"), format!("Level set by {by}: {acuity} of 5"))
        }));
        lines.extend(self.said.rules_fired.iter().map(|fired| fired.text.text()));
        lines.extend(self.said.model_status.text.as_ref().map(Words::text));
        lines.extend(self.said.notice.as_ref().map(Words::text));
        lines.retain(|line| !line.zh.is_empty() && !line.en.is_empty());
        lines
    }

    /// Which rules were decisive, in words.
    fn rationale(&self) -> Option<String> {
        let words: Vec<String> = self.said.rules_fired.iter().map(|fired| both(&fired.text.text())).collect();
        clean(&words.join("; "))
    }

    /// Within which time, and where.
    fn mitigation(&self) -> Option<String> {
        let minutes = self.said.target_minutes.map(|minutes| {
            text(format!("{minutes} 分钟内就诊"), format!("to be seen within {minutes} minutes"))
        });
        let department = self.said.department.as_ref().map(Words::text);
        let words: Vec<String> = minutes.iter().chain(&department).map(both).collect();
        clean(&words.join("; "))
    }
}

/// The categories of the 2018 Chinese consensus, as people call them.
fn level_name(level: u8) -> Text {
    match level {
        1 => text("急危", "Immediate, life-threatening"),
        2 => text("急重", "Emergent"),
        3 => text("急症", "Urgent"),
        _ => text("非急症", "Less urgent"),
    }
}

fn level_coding(level: u8) -> Value {
    coding(uri::LEVEL_CN, &level.to_string(), &level_name(level))
}

fn acuity_name(acuity: u8) -> Text {
    text(format!("五级分诊 {acuity} 级"), format!("Acuity {acuity} of 5"))
}

fn acuity_concept(acuity: u8) -> Value {
    concept(uri::ACUITY, &acuity.to_string(), &acuity_name(acuity))
}

fn triage_concept() -> Value {
    json!({ "coding": [plain_coding(uri::SNOMED, "225390008", "Triage")], "text": "分诊 / Triage" })
}

/// FHIR writes a probability in percent.
fn percent(probability: f32) -> Value {
    let tenths: f32 = (probability.clamp(0.0, 1.0) * 1000.0).round() / 10.0;
    decimal(tenths)
}

fn bound(percent: u8) -> Value {
    json!({ "value": percent, "unit": "%", "system": uri::UCUM, "code": "%" })
}

impl Mapper {
    /// The resources of a step: RiskAssessment, Observation, Provenance, and the Devices that they refer to.
    pub fn step(&self, visit: &VisitResult, links: Links) -> Vec<Resource> {
        let model = visit.entry.model.as_ref().map(|model| self.model(model, links));
        let made = [
            self.risk(visit, links),
            self.triage_level(visit, links),
            self.step_provenance(visit, links),
            self.software(),
        ];
        made.into_iter().chain(model).collect()
    }

    /// The RiskAssessment of a step.
    pub fn risk(&self, visit: &VisitResult, links: Links) -> Resource {
        let step = Step::of(visit);
        let key = step.key(Kind::RiskAssessment);
        let notice = step.said.notice.as_ref().map(|notice| annotation(&notice.text()));
        let model = visit.entry.model.as_ref();
        let performer = model.map_or_else(
            || links.to(&Key::of_software(&self.software), Some(MANUFACTURER)),
            |model| links.to(&Key::of_model(model), Some(&model.to_string())),
        );
        let json = self
            .about(&step, Kind::RiskAssessment, &key)
            .with(
                "method",
                concept(uri::TRIAGE, "triage", &text("规则与模型分诊", "Triage by rules and model")),
            )
            .with("code", triage_concept())
            .with("occurrenceDateTime", json!(instant(visit.entry.at)))
            .with("performer", performer)
            .with("basis", json!([links.to(&step.key(Kind::Observation), None)]))
            .with("prediction", predictions(&step))
            .maybe("mitigation", step.mitigation())
            .with("note", notice.into_iter().collect())
            .done();
        Resource { key, json }
    }

    /// The triage level as an Observation.
    pub fn triage_level(&self, visit: &VisitResult, links: Links) -> Resource {
        let step = Step::of(visit);
        let key = step.key(Kind::Observation);
        let integer = |code: &str, zh: &str, en: &str, value: u64| json!({ "code": concept(uri::TRIAGE, code, &text(zh, en)), "valueInteger": value });
        let decision = step.decision.as_ref();
        let news2 = step.said.news2.score.filter(|_| step.said.news2.complete);
        let components = [
            Some(integer("level-cn", "四级分诊", "Four-level category", visit.entry.level_cn.into())),
            Some(integer("acuity", "五级分诊", "Five-level acuity", visit.entry.acuity.into())),
            decision.map(|decision| {
                integer("nurse-acuity", "医护定级（五级）", "Acuity set by a person", decision.acuity.into())
            }),
            news2.map(|score| integer("news2", "NEWS2 评分", "NEWS2 score", score.into())),
            step.said.target_minutes.map(|minutes| {
                integer(
                    "target-minutes",
                    "目标响应时间（分钟）",
                    "Minutes until seen at the latest",
                    minutes.into(),
                )
            }),
        ];
        let remark = decision.and_then(|decision| {
            let reason = decision.reason.as_deref().and_then(clean)?;
            Some(annotation(&text(
                format!("{}：{reason}", decision.by),
                format!("{}: {reason}", decision.by),
            )))
        });
        let value = json!({ "coding": [level_coding(visit.entry.level_cn)], "text": both(&level_name(visit.entry.level_cn)) });
        let device =
            visit.entry.model.as_ref().map(|model| links.to(&Key::of_model(model), Some(&model.to_string())));
        let json = self
            .about(&step, Kind::Observation, &key)
            .with("category", json!([category("survey", "Survey")]))
            .with("code", triage_concept())
            .with("effectiveDateTime", json!(instant(visit.entry.at)))
            .with("issued", json!(instant(visit.entry.at)))
            .with("valueCodeableConcept", value)
            .with("component", components.into_iter().flatten().collect())
            .with("note", remark.into_iter().collect())
            .maybe("device", device)
            .done();
        Resource { key, json }
    }

    /// Who made it, and who decided.
    pub fn step_provenance(&self, visit: &VisitResult, links: Links) -> Resource {
        let step = Step::of(visit);
        let key = step.key(Kind::Provenance);
        let mut agents = self.assemblers(visit.entry.model.iter(), links);
        agents.push(agent("enterer", "Enterer", self.practitioner(&visit.entry.actor)));
        agents.extend(
            step.decided().map(|decision| agent("attester", "Attester", self.practitioner(&decision.by))),
        );
        let json = Object::resource(Kind::Provenance.as_str())
            .with("meta", json!({ "security": made_by_a_model() }))
            .with(
                "target",
                json!([
                    links.to(&step.key(Kind::RiskAssessment), None),
                    links.to(&step.key(Kind::Observation), None),
                ]),
            )
            .with("recorded", json!(instant(visit.entry.at)))
            .with("agent", agents.into())
            .done();
        Resource { key, json }
    }

    fn about(&self, step: &Step<'_>, kind: Kind, key: &Key) -> Object {
        let encounter = step.visit.encounter.as_ref();
        let subject =
            encounter.map_or_else(|| self.unknown_patient(), |known| self.his_patient(&known.patient));
        let number = encounter.map(|known| known.number.as_str()).or(step.entry.encounter.as_deref());
        Object::resource(kind.as_str())
            .with("meta", json!({ "security": made_by_a_model() }))
            .with("text", narrative(&step.lines()))
            .with("identifier", json!([own_identifier(key)]))
            .with("status", json!(step.status()))
            .with("subject", subject)
            .maybe("encounter", number.and_then(|number| self.encounter(number)))
    }
}

/// The level that was given first, then the other acuities as the model saw them, then admission.
fn predictions(step: &Step<'_>) -> Value {
    let entry = step.entry;
    let probabilities = step.said.acuity_probabilities;
    let of = |acuity: u8| probabilities.and_then(|all| all.get(usize::from(acuity) - 1).copied());
    let mut given = Object::default()
        .with("outcome", acuity_concept(entry.acuity))
        .with("qualitativeRisk", json!({ "coding": [level_coding(entry.level_cn)] }))
        .maybe("rationale", step.rationale());
    match of(entry.acuity.clamp(1, 5)) {
        Some(probability) => given.set("probabilityDecimal", percent(probability)),
        // Rules alone have none. Servers in use take a prediction without any for invalid (ras-2).
        None => given.set("probabilityRange", json!({ "low": bound(0), "high": bound(100) })),
    }
    let others = (1..=5_u8).filter(|acuity| *acuity != entry.acuity).filter_map(|acuity| {
        let probability = percent(of(acuity)?);
        Some(json!({ "outcome": acuity_concept(acuity), "probabilityDecimal": probability }))
    });
    let admission = step.said.admission_probability.map(|probability| {
        let outcome = json!({
            "coding": [plain_coding(uri::SNOMED, "32485007", "Hospital admission")],
            "text": "收住院 / Hospital admission",
        });
        json!({ "outcome": outcome, "probabilityDecimal": percent(probability) })
    });
    std::iter::once(given.done()).chain(others).chain(admission).collect()
}
