//! The SQLite ledger: the conformance suite, and what only a file can get wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use baize_core::ErrorCode;
use baize_core::ports::{Admission, Ledger, Reviewed, Reviews, Spool, Studies, TriageRecords};
use baize_store::{LedgerReader, OpenError, SqliteLedger};
use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::conformance::{conformance, review};
use crate::fixtures::{
    admission, analysed, open_ledger, open_spool, report, study, triage_entry, try_open_ledger, visit,
};

fn fresh() -> (TempDir, Arc<SqliteLedger>) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    (folder, Arc::new(ledger))
}

conformance!(fresh);

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.admit(admission(1, 1)).await.unwrap();
    ledger.admit(admission(1, 2)).await.unwrap();
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    ledger.finish(job.id, report(&job, analysed())).await.unwrap();
    ledger.take_jobs(1).await.unwrap();
    let (studies, instances) =
        (ledger.list(None, 9).await.unwrap(), ledger.instances(&study(1)).await.unwrap());
    ledger.close().await;

    let reopened = open_ledger(folder.path());
    assert_eq!(reopened.list(None, 9).await.unwrap(), studies);
    assert_eq!(reopened.instances(&study(1)).await.unwrap(), instances);
    assert_eq!(reopened.take_jobs(9).await.unwrap(), [], "begun before, not yet reopened");
    assert_eq!(reopened.reopen_interrupted().await.unwrap(), 1);
    assert_eq!(reopened.take_jobs(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_user_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    let error = try_open_ledger(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains("held by another process"), "{error}");
    ledger.close().await;
    open_ledger(folder.path());
}

#[tokio::test]
async fn a_closed_ledger_refuses_to_write() {
    let (_guard, ledger) = fresh();
    ledger.close().await;
    ledger.close().await;
    assert_eq!(ledger.admit(admission(1, 1)).await.unwrap_err().code, ErrorCode::StorageFailed);
}

#[tokio::test]
async fn jobs_taken_for_a_caller_that_went_away_are_handed_out_again() {
    let (_guard, ledger) = fresh();
    ledger.admit(admission(1, 1)).await.unwrap();
    tokio::select! {
        biased;
        _ = ledger.take_jobs(5) => panic!("answered before the writer could have run"),
        () = std::future::ready(()) => {}
    }
    let mut jobs = ledger.take_jobs(5).await.unwrap();
    if jobs.is_empty() {
        // Both went into one transaction; the next one gives back.
        jobs = ledger.take_jobs(5).await.unwrap();
    }
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].attempts, 0, "nobody attempted it");
}

#[tokio::test]
async fn pixels_never_enter_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    let spool = open_spool(folder.path(), u64::MAX);
    let mark = b"PIXELPIXELPIXEL!";
    let object = Bytes::from(mark.repeat(16 * 1024));
    for number in 0..20 {
        let offered = admission(1, number);
        let spool_key = spool.put(&offered.identity, &offered.digest, object.clone()).await.unwrap();
        ledger.admit(Admission { spool_key, size: object.len() as u64, ..offered }).await.unwrap();
    }
    let mut total = 0;
    for file in fs::read_dir(folder.path().join("data")).unwrap() {
        let file = file.unwrap();
        let bytes = fs::read(file.path()).unwrap();
        assert!(
            !bytes.windows(mark.len()).any(|window| window == mark),
            "{:?} holds pixels",
            file.file_name()
        );
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?} is private",
            file.file_name()
        );
        total += bytes.len();
    }
    assert!(total < 2_600_000, "{total} bytes for 20 images of 256 KiB");
}

#[tokio::test]
async fn the_triage_record_survives_a_restart_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(triage_entry(1, 1)).await.unwrap();
    ledger.append(triage_entry(1, 2)).await.unwrap();
    ledger.close().await;

    let reopened = open_ledger(folder.path());
    assert_eq!(reopened.history(&visit(1)).await.unwrap(), [triage_entry(1, 1), triage_entry(1, 2)]);
    reopened.append(triage_entry(1, 3)).await.unwrap();
    assert_eq!(reopened.history(&visit(1)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn even_an_operators_shell_changes_no_triage_record() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(triage_entry(1, 1)).await.unwrap();
    ledger.append(triage_entry(1, 2)).await.unwrap();
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    let copy = "SELECT visit, %, step, at, 'forger', sent, known, assessment, 4, 5, encounter, model_id, \
                model_version FROM triage_entry WHERE sequence = 2";
    for forgery in [
        "UPDATE triage_entry SET level_cn = 4".to_owned(),
        "UPDATE triage_entry SET actor = 'forger' WHERE sequence = 2".to_owned(),
        "DELETE FROM triage_entry".to_owned(),
        format!("REPLACE INTO triage_entry {}", copy.replace('%', "2")),
        format!("INSERT INTO triage_entry {}", copy.replace('%', "2")),
        format!("INSERT INTO triage_entry {}", copy.replace('%', "9")),
    ] {
        let refusal = shell.execute(&forgery, []).unwrap_err().to_string();
        assert!(refusal.contains("append-only") || refusal.contains("follow"), "{forgery}: {refusal}");
    }
    assert_eq!(
        shell.execute(&format!("INSERT INTO triage_entry {}", copy.replace('%', "3")), []).unwrap(),
        1
    );
    let history = ledger.history(&visit(1)).await.unwrap();
    assert_eq!(history[..2], [triage_entry(1, 1), triage_entry(1, 2)]);
}

#[tokio::test]
async fn even_an_operators_shell_changes_no_review() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.admit(admission(1, 1)).await.unwrap();
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    ledger.finish(job.id, report(&job, analysed())).await.unwrap();
    let Reviewed::Kept(kept) = ledger.review(review(1)).await.unwrap() else { panic!("not kept") };
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    shell.pragma_update(None, "foreign_keys", true).unwrap();
    let copy =
        "SELECT instance_id, model_id, model_version, %, 'confirmed', 0, NULL, 1, 'forger', at FROM review";
    let opinion =
        "SELECT instance_id, model_id, model_version, sequence, %, scheme, code, 'agree' FROM review_finding
                    WHERE ordinal = 0";
    for forgery in [
        "UPDATE review SET verdict = 'confirmed'".to_owned(),
        "DELETE FROM review".to_owned(),
        format!("REPLACE INTO review {}", copy.replace('%', "1")),
        format!("INSERT INTO review {}", copy.replace('%', "3")),
        "UPDATE review_finding SET opinion = 'agree'".to_owned(),
        "DELETE FROM review_finding".to_owned(),
        format!("REPLACE INTO review_finding {}", opinion.replace('%', "0")),
        format!("INSERT INTO review_finding {}", opinion.replace('%', "2")),
    ] {
        let refusal = shell.execute(&forgery, []).unwrap_err().to_string();
        assert!(refusal.contains("append-only") || refusal.contains("follow"), "{forgery}: {refusal}");
    }
    assert_eq!(ledger.reviews(&study(1)).await.unwrap(), [kept]);
}

#[tokio::test]
async fn a_reader_sees_what_the_server_writes_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/ledger.db");
    LedgerReader::open(&path).expect_err("there is none yet");
    let ledger = open_ledger(folder.path());
    let reader = LedgerReader::open(&path).unwrap();
    assert_eq!(reader.reviewed_studies(None).await.unwrap(), []);
    ledger.admit(admission(1, 1)).await.unwrap();
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    ledger.finish(job.id, report(&job, analysed())).await.unwrap();
    ledger.review(review(1)).await.unwrap();
    assert_eq!(reader.reviewed_studies(None).await.unwrap(), [study(1)]);
    assert_eq!(reader.reviews(&study(1)).await.unwrap(), ledger.reviews(&study(1)).await.unwrap());
    assert_eq!(reader.instances(&study(1)).await.unwrap(), ledger.instances(&study(1)).await.unwrap());
    ledger.close().await;
    let alone = LedgerReader::open(&path).unwrap();
    assert_eq!(alone.reviews(&study(1)).await.unwrap().len(), 1, "also after the server has ended");

    let shell = Connection::open(&path).unwrap();
    shell.pragma_update(None, "user_version", 1).unwrap();
    let error = LedgerReader::open(&path).unwrap_err().to_string();
    assert!(error.contains("start the server once"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/ledger.db"), "no database ".repeat(100)).unwrap();
    let error = try_open_ledger(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Database { .. }));
    assert!(error.to_string().contains("ledger.db"), "{error}");
}
