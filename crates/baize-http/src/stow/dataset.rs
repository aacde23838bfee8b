//! The Store Instances Response data set in the DICOM JSON model (PS3.18 sections 10.5.3.2 and F.2).

use baize_core::ports::Novelty;
use baize_core::{InstanceIdentity, StudyUid};
use serde_json::{Map, Value, json};

use super::{Fate, reason};
use crate::dicomweb::{instance_url, study_url};
use crate::dto::StowResponse;

const RETRIEVE_URL: &str = "00081190";
const REFERENCED_SOP_CLASS: &str = "00081150";
const REFERENCED_SOP_INSTANCE: &str = "00081155";
const WARNING_REASON: &str = "00081196";
const FAILURE_REASON: &str = "00081197";
const FAILED_SOP_SEQUENCE: &str = "00081198";
const REFERENCED_SOP_SEQUENCE: &str = "00081199";
/// For what cannot be tied to a SOP Instance: the object could not be read so far.
const OTHER_FAILURES_SEQUENCE: &str = "0008119A";

/// What became of the parts.
pub(super) fn of(public_url: &str, fates: &[Fate]) -> StowResponse {
    let (mut stored, mut failed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let mut study: Option<&StudyUid> = None;
    let mut is_one_study = true;
    for fate in fates {
        match fate {
            Fate::Stored { identity, novelty } => {
                is_one_study &= study.is_none_or(|other| *other == identity.study);
                study = Some(&identity.study);
                let mut item = reference(identity);
                item.insert(RETRIEVE_URL.into(), element("UR", instance_url(public_url, identity)));
                if *novelty == Novelty::Variant {
                    item.insert(WARNING_REASON.into(), element("US", reason::VARIANT));
                }
                stored.push(Value::Object(item));
            }
            Fate::Failed { identity: Some(identity), reason, .. } => {
                let mut item = reference(identity);
                item.insert(FAILURE_REASON.into(), element("US", *reason));
                failed.push(Value::Object(item));
            }
            Fate::Failed { identity: None, reason, .. } => {
                others.push(json!({ FAILURE_REASON: element("US", *reason) }));
            }
        }
    }
    let mut data_set = Map::new();
    if let (Some(study), true) = (study, is_one_study) {
        data_set.insert(RETRIEVE_URL.into(), element("UR", study_url(public_url, study)));
    }
    for (tag, items) in
        [(FAILED_SOP_SEQUENCE, failed), (REFERENCED_SOP_SEQUENCE, stored), (OTHER_FAILURES_SEQUENCE, others)]
    {
        if !items.is_empty() {
            data_set.insert(tag.into(), json!({ "vr": "SQ", "Value": items }));
        }
    }
    StowResponse(Value::Object(data_set))
}

fn element(vr: &str, value: impl Into<Value>) -> Value {
    json!({ "vr": vr, "Value": [value.into()] })
}

fn reference(identity: &InstanceIdentity) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert(REFERENCED_SOP_CLASS.into(), element("UI", identity.sop_class.as_str()));
    item.insert(REFERENCED_SOP_INSTANCE.into(), element("UI", identity.sop.as_str()));
    item
}

/// For the description of the interface.
pub(super) fn example() -> Value {
    let study = "https://baize.hospital.example/dicomweb/studies/1.2.3";
    json!({
        RETRIEVE_URL: element("UR", study),
        REFERENCED_SOP_SEQUENCE: { "vr": "SQ", "Value": [{
            REFERENCED_SOP_CLASS: element("UI", "1.2.840.10008.5.1.4.1.1.1"),
            REFERENCED_SOP_INSTANCE: element("UI", "1.2.3.4.5"),
            RETRIEVE_URL: element("UR", format!("{study}/series/1.2.3.4/instances/1.2.3.4.5")),
        }]}
    })
}
