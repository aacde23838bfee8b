//! The reading side: a few connections, each used by one caller at a time.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use baize_core::{ErrorCode, Fault};
use rusqlite::{Connection, Transaction};

use super::schema;
use super::trouble::Trouble;
use crate::OpenError;
use crate::blocking::BlockingPool;

#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    pool: BlockingPool,
}

impl Readers {
    pub(super) fn open(path: &Path, count: NonZeroUsize) -> Result<Self, OpenError> {
        let connections = (0..count.get()).map(|_| schema::open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(connections)), pool: BlockingPool::new(count) })
    }

    /// Everything that one query function reads belongs to the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        let idle = Arc::clone(&self.idle);
        self.pool
            .run(move || {
                // The pool admits as many callers as there are connections.
                let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(mut connection) = taken else {
                    return Err(Fault::new(ErrorCode::StorageFailed, "a reading connection was lost"));
                };
                let answer = snapshot(&mut connection, query);
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Ok(answer?)
            })
            .await
    }
}

fn snapshot<T>(
    connection: &mut Connection,
    query: impl FnOnce(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let transaction: Transaction<'_> = connection.transaction()?;
    query(&transaction)
}
