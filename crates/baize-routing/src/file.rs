//! The file as it is written. Unknown keys are refused: a misspelt condition must not silently hold for every image.

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesFile {
    #[serde(default)]
    pub(crate) route: Vec<Spanned<RouteFile>>,
    #[serde(default)]
    pub(crate) urgency: Vec<Spanned<UrgencyFile>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteFile {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) when: WhenFile,
    /// Absent: every model whose manifest accepts the image. Empty: none.
    pub(crate) models: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) body_part_from: BodyPartFromFile,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UrgencyFile {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) when: WhenFile,
    pub(crate) lane: String,
}

/// All that are given must hold; of a list, one value must fit.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhenFile {
    pub(crate) modality: Option<Vec<String>>,
    pub(crate) body_part: Option<Vec<String>>,
    pub(crate) view: Option<Vec<String>>,
    pub(crate) station: Option<Vec<String>>,
    pub(crate) calling_ae: Option<Vec<String>>,
    pub(crate) client: Option<Vec<String>>,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyPartFromFile {
    #[default]
    Header,
    Pixels,
}
