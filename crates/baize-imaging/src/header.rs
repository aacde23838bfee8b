//! What an object says about itself.

use baize_core::ports::Digest;
use baize_core::{
    AgeYears, BadUid, ErrorCode, Fault, ImageFacts, InstanceIdentity, MANUFACTURER, SeriesUid, Sex, SopUid,
    StudyUid,
};
use sha2::{Digest as _, Sha256};
use time::{Date, Month};

use crate::Header;
use crate::attributes::{Attributes, missing, tags};
use crate::element::{Tag, malformed};
use crate::part10::Part10;

/// Older than anybody has become: a placeholder for a date that nobody knew.
const MAX_AGE_YEARS: f32 = 130.0;

/// Thorax (chest) in SNOMED CT and in the older SNOMED RT (PS3.16 CID 4031 and annex L).
const CHEST_CODES: [&str; 2] = ["51185008", "T-D3000"];

pub(crate) fn read(file: &Part10<'_>, attributes: &Attributes<'_>) -> Result<Header, Fault> {
    let sop_class =
        attributes.code(tags::SOP_CLASS).ok_or_else(|| missing(tags::SOP_CLASS, "SOP Class UID"))?;
    // The type for SOP Instance UIDs checks any UID.
    SopUid::parse(sop_class).map_err(|bad| bad_uid(tags::SOP_CLASS, "SOP Class UID", &bad))?;
    let identity = InstanceIdentity {
        study: uid(attributes, tags::STUDY, "Study Instance UID", StudyUid::parse)?,
        series: uid(attributes, tags::SERIES, "Series Instance UID", SeriesUid::parse)?,
        sop: uid(attributes, tags::SOP_INSTANCE, "SOP Instance UID", SopUid::parse)?,
        sop_class: sop_class.to_owned(),
        transfer_syntax: file.transfer_syntax.clone(),
    };
    let own_result = attributes.code(tags::MANUFACTURER) == Some(MANUFACTURER);
    Ok(Header { identity, facts: facts(attributes)?, digest: digest(file), own_result })
}

fn uid<T>(
    attributes: &Attributes<'_>,
    tag: Tag,
    name: &str,
    parse: impl Fn(&str) -> Result<T, BadUid>,
) -> Result<T, Fault> {
    let text = attributes.code(tag).ok_or_else(|| missing(tag, name))?;
    parse(text).map_err(|bad| bad_uid(tag, name, &bad))
}

fn bad_uid((group, element): Tag, name: &str, bad: &BadUid) -> Fault {
    Fault::new(ErrorCode::MalformedObject, format!("{name} ({group:04X},{element:04X}) is {bad}"))
}

/// The transfer syntax counts, because the same bytes mean another image under another one; the file meta
/// group does not, because each way in writes its own.
fn digest(file: &Part10<'_>) -> Digest {
    let mut hash = Sha256::new();
    hash.update(file.transfer_syntax.as_bytes());
    hash.update([0]);
    hash.update(file.received);
    Digest(hash.finalize().into())
}

fn facts(attributes: &Attributes<'_>) -> Result<ImageFacts, Fault> {
    let upper = |tag| attributes.code(tag).map(str::to_uppercase);
    let study_date = attributes.code(tags::STUDY_DATE).and_then(date);
    let frames = match attributes.decimal(tags::FRAMES)? {
        None => 1,
        Some(count) if count >= 0.0 && count <= f64::from(u32::MAX) && count.fract() == 0.0 => count as u32,
        Some(_) => return Err(malformed(tags::FRAMES, "Number of Frames is not a whole number")),
    };
    let has_pixels = attributes.pixels.is_some();
    let side = |tag| if has_pixels { attributes.word(tag).unwrap_or(0).into() } else { 0 };
    let region = attributes.coded(tags::ANATOMIC_REGION);
    let is_chest = region.as_ref().is_some_and(|(code, _)| CHEST_CODES.contains(&code.as_str()));
    let view_code = || attributes.coded(tags::VIEW_CODE).and_then(|(_, meaning)| view_of(&meaning?));
    Ok(ImageFacts {
        modality: upper(tags::MODALITY),
        body_part: upper(tags::BODY_PART).or_else(|| is_chest.then(|| "CHEST".to_owned())),
        view: upper(tags::VIEW_POSITION).or_else(view_code),
        frames,
        rows: side(tags::ROWS),
        columns: side(tags::COLUMNS),
        age: age(attributes, study_date),
        sex: match attributes.code(tags::SEX).map(str::to_uppercase).as_deref() {
            Some("F") => Some(Sex::Female),
            Some("M") => Some(Sex::Male),
            Some("O") => Some(Sex::Other),
            _ => None,
        },
        patient_id: attributes.text(tags::PATIENT_ID),
        patient_name: attributes.text(tags::PATIENT_NAME),
        accession: attributes.text(tags::ACCESSION),
        study_date: study_date
            .map(|date| format!("{:04}{:02}{:02}", date.year(), u8::from(date.month()), date.day())),
        study_description: attributes.text(tags::STUDY_DESCRIPTION),
        series_description: attributes.text(tags::SERIES_DESCRIPTION),
        protocol: attributes.text(tags::PROTOCOL),
        anatomic_region: region.and_then(|(_, meaning)| meaning),
        station: attributes.text(tags::STATION),
        burned_in_annotation: upper(tags::BURNED_IN).as_deref() == Some("YES"),
    })
}

/// The View Position for a Code Meaning of View Code Sequence (PS3.16 CID 4010); `None` for other words.
fn view_of(meaning: &str) -> Option<String> {
    let words: String = meaning.to_lowercase().chars().filter(char::is_ascii_lowercase).collect();
    let view = match words.as_str() {
        "anteroposterior" => "AP",
        "posteroanterior" => "PA",
        "leftlateral" => "LL",
        "rightlateral" => "RL",
        "lateral" => "LATERAL",
        _ => return None,
    };
    Some(view.to_owned())
}

/// Patient's Age, or else the time from birth to the study.
fn age(attributes: &Attributes<'_>, study_date: Option<Date>) -> Option<AgeYears> {
    // Equipment that knows no date of birth writes "000Y"; the age of an infant is stated in smaller units.
    let stated = attributes.code(tags::AGE).and_then(age_string).filter(|years| *years > 0.0);
    let years = stated.or_else(|| {
        let born = attributes.code(tags::BIRTH_DATE).and_then(date)?;
        Some((study_date? - born).whole_days() as f32 / 365.25)
    })?;
    (0.0..=MAX_AGE_YEARS).contains(&years).then_some(AgeYears(years))
}

/// An age string (PS3.5 section 6.2): digits and a unit of days, weeks, months or years.
fn age_string(text: &str) -> Option<f32> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = f32::from(number.parse::<u16>().ok()?);
    match unit {
        "Y" | "y" => Some(number),
        "M" | "m" => Some(number / 12.0),
        "W" | "w" => Some(number * 7.0 / 365.25),
        "D" | "d" => Some(number / 365.25),
        _ => None,
    }
}

/// A date as `YYYYMMDD`, or as `YYYY.MM.DD` of the standard before DICOM.
fn date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let month = Month::try_from(digits[4..6].parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(digits[..4].parse().ok()?, month, digits[6..].parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_years() {
        let check = |text: &str, expected: Option<f32>| {
            let found = age_string(text);
            let same = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-3,
                (found, expected) => found == expected,
            };
            assert!(same, "{text:?}: {found:?}");
        };
        check("064Y", Some(64.0));
        check("018M", Some(1.5));
        check("003W", Some(0.057_49));
        check("010D", Some(0.027_38));
        check("064", None);
        check("Y", None);
        check("", None);
        check("年", None);
    }

    #[test]
    fn views_are_read_from_their_names() {
        assert_eq!(view_of("postero-anterior").as_deref(), Some("PA"));
        assert_eq!(view_of("Antero-posterior").as_deref(), Some("AP"));
        assert_eq!(view_of("left lateral").as_deref(), Some("LL"));
        assert_eq!(view_of("oblique"), None);
        assert_eq!(view_of("后前位"), None);
    }

    #[test]
    fn dates_are_checked() {
        assert_eq!(date("20240229").map(|date| date.day()), Some(29));
        assert_eq!(date("1997.07.17").map(|date| date.year()), Some(1997));
        for bad in ["20230229", "2024", "20241301", "2024١٢٠١", ""] {
            assert_eq!(date(bad), None, "{bad:?}");
        }
    }
}
