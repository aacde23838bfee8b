//! What the hospital's information system has told: encounters and orders.

use baize_core::Sex;
use baize_core::ports::{
    Encounter, EncounterState, HisPatient, Order, OrderId, OrderState, PlacedOrder, StudyContext,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::time_text;
use crate::problem::Problem;

/// Which orders to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Only those that this study answers (Study Instance UID).
    #[param(example = "1.2.840.113619.2.1")]
    pub(crate) study: Option<String>,
    /// Only those with this Accession Number.
    #[param(example = "A1001")]
    pub(crate) accession: Option<String>,
    /// Only those of this patient, under any identifier that the hospital has merged.
    #[param(example = "P000123")]
    pub(crate) patient: Option<String>,
    /// Only those of this encounter.
    #[param(example = "V20260001")]
    pub(crate) encounter: Option<String>,
    /// Only those in this state: `waiting` (no study yet), `matched` or `cancelled`.
    #[param(example = "waiting", pattern = "^(waiting|matched|cancelled)$")]
    pub(crate) state: Option<String>,
    /// How many orders, 1 to 500; 50 where absent.
    #[param(example = 50, minimum = 1, maximum = 500)]
    pub(crate) limit: Option<usize>,
    /// Only orders older than this one: the `next_before` of the page before.
    #[param(example = 812)]
    pub(crate) before: Option<i64>,
}

/// Reads the name of a state.
pub(crate) fn order_state(name: &str) -> Result<OrderState, Problem> {
    OrderState::from_name(name).ok_or_else(|| {
        let names = OrderState::ALL.map(OrderState::as_str).join(", ");
        Problem::invalid(format!("state: must be one of {names}"))
    })
}

/// A patient as the HIS knows them.
#[derive(Serialize, ToSchema)]
#[schema(as = HisPatient)]
pub(crate) struct HisPatientDto {
    /// The hospital's identifier; where it has merged two, the one that stays.
    #[schema(example = "P000123")]
    id: String,
    /// Who gave it out.
    #[schema(example = "HIS")]
    issuer: Option<String>,
    /// Family name, or the whole name where the HIS does not divide it.
    #[schema(example = "王")]
    family_name: Option<String>,
    #[schema(example = "小明")]
    given_name: Option<String>,
    /// `F`, `M` or `O`.
    #[schema(example = "M")]
    sex: Option<&'static str>,
    /// As `YYYYMMDD`.
    #[schema(example = "20210830")]
    birth_date: Option<String>,
}

impl HisPatientDto {
    fn of(patient: HisPatient) -> Self {
        let sex = patient.sex.map(|sex| match sex {
            Sex::Female => "F",
            Sex::Male => "M",
            Sex::Other => "O",
        });
        Self {
            id: patient.id,
            issuer: patient.issuer,
            family_name: patient.family_name,
            given_name: patient.given_name,
            sex,
            birth_date: patient.birth_date,
        }
    }
}

/// A patient's stay or visit. Holds patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = Encounter)]
pub(crate) struct EncounterDto {
    #[schema(example = "V20260001")]
    number: String,
    patient: HisPatientDto,
    /// As in HL7 table 0004: `E` emergency, `I` inpatient, `O` outpatient.
    #[schema(example = "E")]
    class: Option<String>,
    /// Where the patient is.
    #[schema(example = "急诊")]
    location: Option<String>,
    /// Why the patient came.
    #[schema(example = "发热、咳嗽 3 天")]
    reason: Option<String>,
    /// When the patient came, ISO 8601 as exact as the HIS says it.
    #[schema(example = "2026-03-01T08:12:00+08:00")]
    admitted_at: Option<String>,
    /// `open`, or `cancelled`: it did not take place.
    #[schema(example = "open")]
    state: &'static str,
    /// When the HIS last told of it.
    #[schema(example = "2026-03-01T00:12:03.000000Z")]
    updated_at: String,
    /// Study Instance UIDs of the studies whose orders belong to it, newest first.
    #[schema(example = json!(["1.2.840.113619.2.1"]))]
    studies: Vec<String>,
}

impl EncounterDto {
    pub(crate) fn of(encounter: Encounter, studies: Vec<String>) -> Self {
        Self {
            number: encounter.number,
            patient: HisPatientDto::of(encounter.patient),
            class: encounter.class,
            location: encounter.location,
            reason: encounter.reason,
            admitted_at: encounter.admitted_at,
            state: match encounter.state {
                EncounterState::Open => "open",
                EncounterState::Cancelled => "cancelled",
            },
            updated_at: time_text(encounter.updated_at),
            studies,
        }
    }
}

/// An imaging order. Holds patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderDto {
    /// Its number here.
    #[schema(example = 812)]
    id: i64,
    /// The number that the HIS gave it (ORC-2).
    #[schema(example = "PL20260001")]
    placer_number: Option<String>,
    /// The number that the RIS gave it (ORC-3).
    #[schema(example = "FL20260001")]
    filler_number: Option<String>,
    /// Accession Number.
    #[schema(example = "A1001")]
    accession: Option<String>,
    /// Study Instance UID of the study that shall be made, where the order names it.
    #[schema(example = "1.2.840.113619.2.1")]
    ordered_study: Option<String>,
    patient: HisPatientDto,
    /// The encounter's number.
    #[schema(example = "V20260001")]
    encounter: Option<String>,
    #[schema(example = "DX")]
    modality: Option<String>,
    #[schema(example = "71045")]
    procedure_code: Option<String>,
    #[schema(example = "胸部正位片")]
    procedure: Option<String>,
    /// Why it was ordered.
    #[schema(example = "肺炎？")]
    reason: Option<String>,
    /// When it shall be done, ISO 8601.
    #[schema(example = "2026-03-01T08:30:00+08:00")]
    scheduled_at: Option<String>,
    /// `routine`, `urgent` or `stat`.
    #[schema(example = "stat")]
    lane: &'static str,
    /// The HIS has taken it back.
    cancelled: bool,
    #[schema(example = "2026-03-01T00:12:03.000000Z")]
    received_at: String,
    #[schema(example = "2026-03-01T00:12:03.000000Z")]
    updated_at: String,
}

impl OrderDto {
    pub(crate) fn of(order: Order) -> Self {
        let OrderId(id) = order.id;
        Self {
            id,
            placer_number: order.placer_number,
            filler_number: order.filler_number,
            accession: order.accession,
            ordered_study: order.study.map(|study| study.to_string()),
            patient: HisPatientDto::of(order.patient),
            encounter: order.encounter,
            modality: order.modality,
            procedure_code: order.procedure_code,
            procedure: order.procedure_text,
            reason: order.reason,
            scheduled_at: order.scheduled_at,
            lane: order.lane.as_str(),
            cancelled: order.cancelled,
            received_at: time_text(order.received_at),
            updated_at: time_text(order.updated_at),
        }
    }
}

/// An order with the study that answers it. Holds patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = PlacedOrder)]
pub(crate) struct PlacedOrderDto {
    order: OrderDto,
    /// `waiting` (no study yet), `matched` or `cancelled`.
    #[schema(example = "matched")]
    state: &'static str,
    /// Null while no study answers it.
    matched: Option<MatchedDto>,
}

/// Which study answers an order.
#[derive(Serialize, ToSchema)]
#[schema(as = Matched)]
pub(crate) struct MatchedDto {
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// How that was found: `study_uid`, `accession`, `patient_and_time`, or `person`.
    #[schema(example = "accession")]
    by: &'static str,
    #[schema(example = "2026-03-01T00:31:00.000000Z")]
    at: String,
}

impl PlacedOrderDto {
    pub(crate) fn of(placed: PlacedOrder) -> Self {
        let state = placed.state().as_str();
        let matched = placed.matched.map(|(study, by, at)| MatchedDto {
            study: study.to_string(),
            by: by.as_str(),
            at: time_text(at),
        });
        Self { order: OrderDto::of(placed.order), state, matched }
    }
}

/// One page of orders, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderList)]
pub(crate) struct OrderListDto {
    pub(crate) orders: Vec<PlacedOrderDto>,
    /// For the next page's `before`; null on the last page.
    #[schema(example = 762)]
    pub(crate) next_before: Option<i64>,
}

/// What the HIS says of a study: its order, and where the patient is.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderOfStudy)]
pub(crate) struct OrderOfStudyDto {
    /// The order's number here, see `/v1/orders`.
    #[schema(example = 812)]
    id: i64,
    /// How it was found to be this study's: `study_uid`, `accession`, `patient_and_time`, or `person`.
    #[schema(example = "accession")]
    matched_by: &'static str,
    #[schema(example = "A1001")]
    accession: Option<String>,
    #[schema(example = "PL20260001")]
    placer_number: Option<String>,
    /// How urgent the order is: `routine`, `urgent` or `stat`.
    #[schema(example = "stat")]
    lane: &'static str,
    #[schema(example = "胸部正位片")]
    procedure: Option<String>,
    /// Why it was ordered.
    #[schema(example = "肺炎？")]
    reason: Option<String>,
    #[schema(example = "2026-03-01T08:30:00+08:00")]
    scheduled_at: Option<String>,
    /// The HIS has taken it back.
    cancelled: bool,
    /// The encounter's number, see `/v1/encounters`.
    #[schema(example = "V20260001")]
    encounter: Option<String>,
    /// As in HL7 table 0004: `E` emergency, `I` inpatient, `O` outpatient.
    #[schema(example = "E")]
    encounter_class: Option<String>,
    /// Where the patient is.
    #[schema(example = "急诊")]
    location: Option<String>,
}

impl OrderOfStudyDto {
    pub(crate) fn of(context: StudyContext) -> Option<Self> {
        let StudyContext { order, encounter } = context;
        let (order, by) = order?;
        let (class, location) = encounter.map(|one| (one.class, one.location)).unwrap_or_default();
        Some(Self {
            id: order.id.0,
            matched_by: by.as_str(),
            accession: order.accession,
            placer_number: order.placer_number,
            lane: order.lane.as_str(),
            procedure: order.procedure_text,
            reason: order.reason,
            scheduled_at: order.scheduled_at,
            cancelled: order.cancelled,
            encounter: order.encounter,
            encounter_class: class,
            location,
        })
    }
}
