//! What triage is sent. These types only describe it: `baize-triage` reads it, so that every mistake is found at once and
//! named in both languages.

use serde::Deserialize;
use utoipa::ToSchema;

/// A number, or a text with a number as people write it: full-width digits and the unit are understood.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TriageQuantity)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) enum QuantityDto {
    Number(f64),
    Text(String),
}

/// A number as hospitals give it out: a text, or a JSON number that is taken as its digits.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TriageIdentifier)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) enum IdentifierDto {
    Text(String),
    Number(f64),
}

/// One patient. What is not known is left out or null; a field that is not listed is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TriageRequest)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) struct TriageRequestDto {
    /// The hospital's identifier of the visit, echoed; 128 characters at most.
    #[schema(example = "E-1001")]
    encounter: Option<IdentifierDto>,
    /// Age in years.
    age_years: Option<QuantityDto>,
    /// Age in months, or the months beyond the completed years.
    age_months: Option<QuantityDto>,
    /// `female`, `male` or `other`; 女 and 男 are understood.
    #[schema(example = "female")]
    sex: Option<String>,
    /// `walk_in`, `ambulance`, `car`, `public_transport`, `wheelchair`, `police` or `other`.
    #[schema(example = "ambulance")]
    arrival_mode: Option<String>,
    /// The complaint in the nurse's words, Chinese or English.
    #[schema(example = "胸痛2小时伴大汗，左肩放射", max_length = 2000)]
    chief_complaint: Option<String>,
    /// Codes of the complaint (`cc_*`) that are known already.
    #[schema(example = json!(["cc_chestpain"]))]
    complaint_codes: Option<Vec<String>>,
    vitals: Option<VitalsDto>,
    /// `pmh_*` names; null is "not asked", an empty list is "nothing known".
    #[schema(example = json!(["pmh_htn"]))]
    history: Option<Vec<String>>,
    /// Earlier visits to an emergency department.
    prior_ed_visits: Option<QuantityDto>,
    /// Earlier admissions.
    prior_admissions: Option<QuantityDto>,
    #[schema(example = false)]
    pregnant: Option<bool>,
    /// What the nurse thinks: 1 to 5, where 1 to 4 are the Chinese levels and 5 is Ⅳb, or 急危, 急重, 急症, 非急症.
    #[schema(example = 2)]
    nurse_level: Option<QuantityDto>,
}

/// Vital signs. What was not measured is left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TriageVitals)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) struct VitalsDto {
    /// Beats per minute.
    heart_rate: Option<QuantityDto>,
    /// mmHg; `"130/80"` gives both pressures.
    systolic_bp: Option<QuantityDto>,
    /// mmHg.
    diastolic_bp: Option<QuantityDto>,
    /// Breaths per minute.
    respiratory_rate: Option<QuantityDto>,
    /// °C.
    temperature_c: Option<QuantityDto>,
    /// °F, in the place of `temperature_c`.
    temperature_f: Option<QuantityDto>,
    /// Percent.
    spo2: Option<QuantityDto>,
    /// 2 where a clinician has set the target of hypercapnic respiratory failure (88 to 92 %), else 1.
    spo2_scale: Option<QuantityDto>,
    /// Whether the patient gets oxygen.
    #[schema(example = false)]
    on_oxygen: Option<bool>,
    /// `alert`, `confusion`, `voice`, `pain` or `unresponsive`; A, C, V, P, U and 清醒 are understood.
    #[schema(example = "alert")]
    avpu: Option<String>,
    /// 0 to 10.
    pain_score: Option<QuantityDto>,
    /// mmol/L.
    glucose_mmol_l: Option<QuantityDto>,
    /// mmol/L.
    potassium_mmol_l: Option<QuantityDto>,
}

/// Newer vital signs; at least one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TriageNewerVitals)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) struct VitalsBodyDto {
    vitals: VitalsDto,
}

/// A decision: `level` or, in its place, `acuity`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TriageNurseLevel)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) struct NurseLevelDto {
    /// As `nurse_level` of a request.
    #[schema(example = 2)]
    level: Option<QuantityDto>,
    /// As `level`.
    #[schema(example = 2)]
    acuity: Option<QuantityDto>,
    /// Why; needed where the level is calmer than the assessment.
    #[schema(example = "面色苍白，四肢湿冷", max_length = 1000)]
    reason: Option<String>,
}
