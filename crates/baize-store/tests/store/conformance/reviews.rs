//! A physician's word on a result.

use std::sync::Arc;

use baize_core::ModelRef;
use baize_core::ports::{FindingOpinion, Opinion, RecordedReview, Review, Reviewed, Verdict};

use super::{Store, admit, take_one};
use crate::fixtures::{admission, analysed, at, failed, model, report, sop, study};

/// One image of study 1 with a result of `model("1.0.0")`.
async fn with_result(store: &impl Store, sop_number: u32) {
    admit(store, &admission(1, sop_number)).await;
    let job = take_one(store).await;
    store.finish(job.id, report(&job, analysed())).await.unwrap();
}

fn opinion(value: &str, opinion: Opinion) -> FindingOpinion {
    FindingOpinion { scheme: "SCT".into(), value: value.into(), opinion }
}

pub(crate) fn review(sop_number: u32) -> Review {
    Review {
        study: study(1),
        sop: sop(sop_number),
        model: model("1.0.0"),
        verdict: Verdict::Corrected,
        findings: vec![opinion("60046008", Opinion::Disagree), opinion("233604007", Opinion::Uncertain)],
        comment: Some("O'Brien：右下肺\u{0}片状影".into()),
        signed: true,
        reviewer: "dr-wang".into(),
        at: at(7_000_000),
    }
}

pub(crate) async fn a_review_comes_back_as_it_went_in(store: Arc<impl Store>) {
    with_result(&*store, 1).await;
    with_result(&*store, 2).await;
    let bare =
        Review { verdict: Verdict::Confirmed, findings: vec![], comment: None, signed: false, ..review(1) };
    let mut expected = Vec::new();
    for (sequence, review) in [(1, review(1)), (2, bare), (3, review(1)), (1, review(2))] {
        let recorded = RecordedReview { sequence, review: review.clone() };
        assert_eq!(store.review(review).await.unwrap(), Reviewed::Kept(recorded.clone()));
        expected.push(recorded);
    }
    assert_eq!(store.reviews(&study(1)).await.unwrap(), expected);
    assert_eq!(store.reviews(&study(2)).await.unwrap(), []);
    assert_eq!(store.reviewed_studies(None).await.unwrap(), [study(1)]);
    assert_eq!(store.reviewed_studies(Some(at(7_000_000))).await.unwrap(), [study(1)]);
    assert_eq!(store.reviewed_studies(Some(at(7_000_001))).await.unwrap(), []);
}

pub(crate) async fn a_review_is_of_a_result_that_is_there(store: Arc<impl Store>) {
    with_result(&*store, 1).await;
    admit(&*store, &admission(1, 2)).await;
    let job = take_one(&*store).await;
    store.finish(job.id, report(&job, failed())).await.unwrap();
    for (what, wrong, expected) in [
        ("study", Review { study: study(2), ..review(1) }, Reviewed::UnknownImage),
        ("image", review(3), Reviewed::UnknownImage),
        ("version", Review { model: model("9.9.9"), ..review(1) }, Reviewed::NoSuchResult),
        (
            "model",
            Review { model: ModelRef { id: "other".into(), version: "1.0.0".into() }, ..review(1) },
            Reviewed::NoSuchResult,
        ),
        ("outcome", review(2), Reviewed::NotAnalysed),
        (
            "finding",
            Review { findings: vec![opinion("1", Opinion::Agree)], ..review(1) },
            Reviewed::NoSuchFinding { scheme: "SCT".into(), value: "1".into() },
        ),
    ] {
        assert_eq!(store.review(wrong).await.unwrap(), expected, "{what}");
    }
    assert_eq!(store.reviews(&study(1)).await.unwrap(), []);
}

pub(crate) async fn saying_the_same_again_changes_nothing(store: Arc<impl Store>) {
    with_result(&*store, 1).await;
    let first = RecordedReview { sequence: 1, review: review(1) };
    assert_eq!(store.review(review(1)).await.unwrap(), Reviewed::Kept(first.clone()));
    let later = Review { at: at(9_000_000), ..review(1) };
    assert_eq!(store.review(later.clone()).await.unwrap(), Reviewed::Repeated(first));
    let other = Review { reviewer: "dr-li".into(), ..later };
    assert!(matches!(store.review(other).await.unwrap(), Reviewed::Kept(kept) if kept.sequence == 2));
    assert_eq!(store.reviews(&study(1)).await.unwrap().len(), 2);
}
