//! The one thread that writes, with group commit.

use std::fmt;
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use baize_core::ports::JobId;
use baize_core::{ErrorCode, Fault};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::jobs;
use super::trouble::Trouble;
use crate::durable::ExclusiveLock;

/// How many requests share one transaction at most: enough to hide the fsync, few enough that the first does
/// not wait noticeably for the last.
const GROUP: usize = 128;

/// Jobs that were taken for a caller who went away before it had them.
pub(super) type Abandoned = Arc<Mutex<Vec<JobId>>>;

pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    abandoned: Abandoned,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Keeps the lock until the connection is closed.
    pub(super) fn start(
        connection: Connection,
        lock: ExclusiveLock,
        queue: NonZeroUsize,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(queue.get());
        let abandoned = Abandoned::default();
        let shared = Arc::clone(&abandoned);
        thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || serve(connection, lock, receiver, &shared))?;
        Ok(Self { queue: sender, abandoned })
    }

    pub(super) fn abandoned(&self) -> Abandoned {
        Arc::clone(&self.abandoned)
    }

    /// Answers after the COMMIT that holds the work. Work that fails is rolled back alone. Once queued, work is
    /// carried out even if the caller goes away.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        let gone = || Fault::new(ErrorCode::StorageFailed, "the ledger is closed");
        let (reply, answer) = oneshot::channel();
        let request = Message::Work(Box::new(Request::Waiting { work, reply }));
        self.queue.send(request).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) async fn close(&self) {
        let (closed, answer) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            // An error means that the thread is gone, which is what was asked for.
            let _ = answer.await;
        }
    }
}

enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// A request whose types are forgotten.
trait Work: Send {
    /// Carries it out inside a savepoint. `false`: it failed and the savepoint is to be rolled back.
    fn apply(&mut self, connection: &Connection) -> bool;

    /// Tells the caller how it went; `committed` is the fate of the whole transaction.
    fn answer(self: Box<Self>, committed: Result<(), Fault>);
}

enum Request<T, F> {
    Waiting { work: F, reply: oneshot::Sender<Result<T, Fault>> },
    Applied { result: Result<T, Fault>, reply: oneshot::Sender<Result<T, Fault>> },
    Moving,
}

impl<T, F> Work for Request<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Trouble> + Send,
{
    fn apply(&mut self, connection: &Connection) -> bool {
        let Self::Waiting { work, reply } = mem::replace(self, Self::Moving) else { return false };
        let result = work(connection).map_err(Fault::from);
        let done = result.is_ok();
        *self = Self::Applied { result, reply };
        done
    }

    fn answer(self: Box<Self>, committed: Result<(), Fault>) {
        let (result, reply) = match *self {
            Self::Waiting { reply, .. } => {
                let not_begun = || Fault::new(ErrorCode::StorageFailed, "the transaction was not begun");
                (Err(committed.err().unwrap_or_else(not_begun)), reply)
            }
            Self::Applied { result, reply } => (result.and_then(|value| committed.map(|()| value)), reply),
            Self::Moving => return,
        };
        // A caller that went away needs no answer.
        let _ = reply.send(result);
    }
}

fn serve(
    mut connection: Connection,
    lock: ExclusiveLock,
    mut queue: mpsc::Receiver<Message>,
    abandoned: &Abandoned,
) {
    let mut messages = Vec::with_capacity(GROUP);
    let mut closers = Vec::new();
    while queue.blocking_recv_many(&mut messages, GROUP) > 0 {
        let mut group = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Work(work) => group.push(work),
                Message::Close(closed) => {
                    // What waits already is still carried out; the loop ends when it is.
                    queue.close();
                    closers.push(closed);
                }
            }
        }
        serve_group(&mut connection, group, abandoned);
    }
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log was not folded in, the next start does it");
    }
    drop(connection);
    drop(lock);
    for closed in closers {
        let _ = closed.send(());
    }
}

fn serve_group(connection: &mut Connection, mut group: Vec<Box<dyn Work>>, abandoned: &Abandoned) {
    let given_back = mem::take(&mut *abandoned.lock().unwrap_or_else(PoisonError::into_inner));
    let committed = commit(connection, &mut group, &given_back).map_err(Fault::from);
    if committed.is_err() {
        abandoned.lock().unwrap_or_else(PoisonError::into_inner).extend(given_back);
    }
    for work in group {
        work.answer(committed.clone());
    }
}

fn commit(
    connection: &mut Connection,
    group: &mut [Box<dyn Work>],
    given_back: &[JobId],
) -> Result<(), Trouble> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in given_back {
        jobs::release(&transaction, *job)?;
    }
    for work in group {
        let mut savepoint = transaction.savepoint()?;
        if !work.apply(&savepoint) {
            // A full disk makes SQLite roll back the whole transaction; then this fails too, as it must.
            savepoint.rollback()?;
        }
        savepoint.commit()?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    type Answer = oneshot::Receiver<Result<(), Fault>>;

    fn insert(id: i64) -> (Box<dyn Work>, Answer) {
        let (reply, answer) = oneshot::channel();
        let work = move |db: &Connection| {
            db.execute("INSERT INTO t VALUES (-?1)", [id])?;
            db.execute("INSERT INTO t VALUES (?1)", [id])?;
            Ok(())
        };
        (Box::new(Request::Waiting { work, reply }), answer)
    }

    #[test]
    fn one_failing_request_does_not_take_its_group_along() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(&folder.path().join("x.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES (2)")
            .unwrap();
        let (group, mut answers): (Vec<_>, Vec<_>) = [1, 2, 3].map(insert).into_iter().unzip();
        serve_group(&mut connection, group, &Abandoned::default());
        let told: Vec<bool> = answers.iter_mut().map(|answer| answer.try_recv().unwrap().is_ok()).collect();
        assert_eq!(told, [true, false, true]);
        assert_eq!(count(&connection), 5, "the failed request left nothing, not even its first row");
    }

    #[test]
    fn nobody_is_told_of_success_when_the_commit_fails() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(&folder.path().join("x.db")).unwrap();
        // A deferred key is checked by COMMIT only.
        connection
            .execute_batch(
                "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT;
                 CREATE TABLE t (id INTEGER PRIMARY KEY REFERENCES p DEFERRABLE INITIALLY DEFERRED) STRICT;",
            )
            .unwrap();
        let (group, mut answers): (Vec<_>, Vec<_>) = [1, 2].map(insert).into_iter().unzip();
        let abandoned = Abandoned::default();
        abandoned.lock().unwrap().push(JobId(7));
        serve_group(&mut connection, group, &abandoned);
        for answer in &mut answers {
            assert_eq!(answer.try_recv().unwrap().unwrap_err().code, ErrorCode::StorageFailed);
        }
        assert_eq!(*abandoned.lock().unwrap(), [JobId(7)], "to be given back by the next transaction");
        assert!(connection.is_autocommit(), "the connection is ready for the next group");
        assert_eq!(count(&connection), 0);
    }
}
