//! What is to be brought together of images and triage.

use std::path::Path;

use baize_core::ports::{
    Appended, FusionDue, FusionRecords, FusionSubject, Ledger, TriageEntry, TriageRecords, TriageStep,
    Unacknowledged,
};
use baize_core::{Outcome, Timestamp};
use baize_store::SqliteLedger;
use rusqlite::{Connection, params};

use crate::fixtures::{admission, analysed, at, failed, open_ledger, report, study, triage_entry, visit};

const NOW: Timestamp = Timestamp::from_micros(9_000_000);

fn of(encounter: &str, number: u32, sequence: u32, step: TriageStep) -> TriageEntry {
    TriageEntry { step, encounter: Some(encounter.into()), ..triage_entry(number, sequence) }
}

async fn finish_one(ledger: &SqliteLedger, study_number: u32, sop: u32, outcome: Outcome) {
    ledger.admit(admission(study_number, sop)).await.unwrap();
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    assert!(ledger.finish(job.id, report(&job, outcome)).await.unwrap());
}

/// As if the HIS had told of an order in an encounter and it was found to be answered by the study.
fn order(folder: &Path, number: i64, study_number: u32, encounter: &str) {
    let shell = Connection::open(folder.join("data/ledger.db")).unwrap();
    shell.execute("INSERT OR IGNORE INTO his_patient (id, pid) VALUES (1, 'W1')", []).unwrap();
    shell
        .execute(
            "INSERT INTO his_order (id, patient_id, encounter, lane, cancelled, received_at, updated_at, planned_from,
                                    planned_to)
             VALUES (?1, 1, ?2, 0, 0, 1, 1, 1, 1)",
            params![number, encounter],
        )
        .unwrap();
    shell
        .execute(
            "INSERT INTO order_match (order_id, study_id, how, at)
             SELECT ?1, id, 'accession', 1 FROM study WHERE uid = ?2",
            params![number, study(study_number).as_str()],
        )
        .unwrap();
}

/// Everything that is due, settled as it is read.
async fn drain(ledger: &SqliteLedger) -> Vec<FusionSubject> {
    let mut subjects = Vec::new();
    while let Some(due) = ledger.due_fusion(NOW).await.unwrap() {
        ledger.settle_fusion(&due, None).await.unwrap();
        subjects.push(due.subject);
    }
    subjects
}

fn encounter(number: &str) -> FusionSubject {
    FusionSubject::Encounter(number.into())
}

#[tokio::test]
async fn results_and_steps_are_due_and_what_imaging_itself_wrote_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    assert_eq!(ledger.due_fusion(NOW).await.unwrap(), None);
    finish_one(&ledger, 1, 1, analysed()).await;
    assert_eq!(drain(&ledger).await, [], "a study without an order belongs to no encounter");
    order(folder.path(), 1, 1, "E-1");
    assert_eq!(drain(&ledger).await, [FusionSubject::Study(study(1))], "the order came after the result");
    finish_one(&ledger, 1, 2, failed()).await;
    finish_one(&ledger, 1, 3, failed()).await;
    assert_eq!(drain(&ledger).await, [FusionSubject::Study(study(1))], "once, however many results");
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    shell.execute("UPDATE his_order SET encounter = 'E-9', updated_at = 2", []).unwrap();
    assert_eq!(drain(&ledger).await, [FusionSubject::Study(study(1))], "the order is of another encounter");
    shell.execute("UPDATE his_order SET updated_at = 3", []).unwrap();
    assert_eq!(drain(&ledger).await, []);

    ledger.append(triage_entry(1, 1)).await.unwrap();
    assert_eq!(drain(&ledger).await, [], "a visit that names no encounter belongs to no study");
    let steps = [
        (1, TriageStep::Assessed, true),
        (2, TriageStep::Vitals, true),
        (3, TriageStep::Level, true),
        (4, TriageStep::Imaging, false),
        (5, TriageStep::ImagingNote, false),
        (6, TriageStep::Acknowledged, false),
    ];
    for (sequence, step, due) in steps {
        assert_eq!(ledger.append(of("E-1", 2, sequence, step)).await.unwrap(), Appended::Kept, "{step:?}");
        assert_eq!(drain(&ledger).await == [encounter("E-1")], due, "{step:?}");
    }
    let history = ledger.history(&visit(2)).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.step).collect::<Vec<_>>(), steps.map(|(_, step, _)| step));
}

#[tokio::test]
async fn what_changed_while_it_was_looked_at_stays_due() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(of("E-1", 1, 1, TriageStep::Assessed)).await.unwrap();
    let due = ledger.due_fusion(NOW).await.unwrap().unwrap();
    ledger.append(of("E-1", 1, 2, TriageStep::Vitals)).await.unwrap();
    ledger.settle_fusion(&due, None).await.unwrap();
    let again = ledger.due_fusion(NOW).await.unwrap().unwrap();
    assert_eq!(again, FusionDue { changes: 2, ..due.clone() });
    ledger.settle_fusion(&due, Some(at(u64::MAX >> 2))).await.unwrap();
    assert_eq!(ledger.due_fusion(NOW).await.unwrap(), Some(again.clone()), "an old look puts nothing off");

    ledger.settle_fusion(&again, Some(NOW + std::time::Duration::from_secs(1))).await.unwrap();
    assert_eq!(ledger.due_fusion(NOW).await.unwrap(), None);
    let later = ledger.due_fusion(NOW + std::time::Duration::from_secs(1)).await.unwrap().unwrap();
    assert_eq!((later.attempts, later.changes), (1, 2));
    ledger.append(of("E-1", 1, 3, TriageStep::Vitals)).await.unwrap();
    assert!(ledger.due_fusion(NOW).await.unwrap().is_some(), "what changes is not put off");
}

#[tokio::test]
async fn what_is_due_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    finish_one(&ledger, 7, 1, analysed()).await;
    order(folder.path(), 1, 7, "住院-1");
    ledger.append(of("住院-1", 1, 1, TriageStep::Assessed)).await.unwrap();
    ledger.close().await;
    drop(ledger);
    let ledger = open_ledger(folder.path());
    assert_eq!(drain(&ledger).await, [encounter("住院-1"), FusionSubject::Study(study(7))]);
}

#[tokio::test]
async fn visits_are_found_by_their_encounter() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(of("E-1", 2, 1, TriageStep::Assessed)).await.unwrap();
    ledger.append(of("E-2", 1, 1, TriageStep::Assessed)).await.unwrap();
    let later = TriageEntry { at: at(9_999), ..of("E-1", 3, 1, TriageStep::Assessed) };
    ledger.append(later).await.unwrap();
    ledger.append(of("E-1", 2, 2, TriageStep::Vitals)).await.unwrap();
    assert_eq!(ledger.visits_of_encounter("E-1").await.unwrap(), [visit(2), visit(3)]);
    assert_eq!(ledger.visits_of_encounter("e-1").await.unwrap(), []);
    drain(&ledger).await;

    // The HIS tells that E-2 and E-3 are E-1.
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    shell.execute("INSERT INTO his_patient (id, pid) VALUES (1, 'W1')", []).unwrap();
    for number in ["E-1", "E-2", "E-3"] {
        let sql = "INSERT INTO encounter (number, patient_id, state, updated_at) VALUES (?1, 1, 'open', 1)";
        shell.execute(sql, [number]).unwrap();
    }
    assert_eq!(drain(&ledger).await, [encounter("E-1"), encounter("E-2")], "nobody is at the desk in E-3");
    shell.execute("UPDATE encounter SET merged_into = 'E-1' WHERE number <> 'E-1'", []).unwrap();
    assert_eq!(drain(&ledger).await, [encounter("E-2"), encounter("E-3")]);
    for number in ["E-1", "E-2", "E-3"] {
        assert_eq!(ledger.visits_of_encounter(number).await.unwrap(), [visit(1), visit(2), visit(3)]);
    }
}

#[tokio::test]
async fn what_no_nurse_has_acknowledged_is_listed_most_urgent_first() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    let level = |level: u8, entry: TriageEntry| TriageEntry { level_cn: level, acuity: level, ..entry };
    for (number, urgent) in [(1, 3), (2, 1), (3, 1), (4, 2), (5, 2)] {
        ledger.append(level(4, of("E", number, 1, TriageStep::Assessed))).await.unwrap();
        let step = if number == 5 { TriageStep::ImagingNote } else { TriageStep::Imaging };
        let told = TriageEntry { at: at(u64::from(10 - number)), ..level(urgent, of("E", number, 2, step)) };
        ledger.append(told).await.unwrap();
    }
    // Visit 4 is acknowledged, then told of something else.
    ledger.append(level(2, of("E", 4, 3, TriageStep::Acknowledged))).await.unwrap();
    let listed = async |limit| -> Vec<_> {
        let list = ledger.unacknowledged(limit).await.unwrap();
        list.into_iter().map(|one| (one.visit, one.sequence, one.since, one.level_cn)).collect()
    };
    let (first, second, third) = ((visit(3), 2, at(7), 1), (visit(2), 2, at(8), 1), (visit(1), 2, at(9), 3));
    assert_eq!(listed(1).await, std::slice::from_ref(&first));
    assert_eq!(listed(9).await, [first, second, third]);
    ledger.append(level(2, of("E", 4, 4, TriageStep::Imaging))).await.unwrap();
    ledger.append(level(1, of("E", 4, 5, TriageStep::Imaging))).await.unwrap();
    let fourth = ledger.unacknowledged(9).await.unwrap().into_iter().find(|one| one.visit == visit(4));
    let expected = Unacknowledged { visit: visit(4), sequence: 5, since: at(4_000), level_cn: 1, acuity: 1 };
    assert_eq!(fourth, Some(expected));
}

#[tokio::test]
async fn an_undone_match_is_due_and_the_visits_that_heard_of_the_study_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    finish_one(&ledger, 1, 1, analysed()).await;
    order(folder.path(), 1, 1, "E-1");
    let evidence = format!("[{{\"study\": \"{0}\"}}, {{\"study\": \"{0}\"}}, {{\"study\": 7}}, 8]", study(1));
    for number in [1, 2, 3] {
        ledger.append(of("E-1", number, 1, TriageStep::Assessed)).await.unwrap();
        let step = [TriageStep::Imaging, TriageStep::ImagingNote, TriageStep::Vitals][number as usize - 1];
        let told = TriageEntry { sent: evidence.clone(), ..of("E-1", number, 2, step) };
        ledger.append(told).await.unwrap();
    }
    ledger.append(of("E-1", 1, 3, TriageStep::ImagingNote)).await.unwrap();
    assert_eq!(ledger.visits_told_of(&study(1)).await.unwrap(), [visit(1), visit(2)]);
    assert_eq!(ledger.visits_told_of(&study(2)).await.unwrap(), []);
    drain(&ledger).await;
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    shell.execute("DELETE FROM order_match", []).unwrap();
    assert_eq!(drain(&ledger).await, [FusionSubject::Study(study(1))]);
}

#[tokio::test]
async fn the_record_takes_no_other_step_and_none_of_the_new_ones_first() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.append(triage_entry(1, 1)).await.unwrap();
    let shell = Connection::open(folder.path().join("data/ledger.db")).unwrap();
    let copy = "INSERT INTO triage_entry SELECT visit, 2, '%', at, actor, sent, known, assessment, 4, 5, encounter, \
                model_id, model_version FROM triage_entry";
    for (step, taken) in [("levelled", false), ("assessed", false), ("imaging_note", true)] {
        assert_eq!(shell.execute(&copy.replace('%', step), []).is_ok(), taken, "{step}");
    }
    let first = copy.replace("SELECT visit, 2", "SELECT '00000000-0000-4000-8000-000000000009', 1");
    assert!(shell.execute(&first.replace('%', "imaging"), []).is_err());
    let sound: String = shell.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
