//! Searching the archive.

use baize_core::SeriesUid;
use baize_core::ports::{
    Archive, ArchiveLevel, ArchiveQuery, DayRange, DeliveryQuery, FiledResult, Ledger, OWN_ARCHIVE,
    ObjectName, OutboxRecords, Recipient, ResultRecords, Spool, SpoolKey, Studies, Takes, TextMatch,
};
use baize_core::{ErrorCode, InstanceIdentity};
use baize_store::SqliteLedger;
use bytes::Bytes;
use tempfile::TempDir;

use crate::fixtures::{
    admission, analysed, at, digest, identity, open_ledger, open_spool, refused, report, sop, study,
};

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
        ("name, wildcards are about all of it", name(pattern("*ang")), &[]),
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

async fn archive_is_recipient(ledger: &SqliteLedger) {
    let archive = Recipient {
        name: OWN_ARCHIVE.into(),
        takes: Takes::Objects,
        analysed: true,
        refused: false,
        failed: true,
        priors: true,
        commitment: false,
    };
    ledger.set_recipients(vec![archive]).await.unwrap();
}

/// Finishes the next job and gives its result object the number.
async fn result_of_next_job(ledger: &SqliteLedger) {
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    ledger.finish(job.id, report(&job, analysed())).await.unwrap();
}

/// Takes the delivery to the archive that comes next and names its only object.
async fn begin_filing(ledger: &SqliteLedger, number: u32) -> FiledResult {
    let consignment = ledger.take_consignment(OWN_ARCHIVE, at(9_000_000)).await.unwrap().unwrap();
    let placeholder = consignment.deliveries[0].id;
    let name = ObjectName {
        sop_class: "1.2.840.10008.5.1.4.1.1.88.34".into(),
        sop_instance: sop(number).to_string(),
    };
    ledger.name_objects(placeholder, vec![name.clone()]).await.unwrap();
    filed(&consignment.report.instance, number)
}

fn filed(image: &InstanceIdentity, number: u32) -> FiledResult {
    FiledResult {
        identity: InstanceIdentity {
            study: image.study.clone(),
            series: SeriesUid::parse("2.25.77").unwrap(),
            sop: sop(number),
            sop_class: "1.2.840.10008.5.1.4.1.1.88.34".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
        },
        modality: Some("SR".into()),
        spool_key: SpoolKey(format!("objects/x/{number}.dcm")),
        filed_at: at(9_000_000),
    }
}

#[tokio::test]
async fn our_results_are_listed_among_the_images_of_their_study() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    archive_is_recipient(&ledger).await;
    let mut image = admission(1, 10);
    image.facts.patient_name = Some("王^小东".into());
    ledger.admit(image).await.unwrap();
    result_of_next_job(&ledger).await;
    let result = begin_filing(&ledger, 900).await;
    ledger.file(result.clone()).await.unwrap();
    ledger.admit(admission(1, 11)).await.unwrap();

    assert_eq!(found(&ledger, every(ArchiveLevel::Instance)).await, ["10", "900", "11"]);
    assert_eq!(found(&ledger, every(ArchiveLevel::Series)).await, ["10", "900"]);
    assert_eq!(found(&ledger, every(ArchiveLevel::Study)).await, ["10"]);
    let rows = ledger.find(every(ArchiveLevel::Instance)).await.unwrap();
    let row = &rows[1];
    assert_eq!((&row.identity, &row.spool_key), (&result.identity, &result.spool_key));
    assert_eq!((row.study_series, row.study_instances, row.series_instances), (2, 3, 1));
    assert_eq!(row.modalities, ["CR", "SR"]);

    // By its own attributes, and by those of the patient, which are the image's.
    let instance = || every(ArchiveLevel::Instance);
    for query in [
        ArchiveQuery { modality: pattern("SR"), ..instance() },
        ArchiveQuery { series: vec![result.identity.series.clone()], ..instance() },
        ArchiveQuery { sop_classes: vec![result.identity.sop_class.clone()], ..instance() },
        ArchiveQuery { sops: vec![sop(900)], patient_name: pattern("王*"), ..instance() },
    ] {
        assert_eq!(found(&ledger, query.clone()).await, ["900"], "{query:?}");
    }
    let in_study = ArchiveQuery { modality_in_study: pattern("SR"), ..every(ArchiveLevel::Study) };
    assert_eq!(found(&ledger, in_study).await, ["10"]);

    // Nobody's image: neither in the work list nor among what goes to other systems.
    assert_eq!(ledger.study(&study(1)).await.unwrap().unwrap().progress.instances, 2);
    assert_eq!(ledger.instances(&study(1)).await.unwrap().len(), 2);
    let query = DeliveryQuery { state: None, destination: None, before: None, limit: 10 };
    assert_eq!(ledger.deliveries(query.clone()).await.unwrap(), []);
    let by_name = DeliveryQuery { destination: Some(OWN_ARCHIVE.into()), ..query };
    assert_eq!(ledger.deliveries(by_name).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_result_made_again_or_sent_back_is_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    archive_is_recipient(&ledger).await;
    ledger.admit(admission(1, 10)).await.unwrap();
    result_of_next_job(&ledger).await;
    let result = begin_filing(&ledger, 900).await;
    ledger.file(result.clone()).await.unwrap();
    let again = FiledResult { spool_key: SpoolKey("objects/x/again.dcm".into()), ..result.clone() };
    ledger.file(again.clone()).await.unwrap();
    let mut sent_back = admission(1, 900);
    sent_back.identity = result.identity.clone();
    ledger.admit(sent_back).await.unwrap();

    let rows = ledger.find(every(ArchiveLevel::Instance)).await.unwrap();
    let keys: Vec<_> = rows.iter().map(|row| row.spool_key.0.as_str()).collect();
    assert_eq!(keys, ["objects/x/10.dcm", "objects/x/again.dcm"]);
    assert!(rows.iter().all(|row| (row.study_series, row.study_instances) == (2, 2)), "{rows:?}");
}

#[tokio::test]
async fn only_objects_of_deliveries_are_filed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    archive_is_recipient(&ledger).await;
    ledger.admit(admission(1, 10)).await.unwrap();
    ledger.admit(admission(2, 20)).await.unwrap();
    result_of_next_job(&ledger).await;
    begin_filing(&ledger, 900).await;
    for (image, number) in [(identity(1, 10), 901), (identity(2, 20), 900)] {
        let fault = ledger.file(filed(&image, number)).await.unwrap_err();
        assert_eq!(fault.code, ErrorCode::Internal, "{number}");
    }
    assert_eq!(found(&ledger, every(ArchiveLevel::Instance)).await, ["20", "10"]);
}

#[tokio::test]
async fn results_from_before_the_archive_took_them_are_owed_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.set_recipients(vec![]).await.unwrap();
    ledger.admit(admission(1, 10)).await.unwrap();
    ledger.admit(admission(2, 20)).await.unwrap();
    result_of_next_job(&ledger).await;
    let job = ledger.take_jobs(1).await.unwrap().remove(0);
    ledger.finish(job.id, report(&job, refused())).await.unwrap();

    archive_is_recipient(&ledger).await;
    assert_eq!(ledger.owe_earlier(at(8_000_000)).await.unwrap(), 1, "what no model may read is not filed");
    assert_eq!(ledger.owe_earlier(at(8_000_001)).await.unwrap(), 0);
    let levels = ledger.levels().await.unwrap();
    assert_eq!(levels[0].oldest, Some(at(8_000_000)), "nobody has waited for it before");
    let result = begin_filing(&ledger, 900).await;
    assert_eq!(result.identity.study, study(1));
}
