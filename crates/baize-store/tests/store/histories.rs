//! Random histories, compared step by step with a ledger kept in plain vectors.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use baize_core::ports::{
    Admission, Arrival, Digest, InstanceRecord, Job, JobId, Ledger, Novelty, Progress, Studies, StudySummary,
};
use baize_core::{Lane, ModelRef, Outcome, Report, StudyUid};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixtures::{admission, analysed, at, digest, failed, model, open_ledger, refused, report};

#[derive(Clone, Debug)]
enum Step {
    Admit { sop: u32, study: u32, digest: u8, lane: usize, deadline: u64, models: usize, at: u64 },
    Take(usize),
    Release(prop::sample::Index),
    Finish(prop::sample::Index, u8),
    Reopen,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let admit = (0..6_u32, 0..3_u32, 1..3_u8, 0..3_usize, 0..4_u64, 0..3_usize, 0..3_u64).prop_map(
        |(sop, study, digest, lane, deadline, models, at)| Step::Admit {
            sop,
            study,
            digest,
            lane,
            deadline,
            models,
            at,
        },
    );
    prop_oneof![
        8 => admit,
        5 => (0..4_usize).prop_map(Step::Take),
        2 => any::<prop::sample::Index>().prop_map(Step::Release),
        4 => (any::<prop::sample::Index>(), 0..3_u8).prop_map(|(job, outcome)| Step::Finish(job, outcome)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Restart),
    ]
}

fn outcome(number: u8) -> Outcome {
    match number {
        0 => analysed(),
        1 => refused(),
        _ => failed(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Begun,
    Done,
}

struct ModelJob {
    image: usize,
    model: ModelRef,
    state: State,
    attempts: u32,
}

struct Image {
    admission: Admission,
    copies: Vec<(StudyUid, Digest)>,
    reports: Vec<Report>,
}

/// The simplest thing that could be a ledger.
#[derive(Default)]
struct Plain {
    images: Vec<Image>,
    jobs: Vec<ModelJob>,
    /// Study and its moment, in the order of arrival.
    studies: Vec<(StudyUid, u64)>,
    /// The jobs ever taken, with their place in `jobs`.
    taken: Vec<(Job, usize)>,
}

impl Plain {
    fn admit(&mut self, admission: &Admission) -> Novelty {
        let place = (admission.identity.study.clone(), admission.digest);
        if let Some(image) =
            self.images.iter_mut().find(|i| i.admission.identity.sop == admission.identity.sop)
        {
            if image.copies.contains(&place) {
                return Novelty::Duplicate;
            }
            image.copies.push(place);
            return Novelty::Variant;
        }
        if !self.studies.iter().any(|(study, _)| *study == place.0) {
            let taken: BTreeSet<u64> = self.studies.iter().map(|(_, moment)| *moment).collect();
            let moment =
                (admission.accepted_at.as_micros()..).find(|moment| !taken.contains(moment)).unwrap();
            self.studies.push((place.0.clone(), moment));
        }
        let image = self.images.len();
        for model in &admission.models {
            self.jobs.push(ModelJob { image, model: model.clone(), state: State::Open, attempts: 0 });
        }
        let reports = admission.refusal.clone().map(|fault| Report {
            instance: admission.identity.clone(),
            model: None,
            outcome: Outcome::Refused(fault),
            finished_at: admission.accepted_at,
        });
        self.images.push(Image {
            admission: admission.clone(),
            copies: vec![place],
            reports: reports.into_iter().collect(),
        });
        Novelty::New
    }

    fn take(&mut self, limit: usize) -> Vec<usize> {
        let mut open: Vec<usize> =
            (0..self.jobs.len()).filter(|j| self.jobs[*j].state == State::Open).collect();
        open.sort_by_key(|job| {
            let admission = &self.images[self.jobs[*job].image].admission;
            (admission.lane != Lane::Stat, admission.deadline, Reverse(admission.lane), *job)
        });
        open.truncate(limit);
        for job in &open {
            self.jobs[*job].state = State::Begun;
            self.jobs[*job].attempts += 1;
        }
        open
    }

    fn job(&self, place: usize, id: JobId) -> Job {
        let ModelJob { image, model, attempts, .. } = &self.jobs[place];
        let admission = &self.images[*image].admission;
        Job {
            id,
            identity: admission.identity.clone(),
            spool_key: admission.spool_key.clone(),
            model: model.clone(),
            lane: admission.lane,
            accepted_at: admission.accepted_at,
            deadline: admission.deadline,
            attempts: attempts - 1,
        }
    }

    fn release(&mut self, place: usize) {
        let job = &mut self.jobs[place];
        if job.state == State::Begun {
            job.state = State::Open;
            job.attempts -= 1;
        }
    }

    fn finish(&mut self, place: usize, report: Report) -> bool {
        let job = &mut self.jobs[place];
        if job.state == State::Done {
            return false;
        }
        job.state = State::Done;
        let reports = &mut self.images[job.image].reports;
        reports.push(report);
        reports.sort_by_key(|report| report.model.clone());
        true
    }

    fn reopen(&mut self) -> usize {
        let begun = self.jobs.iter_mut().filter(|job| job.state == State::Begun);
        begun.map(|job| job.state = State::Open).count()
    }

    fn pending(&self, image: usize) -> u64 {
        self.jobs.iter().filter(|job| job.image == image && job.state != State::Done).count() as u64
    }

    fn images_of<'a>(&'a self, study: &'a StudyUid) -> impl Iterator<Item = (usize, &'a Image)> {
        self.images.iter().enumerate().filter(move |(_, image)| image.admission.identity.study == *study)
    }

    fn instances(&self, study: &StudyUid) -> Vec<InstanceRecord> {
        self.images_of(study)
            .map(|(place, image)| InstanceRecord {
                identity: image.admission.identity.clone(),
                facts: image.admission.facts.clone(),
                received_at: image.admission.accepted_at,
                pending: self.pending(place),
                reports: image.reports.clone(),
            })
            .collect()
    }

    fn summary(&self, study: &StudyUid, moment: u64) -> StudySummary {
        let has =
            |image: &Image, wanted: fn(&Outcome) -> bool| image.reports.iter().any(|r| wanted(&r.outcome));
        let mut progress = Progress { instances: 0, pending: 0, analysed: 0, refused: 0, failed: 0 };
        let mut lane = Lane::Routine;
        let mut updated_at = at(moment);
        for (place, image) in self.images_of(study) {
            let analysed = has(image, |outcome| matches!(outcome, Outcome::Analysed { .. }));
            let failed = has(image, |outcome| matches!(outcome, Outcome::Failed(_)));
            progress.instances += 1;
            progress.pending += self.pending(place);
            progress.analysed += u64::from(analysed);
            progress.failed += u64::from(failed);
            progress.refused += u64::from(self.pending(place) == 0 && !analysed && !failed);
            lane = lane.raised_to(image.admission.lane);
            updated_at = updated_at.max(image.admission.accepted_at);
        }
        let facts = self.images_of(study).next().unwrap().1.admission.facts.clone();
        let arrival = Arrival::default();
        StudySummary {
            study: study.clone(),
            facts,
            received_at: at(moment),
            updated_at,
            lane,
            progress,
            arrival,
        }
    }

    fn list(&self) -> Vec<StudySummary> {
        let mut list: Vec<_> =
            self.studies.iter().map(|(study, moment)| self.summary(study, *moment)).collect();
        list.sort_by_key(|summary| Reverse(summary.received_at));
        list
    }

    fn backlog(&self) -> [u64; 3] {
        Lane::ALL.map(|lane| {
            let waits =
                |job: &&ModelJob| job.state != State::Done && self.images[job.image].admission.lane == lane;
            self.jobs.iter().filter(waits).count() as u64
        })
    }
}

fn admission_of(step: &Step) -> Option<Admission> {
    let Step::Admit { sop, study, digest: seed, lane, deadline, models, at: moment } = *step else {
        return None;
    };
    let plain = admission(study, sop);
    let Outcome::Refused(fault) = refused() else { return None };
    Some(Admission {
        digest: digest(seed),
        lane: Lane::ALL[lane],
        deadline: at(1_000 + deadline),
        models: ["1", "2"].iter().take(models).map(|version| model(version)).collect(),
        refusal: (models == 0).then_some(fault),
        accepted_at: at(moment),
        ..plain
    })
}

async fn follow(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open_ledger(folder.path());
    let mut plain = Plain::default();
    for step in steps {
        match &step {
            Step::Admit { .. } => {
                let admission = admission_of(&step).unwrap();
                prop_assert_eq!(ledger.admit(admission.clone()).await.unwrap(), plain.admit(&admission));
            }
            Step::Take(limit) => {
                let jobs = ledger.take_jobs(*limit).await.unwrap();
                let places = plain.take(*limit);
                prop_assert_eq!(jobs.len(), places.len());
                for (job, place) in jobs.into_iter().zip(places) {
                    prop_assert_eq!(&job, &plain.job(place, job.id));
                    plain.taken.push((job, place));
                }
            }
            Step::Release(_) | Step::Finish(..) if plain.taken.is_empty() => {}
            Step::Release(which) => {
                let (job, place) = plain.taken[which.index(plain.taken.len())].clone();
                ledger.release(job.id).await.unwrap();
                plain.release(place);
            }
            Step::Finish(which, end) => {
                let (job, place) = plain.taken[which.index(plain.taken.len())].clone();
                let report = report(&job, outcome(*end));
                prop_assert_eq!(
                    ledger.finish(job.id, report.clone()).await.unwrap(),
                    plain.finish(place, report)
                );
            }
            Step::Reopen => prop_assert_eq!(ledger.reopen_interrupted().await.unwrap(), plain.reopen()),
            Step::Restart => {
                ledger.close().await;
                ledger = open_ledger(folder.path());
            }
        }
        prop_assert_eq!(ledger.backlog().await.unwrap(), plain.backlog());
        prop_assert_eq!(ledger.list(None, 100).await.unwrap(), plain.list());
        for (study, _) in &plain.studies {
            prop_assert_eq!(ledger.instances(study).await.unwrap(), plain.instances(study));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_as_the_plain_ledger_says(steps in vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(steps))?;
    }
}
