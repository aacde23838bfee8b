//! A study: what it is, whose, and how far.

use baize_core::ports::{Encounter, HisPatient, Order, StudyResult};
use baize_core::{ImageFacts, Sex};
use serde::Serialize;

use super::results::ImageDoc;
use super::time_text;

/// A study, with all that is known of it.
#[derive(Serialize)]
pub(super) struct StudyDoc<'a> {
    uid: &'a str,
    /// `preliminary`, `corrected`, `final` or `amended`; the last two only after a physician's signature.
    standing: &'static str,
    lane: &'static str,
    accession: Option<&'a str>,
    study_date: Option<&'a str>,
    modality: Option<&'a str>,
    body_part: Option<&'a str>,
    description: Option<&'a str>,
    received_at: String,
    /// All images are here, as far as can be told.
    complete: bool,
    /// Analyses not finished yet.
    pending: u64,
    patient: PatientDoc<'a>,
    order: Option<OrderDoc<'a>>,
    encounter: Option<EncounterDoc<'a>>,
    images: Vec<ImageDoc<'a>>,
}

impl<'a> StudyDoc<'a> {
    pub(super) fn of(result: &'a StudyResult) -> Self {
        let (summary, context) = (&result.summary, &result.context);
        let facts = &summary.facts;
        let order = context.order.as_ref().map(|(order, _)| order);
        let his = order.map(|order| &order.patient).filter(|patient| !patient.id.is_empty());
        let his = his.or(context.encounter.as_ref().map(|encounter| &encounter.patient));
        Self {
            uid: summary.study.as_str(),
            standing: result.standing.as_str(),
            lane: summary.lane.as_str(),
            accession: order.and_then(|order| order.accession.as_deref()).or(facts.accession.as_deref()),
            study_date: facts.study_date.as_deref(),
            modality: facts.modality.as_deref(),
            body_part: facts.body_part.as_deref(),
            description: facts.study_description.as_deref(),
            received_at: time_text(summary.received_at),
            complete: summary.arrival.complete.is_some(),
            pending: summary.progress.pending,
            patient: his.map_or_else(|| PatientDoc::of_images(facts), PatientDoc::of_his),
            order: order.map(OrderDoc::of),
            encounter: context.encounter.as_ref().map(EncounterDoc::of),
            images: result.instances.iter().map(|instance| ImageDoc::of(result, instance)).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct PatientDoc<'a> {
    /// `his`, or `images` where the HIS has told nothing.
    source: &'static str,
    id: Option<&'a str>,
    issuer: Option<&'a str>,
    national_id: Option<&'a str>,
    /// As the images have it (PN), or family and given name with a caret between.
    name: Option<String>,
    sex: Option<&'static str>,
    birth_date: Option<&'a str>,
}

impl<'a> PatientDoc<'a> {
    pub(super) fn of_his(patient: &'a HisPatient) -> Self {
        let names = [&patient.family_name, &patient.given_name].map(Option::as_deref);
        let name = match names {
            [Some(family), Some(given)] => Some(format!("{family}^{given}")),
            [family, given] => family.or(given).map(str::to_owned),
        };
        Self {
            source: "his",
            id: Some(&patient.id),
            issuer: patient.issuer.as_deref(),
            national_id: patient.national_id.as_deref(),
            name,
            sex: patient.sex.map(sex),
            birth_date: patient.birth_date.as_deref(),
        }
    }

    fn of_images(facts: &'a ImageFacts) -> Self {
        Self {
            source: "images",
            id: facts.patient_id.as_deref(),
            issuer: facts.patient_id_issuer.as_deref(),
            national_id: None,
            name: facts.patient_name.clone(),
            sex: facts.sex.map(sex),
            birth_date: facts.birth_date.as_deref(),
        }
    }
}

const fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "F",
        Sex::Male => "M",
        Sex::Other => "O",
    }
}

#[derive(Serialize)]
struct OrderDoc<'a> {
    placer_number: Option<&'a str>,
    filler_number: Option<&'a str>,
    procedure_code: Option<&'a str>,
    procedure_text: Option<&'a str>,
}

impl<'a> OrderDoc<'a> {
    fn of(order: &'a Order) -> Self {
        Self {
            placer_number: order.placer_number.as_deref(),
            filler_number: order.filler_number.as_deref(),
            procedure_code: order.procedure_code.as_deref(),
            procedure_text: order.procedure_text.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct EncounterDoc<'a> {
    number: &'a str,
    class: Option<&'a str>,
    location: Option<&'a str>,
}

impl<'a> EncounterDoc<'a> {
    fn of(encounter: &'a Encounter) -> Self {
        Self {
            number: &encounter.number,
            class: encounter.class.as_deref(),
            location: encounter.location.as_deref(),
        }
    }
}
