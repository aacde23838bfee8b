//! Blocking work on a bounded number of threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use baize_core::{ErrorCode, Fault};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Lets at most so many pieces of blocking work run at once; the others wait their turn without a thread.
#[derive(Debug)]
pub(crate) struct BlockingPool(Arc<Semaphore>);

impl BlockingPool {
    pub(crate) fn new(parallel: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(parallel.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Runs the work to its end even if the caller goes away: a file half written helps nobody.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let gone = |_| Fault::new(ErrorCode::StorageFailed, "the storage pool is shut down");
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(gone)?;
        let running = spawn_blocking(move || {
            // Held by the work, not by the caller, so that a dropped future does not free the place early.
            let _permit = permit;
            work()
        });
        running.await.map_err(|error| {
            Fault::new(ErrorCode::StorageFailed, format!("storage work was lost: {error}"))
        })?
    }
}
