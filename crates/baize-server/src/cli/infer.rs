//! `baize infer`: the server's pipeline over files, without a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use baize_core::ports::{Reader as _, Reading};
use baize_core::{
    Clock as _, ErrorClass, Fault, Finding, Lane, Language, Outcome, Population, Report, SystemClock,
};
use baize_dicom::results::{self, Kind, ResultObject};
use bytes::Bytes;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{language, say};
use crate::config::Config;
use crate::{telemetry, wiring};

/// Exit status when some file holds nothing that a model may read, and all others are fine.
const EXIT_SOME_REFUSED: u8 = 3;
/// Exit status when some file could not be read.
const EXIT_SOME_ERRORS: u8 = 4;

/// `baize infer`
#[derive(Debug, Args)]
pub(crate) struct Infer {
    /// DICOM files, or folders of them (every file below is read).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Prints one JSON object per file and line.
    #[arg(long)]
    json: bool,
    /// Writes the annotated picture of every image that was read into this folder.
    #[arg(long, value_name = "DIR")]
    overlay_dir: Option<PathBuf>,
    /// Writes the DICOM objects that tell each result into this folder: structured report, key image, presentation
    /// state, segmentation, parametric map, key object selection. Each file is named after its SOP Instance UID, so a second run replaces them.
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
}

/// What became of one file.
struct Answer {
    path: PathBuf,
    result: Result<Reading, Fault>,
    overlay: Option<PathBuf>,
    objects: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Refused,
    Error,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }
}

impl Infer {
    /// Reads every file and prints its result; the exit status tells whether all, some or none could be read.
    ///
    /// # Errors
    /// A path that does not exist, a folder that cannot be written, a model that does not load.
    pub(crate) fn run(self, mut config: Config) -> anyhow::Result<ExitCode> {
        // The results are the output; what the stages log is for the server's operator.
        if config.log.filter == crate::config::Log::default().filter {
            config.log.filter = "warn".into();
        }
        telemetry::install(&config.log)?;
        let files = list_files(&self.paths)?;
        for folder in [&self.overlay_dir, &self.objects].into_iter().flatten() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.read_all(files, &config))
    }

    async fn read_all(&self, files: Vec<PathBuf>, config: &Config) -> anyhow::Result<ExitCode> {
        let engine = wiring::offline_engine(config).await?;
        engine.warmed_up().await?;
        let at_a_time = config.engine.decode_threads + 1;
        let largest = config.limits.max_object_mib * wiring::MIB;
        let mut answers = stream::iter(files)
            .map(|path| {
                let engine = Arc::clone(&engine);
                async move {
                    let object = read_file(&path, largest).await;
                    let result = match &object {
                        Ok(object) => engine.read(object.clone(), Lane::Routine).await,
                        Err(fault) => Err(fault.clone()),
                    };
                    (path, object, result)
                }
            })
            .buffered(at_a_time);
        let (mut refused, mut errors) = (0_usize, 0_usize);
        let reader = language::of_operator();
        while let Some((path, object, result)) = answers.next().await {
            let overlay = self.write_overlay(&path, &result).await?;
            let objects = self.write_objects(object, &result, reader).await?;
            let answer = Answer { path, result, overlay, objects };
            match answer.status() {
                Status::Ok => {}
                Status::Refused => refused += 1,
                Status::Error => errors += 1,
            }
            say(&if self.json { answer.as_json().to_string() } else { answer.as_text(reader) });
        }
        engine.drain().await;
        Ok(ExitCode::from(match (errors, refused) {
            (0, 0) => 0,
            (0, _) => EXIT_SOME_REFUSED,
            _ => EXIT_SOME_ERRORS,
        }))
    }

    /// Names the picture after file and SOP Instance, so that equal file names in two folders don't collide.
    async fn write_overlay(
        &self,
        path: &Path,
        result: &Result<Reading, Fault>,
    ) -> anyhow::Result<Option<PathBuf>> {
        let (Some(folder), Ok(Reading { report, overlay_png: Some(png) })) = (&self.overlay_dir, result)
        else {
            return Ok(None);
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let target = folder.join(format!("{stem}-{}.png", report.instance.sop));
        tokio::fs::write(&target, png).await.with_context(|| format!("cannot write {}", target.display()))?;
        Ok(Some(target))
    }

    /// Writes the result objects of an image that has a result, in the reader's language. A result of ours gets none.
    async fn write_objects(
        &self,
        source: Result<Bytes, Fault>,
        result: &Result<Reading, Fault>,
        reader: Language,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let (Some(folder), Ok(source), Ok(reading)) = (self.objects.clone(), source, result) else {
            return Ok(Vec::new());
        };
        if results::is_ours(&source) {
            return Ok(Vec::new());
        }
        let (report, png) = (reading.report.clone(), reading.overlay_png.clone());
        let write_all = move || {
            let objects =
                results::objects_in(reader, &Kind::ALL, &source, &report, png.as_deref(), SystemClock.now())?;
            let write = |object: ResultObject| {
                let target = folder.join(format!("{}.dcm", object.sop_instance));
                std::fs::write(&target, &object.bytes)
                    .with_context(|| format!("cannot write {}", target.display()))?;
                Ok(target)
            };
            objects.into_iter().map(write).collect()
        };
        tokio::task::spawn_blocking(write_all).await?
    }
}

async fn read_file(path: &Path, largest: u64) -> Result<Bytes, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(baize_core::ErrorCode::StorageFailed, format!("the file cannot be read: {error}"))
    };
    let size = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if size > largest {
        return Err(Fault::new(
            baize_core::ErrorCode::ObjectTooLarge,
            format!("the file has {size} bytes, more than the {largest} of limits.max_object_mib"),
        ));
    }
    tokio::fs::read(path).await.map(Bytes::from).map_err(unreadable)
}

/// The files named, and all below the folders named, in a stable order.
pub(super) fn list_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            walk(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        // A link is not followed: a loop of links would never end.
        let kind = entry.file_type().with_context(|| format!("cannot read {}", entry.path().display()))?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

impl Answer {
    fn status(&self) -> Status {
        match &self.result {
            Ok(Reading { report: Report { outcome: Outcome::Analysed { .. }, .. }, .. }) => Status::Ok,
            Ok(Reading { report: Report { outcome: Outcome::Refused(_), .. }, .. }) => Status::Refused,
            Err(fault) if fault.code.class() == ErrorClass::Refused => Status::Refused,
            Ok(_) | Err(_) => Status::Error,
        }
    }

    fn report(&self) -> Option<&Report> {
        self.result.as_ref().ok().map(|reading| &reading.report)
    }

    fn fault(&self) -> Option<&Fault> {
        match &self.result {
            Ok(Reading {
                report: Report { outcome: Outcome::Refused(fault) | Outcome::Failed(fault), .. },
                ..
            })
            | Err(fault) => Some(fault),
            Ok(_) => None,
        }
    }

    fn findings(&self) -> &[Finding] {
        match self.report().map(|report| &report.outcome) {
            Some(Outcome::Analysed { findings, .. }) => findings,
            _ => &[],
        }
    }

    fn as_json(&self) -> Value {
        let report = self.report();
        let mut object = json!({
            "path": self.path.display().to_string(),
            "status": self.status().as_str(),
            "code": self.fault().map(|fault| fault.code.as_str()),
            "message": self.fault().map(|fault| fault.message.as_str()),
            "study": report.map(|report| report.instance.study.as_str()),
            "sop": report.map(|report| report.instance.sop.as_str()),
            "model": report
                .and_then(|report| report.model.as_ref())
                .map(|model| json!({"id": model.id, "version": model.version})),
            "findings": self.findings().iter().map(finding_json).collect::<Vec<_>>(),
        });
        if let Some(look) = report.and_then(|report| report.gate.as_ref()) {
            object["gate"] = json!({
                "model": {"id": look.gate.id, "version": look.gate.version},
                "class": look.class,
                "label": look.name.en,
                "label_zh": look.name.zh,
                "probability": as_written(look.probability),
            });
        }
        if let Some(Outcome::Analysed { population, caveats, .. }) = report.map(|report| &report.outcome) {
            object["population"] = match population {
                Population::Validated => json!({"validated": true, "note": null}),
                Population::Outside(note) => {
                    json!({"validated": false, "note": {"zh": note.zh, "en": note.en}})
                }
            };
            object["caveats"] = caveats
                .iter()
                .map(|caveat| json!({"zh": caveat.zh, "en": caveat.en}))
                .collect::<Vec<_>>()
                .into();
        }
        if let Some(overlay) = &self.overlay {
            object["overlay"] = overlay.display().to_string().into();
        }
        if !self.objects.is_empty() {
            object["objects"] = self.objects.iter().map(|path| path.display().to_string()).collect();
        }
        object
    }

    fn as_text(&self, reader: Language) -> String {
        let mut lines = vec![self.path.display().to_string()];
        if let Some(fault) = self.fault() {
            lines.push(format!("  {} — {} ({})", fault.code.title(reader), fault.told(reader), fault.code));
        }
        if let Some(model) = self.report().and_then(|report| report.model.as_ref()) {
            lines.push(format!("  {} {model}", language::pick(reader, "模型", "model")));
        }
        if let Some(look) = self.report().and_then(|report| report.gate.as_ref()) {
            lines.push(format!(
                "  {} {}: {} ({:.3})",
                language::pick(reader, "内容核对", "content check"),
                look.gate,
                look.name.get(reader),
                look.probability
            ));
        }
        for finding in self.findings() {
            let verdict = match finding.is_positive() {
                true => language::pick(reader, "阳性", "positive"),
                false => language::pick(reader, "阴性", "negative"),
            };
            lines.push(format!(
                "  {}: {} {:.3} ({} {:.3}) {verdict}",
                finding.code.meaning.get(reader),
                language::pick(reader, "概率", "probability"),
                finding.probability,
                language::pick(reader, "阈值", "threshold"),
                finding.threshold,
            ));
        }
        if let Some(Outcome::Analysed { population, caveats, .. }) =
            self.report().map(|report| &report.outcome)
        {
            if let Population::Outside(note) = population {
                lines.push(format!("  ! {}", note.get(reader)));
            }
            lines.extend(caveats.iter().map(|caveat| format!("  ! {}", caveat.get(reader))));
            lines.push(format!(
                "  {}",
                language::pick(
                    reader,
                    "仅供科研使用；须由医师复核。",
                    "Research use only; a physician must review this."
                )
            ));
        }
        if let Some(overlay) = &self.overlay {
            lines.push(format!(
                "  {} {}",
                language::pick(reader, "标注图", "annotated picture"),
                overlay.display()
            ));
        }
        for object in &self.objects {
            lines.push(format!(
                "  {} {}",
                language::pick(reader, "DICOM 结果对象", "DICOM result object"),
                object.display()
            ));
        }
        lines.join("\n")
    }
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "code": finding.code.value,
        "scheme": finding.code.scheme,
        "label": finding.code.meaning.en,
        "label_zh": finding.code.meaning.zh,
        "probability": as_written(finding.probability),
        "threshold": as_written(finding.threshold),
        "critical_threshold": finding.critical.map(as_written),
        "positive": finding.is_positive(),
        "critical": finding.is_critical(),
        "box": finding.region.map(|region| {
            json!({"x": region.x, "y": region.y, "width": region.width, "height": region.height})
        }),
    })
}

/// The shortest decimal that is this number, rather than its expansion to twice the digits.
fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}
