//! Looking for results, and what changed of them.

use baize_core::StudyUid;
use baize_core::ports::{
    ChangedSubject, FoundStudy, Ledger as _, OrderNews, ResultSearch as _, Review, Reviews as _, Span,
    StudySearch, TriageEntry, TriageRecords as _, Verdict, VisitSearch,
};
use baize_store::SqliteLedger;

use crate::fixtures::{
    admission, analysed, at, failed, identity, model, open_ledger, refused, report, sop, study, triage_entry,
    visit,
};
use crate::hospital::{Site, image_of_wang, placed, said, with_accession};

fn everything() -> StudySearch {
    StudySearch { limit: 100, ..StudySearch::default() }
}

async fn found(ledger: &SqliteLedger, search: StudySearch) -> Vec<StudyUid> {
    ledger.find_studies(search).await.unwrap().into_iter().map(|found| found.study).collect()
}

/// Finishes the job of every image.
async fn finish(ledger: &SqliteLedger) {
    for job in ledger.take_jobs(100).await.unwrap() {
        let done = report(&job, analysed());
        ledger.finish(job.id, done).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn studies_are_found_by_what_is_known_of_them_the_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    for number in 1..=3 {
        let mut image = admission(number, number);
        image.facts.patient_id = Some(format!("P{number}"));
        image.facts.accession = Some(format!("A{number}"));
        image.facts.study_date = Some(format!("2026030{number}"));
        image.accepted_at = at(u64::from(number) * 1_000_000);
        ledger.admit(image).await.unwrap();
    }
    let all = everything;
    let texts = |values: &[&str]| Some(values.iter().map(|text| (*text).to_owned()).collect());
    for (search, numbers) in [
        (all(), vec![3, 2, 1]),
        (StudySearch { studies: Some(vec![study(2), study(9)]), ..all() }, vec![2]),
        (StudySearch { patients: texts(&["P1", "P3"]), ..all() }, vec![3, 1]),
        (StudySearch { orders: texts(&["A2"]), ..all() }, vec![2]),
        (StudySearch { encounters: texts(&["E"]), ..all() }, vec![]),
        (StudySearch { days: Some(("20260302".into(), "20260303".into())), ..all() }, vec![3, 2]),
        (StudySearch { patients: texts(&["P1"]), orders: texts(&["A2"]), ..all() }, vec![]),
        (StudySearch { changed: Some(Span { from: at(2_000_000), to: at(3_000_000) }), ..all() }, vec![2]),
        (StudySearch { with_results: true, ..all() }, vec![]),
        (StudySearch { limit: 2, ..all() }, vec![3, 2]),
    ] {
        let expected: Vec<StudyUid> = numbers.into_iter().map(study).collect();
        assert_eq!(found(&ledger, search.clone()).await, expected, "{search:?}");
    }
    let first: Vec<FoundStudy> = ledger.find_studies(all()).await.unwrap();
    let behind = StudySearch { from_place: Some(first[1].place), ..all() };
    assert_eq!(found(&ledger, behind).await, [study(2), study(1)], "a page begins where another ended");
    assert_eq!(first[0].changed_at, None);
    finish(&ledger).await;
    let told = ledger.find_studies(StudySearch { with_results: true, ..all() }).await.unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|found| found.changed_at == Some(at(5_000_000))));
    let image = ledger.study_of_image(&sop(2)).await.unwrap();
    assert_eq!((image, ledger.study_of_image(&sop(9)).await.unwrap()), (Some(study(2)), None));
    let models: Vec<_> = ledger.told_models().await.unwrap().into_iter().map(|(model, _)| model).collect();
    assert_eq!(models, [model("0.3.0"), model("1.0.0")], "the gate, and the model");
}

#[tokio::test(flavor = "multi_thread")]
async fn studies_are_found_by_what_the_his_says_of_their_order() {
    let mut site = Site::new().await;
    site.image(with_accession(image_of_wang(1, 1), "ACC1")).await;
    site.image(admission(2, 2)).await;
    let order = OrderNews { accession: said("ACC1"), placer_number: said("PL-1"), ..placed() };
    site.order(order).await;
    let matched = site.matches().await;
    if matched.iter().all(Option::is_none) {
        panic!("the order found no study: {matched:?}");
    }
    let placed = site.orders().await.remove(0).order;
    let texts = |text: &str| Some(vec![text.to_owned()]);
    let number = placed.placer_number.clone().or(placed.filler_number.clone()).unwrap();
    for search in [
        StudySearch { patients: texts(&placed.patient.id), ..everything() },
        StudySearch { orders: texts(&number), ..everything() },
        StudySearch { encounters: texts(placed.encounter.as_deref().unwrap()), ..everything() },
    ] {
        assert_eq!(found(&site.ledger, search.clone()).await, [study(1)], "{search:?}");
    }
    let before = site.ledger.last_change().await.unwrap();
    assert_eq!(before, 0, "without a result there is nothing to tell");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_has_its_place_and_time_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.admit(admission(1, 1)).await.unwrap();
    ledger.admit(admission(2, 2)).await.unwrap();
    let jobs = ledger.take_jobs(2).await.unwrap();
    ledger.finish(jobs[0].id, report(&jobs[0], refused())).await.unwrap();
    let early = TriageEntry { at: at(1), ..triage_entry(1, 1) };
    ledger.append(early).await.unwrap();
    ledger.finish(jobs[1].id, report(&jobs[1], failed())).await.unwrap();
    let changes = ledger.changes(0, 100).await.unwrap();
    let subjects: Vec<ChangedSubject> = changes.iter().map(|change| change.subject.clone()).collect();
    let expected = [
        ChangedSubject::Study(jobs[0].identity.study.clone()),
        ChangedSubject::Step(visit(1), 1),
        ChangedSubject::Study(jobs[1].identity.study.clone()),
    ];
    assert_eq!(subjects, expected);
    assert!(
        changes.is_sorted_by_key(|change| change.sequence) && changes.is_sorted_by_key(|change| change.at)
    );
    assert_eq!(ledger.last_change().await.unwrap(), changes[2].sequence);
    assert_eq!(ledger.changes(changes[0].sequence, 1).await.unwrap(), changes[1..2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    ledger.admit(admission(1, 1)).await.unwrap();
    finish(&ledger).await;
    let before = ledger.last_change().await.unwrap();
    let review = Review {
        study: study(1),
        sop: identity(1, 1).sop,
        model: model("1.0.0"),
        verdict: Verdict::Confirmed,
        findings: vec![],
        comment: None,
        signed: true,
        reviewer: "dr".into(),
        at: at(9_000_000),
    };
    ledger.review(review).await.unwrap();
    let changes = ledger.changes(before, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    let found = ledger.find_studies(StudySearch { with_results: true, ..everything() }).await.unwrap();
    assert_eq!(found[0].changed_at, Some(at(9_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_found_by_visit_encounter_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_ledger(folder.path());
    for (number, sequence, encounter) in [(1, 1, Some("E1")), (1, 2, Some("E1")), (2, 1, None)] {
        let entry = TriageEntry { encounter: encounter.map(str::to_owned), ..triage_entry(number, sequence) };
        ledger.append(entry).await.unwrap();
    }
    let all = || VisitSearch { limit: 100, ..VisitSearch::default() };
    let texts = |text: &str| Some(vec![text.to_owned()]);
    for (search, steps) in [
        (all(), vec![(2, 1), (1, 2), (1, 1)]),
        (VisitSearch { encounters: texts("E1"), ..all() }, vec![(1, 2), (1, 1)]),
        (VisitSearch { encounters: texts("E2"), ..all() }, vec![]),
        (VisitSearch { patients: texts("P"), ..all() }, vec![]),
        (VisitSearch { steps: Some(vec![(visit(1), 2), (visit(7), 1)]), ..all() }, vec![(1, 2)]),
        (VisitSearch { at: Some(Span { from: at(2_000), to: at(3_000) }), ..all() }, vec![(1, 2)]),
        (VisitSearch { limit: 1, ..all() }, vec![(2, 1)]),
    ] {
        let found = ledger.find_steps(search.clone()).await.unwrap();
        let names: Vec<_> =
            found.iter().map(|found| (found.entry.visit.clone(), found.entry.sequence)).collect();
        let expected: Vec<_> =
            steps.into_iter().map(|(number, sequence)| (visit(number), sequence)).collect();
        assert_eq!(names, expected, "{search:?}");
    }
    let first = ledger.find_steps(all()).await.unwrap();
    let behind = VisitSearch { from_place: Some(first[1].place), ..all() };
    assert_eq!(ledger.find_steps(behind).await.unwrap(), first[1..]);
}
