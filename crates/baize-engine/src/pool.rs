//! The threads that decode and draw.

use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{cmp, io};

use baize_core::{ErrorCode, Fault, Lane, Timestamp};
use tokio::sync::oneshot;
use tracing::{Span, error};

/// Which task runs first: STAT before all else, then the earliest deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority {
    not_stat: bool,
    deadline: Timestamp,
}

impl Priority {
    pub(crate) fn new(lane: Lane, deadline: Timestamp) -> Self {
        Self { not_stat: lane != Lane::Stat, deadline }
    }
}

struct Task {
    priority: Priority,
    sequence: u64,
    work: Box<dyn FnOnce() + Send>,
}

impl Task {
    fn key(&self) -> cmp::Reverse<(Priority, u64)> {
        cmp::Reverse((self.priority, self.sequence))
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Task {}

impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Task {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

struct State {
    tasks: BinaryHeap<Task>,
    next_sequence: u64,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which tasks a thread takes.
#[derive(Clone, Copy)]
enum Takes {
    Everything,
    OnlyStat,
}

/// A bounded pool of threads, one of which only takes STAT tasks.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `threads` threads for all lanes and one for STAT. At most `capacity` tasks wait at a time.
    pub(crate) fn start(threads: usize, capacity: usize) -> io::Result<Self> {
        let state = State { tasks: BinaryHeap::new(), next_sequence: 0, closed: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), capacity });
        let general = (0..threads).map(|number| (format!("baize-cpu-{number}"), Takes::Everything));
        let reserved = [("baize-cpu-stat".to_owned(), Takes::OnlyStat)];
        let threads = general
            .chain(reserved)
            .map(|(name, takes)| {
                let shared = Arc::clone(&shared);
                Builder::new().name(name).spawn(move || serve(&shared, takes))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Runs `work` on the pool, in the caller's tracing span. If the returned future is dropped before a thread
    /// takes the task, it is not run at all.
    ///
    /// # Errors
    /// `Saturated` when too many tasks wait, `Draining` when the pool is closed, `Internal` when the work
    /// panics, and what the work itself returns.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (sender, receiver) = oneshot::channel();
        let span = Span::current();
        let task = move || {
            if sender.is_closed() {
                return;
            }
            let result = span.in_scope(|| {
                catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                    error!("a processing stage panicked");
                    Err(Fault::new(
                        ErrorCode::Internal,
                        "a processing stage failed unexpectedly on this object",
                    ))
                })
            });
            // The caller may have left meanwhile.
            let _ = sender.send(result);
        };
        self.submit(priority, Box::new(task))?;
        receiver.await.unwrap_or_else(|_| Err(stopping()))
    }

    fn submit(&self, priority: Priority, work: Box<dyn FnOnce() + Send>) -> Result<(), Fault> {
        let mut state = self.shared.state();
        if state.closed {
            return Err(stopping());
        }
        if state.tasks.len() >= self.shared.capacity {
            return Err(Fault::new(
                ErrorCode::Saturated,
                "too many objects wait to be decoded; try again later",
            ));
        }
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        state.tasks.push(Task { priority, sequence, work });
        drop(state);
        // The one that is woken may be the wrong one for the task, so wake all; they are few.
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Tells the threads to end once their present tasks are done; tasks that wait are dropped.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.shared.state();
            state.closed = true;
            std::mem::take(&mut state.tasks)
        };
        // Dropping a task may run its caller's code, so not under the lock.
        drop(dropped);
        self.shared.changed.notify_all();
    }

    /// Waits for the threads of a closed pool. Blocks.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A task's panic is caught, so a thread ends by returning.
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

fn stopping() -> Fault {
    Fault::new(ErrorCode::Draining, "the server is shutting down")
}

fn serve(shared: &Shared, takes: Takes) {
    loop {
        let task = {
            let mut state = shared.state();
            loop {
                if state.closed {
                    return;
                }
                let next = state.tasks.peek().is_some_and(|task| match takes {
                    Takes::Everything => true,
                    Takes::OnlyStat => !task.priority.not_stat,
                });
                if next {
                    break state.tasks.pop();
                }
                state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        if let Some(task) = task {
            (task.work)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn priority(lane: Lane, deadline: u64) -> Priority {
        Priority::new(lane, Timestamp::from_micros(deadline))
    }

    /// Occupies the pool's general thread until the returned sender is used or dropped.
    async fn occupy(pool: &Arc<Pool>) -> mpsc::Sender<()> {
        let (release, wait) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let busy = Arc::clone(pool);
        tokio::spawn(async move {
            let work = move || {
                let _ = begun.send(());
                let _ = wait.recv();
                Ok(())
            };
            busy.run(priority(Lane::Routine, 0), work).await
        });
        begins.await.unwrap();
        release
    }

    #[tokio::test]
    async fn stat_work_runs_while_routine_work_holds_every_general_thread() {
        let pool = Arc::new(Pool::start(1, 16).unwrap());
        let release = occupy(&pool).await;
        assert_eq!(pool.run(priority(Lane::Stat, 5), || Ok(7)).await, Ok(7));
        drop(release);
        pool.close();
        tokio::task::spawn_blocking(move || pool.join()).await.unwrap();
    }

    #[tokio::test]
    async fn tasks_run_by_deadline_and_a_dropped_one_never() {
        let pool = Arc::new(Pool::start(1, 16).unwrap());
        let release = occupy(&pool).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |deadline: u64| {
            let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
            Box::pin(async move {
                let work = move || {
                    order.lock().unwrap().push(deadline);
                    Ok(())
                };
                pool.run(priority(Lane::Routine, deadline), work).await
            })
        };
        let (mut late, mut dropped, mut early) = (note(30), note(10), note(20));
        for task in [&mut late, &mut dropped, &mut early] {
            assert!(futures_util::poll!(task).is_pending());
        }
        drop(dropped);
        drop(release);
        assert_eq!((late.await, early.await), (Ok(()), Ok(())));
        assert_eq!(*order.lock().unwrap(), [20, 30]);
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_thread_lives_on() {
        let pool = Pool::start(1, 16).unwrap();
        let broken = pool.run::<()>(priority(Lane::Routine, 0), || panic!("bad luck")).await;
        assert_eq!(broken.unwrap_err().code, ErrorCode::Internal);
        assert_eq!(pool.run(priority(Lane::Routine, 0), || Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_full_pool_says_so() {
        let pool = Arc::new(Pool::start(1, 1).unwrap());
        let _release = occupy(&pool).await;
        let mut waits = Box::pin(pool.run(priority(Lane::Routine, 0), || Ok(())));
        assert!(futures_util::poll!(&mut waits).is_pending());
        let refused = pool.run(priority(Lane::Routine, 0), || Ok(())).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::Saturated);
    }
}
