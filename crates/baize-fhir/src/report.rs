//! DiagnosticReport and Provenance of a study.

use std::collections::BTreeSet;

use baize_core::ports::{Review, Standing, StudyResult, Verdict};
use baize_core::{MANUFACTURER, ModelRef, Outcome, Population, Report, Text, Timestamp};
use serde_json::{Value, json};

use crate::element::{
    Object, Resource, both, clean, concept, date, instant, made_by_a_model, narrative, own_identifier,
    plain_concept,
};
use crate::finding::{is_told, judged, signature};
use crate::key::{Key, Kind};
use crate::mapper::{Links, Mapper};
use crate::reference::imaging_study;
use crate::systems::uri;
use crate::words::{self, Presence, text};

/// The reports of a study that are told.
fn told(result: &StudyResult) -> impl Iterator<Item = &Report> {
    result.instances.iter().flat_map(|instance| &instance.reports).filter(|report| is_told(report))
}

/// The signed last words, each once for each physician.
fn signatures(result: &StudyResult) -> Vec<&Review> {
    told(result).filter_map(|report| signature(result, report)).collect()
}

fn signers(result: &StudyResult) -> BTreeSet<&str> {
    signatures(result).iter().map(|review| review.reviewer.as_str()).collect()
}

/// When the last result or signature came.
fn issued(result: &StudyResult) -> Timestamp {
    let reports = told(result).map(|report| report.finished_at);
    let signed = signatures(result).into_iter().map(|review| review.at);
    reports.chain(signed).max().unwrap_or(result.summary.updated_at)
}

impl Mapper {
    /// The DiagnosticReport of a study.
    pub fn report(&self, result: &StudyResult, links: Links) -> Resource {
        let facts = &result.summary.facts;
        let study = &result.summary.study;
        let key = Key::of_study(Kind::DiagnosticReport, study);
        let (lines, positive) = self.conclusion(result);
        let mut code = plain_concept(uri::LOINC, "18748-4", "Diagnostic imaging study");
        let order = result.context.order.as_ref().and_then(|(order, _)| order.procedure_text.as_deref());
        let name = order.or(facts.study_description.as_deref()).and_then(clean);
        code["text"] =
            json!(name.unwrap_or_else(|| "影像智能分析 / AI analysis of an imaging study".to_owned()));
        let imaging =
            plain_concept("http://terminology.hl7.org/CodeSystem/v2-0074", "IMG", "Diagnostic Imaging");
        let results =
            self.findings(result, links).into_iter().map(|made| links.to(&made.key, None)).collect();
        let conclusion: Vec<String> = lines.iter().map(both).collect();
        let json = Object::resource(Kind::DiagnosticReport.as_str())
            .with("meta", json!({ "security": made_by_a_model() }))
            .with("text", narrative(&lines))
            .with("identifier", json!([own_identifier(&key)]))
            .with("basedOn", self.orders(result).into())
            .with("status", json!(result.standing.as_str()))
            .with("category", json!([imaging]))
            .with("code", code)
            .with("subject", self.patient_of_study(result))
            .maybe("encounter", self.encounter_of_study(result))
            .maybe("effectiveDateTime", facts.study_date.as_deref().and_then(date))
            .with("issued", json!(instant(issued(result))))
            .with("resultsInterpreter", self.interpreters(result))
            .with("result", results)
            .with("imagingStudy", json!([imaging_study(links, study)]))
            .with("conclusion", json!(conclusion.join("\n")))
            .with("conclusionCode", positive.into())
            .done();
        Resource { key, json }
    }

    /// Who answers for it; nobody before it is signed.
    fn interpreters(&self, result: &StudyResult) -> Value {
        if !result.standing.is_signed() {
            return Value::Null;
        }
        signers(result).into_iter().map(|name| self.practitioner(name)).collect()
    }

    /// What is said in words, and the codes of what is present.
    fn conclusion(&self, result: &StudyResult) -> (Vec<Text>, Vec<Value>) {
        let (mut lines, mut positive) = (Vec::new(), Vec::new());
        for report in told(result) {
            if let Outcome::Refused(fault) | Outcome::Failed(fault) = &report.outcome {
                lines.push(words::not_analysed(report, fault));
            }
            if let Outcome::Analysed { population: Population::Outside(why), .. } = &report.outcome {
                lines.push(why.clone());
            }
            for judged in judged(report, result.review_of(report)) {
                let code = &judged.finding.code;
                match judged.presence {
                    Some(presence) => lines.push(words::finding_line(judged.finding, presence)),
                    None => lines.push(words::rejected()),
                }
                if judged.presence == Some(Presence::Present) {
                    positive.push(concept(&self.terms.system(&code.scheme), &code.value, &code.meaning));
                }
            }
        }
        // Several images of a study may show the same.
        let mut distinct: Vec<Value> = Vec::new();
        for code in positive {
            if !distinct.contains(&code) {
                distinct.push(code);
            }
        }
        if lines.is_empty() {
            lines.push(text("尚无分析结果。", "There is no result yet."));
        }
        let who: Vec<&str> = signers(result).into_iter().collect();
        lines.push(match result.standing {
            Standing::Final | Standing::Amended if !who.is_empty() => words::signed(&who.join(", ")),
            _ => words::unsigned(),
        });
        (lines, distinct)
    }

    /// Who made what is said of a study, and who answers for it.
    pub fn provenance(&self, result: &StudyResult, links: Links) -> Resource {
        let study = &result.summary.study;
        let key = Key::of_study(Kind::Provenance, study);
        let mut targets = vec![links.to(&Key::of_study(Kind::DiagnosticReport, study), None)];
        targets.extend(self.findings(result, links).iter().map(|made| links.to(&made.key, None)));
        let mut agents = self.assemblers(models(result).into_iter(), links);
        for name in signers(result) {
            agents.push(agent("attester", "Attester", self.practitioner(name)));
        }
        let corrected = signatures(result).into_iter().filter(|review| review.verdict == Verdict::Corrected);
        let authors: BTreeSet<&str> = corrected.map(|review| review.reviewer.as_str()).collect();
        agents.extend(authors.into_iter().map(|name| agent("author", "Author", self.practitioner(name))));
        let json = Object::resource(Kind::Provenance.as_str())
            .with("meta", json!({ "security": made_by_a_model() }))
            .with("target", targets.into())
            .with("recorded", json!(instant(issued(result))))
            .with("agent", agents.into())
            .with("entity", json!([{ "role": "source", "what": imaging_study(links, study) }]))
            .done();
        Resource { key, json }
    }

    /// Baize, and the models that it ran.
    pub(crate) fn assemblers<'a>(
        &self,
        models: impl Iterator<Item = &'a ModelRef>,
        links: Links,
    ) -> Vec<Value> {
        let software = links.to(&Key::of_software(&self.software), Some(MANUFACTURER));
        let mut agents = vec![agent("assembler", "Assembler", software)];
        agents.extend(models.map(|model| {
            let device = links.to(&Key::of_model(model), Some(&model.to_string()));
            agent("performer", "Performer", device)
        }));
        agents
    }

    /// The Devices that the resources of a study refer to.
    pub fn devices(&self, result: &StudyResult, links: Links) -> Vec<Resource> {
        let models = models(result).into_iter().map(|model| self.model(model, links));
        std::iter::once(self.software()).chain(models).collect()
    }
}

/// The models that were asked about a study.
fn models(result: &StudyResult) -> BTreeSet<&ModelRef> {
    told(result).filter_map(|report| report.model.as_ref()).collect()
}

pub(crate) fn agent(code: &str, display: &str, who: Value) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
    json!({ "type": plain_concept(system, code, display), "who": who })
}
