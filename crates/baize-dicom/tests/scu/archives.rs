//! C-FIND and C-MOVE against Orthanc and DCMTK's dcmqrscp.

use std::collections::BTreeSet;

use baize_core::ports::{PatientIdentity, StudySource as _};
use baize_core::{Sex, StudyUid};
use baize_dicom::scu::{Archive, Level, Query, QueryCharset, Scu, Wanted};
use baize_testkit::ObjectBuilder;

use crate::support::{Receiver, dcmqrscp, find, orthanc, scu, store};

const BIRTH_DATE: (u16, u16) = (0x0010, 0x0030);
const STUDY_DATE: (u16, u16) = (0x0008, 0x0020);
const MANY: usize = 100;

/// Three studies of Wang, one of Li; the second of Wang has two images.
fn objects(charset: &'static str) -> Vec<ObjectBuilder> {
    let image = |seed, id: &str, name: &str, study: &str, date: &str| {
        ObjectBuilder::chest(seed)
            .size(16, 16)
            .charset(charset)
            .patient_name(name)
            .text((0x0010, 0x0020), b"LO", id)
            .text(BIRTH_DATE, b"DA", "19600102")
            .text(STUDY_DATE, b"DA", date)
            .study(study)
            .series(&format!("{study}.1"))
            .sop(&format!("{study}.1.{seed}"))
    };
    vec![
        image(1, "W1", "王^小东", "1.2.1", "20230105"),
        image(2, "W1", "王^小东", "1.2.2", "20240105"),
        image(3, "W1", "王^小东", "1.2.2", "20240105"),
        image(4, "W1", "王^小东", "1.2.3", "20250105"),
        image(5, "L1", "李^四", "1.2.4", "20250106"),
    ]
}

async fn studies(scu: &Scu, keys: &[(&str, &str)]) -> BTreeSet<String> {
    let mut query = Query::new(Level::Study, QueryCharset::IsoIr192);
    for (key, value) in keys {
        query = query.matching(key, value).unwrap();
    }
    let (answers, found) = find(scu, &query, MANY).await;
    assert_eq!((found.count, found.cut_off, found.unreadable), (answers.len(), false, 0));
    answers.iter().filter_map(|answer| answer.text("0020000D")).collect()
}

fn set(uids: &[&str]) -> BTreeSet<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

/// What every archive must answer.
async fn ask(scu: Scu, receiver: &Receiver) {
    scu.echo().await.unwrap();
    assert_eq!(studies(&scu, &[("PatientID", "W1")]).await, set(&["1.2.1", "1.2.2", "1.2.3"]));
    assert_eq!(studies(&scu, &[("PatientID", "nobody")]).await, set(&[]));
    let range = [("PatientID", "W1"), ("StudyDate", "20240101-20241231")];
    assert_eq!(studies(&scu, &range).await, set(&["1.2.2"]));

    let series =
        Query::new(Level::Series, QueryCharset::IsoIr192).matching("StudyInstanceUID", "1.2.2").unwrap();
    let (answers, _) = find(&scu, &series, MANY).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].text("0020000E").as_deref(), Some("1.2.2.1"));
    assert_eq!(answers[0].text("00080060").as_deref(), Some("CR"));
    let images =
        Query::new(Level::Image, QueryCharset::IsoIr192).matching("StudyInstanceUID", "1.2.2").unwrap();
    let images = images.matching("SeriesInstanceUID", "1.2.2.1").unwrap();
    let (answers, _) = find(&scu, &images, MANY).await;
    assert_eq!(answers.len(), 2);

    // More than wanted: told to stop, and the next question is answered as if nothing had happened.
    let all = Query::new(Level::Study, QueryCharset::IsoIr192);
    let (answers, found) = find(&scu, &all, 2).await;
    assert_eq!((answers.len(), found.cut_off), (2, true));
    assert_eq!(find(&scu, &all, 4).await.1.count, 4);

    // As the server asks.
    let archive = Archive { scu: scu.clone(), our_ae: "BAIZE".into(), charset: QueryCharset::IsoIr192 };
    let wang = PatientIdentity { id: Some("W1".into()), ..PatientIdentity::default() };
    let mut known = archive.studies_of(&wang).await.unwrap();
    known.sort_by(|one, other| one.date.cmp(&other.date));
    assert_eq!(known.iter().map(|one| one.study.as_str()).collect::<Vec<_>>(), ["1.2.1", "1.2.2", "1.2.3"]);
    assert_eq!(known[1].date.as_deref(), Some("20240105"));
    assert_eq!(known[1].patient.birth_date.as_deref(), Some("19600102"));
    assert_eq!(known[1].patient.sex, Some(Sex::Female));
    let wildcard = PatientIdentity { id: Some("W*".into()), ..PatientIdentity::default() };
    assert!(archive.studies_of(&wildcard).await.is_err(), "it would match other patients");

    // One image, then the study with it.
    let image =
        Wanted { study: "1.2.2".into(), series: Some("1.2.2.1".into()), sop: Some("1.2.2.1.3".into()) };
    let moved = scu.retrieve(&image, "BAIZE", |_| ()).await.unwrap();
    assert!(moved.is_complete() && moved.sent() == 1, "{moved:?}");
    assert_eq!(receiver.received(), ["1.2.2.1.3"]);
    let moved = archive.retrieve(&StudyUid::parse("1.2.2").unwrap()).await.unwrap();
    assert!(moved.is_complete() && moved.sent() == 2, "{moved:?}");
    assert_eq!(receiver.received(), ["1.2.2.1.2", "1.2.2.1.3", "1.2.2.1.3"]);

    // What is not there, and who is not known.
    let nothing = Wanted { study: "1.2.99".into(), series: None, sop: None };
    let said = scu.retrieve(&nothing, "BAIZE", |_| ()).await;
    assert!(said.as_ref().map_or(true, |moved| !moved.is_complete()), "{said:?}");
    let unknown = Wanted { study: "1.2.2".into(), series: None, sop: None };
    let said = scu.retrieve(&unknown, "NOBODY", |_| ()).await;
    assert!(said.as_ref().map_or(true, |moved| !moved.is_complete()), "{said:?}");
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_is_asked_and_sends() {
    for charset in ["ISO_IR 192", "GB18030"] {
        let receiver = Receiver::start().await;
        let Some(peer) = orthanc(receiver.address.port()).await else { return };
        let scu = scu(peer.address, "ORTHANC");
        store(&scu, &objects(charset)).await;
        // Orthanc decodes what it has, so that the question may be in either set.
        for asked in [QueryCharset::IsoIr192, QueryCharset::Gb18030] {
            let query = Query::new(Level::Study, asked).matching("PatientName", "王*").unwrap();
            let (answers, _) = find(&scu, &query, MANY).await;
            assert_eq!(answers.len(), 3, "{charset} asked in {asked:?}");
            for answer in &answers {
                assert_eq!(
                    answer.text("00100010").as_deref(),
                    Some("王^小东"),
                    "{charset} asked in {asked:?}"
                );
            }
        }
        ask(scu, &receiver).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_is_asked_and_sends() {
    // It compares bytes, so that the question has to be in the set of the objects.
    for (charset, asked) in [("ISO_IR 192", QueryCharset::IsoIr192), ("GB18030", QueryCharset::Gb18030)] {
        let receiver = Receiver::start().await;
        let Some(peer) = dcmqrscp(receiver.address.port()).await else { return };
        let scu = scu(peer.address, "QRSCP");
        store(&scu, &objects(charset)).await;
        let query = Query::new(Level::Study, asked).matching("PatientName", "王*").unwrap();
        let (answers, _) = find(&scu, &query, MANY).await;
        assert_eq!(answers.len(), 3, "{charset}");
        ask(scu, &receiver).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_a_failure_and_not_a_success() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    drop(receiver);
    let Some(peer) = dcmqrscp(port).await else { return };
    let scu = scu(peer.address, "QRSCP");
    store(&scu, &objects("ISO_IR 192")).await;
    let wanted = Wanted { study: "1.2.2".into(), series: None, sop: None };
    let said = scu.retrieve(&wanted, "BAIZE", |_| ()).await;
    assert!(said.as_ref().map_or(true, |moved| !moved.is_complete()), "{said:?}");
}
