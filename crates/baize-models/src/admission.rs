//! Whether a model may read an image, and whether its figures apply to the patient.

use baize_core::{ErrorCode, Fault, ImageFacts, Language, Population, Text};

use crate::Manifest;

impl Manifest {
    /// Whether the model may read such an image, and whether the patient is one of those it was measured on.
    ///
    /// A body part or view that is not stated is no reason to refuse, because many departments leave them
    /// empty; but it can't be told then whether the figures apply, so the image counts as outside. Where the gate guards
    /// the model, the pixels tell the body part, and it may be left out.
    ///
    /// # Errors
    /// A fault of class `Refused` whose message names the attribute.
    pub fn admits(&self, facts: &ImageFacts) -> Result<Population, Fault> {
        self.check_modality(facts)?;
        if let Some(part) = stated(facts.body_part.as_deref()) {
            let accepted = &self.file().accepts.body_parts;
            check(ErrorCode::WrongBodyPart, "Body Part Examined (0018,0015)", part, accepted)?;
        }
        self.admits_but_for_body_part(facts)
    }

    /// [`Self::admits`] where the gate tells the body part from the pixels: a body part that the model does not know
    /// counts as not stated. A model that no gate guards goes by the header all the same.
    ///
    /// # Errors
    /// As [`Self::admits`].
    pub fn admits_by_pixels(&self, facts: &ImageFacts) -> Result<Population, Fault> {
        match self.admits(facts) {
            Err(fault) if fault.code == ErrorCode::WrongBodyPart && !self.content().is_empty() => {
                self.admits_but_for_body_part(&ImageFacts { body_part: None, ..facts.clone() })
            }
            answer => answer,
        }
    }

    fn check_modality(&self, facts: &ImageFacts) -> Result<(), Fault> {
        let modality = facts.modality.as_deref().unwrap_or_default();
        check(ErrorCode::WrongModality, "Modality (0008,0060)", modality, &self.file().accepts.modalities)
    }

    fn admits_but_for_body_part(&self, facts: &ImageFacts) -> Result<Population, Fault> {
        let accepts = &self.file().accepts;
        if let Some(view) = stated(facts.view.as_deref()) {
            check(ErrorCode::WrongView, "View Position (0018,5101)", view, &accepts.views)?;
        }
        if facts.frames > 1 {
            let message =
                format!("Number of Frames (0028,0008) is {}; the model reads one frame", facts.frames);
            return Err(Fault::new(ErrorCode::MultiFrame, message));
        }
        if facts.rows.min(facts.columns) < accepts.min_side {
            let message = format!(
                "Rows (0028,0010) is {} and Columns (0028,0011) is {}; the model needs {} on each side",
                facts.rows, facts.columns, accepts.min_side
            );
            return Err(Fault::new(ErrorCode::TooSmall, message));
        }
        Ok(self.population(facts))
    }

    /// Refuses an image of a patient on whom the model was not validated, or of whom that is not known.
    ///
    /// # Errors
    /// `OutsidePopulation`, with the reasons. The age itself is not among them: it is patient data.
    pub fn refuse_outside(&self, facts: &ImageFacts) -> Result<(), Fault> {
        let reasons: Vec<String> = self.outside(facts).into_iter().map(|reason| reason.en).collect();
        if reasons.is_empty() {
            return Ok(());
        }
        let message = format!("outside the validated population: {}", reasons.join("; "));
        Err(Fault::new(ErrorCode::OutsidePopulation, message))
    }

    fn population(&self, facts: &ImageFacts) -> Population {
        let reasons = self.outside(facts);
        if reasons.is_empty() {
            return Population::Validated;
        }
        let told = |language| reasons.iter().map(|reason| reason.get(language)).collect::<Vec<_>>();
        let description = &self.file().population.description;
        Population::Outside(Text {
            zh: format!("超出已验证人群（{}）：{}", description.zh, told(Language::Chinese).join("；")),
            en: format!(
                "Outside the validated population ({}): {}",
                description.en,
                told(Language::English).join("; ")
            ),
        })
    }

    /// Why the model's figures do not apply, or why that cannot be told; empty where they apply.
    fn outside(&self, facts: &ImageFacts) -> Vec<Text> {
        let validated = &self.file().population;
        let mut reasons: Vec<Text> = Vec::new();
        let mut add = |zh: &str, en: &str| reasons.push(Text { zh: zh.to_owned(), en: en.to_owned() });
        match facts.age {
            None => add("患者年龄未知", "the patient's age is not known"),
            Some(age) if age.0 >= validated.from_years && age.0 < validated.below_years => {}
            // The age itself is patient data and stays out of texts that travel.
            Some(_) => {
                let (from, below) = (validated.from_years, validated.below_years);
                add(
                    &format!("患者年龄不在已验证范围内（满 {from} 岁至不满 {below} 岁）"),
                    &format!(
                        "the patient's age is outside the validated range (from {from} to under {below} years)"
                    ),
                );
            }
        }
        if stated(facts.body_part.as_deref()).is_none() && self.content().is_empty() {
            add("检查部位未注明", "the body part is not stated");
        }
        match stated(facts.view.as_deref()) {
            None => add("投照体位未注明", "the view is not stated"),
            Some(view) if validated.views.iter().any(|known| known == view) => {}
            Some(view) => add(
                &format!("该模型未在 {view} 位图像上验证"),
                &format!("the model was not validated on {view} views"),
            ),
        }
        reasons
    }
}

/// The value, unless it is empty.
fn stated(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|text| !text.is_empty())
}

fn check(code: ErrorCode, attribute: &str, value: &str, accepted: &[String]) -> Result<(), Fault> {
    if accepted.iter().any(|known| known.eq_ignore_ascii_case(value)) {
        return Ok(());
    }
    // A header can hold anything; only what looks like a Defined Term is repeated.
    let is_term = value.len() <= 16
        && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b' ');
    let shown = match (value.is_empty(), is_term) {
        (true, _) => "missing".to_owned(),
        (false, true) => value.to_owned(),
        (false, false) => "not a known term".to_owned(),
    };
    Err(Fault::new(code, format!("{attribute} is {shown}; the model reads {}", accepted.join(", "))))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
