//! `baize volume`: structures and their volumes from a series of slices, as table, JSON, DICOM Segmentation and picture.

mod folder;
mod outcome;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use baize_core::{Clock as _, Coded, ErrorClass, Fault, SystemClock, Text, Timestamp};
use baize_dicom::results::{Side, SourceSlice, Structure, VolumeResult, volume_segmentation};
use baize_volume::{Analysis, Means, Model, Plan, Recipe, SideFile, Volume};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{language, say};
use crate::config::Config;
use crate::wiring;
use folder::Series;
use outcome::{Done, Outputs};

/// Exit status for a series that the model may not read, or that makes no volume.
const EXIT_REFUSED: u8 = 3;
/// Exit status for a series that could not be analysed.
const EXIT_FAILED: u8 = 4;
/// Steps of the progress bar.
const STEPS: f64 = 1000.0;

/// `baize volume`
#[derive(Debug, Args)]
pub(crate) struct VolumeVerb {
    /// Folder with the slices of a series; files of other modalities are left out.
    #[arg(long, value_name = "DIR")]
    series: PathBuf,
    /// Series Instance UID, where the folder holds several series.
    #[arg(long, value_name = "UID")]
    series_uid: Option<String>,
    /// The volume model, as `id` or `id@version`.
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Folder for `volumes.json`, `seg.dcm` and `preview.png`; what an earlier run left there under these names is
    /// removed first.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder with upstream's files: installs the model from them by its recipe first, without a network.
    #[arg(long, value_name = "DIR")]
    install_from: Option<PathBuf>,
    /// Prints the JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl VolumeVerb {
    /// Analyses the series and writes what came of it. Exit status 3 where the series is refused, 4 where the analysis
    /// failed; both write `volumes.json`, which says so.
    ///
    /// # Errors
    /// A model that is not installed or does not hold, a folder that can't be read or written.
    pub(crate) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let outputs = Outputs::clear(&self.out)?;
        let weights = &config.models.weights_dir;
        if let Some(files) = &self.install_from {
            let id = self.model.split('@').next().unwrap_or_default();
            Recipe::open(&weights.join("recipes").join(format!("{id}.toml")))?.install(files, weights)?;
        }
        let model = baize_volume::find(weights, &self.model)?;
        let first = model.manifest.crop.labelled_by.as_deref();
        let first = first.map(|name| baize_volume::find(weights, name)).transpose()?;
        let begun = SystemClock.now();
        let reader = language::of_operator();
        let result = self.analyse(config, &model, first.as_ref());
        let seconds = SystemClock.now().as_micros().saturating_sub(begun.as_micros()) as f64 / 1e6;
        let (series, plan, analysis) = match result {
            Ok(analysed) => analysed,
            Err(Stopped::Fault(fault)) => {
                outputs.write_json(&Done { model: &model, series: None, analysis: Err(&fault), seconds })?;
                return Ok(self.tell(&model, &fault, seconds));
            }
            Err(Stopped::Other(error)) => return Err(error),
        };
        let structures = structures(&model, &analysis);
        if let Some(bytes) = segmentation(&model, &series, &plan, &analysis, &structures, reader, begun)? {
            outputs.write(outcome::SEGMENTATION, &bytes)?;
        }
        outputs.write(outcome::PREVIEW, &baize_volume::preview(&model, &analysis)?)?;
        let done = Done { model: &model, series: Some(&series), analysis: Ok(&analysis), seconds };
        outputs.write_json(&done)?;
        say(&if self.json { done.as_json().to_string() } else { done.as_table(reader, &self.out) });
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, model: &Model, fault: &Fault, seconds: f64) -> ExitCode {
        let reader = language::of_operator();
        if self.json {
            say(&Done { model, series: None, analysis: Err(fault), seconds }.as_json().to_string());
        } else {
            let what = language::pick(
                reader,
                "未分析（不是阴性结果）",
                "not analysed (this is not a negative result)",
            );
            say(&format!("{what}: {} — {} ({})", fault.code.title(reader), fault.told(reader), fault.code));
        }
        let refused = matches!(fault.code.class(), ErrorClass::Refused | ErrorClass::Unreadable);
        ExitCode::from(if refused { EXIT_REFUSED } else { EXIT_FAILED })
    }

    fn analyse(
        &self,
        config: &Config,
        model: &Model,
        first: Option<&Model>,
    ) -> Result<(Series, Plan, Analysis), Stopped> {
        let limits = baize_imaging::Limits {
            max_object_bytes: config.limits.max_object_mib * wiring::MIB,
            max_pixels: config.limits.max_pixels,
        };
        let series = Series::find(&self.series, self.series_uid.as_deref(), model, limits)?;
        let plan = Plan::new(&series.places(), &model.demands())?;
        let volume = Volume::assemble(&plan, |number| series.read(number))?;
        let means =
            Means { threads: config.volumes.threads, memory: config.volumes.memory_mib * wiring::MIB };
        let bar = ProgressBar::new(STEPS as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {eta}") {
            bar.set_style(style);
        }
        let analysis = model.analyse(first, &volume, means, &|part| bar.set_position((part * STEPS) as u64));
        bar.finish_and_clear();
        Ok((series, plan, analysis?))
    }
}

/// Why there is no analysis.
enum Stopped {
    /// The series is refused, or the analysis failed: a result of its own.
    Fault(Fault),
    /// The command could not do its work.
    Other(anyhow::Error),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The structures with their volumes, from label 1 on.
fn structures(model: &Model, analysis: &Analysis) -> Vec<Structure> {
    let structure = |(label, measured): (&baize_volume::LabelFile, &baize_volume::Measured)| Structure {
        name: Text::from(&label.name),
        code: Coded::from(&label.code),
        side: label.side.map(|side| match side {
            SideFile::Left => Side::Left,
            SideFile::Right => Side::Right,
        }),
        color: label.color,
        millilitres: measured.millilitres,
    };
    model.manifest.labels.iter().zip(&analysis.measured).map(structure).collect()
}

/// The segmentation; `None` where no voxel has a label, which `volumes.json` tells.
fn segmentation(
    model: &Model,
    series: &Series,
    plan: &Plan,
    analysis: &Analysis,
    structures: &[Structure],
    reader: baize_core::Language,
    now: Timestamp,
) -> anyhow::Result<Option<bytes::Bytes>> {
    if analysis.labels.iter().all(|label| *label == 0) {
        return Ok(None);
    }
    let slices: Vec<SourceSlice<'_>> = plan
        .order
        .iter()
        .map(|number| {
            let (header, place) = series.place(*number);
            let identity = &header.identity;
            SourceSlice {
                sop_class: &identity.sop_class,
                sop_instance: identity.sop.as_str(),
                position: place.position,
            }
        })
        .collect();
    let first = plan.order.first().map(|number| series.bytes(*number)).transpose()?.unwrap_or_default();
    let [x, y, z] = analysis.grid.steps[2];
    let result = VolumeResult {
        model: &model.model(),
        structures,
        slices: &slices,
        labels: &analysis.labels,
        spacing: (x * x + y * y + z * z).sqrt(),
        first: &first,
    };
    let object = volume_segmentation(&result, reader, now).context("the segmentation")?;
    Ok(Some(object.bytes))
}

/// What could not be done with a file or folder, for messages.
fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}
