//! ImagingStudy: a study as we have received it.

use std::collections::{BTreeMap, BTreeSet};

use baize_core::ports::{InstanceRecord, StudyResult};
use serde_json::{Value, json};

use crate::element::{Object, Resource, clean, coding, date, identifier, narrative};
use crate::key::{Key, Kind};
use crate::mapper::Mapper;
use crate::reference::ACCESSION;
use crate::systems::uri;
use crate::words::text;

impl Mapper {
    /// The ImagingStudy with all series and images that are here. It is served only: the hospital's own server has one
    /// of the PACS, to which what we send refers.
    pub fn imaging_study(&self, result: &StudyResult) -> Resource {
        let (facts, study) = (&result.summary.facts, &result.summary.study);
        let key = Key::of_study(Kind::ImagingStudy, study);
        let uid = json!({ "system": uri::DICOM_UID, "value": format!("urn:oid:{study}") });
        let accession = facts.accession.as_deref();
        let accession = accession
            .and_then(|number| identifier(Some(ACCESSION), self.systems.accession.as_deref(), number));
        let mut series: BTreeMap<&str, Vec<&InstanceRecord>> = BTreeMap::new();
        for instance in &result.instances {
            series.entry(instance.identity.series.as_str()).or_default().push(instance);
        }
        let modalities: BTreeSet<&str> = result.instances.iter().map(modality).collect();
        let count = result.instances.len();
        let line = text(
            format!("影像检查 {study}：{} 个序列，{count} 幅图像", series.len()),
            format!("Imaging study {study}: {} series, {count} images", series.len()),
        );
        let json = Object::resource(Kind::ImagingStudy.as_str())
            .with("text", narrative(&[line]))
            .with("identifier", std::iter::once(uid).chain(accession).collect())
            .with("status", json!("available"))
            .with("modality", modalities.into_iter().map(modality_coding).collect())
            .with("subject", self.patient_of_study(result))
            .maybe("encounter", self.encounter_of_study(result))
            .maybe("started", facts.study_date.as_deref().and_then(date))
            .with("basedOn", self.orders(result).into())
            .with("numberOfSeries", json!(series.len()))
            .with("numberOfInstances", json!(count))
            .maybe("description", facts.study_description.as_deref().and_then(clean))
            .with("series", series.into_iter().map(|(uid, images)| self.series(uid, &images)).collect())
            .done();
        Resource { key, json }
    }

    fn series(&self, uid: &str, images: &[&InstanceRecord]) -> Value {
        let first = images.first();
        let facts = first.map(|image| &image.facts);
        let part = facts.and_then(|facts| self.terms.body_part(facts.body_part.as_deref()?));
        let instance = |image: &&InstanceRecord| {
            json!({
                "uid": image.identity.sop.as_str(),
                "sopClass": { "system": uri::RFC3986, "code": format!("urn:oid:{}", image.identity.sop_class.trim()) },
            })
        };
        Object::default()
            .with("uid", json!(uid))
            .with("modality", modality_coding(first.map_or("OT", |image| modality(image))))
            .maybe("description", facts.and_then(|facts| clean(facts.series_description.as_deref()?)))
            .with("numberOfInstances", json!(images.len()))
            .maybe("bodySite", part.map(|part| coding(uri::SNOMED, &part.code, &text(&part.zh, &part.en))))
            .with("instance", images.iter().map(instance).collect())
            .done()
    }
}

/// `OT` (other) where the header does not say, since FHIR wants one.
fn modality(image: &InstanceRecord) -> &str {
    image.facts.modality.as_deref().map(str::trim).filter(|modality| !modality.is_empty()).unwrap_or("OT")
}

fn modality_coding(code: &str) -> Value {
    json!({ "system": uri::DICOM, "code": code })
}
