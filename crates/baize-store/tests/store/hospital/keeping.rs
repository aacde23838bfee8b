//! Messages, patients, encounters, vital signs.

use std::time::Duration;

use baize_core::ports::{
    EncounterEvent, EncounterNews, EncounterState, Hospital, HospitalRecords, HospitalWork, Measurement,
    News, PatientNews, Taken, Told, VitalsFeed,
};

use super::{MORNING, Site, message, patient, placed, said, wang};
use crate::fixtures::at;

fn visit(number: &str) -> EncounterNews {
    EncounterNews { number: Some(number.into()), ..EncounterNews::default() }
}

fn admitted() -> News {
    News::Encounter { event: EncounterEvent::Opened, patient: wang(), encounter: visit("V1") }
}

#[tokio::test]
async fn the_same_message_counts_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = crate::fixtures::open_ledger(folder.path());
    assert_eq!(ledger.take(message(1, admitted())).await.unwrap(), Taken::New);
    assert_eq!(ledger.take(message(1, admitted())).await.unwrap(), Taken::Duplicate);
    ledger.close().await;
    let ledger = crate::fixtures::open_ledger(folder.path());
    assert_eq!(ledger.take(message(1, admitted())).await.unwrap(), Taken::Duplicate);
    let mut other = message(1, admitted());
    other.key.sender = "LIS|H".into();
    assert_eq!(ledger.take(other).await.unwrap(), Taken::New, "another sender");
    // What is forgotten is new again; what it said stays.
    assert_eq!(ledger.forget_messages(at(MORNING + 2), 1).await.unwrap(), 1);
    assert_eq!(ledger.forget_messages(at(MORNING + 2), 9).await.unwrap(), 1);
    assert!(ledger.encounter("V1").await.unwrap().is_some());
    assert_eq!(ledger.take(message(1, admitted())).await.unwrap(), Taken::New);
}

#[tokio::test]
async fn an_update_keeps_what_is_empty_and_deletes_what_is_null() {
    let mut site = Site::new().await;
    let first =
        EncounterNews { location: said("ER"), reason: said("胸痛"), class: said("E"), ..visit("V1") };
    // The update overtakes the admission.
    site.adt(EncounterEvent::Changed, wang(), first).await;
    let known = site.ledger.encounter("V1").await.unwrap().unwrap();
    assert_eq!((known.location.as_deref(), known.state), (Some("ER"), EncounterState::Open));
    assert_eq!(known.patient.family_name.as_deref(), Some("王"));
    let update = EncounterNews { location: Told::Deleted, class: said("I"), ..visit("V1") };
    let renamed = PatientNews { given_name: said("小东"), family_name: Told::Deleted, ..patient("W1") };
    site.adt(EncounterEvent::Changed, renamed, update).await;
    let known = site.ledger.encounter("V1").await.unwrap().unwrap();
    assert_eq!((known.location, known.reason.as_deref()), (None, Some("胸痛")));
    assert_eq!(known.class.as_deref(), Some("I"));
    let him = known.patient;
    assert_eq!((him.family_name, him.given_name.as_deref()), (None, Some("小东")));
    assert_eq!(him.birth_date.as_deref(), Some("19600102"));
    assert_eq!(site.ledger.encounter("V2").await.unwrap(), None);
}

#[tokio::test]
async fn messages_may_overtake_each_other() {
    use EncounterEvent::{Cancelled, Changed, Opened};
    use EncounterState::{Cancelled as Off, Open};
    for (events, expected) in [
        (vec![(Opened, "09"), (Cancelled, "10")], Off),
        (vec![(Cancelled, "10"), (Opened, "09")], Off),
        (vec![(Opened, "09"), (Cancelled, "10"), (Changed, "11")], Off),
        (vec![(Changed, "11"), (Cancelled, "10")], Off),
        (vec![(Opened, "09"), (Cancelled, "10"), (Opened, "11")], Open),
        (vec![(Opened, ""), (Cancelled, ""), (Opened, "")], Open),
    ] {
        let mut site = Site::new().await;
        for (event, hour) in &events {
            let occurred_at = (!hour.is_empty()).then(|| format!("2026-03-15T{hour}:00:00"));
            site.adt(*event, wang(), EncounterNews { occurred_at, ..visit("V1") }).await;
        }
        let state = site.ledger.encounter("V1").await.unwrap().unwrap().state;
        assert_eq!(state, expected, "{events:?}");
    }
    // What happened earlier fills gaps only.
    let mut site = Site::new().await;
    let told = |hour: &str, location, reason| EncounterNews {
        occurred_at: Some(format!("2026-03-15T{hour}:00:00")),
        location,
        reason,
        ..visit("V1")
    };
    site.adt(Changed, patient("W1"), told("11", said("ICU"), Told::Nothing)).await;
    site.adt(Opened, wang(), told("09", said("ER"), said("胸痛"))).await;
    let known = site.ledger.encounter("V1").await.unwrap().unwrap();
    assert_eq!((known.location.as_deref(), known.reason.as_deref()), (Some("ICU"), Some("胸痛")));
    assert_eq!(known.patient.family_name.as_deref(), Some("王"));
}

fn merge(prior: &str, surviving: &str) -> News {
    News::Merge {
        patient: patient(surviving),
        encounter: EncounterNews::default(),
        prior_id: Some(prior.into()),
        prior_encounter: None,
    }
}

#[tokio::test]
async fn a_merge_takes_everything_along_whatever_its_order() {
    let mut site = Site::new().await;
    site.adt(EncounterEvent::Opened, wang(), visit("V1")).await;
    site.adt(EncounterEvent::Opened, patient("W2"), visit("V2")).await;
    site.tell(merge("W1", "W2")).await;
    site.tell(merge("W2", "W3")).await;
    // Under an identifier that was given up: the patient is W3.
    site.adt(EncounterEvent::Opened, PatientNews { given_name: said("小东"), ..patient("W1") }, visit("V3"))
        .await;
    site.order(super::OrderNews { accession: said("A1"), ..placed() }).await;
    for number in ["V1", "V2", "V3"] {
        let whose = site.ledger.encounter(number).await.unwrap().unwrap().patient;
        assert_eq!((whose.id.as_str(), whose.given_name.as_deref()), ("W3", Some("小东")), "{number}");
    }
    assert_eq!(site.orders().await[0].order.patient.id, "W3");
    // The other way round: the identifier that was named last stays, and the same again changes nothing.
    site.tell(merge("W3", "W2")).await;
    site.tell(merge("W3", "W2")).await;
    site.tell(merge("W2", "W2")).await;
    for number in ["V1", "V2", "V3"] {
        let whose = site.ledger.encounter(number).await.unwrap().unwrap().patient;
        assert_eq!((whose.id.as_str(), whose.given_name.as_deref()), ("W2", Some("小东")), "{number}");
    }
    // A merge of somebody of whom nobody has heard.
    site.tell(merge("X1", "X2")).await;
    site.adt(EncounterEvent::Opened, patient("X1"), visit("V9")).await;
    assert_eq!(site.ledger.encounter("V9").await.unwrap().unwrap().patient.id, "X2");
}

#[tokio::test]
async fn encounters_merge_too() {
    let mut site = Site::new().await;
    site.order(super::OrderNews { accession: said("A1"), ..placed() }).await;
    site.tell(News::Merge {
        patient: wang(),
        encounter: visit("V2"),
        prior_id: None,
        prior_encounter: Some("V1".into()),
    })
    .await;
    assert_eq!(site.ledger.encounter("V1").await.unwrap().unwrap().number, "V2");
    assert_eq!(site.orders().await[0].order.encounter.as_deref(), Some("V2"));
    site.order(super::OrderNews { accession: said("A2"), ..placed() }).await;
    assert_eq!(site.orders().await[0].order.encounter.as_deref(), Some("V2"), "told under the old number");
}

#[tokio::test]
async fn the_same_number_of_two_hospitals_is_two_patients() {
    let mut site = Site::new().await;
    let of = |issuer: Option<&str>, name| PatientNews {
        issuer: issuer.map(str::to_owned),
        family_name: said(name),
        ..patient("7")
    };
    // Nobody said who gave it out, then somebody does; a second one is somebody else.
    site.adt(EncounterEvent::Opened, of(None, "王"), visit("V1")).await;
    site.adt(EncounterEvent::Opened, of(Some("A"), "王"), visit("V2")).await;
    site.adt(EncounterEvent::Opened, of(Some("B"), "李"), visit("V3")).await;
    let mut whose = Vec::new();
    for number in ["V1", "V2", "V3"] {
        let patient = site.ledger.encounter(number).await.unwrap().unwrap().patient;
        whose.push((patient.issuer.unwrap(), patient.family_name.unwrap()));
    }
    let expected = [("A", "王"), ("A", "王"), ("B", "李")];
    assert_eq!(whose, expected.map(|(issuer, name)| (issuer.to_owned(), name.to_owned())));
}

#[tokio::test]
async fn readings_wait_until_they_are_settled() {
    let mut site = Site::new().await;
    let reading = |encounter: Option<&str>, values: &[(&str, f64)]| News::Vitals {
        patient_id: "W1".into(),
        issuer: None,
        encounter: encounter.map(str::to_owned),
        measurements: values
            .iter()
            .map(|(name, value)| Measurement { name: (*name).into(), value: *value, measured_at: None })
            .collect(),
    };
    site.tell(reading(None, &[])).await;
    let now = at(MORNING + 1_000_000);
    assert_eq!(site.ledger.due_vitals(now).await.unwrap(), None, "nothing was measured");
    site.tell(reading(Some("V1"), &[("heart_rate", 120.0), ("spo2", 88.5)])).await;
    site.tell(reading(None, &[("heart_rate", 90.0)])).await;
    let first = site.ledger.due_vitals(now).await.unwrap().unwrap();
    assert_eq!((first.patient_id.as_str(), first.encounter.as_deref()), ("W1", Some("V1")));
    let values: Vec<_> = first.measurements.iter().map(|one| (one.name.as_str(), one.value)).collect();
    assert_eq!(values, [("heart_rate", 120.0), ("spo2", 88.5)]);
    let later = now + Duration::from_secs(60);
    site.ledger.settle_vitals(first.id, Some(later), "the desk is busy".into()).await.unwrap();
    let second = site.ledger.due_vitals(now).await.unwrap().unwrap();
    assert_eq!(second.encounter, None, "no encounter is known");
    site.adt(EncounterEvent::Opened, patient("W1"), visit("V7")).await;
    let again = site.ledger.due_vitals(now).await.unwrap().unwrap();
    assert_eq!((again.id, again.encounter.as_deref()), (second.id, Some("V7")), "the only one that is open");
    site.adt(EncounterEvent::Opened, patient("W1"), visit("V8")).await;
    assert_eq!(site.ledger.due_vitals(now).await.unwrap().unwrap().encounter, None, "which of two?");
    site.ledger.settle_vitals(second.id, None, "no visit".into()).await.unwrap();
    assert_eq!(site.ledger.due_vitals(now).await.unwrap(), None);
    let again = site.ledger.due_vitals(later).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (first.id, 1));
    assert_eq!(site.ledger.hospital_levels().await.unwrap().readings, 1);
    // Only what is settled is forgotten.
    site.ledger.forget_messages(later, 99).await.unwrap();
    assert_eq!(site.ledger.due_vitals(later).await.unwrap().unwrap().measurements.len(), 2);
}
