//! How far what is said of a study is to be trusted, for those who ask and were told nothing before.

use baize_core::Timestamp;
use baize_core::ports::{InstanceRecord, RecordedReview, Review, Standing};

/// From all reviews, in their order. A study is final once a physician has signed the last word on every analysed image.
/// A result that came after that makes it `corrected`; a signed word that differs from an earlier signed one, `amended`.
pub fn standing(instances: &[InstanceRecord], reviews: &[RecordedReview]) -> Standing {
    let mut results = Vec::new();
    for report in instances.iter().flat_map(|instance| &instance.reports) {
        let Some(model) = report.model.as_ref() else { continue };
        if !matches!(report.outcome, baize_core::Outcome::Analysed { .. }) {
            continue;
        }
        let is_of = |review: &&Review| review.sop == report.instance.sop && review.model == *model;
        let words: Vec<&Review> = reviews.iter().map(|recorded| &recorded.review).filter(is_of).collect();
        results.push((report.finished_at, words));
    }
    let is_signed = |words: &[&Review], at: Timestamp| {
        words.iter().rev().find(|review| review.at <= at).is_some_and(|review| review.signed)
    };
    let was_final = |at: Timestamp| {
        let mut known = results.iter().filter(|(finished, _)| *finished <= at).peekable();
        known.peek().is_some() && known.all(|(_, words)| is_signed(words, at))
    };
    let moments = results.iter().flat_map(|(_, words)| words.iter().map(|review| review.at));
    let ever_final = moments.into_iter().any(was_final);
    let now_final = !results.is_empty()
        && results.iter().all(|(_, words)| words.last().is_some_and(|review| review.signed));
    match (now_final, ever_final) {
        (true, _) if results.iter().any(|(_, words)| has_changed(words)) => Standing::Amended,
        (true, _) => Standing::Final,
        (false, true) => Standing::Corrected,
        (false, false) => Standing::Preliminary,
    }
}

/// Whether two signed words on the same result differ in what they say.
fn has_changed(words: &[&Review]) -> bool {
    let mut signed = words.iter().filter(|review| review.signed);
    let Some(first) = signed.next() else { return false };
    signed.any(|review| (review.verdict, &review.findings) != (first.verdict, &first.findings))
}
