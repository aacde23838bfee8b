//! What a message tells, compared with what its destination was told before.

use baize_core::ports::{HisPatient, Presence, Standing, StudyResult, Telling, ToldBefore, Verdict};
use baize_core::{Fault, Outcome, Population, Report};
use sha2::{Digest as _, Sha256};

/// What a message about this result tells a destination that was told that before; gives the result its standing.
pub(crate) fn assess(result: &mut StudyResult, told: Option<&ToldBefore>) -> Telling {
    let whole = result.summary.arrival.complete.is_some() && result.summary.progress.pending == 0;
    let (results, corrections) = (results(result), corrections(result));
    result.standing = standing(whole && is_signed(result), &results, &corrections, told);
    let standing = result.standing;
    Telling { standing, whole, content: content(result, &results), results, corrections }
}

/// Whether every analysed report has a last review that is signed, and there is one.
fn is_signed(result: &StudyResult) -> bool {
    let reports = result.instances.iter().flat_map(|instance| &instance.reports);
    let mut analysed = reports.filter(|report| matches!(report.outcome, Outcome::Analysed { .. })).peekable();
    let signed = |report: &Report| result.review_of(report).is_some_and(|review| review.signed);
    analysed.peek().is_some() && analysed.all(signed)
}

fn standing(signed: bool, results: &[u8; 32], corrections: &[u8; 32], told: Option<&ToldBefore>) -> Standing {
    let Some(ToldBefore { last, was_final }) = told else {
        return if signed { Standing::Final } else { Standing::Preliminary };
    };
    // The result of one more image corrects nothing while more was expected.
    let differs = (last.whole && last.results != *results) || last.corrections != *corrections;
    match (signed, was_final) {
        (true, false) => Standing::Final,
        (true, true) if last.standing.is_signed() && last.results == *results => last.standing,
        (true, true) => Standing::Amended,
        (false, _) if differs || last.standing.is_signed() => Standing::Corrected,
        (false, _) => last.standing,
    }
}

/// A digest over parts, none of which can be taken for two or for a part of another.
struct Parts(Sha256);

impl Parts {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn bytes(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    fn text(&mut self, part: &str) -> &mut Self {
        self.bytes(part.as_bytes())
    }

    fn maybe(&mut self, part: Option<&str>) -> &mut Self {
        match part {
            Some(part) => self.text("some").text(part),
            None => self.text("none"),
        }
    }

    fn number(&mut self, part: f32) -> &mut Self {
        self.bytes(&part.to_bits().to_be_bytes())
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Of the results, with what physicians changed in them.
fn results(result: &StudyResult) -> [u8; 32] {
    let mut parts = Parts::new();
    for report in reports(result) {
        parts.text("report").text(report.instance.sop.as_str());
        parts.maybe(report.model.as_ref().map(ToString::to_string).as_deref());
        let review = result.review_of(report);
        if review.is_some_and(|review| review.verdict == Verdict::Rejected) {
            parts.text("rejected");
        }
        let mut fault = |kind: &str, fault: &Fault| {
            parts.text(kind).text(fault.code.as_str()).text(&fault.message);
        };
        match &report.outcome {
            Outcome::Refused(why) => fault("refused", why),
            Outcome::Failed(why) => fault("failed", why),
            Outcome::Analysed { findings, population, caveats } => {
                for finding in findings {
                    parts.text("finding").text(&finding.code.scheme).text(&finding.code.value);
                    parts.number(finding.probability).number(finding.threshold);
                    parts.text(match Presence::of(finding, population, review) {
                        Presence::Present => "present",
                        Presence::Absent => "absent",
                        Presence::Uncertain => "uncertain",
                    });
                }
                if let Population::Outside(why) = population {
                    parts.text("outside").text(&why.en);
                }
                for caveat in caveats {
                    parts.text("caveat").text(&caveat.en);
                }
            }
        }
    }
    parts.end()
}

/// Of what physicians changed in the results.
fn corrections(result: &StudyResult) -> [u8; 32] {
    let mut parts = Parts::new();
    for report in reports(result) {
        let changed = |review: &&baize_core::ports::Review| review.verdict != Verdict::Confirmed;
        let Some(review) = result.review_of(report).filter(changed) else { continue };
        parts.text("review").text(review.sop.as_str()).text(&review.model.to_string());
        parts.text(review.verdict.as_str());
        for one in &review.findings {
            parts.text(&one.scheme).text(&one.value).text(one.opinion.as_str());
        }
    }
    parts.end()
}

/// Of all that matters: also who signed, and whose the result is.
fn content(result: &StudyResult, results: &[u8; 32]) -> [u8; 32] {
    let mut parts = Parts::new();
    parts.bytes(results).text(result.standing.as_str());
    for report in reports(result) {
        let Some(review) = result.review_of(report).filter(|review| review.signed) else { continue };
        parts.text("signed").text(review.sop.as_str()).text(&review.model.to_string());
        parts.text(&review.reviewer).maybe(review.comment.as_deref());
    }
    let facts = &result.summary.facts;
    for fact in [&facts.patient_id, &facts.patient_name, &facts.accession, &facts.birth_date] {
        parts.maybe(fact.as_deref());
    }
    if let Some((order, _)) = &result.context.order {
        parts.text("order");
        for number in [&order.placer_number, &order.filler_number, &order.accession, &order.encounter] {
            parts.maybe(number.as_deref());
        }
        patient(&mut parts, &order.patient);
    }
    if let Some(encounter) = &result.context.encounter {
        parts.text("encounter").text(&encounter.number);
        patient(&mut parts, &encounter.patient);
    }
    parts.end()
}

fn patient(parts: &mut Parts, patient: &HisPatient) {
    parts.text(&patient.id);
    for fact in [
        &patient.issuer,
        &patient.national_id,
        &patient.family_name,
        &patient.given_name,
        &patient.birth_date,
    ] {
        parts.maybe(fact.as_deref());
    }
}

fn reports(result: &StudyResult) -> impl Iterator<Item = &Report> {
    result.instances.iter().flat_map(|instance| &instance.reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        standing: Standing,
        whole: bool,
        results: u8,
        corrections: u8,
        was_final: bool,
    ) -> Option<ToldBefore> {
        let last = Telling {
            standing,
            whole,
            content: [0; 32],
            results: [results; 32],
            corrections: [corrections; 32],
        };
        Some(ToldBefore { last, was_final })
    }

    #[test]
    fn the_standing_follows_from_what_was_told() {
        use Standing::{Amended, Corrected, Final, Preliminary};
        // The result is 1 with corrections 1.
        for (what, signed, before, expected) in [
            ("nothing was told", false, None, Preliminary),
            ("nothing was told, and it is signed", true, None, Final),
            ("the same", false, told(Preliminary, true, 1, 1, false), Preliminary),
            (
                "one more image while more was expected",
                false,
                told(Preliminary, false, 0, 1, false),
                Preliminary,
            ),
            ("one more image in a whole study", false, told(Preliminary, true, 0, 1, false), Corrected),
            ("a physician's correction", false, told(Preliminary, false, 0, 0, false), Corrected),
            ("corrected before, and the same", false, told(Corrected, true, 1, 1, false), Corrected),
            ("corrected before, and more comes", false, told(Corrected, false, 0, 1, false), Corrected),
            ("signed now", true, told(Corrected, true, 1, 1, false), Final),
            ("signed now with a correction", true, told(Preliminary, true, 0, 0, false), Final),
            ("final, and the same", true, told(Final, true, 1, 1, true), Final),
            ("final, and signed otherwise", true, told(Final, true, 0, 0, true), Amended),
            ("final, then a late image", false, told(Final, true, 0, 1, true), Corrected),
            ("final, then another word without signature", false, told(Final, true, 1, 1, true), Corrected),
            ("final, corrected, signed again", true, told(Corrected, true, 1, 1, true), Amended),
            ("amended, and the same", true, told(Amended, true, 1, 1, true), Amended),
        ] {
            assert_eq!(standing(signed, &[1; 32], &[1; 32], before.as_ref()), expected, "{what}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let digest = |texts: &[&str]| {
            let mut parts = Parts::new();
            for text in texts {
                parts.text(text);
            }
            parts.end()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
    }
}
