//! Opening a connection with the settings that durability needs, and migrations.

use std::cmp::Ordering;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::OpenError;
use crate::durable::open_private;

/// In the order of their application; `user_version` counts those applied. Never edit one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_ledger.sql"),
    include_str!("../../migrations/0002_triage.sql"),
    include_str!("../../migrations/0003_outbox.sql"),
    include_str!("../../migrations/0004_completion.sql"),
    include_str!("../../migrations/0005_inquiries.sql"),
    include_str!("../../migrations/0006_reviews.sql"),
    include_str!("../../migrations/0007_results.sql"),
    include_str!("../../migrations/0008_commitment.sql"),
    include_str!("../../migrations/0009_gate.sql"),
    include_str!("../../migrations/0010_heat.sql"),
    include_str!("../../migrations/0016_fusion.sql"),
];

/// One writer per file is certain (the lock), so only a backup tool or an operator's shell can be in the way.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// After a checkpoint the write-ahead log is cut back to this.
const WAL_KEPT_BYTES: i64 = 64 << 20;

pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    // SQLite would make the file readable by everybody; the files beside it copy its mode.
    open_private(path).map_err(OpenError::path(path))?;
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(OpenError::database(path))?;
    let mode = set_durable(&connection).map_err(OpenError::database(path))?;
    if mode != "wal" {
        let refused = format!("the write-ahead log cannot be used there (journal mode '{mode}')");
        return Err(OpenError::database(path)(refused));
    }
    migrate(&mut connection, path, MIGRATIONS)?;
    Ok(connection)
}

/// Refuses a database of another version: nothing is brought up to date by reading.
pub(super) fn check_version(path: &Path) -> Result<(), OpenError> {
    let failed = || OpenError::database(path);
    let connection = open_reader(path)?;
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed())?;
    let (found, known) = (found as usize, MIGRATIONS.len());
    match found.cmp(&known) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(OpenError::NewerSchema { path: path.to_owned(), found, known }),
        Ordering::Less => {
            let older = "an older version of Baize wrote it: start the server once to bring it up to date";
            Err(OpenError::database(path)(older))
        }
    }
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(OpenError::database(path))
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Returns the journal mode in force.
fn set_durable(connection: &Connection) -> rusqlite::Result<String> {
    let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    // In WAL mode NORMAL syncs only at checkpoints: a power cut would take back commits that senders were told
    // of. FULL syncs the log at every COMMIT; the group commit makes that cheap.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))?;
    Ok(mode)
}

fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), OpenError> {
    let failed = || OpenError::database(path);
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed())?;
    let found = found as usize;
    if found > migrations.len() {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: migrations.len() });
    }
    for (index, sql) in migrations.iter().enumerate().skip(found) {
        let mut apply = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
            transaction.commit()
        };
        apply().map_err(failed())?;
        tracing::info!(version = index + 1, "ledger schema brought up to date");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(connection: &Connection, pragma: &str) -> i64 {
        connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
    }

    #[test]
    fn every_commit_is_synced_and_keys_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("ledger.db")).unwrap();
        assert_eq!(number(&connection, "synchronous"), 2, "2 is FULL");
        assert_eq!(number(&connection, "foreign_keys"), 1);
        assert_eq!(number(&connection, "user_version"), i64::try_from(MIGRATIONS.len()).unwrap());
    }

    #[test]
    fn migrations_run_once_and_in_order_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut connection = Connection::open(&path).unwrap();
        let first = "CREATE TABLE a (x INTEGER) STRICT;";
        let second = "INSERT INTO a VALUES (1); CREATE TABLE b (x INTEGER) STRICT;";
        migrate(&mut connection, &path, &[first]).unwrap();
        migrate(&mut connection, &path, &[first, second]).unwrap();
        migrate(&mut connection, &path, &[first, second]).unwrap();
        let rows: i64 = connection.query_row("SELECT COUNT(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);

        let broken = "INSERT INTO a VALUES (2); CREATE TABLE a (x INTEGER) STRICT;";
        migrate(&mut connection, &path, &[first, second, broken]).unwrap_err();
        let rows: i64 = connection.query_row("SELECT COUNT(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!((rows, number(&connection, "user_version")), (1, 2), "half a migration is none");
    }

    #[test]
    fn a_newer_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        open_writer(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = open_writer(&path).unwrap_err();
        assert!(
            matches!(error, OpenError::NewerSchema { found: 99, known, .. } if known == MIGRATIONS.len()),
            "{error}"
        );
    }
}
