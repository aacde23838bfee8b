//! First weights.

use std::sync::{Mutex, PoisonError};

use burn::module::Module;
use burn::tensor::Device;

/// Held while weights are drawn: Burn draws from one generator per process, and two runs at once must not share its
/// numbers.
static DRAWING: Mutex<()> = Mutex::new(());

/// What `init` makes, its weights drawn now and with this seed.
pub(crate) fn drawn<M: Module>(seed: u64, device: &Device, init: impl FnOnce() -> M) -> M {
    let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    init().materialize()
}

/// Held by a test while it trains: generator and autodiff of Burn are one per process, and tests run beside each other.
#[cfg(test)]
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static TRAINING: Mutex<()> = Mutex::new(());
    TRAINING.lock().unwrap_or_else(PoisonError::into_inner)
}
