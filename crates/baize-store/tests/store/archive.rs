//! Searching the archive.

use baize_core::SeriesUid;
use baize_core::ports::{Archive, ArchiveLevel, ArchiveQuery, DayRange, Ledger, Spool, TextMatch};
use baize_store::SqliteLedger;
use bytes::Bytes;
use tempfile::TempDir;

use crate::fixtures::{admission, at, digest, identity, open_ledger, open_spool, sop, study};

/// Three studies: 1 and 2 of one day apart, each with one image; 3 with two series and three images.
async fn filled() -> (TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    let patients = [
        (1, "Wang^XiaoDong=王^小东=", "P1", "20240131", "CR"),
        (2, "ZHANG^Wei", "P2", "20240201", "DX"),
        (3, "100%_sure^[X]", "p[3]", "20240301", "CT"),
    ];
    for (number, name, id, date, modality) in patients {
        for instance in 0..(if number == 3 { 3 } else { 1 }) {
            let mut one = admission(number, number * 10 + instance);
            one.accepted_at = at(u64::from(number) * 1_000_000);
            one.facts.patient_name = Some(name.into());
            one.facts.patient_id = Some(id.into());
            one.facts.study_date = Some(date.into());
            one.facts.modality = Some(if instance == 2 { "SR" } else { modality }.into());
            if instance == 2 {
                one.identity.series = SeriesUid::parse("1.2.840.3.2").unwrap();
            }
            ledger.admit(one).await.unwrap();
        }
    }
    // Nothing known but its UIDs.
    let mut bare = admission(4, 40);
    bare.accepted_at = at(1);
    ledger.admit(bare).await.unwrap();
    (folder, ledger)
}

fn every(level: ArchiveLevel) -> ArchiveQuery {
    ArchiveQuery::everything(level, 100)
}

fn pattern(text: &str) -> Option<TextMatch> {
    Some(TextMatch::Pattern(text.into()))
}

fn words(text: &str) -> Option<TextMatch> {
    Some(TextMatch::Words(text.split(' ').map(str::to_owned).collect()))
}

/// The numbers of the instances found, in order.
async fn found(ledger: &SqliteLedger, query: ArchiveQuery) -> Vec<String> {
    let rows = ledger.find(query).await.unwrap();
    rows.iter().map(|row| row.identity.sop.as_str().replace("1.2.3.", "")).collect()
}

#[tokio::test]
async fn studies_are_found_by_what_they_say_of_themselves() {
    let (_folder, ledger) = filled().await;
    let days = |from: Option<&str>, to: Option<&str>| {
        Some(DayRange { from: from.map(str::to_owned), to: to.map(str::to_owned) })
    };
    let study_level = || every(ArchiveLevel::Study);
    let name = |wanted| ArchiveQuery { patient_name: wanted, ..study_level() };
    let id = |text| ArchiveQuery { patient_id: pattern(text), ..study_level() };
    let cases: Vec<(&str, ArchiveQuery, &[&str])> = vec![
        ("all, newest first", study_level(), &["30", "20", "10", "40"]),
        ("a page", ArchiveQuery { limit: 2, offset: 1, ..study_level() }, &["20", "10"]),
        ("uids", ArchiveQuery { studies: vec![study(1), study(3)], ..study_level() }, &["30", "10"]),
        ("name", name(pattern("wang^xiaodong")), &["10"]),
        ("name, trailing delimiters", name(pattern("Zhang^Wei^^^")), &["20"]),
        ("name, wildcards", name(pattern("*^w?i")), &["20"]),
        ("name, in ideographs", name(pattern("王*")), &["10"]),
        ("name, whole family name only", name(pattern("Wang")), &["10"]),
        ("name, no substring", name(pattern("ang")), &[]),
        ("name, its own wildcards mean themselves", name(pattern("100%_sure^[X]")), &["30"]),
        ("name, percent is no wildcard", name(pattern("%")), &[]),
        ("name, words", name(words("xiao wang")), &["10"]),
        ("name, words begin words", name(words("dong")), &[]),
        ("name, written together", name(words("王小")), &["10"]),
        ("id", id("P1"), &["10"]),
        ("id, capitals differ", id("p1"), &[]),
        ("id, wildcard", id("P?"), &["20", "10"]),
        ("id, brackets mean themselves", id("p[3]"), &["30"]),
        (
            "one day",
            ArchiveQuery { study_date: days(Some("20240201"), Some("20240201")), ..study_level() },
            &["20"],
        ),
        ("from", ArchiveQuery { study_date: days(Some("20240201"), None), ..study_level() }, &["30", "20"]),
        ("until", ArchiveQuery { study_date: days(None, Some("20240131")), ..study_level() }, &["10"]),
        ("modality in study", ArchiveQuery { modality_in_study: pattern("SR"), ..study_level() }, &["30"]),
        ("by instance", ArchiveQuery { sops: vec![sop(32)], ..study_level() }, &["30"]),
    ];
    for (what, query, expected) in cases {
        assert_eq!(found(&ledger, query).await, expected, "{what}");
    }
}

#[tokio::test]
async fn series_and_instances_have_their_own_rows_and_counts() {
    let (_folder, ledger) = filled().await;
    let third = |level| ArchiveQuery { studies: vec![study(3)], ..every(level) };
    assert_eq!(found(&ledger, third(ArchiveLevel::Series)).await, ["30", "32"]);
    assert_eq!(found(&ledger, third(ArchiveLevel::Instance)).await, ["30", "31", "32"]);
    let reports = |level| ArchiveQuery { modality: pattern("SR"), ..third(level) };
    assert_eq!(found(&ledger, reports(ArchiveLevel::Instance)).await, ["32"]);
    assert_eq!(found(&ledger, reports(ArchiveLevel::Series)).await, ["32"]);

    let row = ledger.find(third(ArchiveLevel::Series)).await.unwrap().remove(0);
    assert_eq!(row.identity, identity(3, 30));
    assert_eq!(row.spool_key.0, "objects/x/30.dcm");
    assert_eq!(row.modalities, ["CT", "SR"]);
    assert_eq!((row.study_series, row.study_instances, row.series_instances), (2, 3, 2));
    let bare = ArchiveQuery { studies: vec![study(4)], ..every(ArchiveLevel::Study) };
    assert_eq!(ledger.find(bare).await.unwrap()[0].study_instances, 1);
}

#[tokio::test]
async fn the_start_of_an_object_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_spool(folder.path(), 1 << 20);
    let key = spool.put(&identity(1, 1), &digest(1), Bytes::from_static(b"preamble and more")).await.unwrap();
    assert_eq!(spool.start(&key, 8).await.unwrap(), "preamble");
    assert_eq!(spool.start(&key, 1_000).await.unwrap(), "preamble and more");
}
