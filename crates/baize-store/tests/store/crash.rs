//! `kill -9` at random moments: what was acknowledged is there, once, and nothing is half there.
//!
//! The child is this test binary again, running [`child`] only; it prints a line per acknowledged step. A kill
//! does not lose the system's page cache, so this proves order and atomicity; that every COMMIT is synced is
//! the settings' test in the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use baize_core::ports::{Admission, Ledger, Spool, SpoolKey};
use baize_core::{InstanceIdentity, SopUid, StudyUid};
use baize_store::{FolderSpool, OpenError, SqliteLedger};
use bytes::Bytes;
use rusqlite::Connection;

use crate::fixtures::{admission, analysed, open_ledger, open_spool, report, try_open_ledger};

const FOLDER: &str = "BAIZE_STORE_CRASH_FOLDER";
const ROUND: &str = "BAIZE_STORE_CRASH_ROUND";
const ROUNDS: u64 = 24;
const SENDERS: u32 = 4;

/// What the object of a SOP Instance holds, so that any reader can tell whether it is whole.
fn object_of(sop: &str) -> Bytes {
    Bytes::from(sop.repeat(400))
}

fn identity_of(round: &str, sender: u32, number: u32) -> InstanceIdentity {
    InstanceIdentity {
        study: StudyUid::parse(&format!("1.{round}.{sender}.{}", number / 4)).unwrap(),
        sop: SopUid::parse(&format!("2.{round}.{sender}.{number}")).unwrap(),
        ..admission(1, 1).identity
    }
}

async fn send(spool: &FolderSpool, ledger: &SqliteLedger, round: &str, sender: u32) {
    for number in 0..100_000 {
        let identity = identity_of(round, sender, number);
        let object = object_of(identity.sop.as_str());
        let offered = admission(1, 1);
        let spool_key = spool.put(&identity, &offered.digest, object).await.unwrap();
        ledger.admit(Admission { identity: identity.clone(), spool_key, ..offered }).await.unwrap();
        println!("admitted {}", identity.sop);
    }
}

async fn work(spool: &FolderSpool, ledger: &SqliteLedger) {
    for turn in 0..100_000 {
        let jobs = ledger.take_jobs(3).await.unwrap();
        if jobs.is_empty() {
            tokio::task::yield_now().await;
        }
        for job in jobs {
            if turn % 7 == 0 {
                ledger.release(job.id).await.unwrap();
                continue;
            }
            let png = Bytes::from_static(b"picture");
            spool.put_overlay(&job.identity.study, &job.identity.sop, &job.model, png).await.unwrap();
            ledger.finish(job.id, report(&job, analysed())).await.unwrap();
            println!("finished {}", job.identity.sop);
        }
    }
}

/// Not a test by itself: does nothing unless started by the test below.
#[test]
fn child() {
    let (Ok(folder), Ok(round)) = (env::var(FOLDER), env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let ledger = Arc::new(open_ledger(Path::new(&folder)));
        let spool = Arc::new(open_spool(Path::new(&folder), u64::MAX));
        ledger.reopen_interrupted().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            let (spool, ledger, round) = (Arc::clone(&spool), Arc::clone(&ledger), round.clone());
            tasks.spawn(async move { send(&spool, &ledger, &round, sender).await });
        }
        tasks.spawn(async move { work(&spool, &ledger).await });
        tasks.join_next().await.unwrap().unwrap();
    });
}

#[derive(Default)]
struct Acknowledged {
    admitted: BTreeSet<String>,
    finished: BTreeSet<String>,
}

impl Acknowledged {
    /// A line that the kill cut short was not acknowledged.
    fn note(&mut self, line: &str) -> bool {
        let Some(line) = line.strip_suffix('\n') else { return false };
        match line.split_once(' ') {
            Some(("admitted", sop)) => self.admitted.insert(sop.to_owned()),
            Some(("finished", sop)) => self.finished.insert(sop.to_owned()),
            _ => false,
        }
    }
}

/// Runs a child, kills it after `lines` acknowledged steps and `delay`, and notes all that it acknowledged.
fn run_and_kill(folder: &Path, round: u64, lines: u64, delay: Duration, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut seen = 0;
    let mut line = String::new();
    while seen < lines {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended by itself");
        seen += u64::from(acknowledged.note(&line));
    }
    assert!(matches!(try_open_ledger(folder), Err(OpenError::InUse { .. })), "another process has it");
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    line.clear();
    while output.read_line(&mut line).unwrap() > 0 {
        acknowledged.note(&line);
        line.clear();
    }
}

struct Row {
    spool_key: SpoolKey,
    pending: u64,
    reports: u64,
}

/// Every image of the database by its SOP Instance UID, after SQLite's own checks.
fn rows(folder: &Path) -> BTreeMap<String, Row> {
    let database = Connection::open(folder.join("data/ledger.db")).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    let mut query = database
        .prepare(
            "SELECT sop, spool_key, (SELECT COUNT(*) FROM job WHERE instance_id = instance.id AND state <> 'done'),
                    (SELECT COUNT(*) FROM report WHERE instance_id = instance.id) FROM instance",
        )
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let (pending, reports): (u32, u32) = (row.get(2)?, row.get(3)?);
        let kept = Row { spool_key: SpoolKey(row.get(1)?), pending: pending.into(), reports: reports.into() };
        Ok((row.get(0)?, kept))
    };
    query.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn verify(folder: &Path, acknowledged: &Acknowledged) {
    let rows = rows(folder);
    let spool = open_spool(folder, u64::MAX);
    for (sop, row) in &rows {
        assert_eq!(row.pending + row.reports, 1, "{sop} is waiting or done, not both, not neither");
        assert_eq!(spool.get(&row.spool_key).await.unwrap(), object_of(sop), "{sop} is whole");
    }
    for sop in &acknowledged.admitted {
        assert!(rows.contains_key(sop), "{sop} was acknowledged and is lost");
    }
    for sop in &acknowledged.finished {
        assert_eq!(rows[sop].reports, 1, "the result of {sop} was acknowledged and is lost");
    }
}

async fn finish_everything(folder: &Path) {
    let ledger = open_ledger(folder);
    ledger.reopen_interrupted().await.unwrap();
    loop {
        let jobs = ledger.take_jobs(500).await.unwrap();
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            assert!(ledger.finish(job.id, report(&job, analysed())).await.unwrap());
            assert!(!ledger.finish(job.id, report(&job, analysed())).await.unwrap());
        }
    }
    ledger.close().await;
}

#[test]
fn what_was_acknowledged_survives_kill_9_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut acknowledged = Acknowledged::default();
    // Spread, not random: the moment of the kill within a commit is random by itself.
    for round in 0..ROUNDS {
        let lines = 1 + (round * 13) % 47;
        let delay = Duration::from_micros((round * 577) % 3_000);
        run_and_kill(folder.path(), round, lines, delay, &mut acknowledged);
        runtime.block_on(verify(folder.path(), &acknowledged));
    }
    assert!(acknowledged.finished.len() > 20, "the children did work");
    runtime.block_on(finish_everything(folder.path()));
    assert!(rows(folder.path()).values().all(|row| (row.pending, row.reports) == (0, 1)));
}
