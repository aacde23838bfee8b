//! Modality Worklist against Orthanc's plugin and DCMTK's wlmscpfs.

use baize_core::ports::{OrderKey, OrderSource as _};
use baize_core::{Lane, StudyUid};
use baize_dicom::scu::{Level, Query, QueryCharset, Scu, Worklist};

use crate::support::{find, orthanc, scu, wlmscpfs, worklist_file};

/// A worklist file as a dump; the name is written in GB18030.
fn dump(accession: &str, study: &str, priority: &str) -> Vec<u8> {
    let mut dump = Vec::new();
    dump.extend_from_slice(b"(0008,0005) CS [GB18030]\n");
    dump.extend_from_slice(format!("(0008,0050) SH [{accession}]\n").as_bytes());
    dump.extend_from_slice(b"(0010,0010) PN [\xCD\xF5^\xD0\xA1\xB6\xAB]\n");
    dump.extend_from_slice(b"(0010,0020) LO [W1]\n(0010,0030) DA [19600102]\n(0010,0040) CS [M]\n");
    dump.extend_from_slice(format!("(0020,000d) UI [{study}]\n").as_bytes());
    dump.extend_from_slice(b"(0032,1060) LO [CHEST PA]\n");
    dump.extend_from_slice(
        b"(0040,0100) SQ\n(fffe,e000) -\n(0008,0060) CS [DX]\n(0040,0001) AE [ROOM1]\n\
          (0040,0002) DA [20250106]\n(0040,0003) TM [080000]\n(0040,0007) LO [CHEST PA]\n(0040,0009) SH [S1]\n\
          (fffe,e00d) -\n(fffe,e0dd) -\n",
    );
    dump.extend_from_slice(b"(0040,1001) SH [R1]\n");
    dump.extend_from_slice(format!("(0040,1003) SH [{priority}]\n").as_bytes());
    dump
}

fn key(study: &str, accession: Option<&str>, patient_id: &str) -> OrderKey {
    OrderKey {
        study: StudyUid::parse(study).unwrap(),
        accession: accession.map(str::to_owned),
        patient_id: Some(patient_id.to_owned()),
    }
}

async fn ask(scu: Scu) {
    let ct = Query::new(Level::Worklist, QueryCharset::IsoIr192);
    let (answers, _) = find(&scu, &ct, 100).await;
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        assert_eq!(answer.text("00100010").as_deref(), Some("王^小东"));
        assert_eq!(answer.texts_within("00400100", "00080060"), ["DX"]);
    }
    let none = ct.matching("ScheduledProcedureStepSequence.Modality", "MR").unwrap();
    assert_eq!(find(&scu, &none, 100).await.1.count, 0);

    let worklist = Worklist { scu, charset: QueryCharset::IsoIr192 };
    for (asked, lane) in [
        (key("1.2.7", Some("A1"), "W1"), Some(Lane::Stat)),
        (key("1.2.7", Some("A2"), "W1"), Some(Lane::Urgent)),
        (key("1.2.7", Some("A3"), "W1"), Some(Lane::Routine)),
        // Without an accession number, or with one that the worklist does not know, the study's UID finds it.
        (key("1.2.11", None, "W1"), Some(Lane::Stat)),
        (key("1.2.12", Some("A9"), "W1"), Some(Lane::Urgent)),
        (key("1.2.7", Some("A9"), "W1"), None),
        // Somebody else's order says nothing.
        (key("1.2.7", Some("A1"), "L1"), None),
    ] {
        assert_eq!(worklist.lane_of(&asked).await.unwrap(), lane, "{asked:?}");
    }
    assert!(worklist.lane_of(&key("1.2.7", Some("*"), "W1")).await.is_err());
}

const FILES: [(&str, &str, &str); 3] =
    [("A1", "1.2.11", "STAT"), ("A2", "1.2.12", "HIGH"), ("A3", "1.2.13", "ROUTINE")];

#[tokio::test(flavor = "multi_thread")]
async fn wlmscpfs_is_asked() {
    let Some(peer) = wlmscpfs().await else { return };
    for (accession, study, priority) in FILES {
        let path = peer.folder.path().join(format!("RIS/{accession}.wl"));
        if !worklist_file(&path, &dump(accession, study, priority)) {
            return;
        }
    }
    ask(scu(peer.address, "RIS")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orthancs_worklist_is_asked() {
    let Some(peer) = orthanc(4242).await else { return };
    if !std::path::Path::new("/usr/share/orthanc/plugins/libModalityWorklists.so").exists() {
        println!("skipped: Orthanc's worklist plugin is not installed");
        return;
    }
    for (accession, study, priority) in FILES {
        let path = peer.folder.path().join(format!("worklists/{accession}.wl"));
        if !worklist_file(&path, &dump(accession, study, priority)) {
            return;
        }
    }
    ask(scu(peer.address, "ORTHANC")).await;
}
