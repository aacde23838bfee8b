//! What decides before a model does: the routing rules and the gate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use baize_core::{ErrorCode, Fault, GateLook, Text};
use baize_imaging::fit;
use baize_models::Manifest;
use baize_models::gate::{Gate, Look};
use baize_routing::Rules;
use ndarray::ArrayView2;

/// What looks at the pixels of an image before a model gets it.
pub trait Gatekeeper: Send + Sync {
    /// What the image `[rows, columns]`, 0 to 1, shows, and whether a model that reads the classes `wanted` may have it,
    /// with which caveats.
    ///
    /// # Errors
    /// The outer error where the gate could not look. The inner one, of class `Refused`, where the model may not have
    /// the image.
    fn look(
        &self,
        pixels: ArrayView2<'_, f32>,
        wanted: &[String],
    ) -> Result<(GateLook, Result<Vec<Text>, Fault>), Fault>;

    /// Whether the gate knows a class.
    fn knows(&self, class: &str) -> bool;
}

impl Gatekeeper for Gate {
    fn look(
        &self,
        pixels: ArrayView2<'_, f32>,
        wanted: &[String],
    ) -> Result<(GateLook, Result<Vec<Text>, Fault>), Fault> {
        let (height, width) = self.input_size();
        let look: Look = Gate::look(self, pixels, fit(pixels, height, width).pixels.view())?;
        Ok((self.record(&look), self.admit(&look, wanted)))
    }

    fn knows(&self, class: &str) -> bool {
        Gate::knows(self, class)
    }
}

/// What came of a look at an image for a model.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What the gate saw; `None` where none guards the model, or it could not look.
    pub look: Option<GateLook>,
    /// The caveats with which the model may have the image, or why it may not: refused, or the gate could not look.
    pub answer: Result<Vec<Text>, Fault>,
}

/// What decides before a model does.
#[derive(Clone)]
pub struct Guidance {
    /// Which models see which images, and how urgent they are.
    pub rules: Rules,
    /// What guards the models whose manifest names its content; `None` is for models that name none.
    pub gate: Option<Arc<dyn Gatekeeper>>,
}

impl Guidance {
    /// What is wrong with the guidance of these models, if anything, with the remedy.
    pub fn problem(&self, manifests: &[Manifest]) -> Option<String> {
        for manifest in manifests {
            for class in manifest.content() {
                let model = manifest.model();
                match &self.gate {
                    None => {
                        return Some(format!(
                            "the model {model} must not run without a gate, and none is installed: put one under \
                             gate/ beside the models"
                        ));
                    }
                    Some(gate) if !gate.knows(class) => {
                        return Some(format!(
                            "the manifest of {model} names accepts.content \"{class}\", which the gate doesn't know"
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        let models = |some: &dyn Fn(&&Manifest) -> bool| -> Vec<_> {
            manifests.iter().filter(some).map(Manifest::model).collect()
        };
        let guarded = models(&|manifest| !manifest.content().is_empty());
        self.rules.check(&models(&|_| true), &guarded).err().map(|error| error.to_string())
    }

    /// Looks at an image for a model. A gate that can't look lets nothing pass.
    pub fn look(&self, manifest: &Manifest, pixels: ArrayView2<'_, f32>) -> Verdict {
        let wanted = manifest.content();
        if wanted.is_empty() {
            return Verdict { look: None, answer: Ok(Vec::new()) };
        }
        let failed = |message: &str| Verdict {
            look: None,
            answer: Err(Fault::new(ErrorCode::InferenceFailed, message)),
        };
        let Some(gate) = &self.gate else { return failed("the gate is not installed any more") };
        match catch_unwind(AssertUnwindSafe(|| gate.look(pixels, wanted))) {
            Ok(Ok((look, answer))) => Verdict { look: Some(look), answer },
            Ok(Err(fault)) => failed(&format!("the gate could not look at this image: {}", fault.message)),
            Err(_) => failed("the gate ended unexpectedly on this image"),
        }
    }
}
