//! Which earlier studies of the patient are worth having, and fetching them.

use baize_core::ports::{ArchivedStudy, Inquiry, LinkLost, Retrieval};
use baize_core::{Fault, ImageFacts};
use tracing::info;

use crate::Lookup;
use crate::relevance::{identity, same_patient};
use crate::service::{Answer, Source};

/// What came of asking all archives.
#[derive(Default)]
struct Tally {
    fetched: usize,
    /// Are here already, fetched or not.
    here: usize,
    /// The archives' other patients of this number.
    strangers: usize,
    trouble: Vec<String>,
}

impl Lookup {
    /// Asks every archive for the patient's studies and has the relevant ones sent, one at a time.
    pub(crate) async fn priors(&self, inquiry: &Inquiry) -> Result<Answer, Fault> {
        if inquiry.facts.patient_id.is_none() {
            return Ok(Answer::Settled("none: the study has no Patient ID".to_owned()));
        }
        if inquiry.facts.study_date.is_none() {
            return Ok(Answer::Settled(
                "none: the study has no date, so that none is known to be earlier".to_owned(),
            ));
        }
        let mut tally = Tally::default();
        for source in &self.parts.sources {
            if let Err(LinkLost(reason)) = self.fetch_from(source, inquiry, &mut tally).await? {
                tally.trouble.push(format!("{}: {reason}", source.name));
            }
        }
        let Tally { fetched, here, strangers, trouble } = tally;
        if !trouble.is_empty() {
            return Ok(Answer::Later(trouble.join("; ")));
        }
        let mut outcome = format!("{fetched} fetched, {here} already here");
        if strangers > 0 {
            outcome.push_str(&format!(
                ", {strangers} left out: same Patient ID, but issuer, date of birth or sex contradict"
            ));
        }
        Ok(Answer::Settled(outcome))
    }

    /// The outer error is storage's, the inner one the archive's.
    async fn fetch_from(
        &self,
        source: &Source,
        inquiry: &Inquiry,
        tally: &mut Tally,
    ) -> Result<Result<(), LinkLost>, Fault> {
        let facts = &inquiry.facts;
        let patient = identity(facts);
        let found = match source.archive.studies_of(&patient).await {
            Ok(found) => found,
            Err(lost) => return Ok(Err(lost)),
        };
        for other in &found {
            if let Err(why) = same_patient(&patient, &other.patient) {
                info!(study = %inquiry.study, other = %other.study, source = source.name, why, "no prior: another patient");
                tally.strangers += 1;
            }
        }
        let mut candidates = self.parts.relevance.candidates(facts, found);
        candidates.retain(|candidate| candidate.study != inquiry.study);
        for candidate in candidates {
            if tally.fetched + tally.here >= self.parts.relevance.most {
                break;
            }
            if let Err(lost) = self.fetch(source, facts, &candidate, tally).await? {
                return Ok(Err(lost));
            }
        }
        Ok(Ok(()))
    }

    async fn fetch(
        &self,
        source: &Source,
        facts: &ImageFacts,
        candidate: &ArchivedStudy,
        tally: &mut Tally,
    ) -> Result<Result<(), LinkLost>, Fault> {
        let study = &candidate.study;
        if self.parts.relevance.same_body_part {
            match source.archive.body_parts(study).await {
                Ok(parts) if !self.parts.relevance.fits(facts, &parts) => return Ok(Ok(())),
                Ok(_) => {}
                Err(lost) => return Ok(Err(lost)),
            }
        }
        // Before it is asked for: what arrives then is known to be a prior, whatever becomes of this process.
        if !self.parts.inquiries.expect_prior(study, self.parts.clock.now()).await? {
            tally.here += 1;
            return Ok(Ok(()));
        }
        let moved = source.archive.retrieve(study).await;
        let whole = moved.as_ref().is_ok_and(Retrieval::is_complete);
        self.parts.inquiries.end_prior(study, whole).await?;
        match moved {
            Ok(moved) if moved.is_complete() => {
                info!(%study, source = source.name, objects = moved.sent(), "prior fetched");
                self.metrics.fetched();
                tally.fetched += 1;
                Ok(Ok(()))
            }
            Ok(moved) => Ok(Err(LinkLost(format!(
                "of study {study} {} objects came and {} did not (status {:04X})",
                moved.sent(),
                u32::from(moved.failed) + u32::from(moved.remaining),
                moved.status
            )))),
            Err(lost) => Ok(Err(lost)),
        }
    }
}
