//! Query strings. Unknown names are refused: a mistyped `lane` must not silently become routine.

use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LaneQuery {
    /// How urgent the work is: `stat`, `urgent` or `routine`. Routine where absent. What is already waiting is
    /// never made less urgent.
    #[param(example = "routine", pattern = "^(stat|urgent|routine)$")]
    pub(crate) lane: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StudiesQuery {
    /// How many studies, 1 to 500; 50 where absent.
    #[param(example = 50, minimum = 1, maximum = 500)]
    pub(crate) limit: Option<usize>,
    /// Only studies older than this time (RFC 3339): the `next_before` of the page before.
    #[param(example = "2026-03-01T08:30:00.000250Z")]
    pub(crate) before: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverlayQuery {
    /// Whose picture: a model's id, or id and version with `@` between. May be left out where only one model has
    /// analysed the image.
    #[param(example = "cxr-pneumonia-paed@0.1.0")]
    pub(crate) model: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeatQuery {
    /// Whose heat map: a model's id, or id and version with `@` between. May be left out where only one model has
    /// analysed the image.
    #[param(example = "cxr-pneumonia-paed@0.1.0")]
    pub(crate) model: Option<String>,
    /// Of which finding: coding scheme and code with `:` between. May be left out where only one finding has a map.
    #[param(example = "SCT:233604007")]
    pub(crate) code: Option<String>,
}
