//! Observation: one finding of one model on one image, or that there is none because the model did not run.

use baize_core::ports::{
    FindingOpinion, InstanceRecord, Opinion, Presence as Word, Review, StudyResult, Verdict,
};
use baize_core::{ErrorCode, Fault, Finding, Outcome, PixelBox, Population, Report, Text};
use serde_json::{Value, json};

use crate::element::{
    Object, Resource, annotation, both, clean, concept, date, instant, made_by_a_model, narrative,
    own_identifier, plain_concept,
};
use crate::key::{Key, Kind};
use crate::mapper::{Links, Mapper};
use crate::reference::imaging_study;
use crate::systems::uri;
use crate::words::{self, Presence, text};

/// A finding as it stands after what a physician said of it.
pub(crate) struct Judged<'a> {
    pub(crate) finding: &'a Finding,
    /// What is to be believed; `None` where a physician set the whole result aside.
    pub(crate) presence: Option<Presence>,
    by_model: Presence,
    status: &'static str,
}

/// The last word on a report, if it is signed.
pub(crate) fn signature<'a>(result: &'a StudyResult, report: &Report) -> Option<&'a Review> {
    result.review_of(report).filter(|review| review.signed)
}

/// The findings of a report with what a physician said of them last.
pub(crate) fn judged<'a>(report: &'a Report, word: Option<&Review>) -> Vec<Judged<'a>> {
    let Outcome::Analysed { findings, population, .. } = &report.outcome else { return Vec::new() };
    findings.iter().map(|finding| judge(finding, population, word)).collect()
}

fn judge<'a>(finding: &'a Finding, population: &Population, word: Option<&Review>) -> Judged<'a> {
    let by_model = Presence::from(Word::of(finding, population, None));
    let about = |opinion: &&FindingOpinion| {
        opinion.scheme == finding.code.scheme && opinion.value == finding.code.value
    };
    let opinion = word.and_then(|review| review.findings.iter().find(about)).map(|found| found.opinion);
    let (presence, differs) = match (word.map(|review| review.verdict), opinion) {
        (Some(Verdict::Rejected), _) => (None, true),
        (_, opinion) => {
            let presence = Presence::from(Word::of(finding, population, word));
            (Some(presence), opinion == Some(Opinion::Disagree))
        }
    };
    let status = match (word.is_some_and(|review| review.signed), presence, differs) {
        (false, _, _) => "preliminary",
        (true, None, _) => "entered-in-error",
        (true, Some(_), true) => "corrected",
        (true, Some(_), false) => "final",
    };
    Judged { finding, presence, by_model, status }
}

/// Whether a report is about an image that somebody wants read: our own results that come back and objects without an
/// image are told to nobody.
pub(crate) fn is_told(report: &Report) -> bool {
    !matches!(
        &report.outcome,
        Outcome::Refused(Fault { code: ErrorCode::OwnResult | ErrorCode::NoPixelData, .. })
    )
}

impl Mapper {
    /// The Observations of a study, in the order of its images.
    pub fn findings(&self, result: &StudyResult, links: Links) -> Vec<Resource> {
        let mut made = Vec::new();
        for instance in &result.instances {
            for report in instance.reports.iter().filter(|report| is_told(report)) {
                self.findings_of(result, instance, report, links, &mut made);
            }
        }
        made
    }

    fn findings_of(
        &self,
        result: &StudyResult,
        instance: &InstanceRecord,
        report: &Report,
        links: Links,
        made: &mut Vec<Resource>,
    ) {
        match &report.outcome {
            Outcome::Analysed { population, caveats, .. } => {
                let word = result.review_of(report);
                for judged in judged(report, word) {
                    let about = About { result, instance, report, links };
                    made.push(self.finding(&about, &judged, population, caveats, word));
                }
            }
            Outcome::Refused(fault) | Outcome::Failed(fault) => {
                let about = About { result, instance, report, links };
                made.push(self.ending(&about, fault));
            }
        }
    }

    fn finding(
        &self,
        about: &About<'_>,
        judged: &Judged<'_>,
        population: &Population,
        caveats: &[Text],
        word: Option<&Review>,
    ) -> Resource {
        let finding = judged.finding;
        let code = &finding.code;
        let shown = judged.presence.unwrap_or(Presence::Undetermined);
        let mut lines = vec![words::finding_line(finding, judged.presence.unwrap_or(judged.by_model))];
        let mut notes: Vec<Text> = caveats.to_vec();
        if let Population::Outside(why) = population {
            notes.push(why.clone());
        }
        if judged.presence.is_none() {
            notes.push(words::rejected());
        }
        notes.extend(word.and_then(|review| {
            let comment = review.comment.as_deref().and_then(clean)?;
            Some(words::remark(&review.reviewer, &comment))
        }));
        lines.extend(notes.iter().cloned());
        let signed = word.filter(|review| review.signed);
        lines.push(signed.map_or_else(words::unsigned, |review| words::signed(&review.reviewer)));
        let components = [
            Some(component(
                "probability",
                &text("概率", "Calibrated probability"),
                ratio(finding.probability),
            )),
            Some(component(
                "threshold",
                &text("阈值", "Threshold of this model version"),
                ratio(finding.threshold),
            )),
            finding.critical.map(|cut| {
                let name = text("危急阈值", "Threshold from which on it is critical");
                component("critical-threshold", &name, ratio(cut))
            }),
            Some(component(
                "model-verdict",
                &text("模型判断", "What the model says"),
                presence(judged.by_model),
            )),
            finding.region.map(|region| component("region", &region_name(), corners(region))),
            Some(image(about.instance)),
        ];
        let key = Key::of_finding(&about.report.instance.sop, about.report.model.as_ref(), code);
        let mut json = self
            .observation(about, &key, judged.status)
            .with("code", concept(&self.terms.system(&code.scheme), &code.value, &code.meaning))
            .with("component", components.into_iter().flatten().collect())
            .with("note", notes.iter().map(annotation).collect())
            .with("text", narrative(&lines));
        match judged.presence {
            Some(_) => {
                let (code, name) = shown.interpretation();
                let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
                json.set("valueCodeableConcept", concept(uri::SNOMED, shown.code(), &shown.name()));
                let mut interpretation = vec![plain_concept(system, code, name)];
                if finding.is_critical() && shown == Presence::Present {
                    interpretation.push(plain_concept(system, "AA", "Critical abnormal"));
                }
                json.set("interpretation", interpretation.into());
            }
            None => {
                json.set("dataAbsentReason", absent("not-applicable", "Not Applicable", &words::rejected()))
            }
        }
        Resource { key, json: json.done() }
    }

    /// That the model did not run: no value, and why.
    fn ending(&self, about: &About<'_>, fault: &Fault) -> Resource {
        let why = words::not_analysed(about.report, fault);
        let (reason, name) = match about.report.outcome {
            Outcome::Refused(_) => ("not-performed", "Not Performed"),
            _ => ("error", "Error"),
        };
        let key = Key::of_ending(&about.report.instance.sop, about.report.model.as_ref());
        let json = self
            .observation(about, &key, "cancelled")
            .with(
                "code",
                concept(uri::IMAGING, "image-analysis", &text("图像智能分析", "Analysis of the image")),
            )
            .with("dataAbsentReason", absent(reason, name, &why))
            .with("component", json!([image(about.instance)]))
            .with("note", json!([annotation(&why)]))
            .with("text", narrative(&[why, words::unsigned()]))
            .done();
        Resource { key, json }
    }

    fn observation(&self, about: &About<'_>, key: &Key, status: &str) -> Object {
        let (result, report) = (about.result, about.report);
        let facts = &result.summary.facts;
        let part = about.instance.facts.body_part.as_deref().and_then(|part| self.terms.body_part(part));
        let site = part.map(|part| concept(uri::SNOMED, &part.code, &text(&part.zh, &part.en)));
        let model = report
            .model
            .as_ref()
            .map(|model| about.links.to(&Key::of_model(model), Some(&model.to_string())));
        Object::resource(Kind::Observation.as_str())
            .with("meta", json!({ "security": made_by_a_model() }))
            .with("identifier", json!([own_identifier(key)]))
            .with("basedOn", self.orders(result).into())
            .with("status", json!(status))
            .with("category", json!([category("imaging", "Imaging")]))
            .with("subject", self.patient_of_study(result))
            .maybe("encounter", self.encounter_of_study(result))
            .maybe("effectiveDateTime", facts.study_date.as_deref().and_then(date))
            .with("issued", json!(instant(report.finished_at)))
            .maybe("bodySite", site)
            .maybe("device", model)
            .with("derivedFrom", json!([imaging_study(about.links, &report.instance.study)]))
    }
}

/// What an Observation is about.
struct About<'a> {
    result: &'a StudyResult,
    instance: &'a InstanceRecord,
    report: &'a Report,
    links: Links,
}

pub(crate) fn category(code: &str, display: &str) -> Value {
    plain_concept("http://terminology.hl7.org/CodeSystem/observation-category", code, display)
}

pub(crate) fn absent(code: &str, display: &str, why: &Text) -> Value {
    let mut reason = plain_concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", code, display);
    reason["text"] = json!(both(why));
    reason
}

fn component(code: &str, name: &Text, (kind, value): (&str, Value)) -> Value {
    json!({ "code": concept(uri::IMAGING, code, name), kind: value })
}

fn ratio(value: f32) -> (&'static str, Value) {
    ("valueQuantity", json!({ "value": decimal(value), "unit": "1", "system": uri::UCUM, "code": "1" }))
}

fn presence(said: Presence) -> (&'static str, Value) {
    ("valueCodeableConcept", concept(uri::SNOMED, said.code(), &said.name()))
}

fn region_name() -> Text {
    text(
        "主要依据区域（像素：左,上,宽,高）",
        "Region of strongest evidence (pixels: left, top, width, height)",
    )
}

fn corners(region: PixelBox) -> (&'static str, Value) {
    ("valueString", json!(format!("{},{},{},{}", region.x, region.y, region.width, region.height)))
}

fn image(instance: &InstanceRecord) -> Value {
    let uid = json!(format!("urn:oid:{}", instance.identity.sop));
    component(
        "sop-instance",
        &text("图像（SOP Instance UID）", "Image (SOP Instance UID)"),
        ("valueString", uid),
    )
}

/// A number with the digits that it has as `f32`, not with those of its neighbour among the `f64`.
pub(crate) fn decimal(value: f32) -> Value {
    let shortest: Option<f64> = value.to_string().parse().ok();
    json!(shortest)
}
