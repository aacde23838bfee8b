//! What a model says about a volume: labels on the grid of its series, and how much of each structure there is.

use baize_core::{ErrorCode, Fault, Text};

use crate::conform::{Conformed, SIDE, back, conform};
use crate::geometry::Grid;
use crate::manifest::{BrightnessFile, CropFile};
use crate::model::Model;
use crate::network::Size;
use crate::series::Demands;
use crate::volume::Volume;

/// The most voxels of a series: more than 0.5 mm × 0.5 mm × 1 mm of a head need.
const MAX_VOXELS: u64 = 128 << 20;

/// What an analysis may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// Threads that compute.
    pub threads: usize,
    /// Bytes that the network may hold.
    pub memory: u64,
}

/// How much of a structure there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Its label, from 1 on.
    pub label: u8,
    /// Voxels of the series that have it.
    pub voxels: u64,
    /// These voxels' volume.
    pub millilitres: f64,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The label of every voxel of the series, `[slices][rows][columns]`, in the order of its plan.
    pub labels: Vec<u8>,
    /// The grid of the series.
    pub grid: Grid,
    /// One entry for each structure, present or not, counted on the grid of the series: what is reported is what the
    /// segmentation shows.
    pub measured: Vec<Measured>,
    /// The volume that the network saw.
    pub conformed: Conformed,
    /// Its labels.
    pub conformed_labels: Vec<u8>,
    /// What limits the result.
    pub caveats: Vec<Text>,
}

impl Model {
    /// What the model asks of a series.
    pub fn demands(&self) -> Demands {
        let accepts = &self.manifest.accepts;
        Demands {
            min_slices: accepts.min_slices,
            max_spacing: accepts.max_spacing_mm,
            min_extent: accepts.min_extent_mm,
            max_voxels: MAX_VOXELS,
        }
    }

    /// The model reads images of this modality.
    ///
    /// # Errors
    /// `WrongModality`.
    pub fn accepts(&self, modality: Option<&str>) -> Result<(), Fault> {
        let modalities = &self.manifest.accepts.modalities;
        let modality = modality.unwrap_or("missing");
        if modalities.iter().any(|own| own == modality) {
            return Ok(());
        }
        let message =
            format!("Modality (0008,0060) is {modality}; the model reads {}", modalities.join(", "));
        Err(Fault::new(ErrorCode::WrongModality, message))
    }

    /// Analyses a volume. `first` is the model that the manifest names in `crop.labelled_by`. Calls `progress` with what
    /// part is done, from 0 to 1.
    ///
    /// # Errors
    /// `PoorQuality` for an empty volume; `InferenceFailed` where the network needs more memory than it may hold or fails;
    /// `Internal` where the first model is not the one named.
    pub fn analyse(
        &self,
        first: Option<&Model>,
        volume: &Volume,
        means: Means,
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<Analysis, Fault> {
        let conformed = conform(volume)?;
        let wanted = self.manifest.crop.labelled_by.as_deref();
        let (mask, begin) = match (wanted, first) {
            (None, _) => (None, 0.0),
            (Some(name), Some(first)) if first.model().to_string() == name => {
                let labels = first.label(&conformed, None, means, &|part| progress(0.5 * part))?;
                (Some(labels), 0.5)
            }
            (Some(name), _) => {
                return Err(Fault::new(
                    ErrorCode::Internal,
                    format!("the model needs {name} to run before it"),
                ));
            }
        };
        let labels =
            self.label(&conformed, mask.as_deref(), means, &|part| progress(begin + (1.0 - begin) * part))?;
        let on_series = back(&labels, &conformed.grid, &volume.grid);
        let measured = self.measure(&on_series, &volume.grid);
        Ok(Analysis {
            labels: on_series,
            grid: volume.grid,
            measured,
            caveats: caveats(&conformed),
            conformed,
            conformed_labels: labels,
        })
    }

    /// The label of every voxel of a conformed volume.
    fn label(
        &self,
        conformed: &Conformed,
        mask: Option<&[u8]>,
        means: Means,
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        let input = normalised(&conformed.voxels, self.manifest.brightness);
        let mut labels = vec![0; conformed.voxels.len()];
        let Some(part) = Part::around(&input, mask, &self.manifest.crop) else { return Ok(labels) };
        let needed = self.network.bytes(part.size());
        if needed > means.memory {
            let message = format!(
                "the network needs {} MiB for this volume, more than volumes.memory_mib, which is {}",
                needed.div_ceil(1 << 20),
                means.memory >> 20
            );
            return Err(Fault::new(ErrorCode::InferenceFailed, message));
        }
        let planes = part.size().planes as f64;
        let found = self.network.segment(&part.cut(&input), part.size(), means.threads, &|plane| {
            progress(plane as f64 / planes);
        })?;
        part.paste(&found, &mut labels);
        Ok(labels)
    }

    fn measure(&self, labels: &[u8], grid: &Grid) -> Vec<Measured> {
        let mut counts = [0_u64; 256];
        labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
        let millilitres = grid.voxel_volume() / 1000.0;
        (1..=u8::MAX)
            .zip(&self.manifest.labels)
            .map(|(label, _)| {
                let voxels = counts[usize::from(label)];
                Measured { label, voxels, millilitres: voxels as f64 * millilitres }
            })
            .collect()
    }
}

/// What holds for every result of a volume, and what for this one.
fn caveats(conformed: &Conformed) -> Vec<Text> {
    let text = |zh: &str, en: &str| Text { zh: zh.to_owned(), en: en.to_owned() };
    let mut caveats = vec![text(
        "分割与体积的准确性尚未测定；未核对该序列是否为 T1 加权像、患者是否属于模型的训练人群。",
        "The accuracy of segmentation and volumes was not measured; whether the series is T1-weighted, and the patient like \
         those that the model was trained on, was not checked.",
    )];
    if conformed.cut {
        caveats.push(text(
            "该序列的范围超过 256 mm，其外侧部分未被分析。",
            "The series reaches beyond 256 mm; what lies outside was not analysed.",
        ));
    }
    caveats
}

/// The network's input.
fn normalised(voxels: &[u8], brightness: BrightnessFile) -> Vec<f32> {
    let mut counts = [0_usize; 256];
    voxels.iter().for_each(|value| counts[usize::from(*value)] += 1);
    // The value at that place among all values in order.
    let ranked = |place: usize| {
        let mut before = 0;
        counts.iter().position(|count| {
            before += count;
            before > place
        })
    };
    let last = voxels.len().saturating_sub(1);
    // Places as upstream's calculateQuantiles has them.
    let (low, high) = match brightness {
        BrightnessFile::MinMax => (0, last),
        BrightnessFile::Quantiles { low, high } => {
            let count = voxels.len() as f64;
            ((count * low).floor() as usize, ((count * high).ceil() as usize).saturating_sub(1))
        }
    };
    let (low, high) = (ranked(low).unwrap_or(0) as f32, ranked(high).unwrap_or(255) as f32);
    let range = if high > low { high - low } else { 1.0 };
    voxels.iter().map(|value| (f32::from(*value) - low) / range).collect()
}

/// A part of the conformed volume as the network sees it: planes from right to left, rows from head to feet, voxels from
/// back to front, for that is how the models were trained (brainchop's `enableTranspose`).
struct Part {
    /// First voxel and end along left, feet, front.
    box_: [(usize, usize); 3],
    margin: usize,
}

impl Part {
    /// The box around all voxels that count; `None` where none does.
    fn around(input: &[f32], mask: Option<&[u8]>, crop: &CropFile) -> Option<Self> {
        let strongest = input.iter().copied().fold(0.0, f32::max);
        let above = (crop.above * f64::from(strongest)) as f32;
        let mut found: Option<[(usize, usize); 3]> = None;
        for (number, value) in input.iter().enumerate() {
            let counts = match mask {
                Some(mask) => mask.get(number).is_some_and(|label| *label > 0),
                None => *value > above,
            };
            if !counts {
                continue;
            }
            let place = [number % SIDE, number / SIDE % SIDE, number / (SIDE * SIDE)];
            let mut wider = found.unwrap_or(place.map(|start| (start, start + 1)));
            for (edge, place) in wider.iter_mut().zip(place) {
                *edge = (edge.0.min(place), edge.1.max(place + 1));
            }
            found = Some(wider);
        }
        found.map(|box_| Self { box_, margin: crop.margin })
    }

    fn size(&self) -> Size {
        let [planes, rows, columns] = self.box_.map(|(start, end)| end - start + 2 * self.margin);
        Size { planes, rows, columns }
    }

    /// The place in the part of each voxel of the box, with its place in the volume.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let size = self.size();
        let [x, y, z] = self.box_.map(|(start, end)| start..end);
        x.flat_map(move |x| {
            let z = z.clone();
            y.clone().flat_map(move |y| {
                z.clone().map(move |z| {
                    let place = [(x, 0), (y, 1), (z, 2)]
                        .map(|(place, axis): (usize, usize)| place - self.box_[axis].0 + self.margin);
                    let here = (place[0] * size.rows + place[1]) * size.columns + place[2];
                    (here, (z * SIDE + y) * SIDE + x)
                })
            })
        })
    }

    fn cut(&self, input: &[f32]) -> Vec<f32> {
        let mut part = vec![0.0; self.size().voxels()];
        self.places().for_each(|(here, there)| part[here] = input[there]);
        part
    }

    fn paste(&self, part: &[u8], labels: &mut [u8]) {
        self.places().for_each(|(here, there)| labels[there] = part[here]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_is_as_upstream_has_it() {
        let voxels: Vec<u8> = (0..100).collect();
        let range = normalised(&voxels, BrightnessFile::MinMax);
        assert_eq!((range[0], range[99]), (0.0, 1.0));
        // floor(100 × 0.05) = 5 and ceil(100 × 0.95) − 1 = 94 are the places of 0 and 1.
        let quantiles = normalised(&voxels, BrightnessFile::Quantiles { low: 0.05, high: 0.95 });
        assert_eq!((quantiles[5], quantiles[94]), (0.0, 1.0));
        assert!(quantiles[0] < 0.0 && quantiles[99] > 1.0, "what lies beyond is not cut off");
        assert!(normalised(&[7; 10], BrightnessFile::MinMax).iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_part_is_cut_and_pasted_at_its_place() {
        let at = |x: usize, y: usize, z: usize| (z * SIDE + y) * SIDE + x;
        let mut input = vec![0.0; SIDE * SIDE * SIDE];
        input[at(10, 20, 30)] = 1.0;
        input[at(12, 25, 31)] = 0.5;
        input[at(200, 200, 200)] = 0.1;
        let crop = CropFile { above: 0.2, labelled_by: None, margin: 2 };
        let part = Part::around(&input, None, &crop).unwrap();
        assert_eq!(part.size(), Size { planes: 7, rows: 10, columns: 6 });
        let cut = part.cut(&input);
        assert_eq!(cut[(2 * 10 + 2) * 6 + 2], 1.0);
        assert_eq!(cut[(4 * 10 + 7) * 6 + 3], 0.5);
        assert_eq!(cut.iter().sum::<f32>(), 1.5);
        let mut labels = vec![0; input.len()];
        part.paste(&vec![9; part.size().voxels()], &mut labels);
        assert_eq!(labels.iter().filter(|label| **label == 9).count(), 3 * 6 * 2);
        assert_eq!((labels[at(12, 25, 31)], labels[at(13, 25, 31)]), (9, 0));

        let mut mask = vec![0; input.len()];
        assert!(Part::around(&input, Some(&mask), &crop).is_none());
        mask[at(200, 200, 200)] = 3;
        assert_eq!(
            Part::around(&input, Some(&mask), &crop).unwrap().size(),
            Size { planes: 5, rows: 5, columns: 5 }
        );
    }
}
