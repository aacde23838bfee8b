//! One row of a search in the DICOM JSON model (PS3.18 tables 10.6.3-3 to 10.6.3-5).

use baize_core::ports::{ArchiveLevel, ArchiveRow};
use serde_json::{Map, Value, json};

use super::query::Search;
use super::{attribute, instance_url, series_url, study_url};

/// What a study says, beside its counts and its address. Written without a value where the header has none.
const STUDY: [&str; 10] = [
    "00080020", "00080030", "00080050", "00080090", "00081030", "00100010", "00100020", "00100030",
    "00100040", "00200010",
];
const SERIES: [&str; 2] = ["00080060", "00200011"];
const INSTANCE: [&str; 1] = ["00200013"];

/// What is said only where the header has it.
const IF_PRESENT: [&str; 2] = ["00080005", "00080201"];
const SERIES_IF_PRESENT: [&str; 5] = ["0008103E", "00180015", "00400244", "00400245", "00400275"];
const INSTANCE_IF_PRESENT: [&str; 4] = ["00280008", "00280010", "00280011", "00280100"];

/// Whether the levels above the one asked for are named by the path.
pub(super) struct Named {
    pub(super) study: bool,
    pub(super) series: bool,
}

/// The data set of a row. `header` is what the first object says, in the same model; empty where it could not be
/// read.
pub(super) fn data_set(
    public_url: &str,
    search: &Search,
    named: &Named,
    row: &ArchiveRow,
    mut header: Map<String, Value>,
) -> Value {
    let level = search.query.level;
    let mut given = Given { data_set: Map::new(), header: &mut header };
    given.if_present(&IF_PRESENT);
    if level == ArchiveLevel::Study || !named.study {
        given.always(&STUDY);
        given.put("00080061", json!({ "vr": "CS", "Value": row.modalities }));
        given.put("00201206", number(row.study_series));
        given.put("00201208", number(row.study_instances));
    }
    if level == ArchiveLevel::Series || (level == ArchiveLevel::Instance && !named.series) {
        given.always(&SERIES);
        given.if_present(&SERIES_IF_PRESENT);
        given.put("00201209", number(row.series_instances));
    }
    let identity = &row.identity;
    given.put("0020000D", uid(identity.study.as_str()));
    if level >= ArchiveLevel::Series {
        given.put("0020000E", uid(identity.series.as_str()));
    }
    if level == ArchiveLevel::Instance {
        given.always(&INSTANCE);
        given.if_present(&INSTANCE_IF_PRESENT);
        given.put("00080016", uid(&identity.sop_class));
        given.put("00080018", uid(identity.sop.as_str()));
        given.put("00083002", uid(&identity.transfer_syntax));
    }
    let url = match level {
        ArchiveLevel::Study => study_url(public_url, &identity.study),
        ArchiveLevel::Series => series_url(public_url, identity),
        ArchiveLevel::Instance => instance_url(public_url, identity),
    };
    given.put("00081190", json!({ "vr": "UR", "Value": [url] }));
    given.put("00080056", json!({ "vr": "CS", "Value": ["ONLINE"] }));
    let mut data_set = given.data_set;
    for key in &search.include {
        if let Some(element) = header.remove(key) {
            data_set.entry(key.as_str()).or_insert(element);
        }
    }
    if search.include_all {
        for (key, element) in header {
            data_set.entry(key).or_insert(element);
        }
    }
    Value::Object(data_set)
}

struct Given<'a> {
    data_set: Map<String, Value>,
    header: &'a mut Map<String, Value>,
}

impl Given<'_> {
    fn always(&mut self, keys: &[&str]) {
        for key in keys {
            let element = self.header.remove(*key).unwrap_or_else(|| json!({ "vr": attribute::vr(key) }));
            self.put(key, element);
        }
    }

    fn if_present(&mut self, keys: &[&str]) {
        for key in keys {
            if let Some(element) = self.header.remove(*key) {
                self.put(key, element);
            }
        }
    }

    fn put(&mut self, key: &str, element: Value) {
        self.data_set.insert(key.to_owned(), element);
    }
}

fn uid(text: &str) -> Value {
    json!({ "vr": "UI", "Value": [text] })
}

fn number(count: u64) -> Value {
    json!({ "vr": "IS", "Value": [count] })
}
