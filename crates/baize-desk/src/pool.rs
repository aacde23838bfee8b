//! Assessing takes processor time: a bounded number of threads do it, and a bounded number of callers wait for them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use baize_core::{ErrorCode, Fault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tracing::Span;

/// A desk that is full has places again soon: an assessment takes milliseconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Pool {
    places: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

/// A caller's place at the desk, held from the first look at a request to its answer.
pub(crate) struct Place(#[expect(dead_code, reason = "held, then dropped")] OwnedSemaphorePermit);

impl Pool {
    pub(crate) fn new(threads: NonZeroUsize, waiting: usize) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self { places: permits(threads.get().saturating_add(waiting)), threads: permits(threads.get()) }
    }

    /// Takes a place, or says at once that there is none.
    pub(crate) fn enter(&self) -> Result<Place, Fault> {
        let full = |_| {
            let text = "The triage desk has as many requests as it takes; send it again shortly.";
            Fault::new(ErrorCode::Saturated, text).retry_after(RETRY_AFTER)
        };
        Arc::clone(&self.places).try_acquire_owned().map(Place).map_err(full)
    }

    /// Does the work on a thread of the pool, in the caller's tracing span. Work of a caller that went away before a
    /// thread was free is not begun; work that has begun keeps its thread to the end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let lost = |text: &str| Fault::new(ErrorCode::Internal, text);
        let turn = Arc::clone(&self.threads).acquire_owned().await;
        let turn = turn.map_err(|_| lost("the triage pool is shut down"))?;
        let span = Span::current();
        let running = spawn_blocking(move || {
            let _turn = turn;
            span.in_scope(work)
        });
        // The panic's message is not repeated: it may quote what was sent.
        running.await.map_err(|_| {
            tracing::error!("an assessment failed unexpectedly");
            lost("this request could not be assessed; level the patient by hand")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(threads: usize, waiting: usize) -> Pool {
        Pool::new(NonZeroUsize::new(threads).unwrap(), waiting)
    }

    #[tokio::test]
    async fn places_are_counted_and_given_back() {
        let pool = pool(1, 1);
        let first = pool.enter().unwrap();
        let _second = pool.enter().unwrap();
        let full = pool.enter().err().unwrap();
        assert_eq!((full.code, full.retry_after), (ErrorCode::Saturated, Some(RETRY_AFTER)));
        drop(first);
        assert!(pool.enter().is_ok());
    }

    #[tokio::test]
    async fn work_of_a_caller_that_went_away_is_not_begun() {
        let pool = Arc::new(pool(1, 8));
        let (release, wait) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let busy = Arc::clone(&pool);
        let busy = tokio::spawn(async move {
            busy.run(move || {
                let _ = begun.send(());
                let _ = wait.recv();
            })
            .await
        });
        begins.await.unwrap();
        let (note, noted) = mpsc::channel();
        {
            let mut left = Box::pin(pool.run(move || note.send("begun")));
            tokio::select! {
                biased;
                _ = &mut left => panic!("there was no thread for it"),
                () = std::future::ready(()) => {}
            }
        }
        drop(release);
        busy.await.unwrap().unwrap();
        assert_eq!(pool.run(|| 7).await, Ok(7));
        assert_eq!(noted.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_pool_lives_on() {
        let pool = pool(1, 0);
        let broken = pool.run(|| -> u8 { panic!("bad luck") }).await;
        assert_eq!(broken.unwrap_err().code, ErrorCode::Internal);
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }
}
