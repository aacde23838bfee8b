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
    include_str!("../../migrations/0011_hospital.sql"),
    include_str!("../../migrations/0012_matching.sql"),
    include_str!("../../migrations/0013_messages.sql"),
    include_str!("../../migrations/0014_changes.sql"),
    include_str!("../../migrations/0015_audit.sql"),
    include_str!("../../migrations/0016_fusion.sql"),
    include_str!("../../migrations/0017_subscriptions.sql"),
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
    fn deliveries_of_objects_survive_the_coming_of_messages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut connection = Connection::open(&path).unwrap();
        set_durable(&connection).unwrap();
        let messages = MIGRATIONS.iter().position(|sql| sql.contains("outgoing_message")).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..messages]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO study (id, uid, received_at, updated_at, lane) VALUES (1, '1.2', 1, 1, 0);
                 INSERT INTO series (id, study_id, uid) VALUES (1, 1, '1.3');
                 INSERT INTO instance (id, study_id, series_id, sop, sop_class, transfer_syntax, digest, spool_key, size,
                                       door, peer, accepted_at, lane, frames, rows, columns, burned_in_annotation)
                 VALUES (1, 1, 1, '1.4', '1.2', '1.2', zeroblob(32), 'k', 1, 'dimse', 'CR', 1, 0, 1, 1, 1, 0);
                 INSERT INTO report (id, instance_id, model_id, model_version, outcome, finished_at)
                 VALUES (1, 1, 'm', '1', 'analysed', 1);
                 INSERT INTO delivery (id, destination, report_id, ordinal, study_id, lane, sop_class, sop_instance,
                                       state, attempts, created_at, changed_at, next_attempt_at, status, comment)
                 VALUES (3, 'pacs', 1, 0, 1, 2, '1.5', '2.25.1', 'acknowledged', 2, 5, 6, NULL, 0, NULL),
                        (7, 'pacs', 1, 1, 1, 2, '1.5', '2.25.2', 'waiting', 3, 5, 7, 8, 42752, 'full'),
                        (9, 'cold', 1, 0, 1, 2, NULL, NULL, 'pending', 0, 5, 5, NULL, NULL, NULL);
                 INSERT INTO commitment (delivery_id, destination, sop_instance, transaction_uid, ask_at)
                 VALUES (3, 'pacs', '2.25.1', '2.25.9', 77);",
            )
            .unwrap();
        let rows = |connection: &Connection, sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let text = |row: &rusqlite::Row<'_>| {
                let cell =
                    |index| row.get::<_, rusqlite::types::Value>(index).map(|cell| format!("{cell:?}"));
                (0..columns).map(cell).collect::<rusqlite::Result<Vec<_>>>().map(|cells| cells.join(" "))
            };
            statement.query_map([], text).unwrap().map(Result::unwrap).collect()
        };
        let deliveries =
            "SELECT id, destination, report_id, ordinal, study_id, lane, sop_class, sop_instance, state,
                                 attempts, created_at, changed_at, next_attempt_at, status, comment
                            FROM delivery ORDER BY id";
        let commitments = "SELECT * FROM commitment";
        let before = [deliveries, commitments].map(|sql| rows(&connection, sql));
        migrate(&mut connection, &path, MIGRATIONS).unwrap();
        assert_eq!([deliveries, commitments].map(|sql| rows(&connection, sql)), before);
        assert_eq!(rows(&connection, "PRAGMA foreign_key_check"), Vec::<String>::new());
        assert_eq!(rows(&connection, "SELECT DISTINCT kind FROM delivery"), ["Text(\"object\")"]);
        for untrue in [
            "UPDATE delivery SET state = 'waiting', next_attempt_at = 1 WHERE id = 3",
            "UPDATE delivery SET state = 'acknowledged' WHERE id = 9",
            "DELETE FROM delivery WHERE id = 3",
            "INSERT INTO delivery (destination, kind, study_id, causes, lane, created_at, changed_at, state, message_id)
             VALUES ('his', 'message', 1, 'complete', 0, 1, 1, 'acknowledged', 'M')",
            "INSERT INTO delivery (destination, kind, study_id, causes, lane, created_at, changed_at, state, answer)
             VALUES ('his', 'message', 1, 'complete', 0, 1, 1, 'acknowledged', 'AA')",
            "INSERT INTO delivery (destination, kind, causes, lane, created_at, changed_at)
             VALUES ('his', 'message', 'complete', 0, 1, 1)",
        ] {
            connection.execute(untrue, []).expect_err(untrue);
        }
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
