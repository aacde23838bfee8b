//! How far what a model sees in an image is from all that it was trained and validated on.
//!
//! Beside a model's weights may lie [`FILE`]: mean and standard deviation of each of the network's pooled features over
//! images that the model knows. An image's distance is the root mean square of its features' standard scores, which is
//! Mahalanobis' distance (Lee et al. 2018) with a diagonal covariance, per feature. The gate looks at an image with
//! another network; this asks the model that reads it.

use std::fs;
use std::path::Path;

use baize_core::ModelRef;
use serde::{Deserialize, Serialize};

use crate::{Manifest, ModelError};

/// The file's name in a model's folder.
pub const FILE: &str = "familiarity.toml";
/// The part of the known images that is nearer than the limit before its margin.
const QUANTILE: f64 = 0.999;
/// How much farther than the known images an image may be: another site's are a little farther.
const MARGIN: f64 = 1.25;
/// A feature that varies less than this part of the mean deviation counts as varying so much: one that hardly moved must
/// not make strangers of all that move it.
const LEAST_DEVIATION: f64 = 0.1;
/// Fewer images tell no quantile.
const FEWEST: usize = 100;

/// What a model knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Familiarity {
    /// The model, as id and version.
    pub model: String,
    /// The checksum of the weights whose features these are.
    pub weights_sha256: String,
    /// How many images were looked at.
    pub images: usize,
    /// An image at a larger distance is unfamiliar.
    pub limit: f32,
    /// Of each pooled feature.
    pub mean: Vec<f32>,
    /// Of each pooled feature, above 0.
    pub deviation: Vec<f32>,
}

impl Familiarity {
    /// From the pooled features of images that a model knows, each as [`crate::Prediction::features`] has them.
    ///
    /// # Errors
    /// A sentence, where there are too few images or their features differ in number.
    pub fn learn(manifest: &Manifest, features: &[Vec<f32>]) -> Result<Self, String> {
        let width = features.first().map_or(0, Vec::len);
        if features.len() < FEWEST || width == 0 {
            return Err(format!("at least {FEWEST} images are needed; there are {}", features.len()));
        }
        if features.iter().any(|one| one.len() != width || one.iter().any(|value| !value.is_finite())) {
            return Err("the images' features differ in number or are no numbers".to_owned());
        }
        let count = features.len() as f64;
        let column = |place: usize| features.iter().map(move |one| f64::from(one[place]));
        let mean: Vec<f64> = (0..width).map(|place| column(place).sum::<f64>() / count).collect();
        let deviation: Vec<f64> = mean
            .iter()
            .enumerate()
            .map(|(place, mean)| {
                (column(place).map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
            })
            .collect();
        let least = (deviation.iter().sum::<f64>() / width as f64 * LEAST_DEVIATION)
            .max(f64::from(f32::MIN_POSITIVE));
        let mut known = Self {
            model: manifest.model().to_string(),
            weights_sha256: manifest.file().sha256.clone(),
            images: features.len(),
            limit: f32::MAX,
            mean: mean.into_iter().map(|value| value as f32).collect(),
            deviation: deviation.into_iter().map(|value| value.max(least) as f32).collect(),
        };
        let mut distances: Vec<f32> = features.iter().filter_map(|one| known.distance(one)).collect();
        distances.sort_by(f32::total_cmp);
        let place = (QUANTILE * (distances.len() - 1) as f64).round() as usize;
        let limit = f64::from(distances.get(place).copied().unwrap_or(0.0)) * MARGIN;
        // To a hundredth, in the direction that turns fewer away.
        known.limit = ((limit * 100.0).ceil() / 100.0) as f32;
        Ok(known)
    }

    /// How far an image is from what the model knows; `None` for features of another number.
    pub fn distance(&self, features: &[f32]) -> Option<f32> {
        let same = features.len() == self.mean.len() && !features.is_empty();
        let scores = features.iter().zip(&self.mean).zip(&self.deviation);
        let squares: f64 =
            scores.map(|((value, mean), deviation)| f64::from((value - mean) / deviation).powi(2)).sum();
        same.then(|| (squares / features.len() as f64).sqrt() as f32)
    }

    /// The distance, where it is beyond the limit. One that is no number is.
    pub fn beyond(&self, features: &[f32]) -> Option<f32> {
        self.distance(features).filter(|distance| distance.is_nan() || *distance > self.limit)
    }

    /// What lies beside a model's weights; `None` where nothing does.
    ///
    /// # Errors
    /// A file that can't be read, does not hold, or is of other weights.
    pub fn read(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, ModelError> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let fail = |problem: String| ModelError::Manifest { origin: path.display().to_string(), problem };
        let text =
            fs::read_to_string(&path).map_err(|source| ModelError::Io { path: path.clone(), source })?;
        let known: Self = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        known
            .problem(&manifest.model(), &manifest.file().sha256)
            .map_or(Ok(Some(known)), |text| Err(fail(text)))
    }

    /// What is wrong with the values, naming the key.
    fn problem(&self, model: &ModelRef, sha256: &str) -> Option<String> {
        if self.weights_sha256 != sha256 || self.model != model.to_string() {
            return Some(format!(
                "weights_sha256: the file belongs to {} with other weights; make it anew",
                self.model
            ));
        }
        let sound = |deviation: &f32| deviation.is_finite() && *deviation > 0.0;
        if self.mean.len() != self.deviation.len()
            || !self.mean.iter().all(|mean| mean.is_finite())
            || !self.deviation.iter().all(sound)
        {
            return Some(
                "mean and deviation: one number each for every feature, deviations above 0".to_owned(),
            );
        }
        (!(self.limit.is_finite() && self.limit > 0.0)).then(|| "limit: must be above 0".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::SOUND;

    fn manifest() -> Manifest {
        Manifest::parse(SOUND, "test").unwrap()
    }

    /// Features that vary around 1 and 10; the third never does.
    fn features() -> Vec<Vec<f32>> {
        let wave = |index: usize, step: usize| ((index * step % 201) as f32 - 100.0) / 100.0;
        (0..201).map(|index| vec![1.0 + wave(index, 1), 10.0 + 2.0 * wave(index, 7), 5.0]).collect()
    }

    #[test]
    fn what_was_seen_is_near_and_what_was_not_is_far() {
        let known = Familiarity::learn(&manifest(), &features()).unwrap();
        assert_eq!((known.images, known.mean.len()), (201, 3));
        assert!((known.mean[1] - 10.0).abs() < 1e-4 && known.deviation[2] > 0.0, "{known:?}");
        assert!(features().iter().all(|one| known.beyond(one).is_none()));
        // A standard deviation in each feature is a distance of 1.
        let one_off: Vec<f32> = known.mean.iter().zip(&known.deviation).map(|(mean, by)| mean + by).collect();
        assert!((known.distance(&one_off).unwrap() - 1.0).abs() < 1e-5);
        for far in [[9.0, 10.0, 5.0], [1.0, 10.0, f32::NAN], [1.0, -30.0, 5.0]] {
            assert!(known.beyond(&far).is_some(), "{far:?}");
        }
        assert_eq!(known.distance(&[1.0]), None);
        assert!(Familiarity::learn(&manifest(), &features()[..50]).is_err());
        let mut uneven = features();
        uneven[3].pop();
        assert!(Familiarity::learn(&manifest(), &uneven).is_err());
    }

    #[test]
    fn the_file_belongs_to_its_weights() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest();
        assert_eq!(Familiarity::read(folder.path(), &manifest).unwrap(), None);
        let known = Familiarity::learn(&manifest, &features()).unwrap();
        let write = |known: &Familiarity| {
            fs::write(folder.path().join(FILE), toml::to_string(known).unwrap()).unwrap();
        };
        write(&known);
        assert_eq!(Familiarity::read(folder.path(), &manifest).unwrap(), Some(known.clone()));
        for (key, broken) in [
            ("weights_sha256", Familiarity { weights_sha256: "1".repeat(64), ..known.clone() }),
            ("limit", Familiarity { limit: f32::NAN, ..known.clone() }),
            ("deviation", Familiarity { deviation: vec![0.0; 3], ..known.clone() }),
            ("mean", Familiarity { mean: vec![0.0; 2], ..known }),
        ] {
            write(&broken);
            let error = Familiarity::read(folder.path(), &manifest).unwrap_err().to_string();
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
