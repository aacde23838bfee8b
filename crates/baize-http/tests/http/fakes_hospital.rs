//! What a HIS has told the fake world: one encounter, one order that study `1.2` answers, and one that waits.

use async_trait::async_trait;
use baize_core::ports::{
    Encounter, EncounterState, HisPatient, HospitalRecords, MatchedBy, Order, OrderId, OrderQuery,
    PlacedOrder, Reconcile, ReconcileId, ReconcileReason, Reconciled, Reconciliation, Say, StudyContext,
    Unmatched,
};
use baize_core::{Fault, ImageFacts, Lane, Sex, StudyUid};

use crate::fakes::{NOW, World};

fn patient() -> HisPatient {
    HisPatient {
        id: "W1".into(),
        family_name: Some("王".into()),
        sex: Some(Sex::Male),
        birth_date: Some("19600102".into()),
        ..HisPatient::default()
    }
}

fn encounter() -> Encounter {
    Encounter {
        number: "V1".into(),
        patient: patient(),
        class: Some("E".into()),
        location: Some("急诊".into()),
        reason: Some("胸痛".into()),
        admitted_at: Some("2026-03-15T09:30:00+08:00".into()),
        state: EncounterState::Open,
        updated_at: NOW,
    }
}

fn order(id: i64) -> Order {
    Order {
        id: OrderId(id),
        placer_number: Some(format!("P{id}")),
        filler_number: None,
        accession: Some(format!("A{id}")),
        study: None,
        patient: patient(),
        encounter: Some("V1".into()),
        modality: Some("DX".into()),
        procedure_code: None,
        procedure_text: Some("胸部正位".into()),
        reason: Some("气胸？".into()),
        scheduled_at: None,
        lane: Lane::Stat,
        cancelled: false,
        received_at: NOW,
        updated_at: NOW,
    }
}

fn uid(text: &str) -> StudyUid {
    StudyUid::parse(text).unwrap()
}

#[async_trait]
impl HospitalRecords for World {
    async fn encounter(&self, number: &str) -> Result<Option<Encounter>, Fault> {
        Ok((number == "V1").then(encounter))
    }

    async fn context(&self, study: &StudyUid) -> Result<StudyContext, Fault> {
        let known = *study == uid("1.2");
        let context =
            StudyContext { order: Some((order(1), MatchedBy::Accession)), encounter: Some(encounter()) };
        Ok(if known { context } else { StudyContext::default() })
    }

    async fn studies_of_encounter(&self, _: &str) -> Result<Vec<StudyUid>, Fault> {
        Ok(vec![uid("1.2")])
    }
}

#[async_trait]
impl Reconciliation for World {
    async fn orders(&self, query: OrderQuery) -> Result<Vec<PlacedOrder>, Fault> {
        let all = [
            PlacedOrder { order: order(2), matched: None },
            PlacedOrder { order: order(1), matched: Some((uid("1.2"), MatchedBy::Accession, NOW)) },
        ];
        let wanted = |placed: &PlacedOrder| {
            query
                .accession
                .as_ref()
                .is_none_or(|accession| placed.order.accession.as_ref() == Some(accession))
                && query.state.is_none_or(|state| placed.state() == state)
                && query.before.is_none_or(|before| placed.order.id < before)
        };
        Ok(all.into_iter().filter(wanted).take(query.limit).collect())
    }

    async fn unmatched(&self, before: Option<ReconcileId>, limit: usize) -> Result<Vec<Reconcile>, Fault> {
        let differs = ReconcileReason::SexDiffers;
        let study = Unmatched::Study {
            study: uid("1.9"),
            facts: Box::new(ImageFacts { accession: Some("A2".into()), ..ImageFacts::default() }),
            candidates: vec![(order(2), Some(differs))],
        };
        let waiting = Unmatched::Order { order: Box::new(order(2)), candidates: vec![(uid("1.9"), None)] };
        let entries = [
            Reconcile { id: ReconcileId(8), subject: study, reason: differs, since: NOW },
            Reconcile { id: ReconcileId(7), subject: waiting, reason: ReconcileReason::Overdue, since: NOW },
        ];
        let older = |entry: &Reconcile| before.is_none_or(|before| entry.id < before);
        Ok(entries.into_iter().filter(older).take(limit).collect())
    }

    async fn match_by_person(
        &self,
        study: &StudyUid,
        order: OrderId,
        say: Say,
        confirmed: bool,
    ) -> Result<Reconciled, Fault> {
        let answer = match (study.as_str(), order.0) {
            ("1.9", 2) if !confirmed => return Ok(Reconciled::Contradiction(ReconcileReason::SexDiffers)),
            ("1.9", 1) => return Ok(Reconciled::OrderTaken),
            ("1.9", 2) => Reconciled::Done,
            ("1.9", _) => return Ok(Reconciled::UnknownOrder),
            _ => return Ok(Reconciled::UnknownStudy),
        };
        self.said.lock().unwrap().push((format!("{study} {}", order.0), say));
        Ok(answer)
    }

    async fn unmatch(&self, order: OrderId, say: Say) -> Result<Reconciled, Fault> {
        self.said.lock().unwrap().push((format!("unmatch {}", order.0), say));
        Ok(if order.0 == 1 { Reconciled::Done } else { Reconciled::UnknownOrder })
    }

    async fn dismiss(&self, entry: ReconcileId, say: Say) -> Result<Reconciled, Fault> {
        self.said.lock().unwrap().push((format!("dismiss {}", entry.0), say));
        Ok(if entry.0 == 8 { Reconciled::Done } else { Reconciled::UnknownOrder })
    }
}
