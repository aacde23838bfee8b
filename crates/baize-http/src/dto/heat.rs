//! Heat maps.

use baize_core::{Coded, HeatMap, InstanceIdentity, ModelRef};
use serde::Serialize;
use utoipa::ToSchema;

use super::ModelDto;
use super::finding::CodeDto;

/// How the evidence for a finding is spread over the image, in the grid of the model.
#[derive(Serialize, ToSchema)]
#[schema(as = HeatMap)]
pub(crate) struct HeatDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// SOP Instance UID.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: String,
    model: ModelDto,
    /// The finding that it is about.
    code: CodeDto,
    extent: ExtentDto,
    /// Rows of cells from the top, each from the left: 0 for none, 1 for the strongest evidence.
    #[schema(example = json!([[0.0, 0.25], [0.5, 1.0]]))]
    values: Vec<Vec<f32>>,
}

impl HeatDto {
    pub(crate) fn of(image: &InstanceIdentity, model: &ModelRef, code: &Coded, map: &HeatMap) -> Self {
        let extent = map.extent();
        Self {
            study: image.study.to_string(),
            sop: image.sop.to_string(),
            model: ModelDto::of(model),
            code: CodeDto::of(code),
            extent: ExtentDto {
                left: extent.left,
                top: extent.top,
                width: extent.width,
                height: extent.height,
            },
            values: map.values().chunks(map.columns()).map(<[f32]>::to_vec).collect(),
        }
    }
}

/// Where on the stored image the cells lie, in pixels from its top left corner. Reaches beyond the image where the
/// model was given padding.
#[derive(Serialize, ToSchema)]
#[schema(as = Extent)]
pub(crate) struct ExtentDto {
    #[schema(example = -256.0)]
    left: f64,
    #[schema(example = 0.0)]
    top: f64,
    #[schema(example = 2560.0)]
    width: f64,
    #[schema(example = 2560.0)]
    height: f64,
}
