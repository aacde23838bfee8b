//! Health and version.

use baize_core::ModelRef;
use baize_core::ports::Health;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::BuildInfo;

/// The process answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Live)]
pub(crate) struct LiveDto {
    #[schema(example = true)]
    pub(crate) live: bool,
}

/// Whether new work is taken.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub(crate) struct ReadyDto {
    #[schema(example = true)]
    ready: bool,
    /// Why not; empty when ready.
    #[schema(example = json!([]))]
    reasons: Vec<String>,
    /// What a person should look after although new work is taken; empty where all is well.
    #[schema(example = json!(["12 results wait for destination pacs, the oldest for 75 minutes"]))]
    warnings: Vec<String>,
    /// What computes.
    #[schema(example = "cpu (burn-flex)")]
    device: String,
    models: Vec<ModelDto>,
}

impl ReadyDto {
    pub(crate) fn of(health: Health) -> Self {
        Self {
            ready: health.ready,
            reasons: health.reasons,
            warnings: health.warnings,
            device: health.device,
            models: health.models.iter().map(ModelDto::of).collect(),
        }
    }
}

/// A model and the version of its weights.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelDto {
    #[schema(example = "cxr-pneumonia-paed")]
    pub(super) id: String,
    #[schema(example = "0.1.0")]
    pub(super) version: String,
}

impl ModelDto {
    pub(crate) fn of(model: &ModelRef) -> Self {
        Self { id: model.id.clone(), version: model.version.clone() }
    }

    pub(crate) fn model(self) -> ModelRef {
        ModelRef { id: self.id, version: self.version }
    }
}

/// What was built.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionDto {
    #[schema(example = "baize")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: String,
    /// The commit; null where it was not known at build time.
    #[schema(example = "15fb452")]
    git_sha: Option<String>,
    #[schema(example = "release, cpu")]
    build: String,
}

impl VersionDto {
    pub(crate) fn of(build: &BuildInfo) -> Self {
        Self {
            name: "baize",
            version: build.version.clone(),
            git_sha: build.git_sha.clone(),
            build: build.build.clone(),
        }
    }
}
