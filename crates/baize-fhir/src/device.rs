//! Device: a model in its version, and Baize itself.

use baize_core::{MANUFACTURER, ModelRef};
use serde_json::{Value, json};

use crate::element::{Object, Resource, annotation, both, concept, narrative, own_identifier};
use crate::key::{Key, Kind};
use crate::mapper::{Links, Mapper};
use crate::systems::uri;
use crate::words::text;

impl Mapper {
    /// A model. What is not installed any more is known by name and version only.
    pub fn model(&self, model: &ModelRef, links: Links) -> Resource {
        let kind = text("人工智能模型", "Artificial intelligence model");
        let facts = self.models.get(model);
        let checksum = facts.map(|facts| {
            json!([{
                "type": { "coding": [{ "system": uri::IMAGING, "code": "weights-sha256" }],
                          "text": "SHA-256 of the weights" },
                "valueCode": [{ "text": facts.sha256 }],
            }])
        });
        let mut lines = vec![text(format!("{}：{model}", kind.zh), format!("{}: {model}", kind.en))];
        lines.extend(facts.map(|facts| facts.intended_use.clone()));
        let key = Key::of_model(model);
        let json = device(&key, &model.id, &model.version)
            .with("type", concept(uri::IMAGING, "ai-model", &kind))
            .maybe("property", checksum)
            .maybe("note", facts.map(|facts| json!([annotation(&facts.intended_use)])))
            .with("parent", links.to(&Key::of_software(&self.software), Some(MANUFACTURER)))
            .with("text", narrative(&lines))
            .done();
        Resource { key, json }
    }

    /// Baize in the version that runs.
    pub fn software(&self) -> Resource {
        let kind = text("医学影像与分诊推理软件", "Inference software for medical imaging and triage");
        let line = text(
            format!("{}：白泽 {}", kind.zh, self.software),
            format!("{}: Baize {}", kind.en, self.software),
        );
        let key = Key::of_software(&self.software);
        let json = device(&key, MANUFACTURER, &self.software)
            .with("type", concept(uri::IMAGING, "software", &kind))
            .with("note", json!([{ "text": both(&research_use()) }]))
            .with("text", narrative(&[line, research_use()]))
            .done();
        Resource { key, json }
    }
}

fn research_use() -> baize_core::Text {
    text("仅供科研使用，非医疗器械。", "For research use only. Not a medical device.")
}

fn device(key: &Key, name: &str, version: &str) -> Object {
    Object::resource(Kind::Device.as_str())
        .with("identifier", json!([own_identifier(key)]))
        .with("status", json!("active"))
        .with("manufacturer", json!(MANUFACTURER))
        .with("deviceName", json!([{ "name": name, "type": "model-name" }]))
        .with("modelNumber", json!(name))
        .with("version", Value::Array(vec![json!({ "value": version })]))
}
