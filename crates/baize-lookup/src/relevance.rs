//! Which earlier studies are worth having.

use baize_core::ImageFacts;
use baize_core::ports::{ArchivedStudy, PatientIdentity};
use time::{Date, Month};

/// The rules, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relevance {
    /// How many studies, the newest first.
    pub most: usize,
    /// How far back, in months before the new study.
    pub months: u32,
    /// Only studies that have images of the new one's modality.
    pub same_modality: bool,
    /// Only studies of the new one's body part, where both name one.
    pub same_body_part: bool,
}

impl Relevance {
    /// Those of an archive's studies that may be fetched for a study, newest first, body parts not looked at yet. Every
    /// one is from a day before the study's: what is of the same day may be on its way here by itself.
    pub(crate) fn candidates(&self, facts: &ImageFacts, found: Vec<ArchivedStudy>) -> Vec<ArchivedStudy> {
        let Some(day) = facts.study_date.as_deref().and_then(date) else { return Vec::new() };
        let earliest = months_before(day, self.months);
        let patient = identity(facts);
        let mut dated: Vec<(Date, ArchivedStudy)> = found
            .into_iter()
            .filter(|study| same_patient(&patient, &study.patient).is_ok())
            .filter(|study| !self.same_modality || has_modality(study, facts))
            .filter_map(|study| Some((study.date.as_deref().and_then(date)?, study)))
            .filter(|(taken, _)| *taken < day && *taken >= earliest)
            .collect();
        dated.sort_by(|(one, this), (other, that)| other.cmp(one).then_with(|| this.study.cmp(&that.study)));
        dated.into_iter().map(|(_, study)| study).collect()
    }

    /// Whether a study's body parts let it be fetched. One that names none may well be of the right one.
    pub(crate) fn fits(&self, facts: &ImageFacts, body_parts: &[String]) -> bool {
        match &facts.body_part {
            Some(ours) if self.same_body_part => body_parts.is_empty() || body_parts.contains(ours),
            _ => true,
        }
    }
}

/// Where the archive does not say which modalities a study has, it may be the right one.
fn has_modality(study: &ArchivedStudy, facts: &ImageFacts) -> bool {
    // CR and DX are two ways to the same radiograph.
    let kin = |modality: &str| if modality == "DX" { "CR".to_owned() } else { modality.to_owned() };
    match &facts.modality {
        Some(ours) => study.modalities.is_empty() || study.modalities.iter().any(|one| kin(one) == kin(ours)),
        None => true,
    }
}

/// Whom the images of a study show.
pub(crate) fn identity(facts: &ImageFacts) -> PatientIdentity {
    PatientIdentity {
        id: facts.patient_id.clone(),
        issuer: facts.patient_id_issuer.clone(),
        birth_date: facts.birth_date.clone(),
        sex: facts.sex,
    }
}

/// Whether two systems mean the same patient: the Patient ID is the same, and nothing that both know contradicts.
///
/// # Errors
/// What contradicts, without its value.
pub fn same_patient(ours: &PatientIdentity, theirs: &PatientIdentity) -> Result<(), &'static str> {
    if ours.id.is_none() || ours.id != theirs.id {
        return Err("the Patient ID differs");
    }
    fn contradict<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
        matches!((one, other), (Some(one), Some(other)) if one != other)
    }
    if contradict(&ours.issuer, &theirs.issuer) {
        return Err("the issuer of the Patient ID differs");
    }
    if contradict(&ours.birth_date, &theirs.birth_date) {
        return Err("the date of birth differs");
    }
    if contradict(&ours.sex, &theirs.sex) {
        return Err("the sex differs");
    }
    Ok(())
}

fn date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let month = Month::try_from(text[4..6].parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(text[..4].parse().ok()?, month, text[6..].parse().ok()?).ok()
}

/// The same day of an earlier month, or its last day where it has no such day.
fn months_before(day: Date, months: u32) -> Date {
    let total = i64::from(day.year()) * 12 + i64::from(u8::from(day.month())) - 1 - i64::from(months);
    let year = i32::try_from(total.div_euclid(12)).unwrap_or(i32::MIN);
    let month = u8::try_from(total.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let month = month.unwrap_or(Month::January);
    let last = month.length(year);
    Date::from_calendar_date(year, month, day.day().min(last)).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use baize_core::{Sex, StudyUid};

    use super::*;

    const RULES: Relevance = Relevance { most: 3, months: 12, same_modality: true, same_body_part: true };

    fn facts() -> ImageFacts {
        ImageFacts {
            modality: Some("DX".into()),
            body_part: Some("CHEST".into()),
            study_date: Some("20240331".into()),
            patient_id: Some("W1".into()),
            patient_id_issuer: Some("HIS".into()),
            birth_date: Some("19600102".into()),
            sex: Some(Sex::Male),
            ..ImageFacts::default()
        }
    }

    fn study(number: u32, date: &str, modalities: &[&str]) -> ArchivedStudy {
        ArchivedStudy {
            study: StudyUid::parse(&format!("1.2.{number}")).unwrap(),
            patient: identity(&facts()),
            date: Some(date.into()),
            modalities: modalities.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn earlier_studies_of_the_same_kind_newest_first() {
        let found = vec![
            study(1, "20230330", &["DX"]),
            study(2, "20230331", &["DX"]),
            study(3, "20240330", &["SR", "CR"]),
            study(4, "20240331", &["DX"]),
            study(5, "20240401", &["DX"]),
            study(6, "20240101", &["CT"]),
            study(7, "20240102", &[]),
            ArchivedStudy { date: None, ..study(8, "", &["DX"]) },
        ];
        let chosen = |rules: &Relevance| -> Vec<String> {
            let candidates = rules.candidates(&facts(), found.clone());
            candidates.into_iter().map(|one| one.study.as_str()[4..].to_owned()).collect()
        };
        assert_eq!(chosen(&RULES), ["3", "7", "2"]);
        assert_eq!(chosen(&Relevance { same_modality: false, ..RULES }), ["3", "7", "6", "2"]);
        let undated = ImageFacts { study_date: None, ..facts() };
        assert!(RULES.candidates(&undated, found).is_empty(), "then nothing is known to be earlier");
    }

    #[test]
    fn a_body_part_that_nobody_names_may_be_the_right_one() {
        let parts = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        for (body_parts, fits) in [(vec![], true), (parts(&["CHEST"]), true), (parts(&["HAND"]), false)] {
            assert_eq!(RULES.fits(&facts(), &body_parts), fits, "{body_parts:?}");
        }
        assert!(RULES.fits(&ImageFacts { body_part: None, ..facts() }, &parts(&["HAND"])));
        assert!(Relevance { same_body_part: false, ..RULES }.fits(&facts(), &parts(&["HAND"])));
    }

    #[test]
    fn somebody_else_with_the_same_number_is_somebody_else() {
        let ours = identity(&facts());
        let theirs = |change: fn(&mut PatientIdentity)| {
            let mut theirs = identity(&facts());
            change(&mut theirs);
            same_patient(&ours, &theirs)
        };
        assert_eq!(theirs(|_| ()), Ok(()));
        assert_eq!(theirs(|one| *one = PatientIdentity { id: one.id.clone(), ..Default::default() }), Ok(()));
        assert!(theirs(|one| one.id = None).unwrap_err().contains("Patient ID"));
        assert!(theirs(|one| one.issuer = Some("OTHER".into())).unwrap_err().contains("issuer"));
        assert!(theirs(|one| one.birth_date = Some("19600201".into())).unwrap_err().contains("birth"));
        assert!(theirs(|one| one.sex = Some(Sex::Female)).unwrap_err().contains("sex"));
        let nobody = PatientIdentity::default();
        assert!(same_patient(&nobody, &nobody).is_err(), "without a Patient ID nobody is the same");
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let check = |day: &str, months, expected: &str| {
            assert_eq!(
                months_before(date(day).unwrap(), months),
                date(expected).unwrap(),
                "{day} - {months}"
            );
        };
        check("20240331", 1, "20240229");
        check("20240131", 2, "20231130");
        check("20240115", 12, "20230115");
        check("20240115", 60, "20190115");
    }
}
