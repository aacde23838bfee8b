//! What the FHIR side stands on: the study `1.2` of the fakes, and the visits that were recorded.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baize_core::ports::{
    AuditEntry, AuditQuery, AuditRecord, AuditTrail, FoundStep, FoundStudy, ResultChange, ResultSearch,
    StudySearch, Subscription, SubscriptionStatus, SubscriptionWish, Subscriptions, VisitSearch,
};
use baize_core::{Fault, ModelRef, SopUid, StudyUid, Timestamp};
use baize_fhir::{Endpoints, Mapper, Systems};
use baize_http::FhirPorts;

use crate::fakes::{NOW, World};

struct Records(Arc<World>, Mutex<Vec<AuditRecord>>);

/// Subscriptions in memory; nothing is told.
#[derive(Default)]
struct Kept(Mutex<Vec<Subscription>>);

#[async_trait]
impl Subscriptions for Kept {
    async fn subscribe(
        &self,
        id: String,
        owner: String,
        wish: SubscriptionWish,
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Subscription>, Fault> {
        let mut all = self.0.lock().unwrap();
        if all.len() >= most {
            return Ok(None);
        }
        all.push(Subscription {
            id,
            revision: 1,
            owner,
            status: if wish.is_off { SubscriptionStatus::Off } else { SubscriptionStatus::Active },
            wish,
            created_at: now,
            updated_at: now,
            cursor: 0,
            attempts: 0,
            failing_since: None,
            last_error: None,
        });
        Ok(all.last().cloned())
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Fault> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, Fault> {
        Ok(self.0.lock().unwrap().iter().find(|one| one.id == id).cloned())
    }

    async fn replace_subscription(
        &self,
        id: &str,
        wish: SubscriptionWish,
        _: Timestamp,
    ) -> Result<Option<Subscription>, Fault> {
        let mut all = self.0.lock().unwrap();
        let Some(one) = all.iter_mut().find(|one| one.id == id) else { return Ok(None) };
        one.status = if wish.is_off { SubscriptionStatus::Off } else { SubscriptionStatus::Active };
        one.wish = wish;
        Ok(Some(one.clone()))
    }

    async fn unsubscribe(&self, id: &str) -> Result<bool, Fault> {
        let mut all = self.0.lock().unwrap();
        let before = all.len();
        all.retain(|one| one.id != id);
        Ok(all.len() < before)
    }

    async fn due_subscriptions(&self, _: Timestamp, _: usize) -> Result<Vec<Subscription>, Fault> {
        Ok(Vec::new())
    }

    async fn told(&self, _: &str, _: u64, _: u64, _: Timestamp) -> Result<(), Fault> {
        Ok(())
    }

    async fn not_told(
        &self,
        _: &str,
        _: u64,
        _: String,
        _: Timestamp,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), Fault> {
        Ok(())
    }
}

pub(crate) fn fhir(world: &Arc<World>) -> FhirPorts {
    let systems = Systems { patient: Some("https://his.example/patients".into()), ..Systems::default() };
    let records = Arc::new(Records(world.clone(), Mutex::default()));
    FhirPorts {
        mapper: Arc::new(Mapper::new(systems, Vec::new(), "0.1.0").unwrap()),
        search: records.clone(),
        audit: records,
        subscriptions: Arc::new(Kept::default()),
        endpoints: Endpoints::new(&["his.example:8443".to_owned()]).unwrap(),
    }
}

fn study() -> StudyUid {
    StudyUid::parse("1.2").unwrap()
}

#[async_trait]
impl ResultSearch for Records {
    async fn find_studies(&self, search: StudySearch) -> Result<Vec<FoundStudy>, Fault> {
        let found = FoundStudy { place: 1, study: study(), updated_at: NOW, changed_at: Some(NOW) };
        let is_wanted = search.studies.is_none_or(|studies| studies.contains(&found.study))
            && search.from_place.is_none_or(|place| place >= 1);
        Ok(if is_wanted { vec![found] } else { Vec::new() })
    }

    async fn find_steps(&self, search: VisitSearch) -> Result<Vec<FoundStep>, Fault> {
        let entries = self.0.triage.lock().unwrap().clone();
        let all = (1..).zip(entries).map(|(place, entry)| FoundStep { place, entry });
        let mut found: Vec<FoundStep> = all
            .filter(|found| search.from_place.is_none_or(|place| found.place <= place))
            .filter(|found| {
                let name = (found.entry.visit.clone(), found.entry.sequence);
                search.steps.as_ref().is_none_or(|steps| steps.contains(&name))
            })
            .collect();
        found.reverse();
        found.truncate(search.limit);
        Ok(found)
    }

    async fn study_of_image(&self, sop: &SopUid) -> Result<Option<StudyUid>, Fault> {
        Ok(sop.as_str().starts_with("1.2.").then(study))
    }

    async fn told_models(&self) -> Result<Vec<(ModelRef, Timestamp)>, Fault> {
        Ok(vec![(ModelRef { id: "cxr".into(), version: "0.1.0".into() }, NOW)])
    }

    async fn changes(&self, _: u64, _: usize) -> Result<Vec<ResultChange>, Fault> {
        Ok(Vec::new())
    }

    async fn last_change(&self) -> Result<u64, Fault> {
        Ok(0)
    }
}

#[async_trait]
impl AuditTrail for Records {
    async fn record(&self, entry: AuditEntry) -> Result<(), Fault> {
        let mut records = self.1.lock().unwrap();
        let sequence = records.len() as u64 + 1;
        records.push(AuditRecord { sequence, entry });
        Ok(())
    }

    async fn audited(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, Fault> {
        let records = self.1.lock().unwrap();
        let is_wanted = |record: &&AuditRecord| {
            query.sequences.as_ref().is_none_or(|sequences| sequences.contains(&record.sequence))
                && query.from_place.is_none_or(|place| record.sequence <= place)
        };
        Ok(records.iter().rev().filter(is_wanted).take(query.limit).cloned().collect())
    }
}
