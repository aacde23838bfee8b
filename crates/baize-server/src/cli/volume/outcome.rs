//! What is written and printed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use baize_core::{Fault, Language, Text};
use baize_volume::{Analysis, LabelFile, Measured, Model};
use serde_json::{Value, json};

use super::cannot;
use super::folder::Series;
use crate::cli::language::pick;

pub(super) const SEGMENTATION: &str = "seg.dcm";
pub(super) const PREVIEW: &str = "preview.png";
const VOLUMES: &str = "volumes.json";

const NOTICE_ZH: &str = "人工智能初步结果，未经核实。仅供科研使用；须由医师复核。";
const NOTICE_EN: &str = "Preliminary result of artificial intelligence, not verified. Research use only; a physician must review this.";

/// The folder of the results.
pub(super) struct Outputs(PathBuf);

impl Outputs {
    /// Makes the folder and removes what an earlier run left, so that no result can be taken for another series'.
    pub(super) fn clear(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| cannot("create", folder))?;
        for name in [SEGMENTATION, PREVIEW, VOLUMES] {
            let path = folder.join(name);
            if path.exists() {
                std::fs::remove_file(&path).with_context(|| cannot("remove", &path))?;
            }
        }
        Ok(Self(folder.to_owned()))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).with_context(|| cannot("write", &path))
    }

    pub(super) fn write_json(&self, done: &Done<'_>) -> anyhow::Result<()> {
        self.write(VOLUMES, format!("{:#}\n", done.as_json()).as_bytes())
    }
}

/// What became of a series.
pub(super) struct Done<'a> {
    pub(super) model: &'a Model,
    pub(super) series: Option<&'a Series>,
    pub(super) analysis: Result<&'a Analysis, &'a Fault>,
    pub(super) seconds: f64,
}

impl Done<'_> {
    pub(super) fn as_json(&self) -> Value {
        let manifest = &self.model.manifest;
        let mut object = json!({
            "model": {"id": manifest.id, "version": manifest.version},
            "seconds": (self.seconds * 100.0).round() / 100.0,
            "notice": {"zh": NOTICE_ZH, "en": NOTICE_EN},
            "accuracy": "not measured",
        });
        match self.analysis {
            Ok(analysis) => {
                object["status"] = "ok".into();
                object["series"] = self.series.map(Series::uid).into();
                object["caveats"] =
                    analysis.caveats.iter().map(|caveat| json!({"zh": caveat.zh, "en": caveat.en})).collect();
                object["structures"] =
                    self.rows(analysis).map(|(label, measured)| row(label, measured)).collect();
            }
            Err(fault) => {
                object["status"] = "not analysed".into();
                object["code"] = fault.code.as_str().into();
                object["message"] = json!({
                    "zh": fault.told(Language::Chinese),
                    "en": fault.told(Language::English),
                });
            }
        }
        object
    }

    fn rows<'b>(&'b self, analysis: &'b Analysis) -> impl Iterator<Item = (&'b LabelFile, &'b Measured)> {
        self.model.manifest.labels.iter().zip(&analysis.measured)
    }

    pub(super) fn as_table(&self, reader: Language, folder: &Path) -> String {
        let Ok(analysis) = self.analysis else { return String::new() };
        let mut lines = vec![format!("{} ({:.1} s)", self.model.model(), self.seconds)];
        for (label, measured) in self.rows(analysis) {
            lines.push(format!("{:>10.2} mL  {}", measured.millilitres, Text::from(&label.name).get(reader)));
        }
        if analysis.labels.iter().all(|label| *label == 0) {
            lines.push(
                pick(reader, "未找到任何结构：请核对序列。", "No structure was found: check the series.")
                    .to_owned(),
            );
        }
        lines.extend(analysis.caveats.iter().map(|caveat| format!("! {}", caveat.get(reader))));
        lines.push(pick(reader, NOTICE_ZH, NOTICE_EN).to_owned());
        lines.push(folder.display().to_string());
        lines.join("\n")
    }
}

fn row(label: &LabelFile, measured: &Measured) -> Value {
    json!({
        "label": measured.label,
        "name": {"zh": label.name.zh, "en": label.name.en},
        "scheme": label.code.scheme,
        "code": label.code.value,
        "voxels": measured.voxels,
        "millilitres": (measured.millilitres * 1e4).round() / 1e4,
    })
}
