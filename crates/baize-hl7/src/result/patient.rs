//! Whose result it is: PID and PV1.

use baize_core::ports::{Encounter, HisPatient};
use baize_core::{ImageFacts, Sex};

use super::row::{Row, components};

/// The patient as the HIS knows them.
pub(super) fn of_his(patient: &HisPatient, account: Option<&str>) -> Row {
    let mut ids = vec![components(&[&patient.id, "", "", patient.issuer.as_deref().unwrap_or(""), "MR"])];
    if let Some(national) = &patient.national_id {
        ids.push(components(&[national, "", "", "", "NI"]));
    }
    let (family, given) =
        (patient.family_name.as_deref().unwrap_or(""), patient.given_name.as_deref().unwrap_or(""));
    let name = match (family, given) {
        ("", "") => String::new(),
        (family, given) => components(&[family, given, "", "", "", "", "L"]),
    };
    let row = Row::new("PID").raw(1, "1").raw(3, ids.join("~")).raw(5, name);
    row.maybe(7, patient.birth_date.as_deref()).raw(8, sex(patient.sex)).maybe(18, account)
}

/// The patient as the images say, where the HIS has told nothing.
pub(super) fn of_images(facts: &ImageFacts) -> Row {
    let id = facts.patient_id.as_deref().unwrap_or("");
    let id = match id {
        "" => String::new(),
        id => components(&[id, "", "", facts.patient_id_issuer.as_deref().unwrap_or(""), "MR"]),
    };
    let name = facts.patient_name.as_deref().map(name).unwrap_or_default();
    let row = Row::new("PID").raw(1, "1").raw(3, id).raw(5, name);
    row.maybe(7, facts.birth_date.as_deref()).raw(8, sex(facts.sex))
}

/// A patient of whom only the number of the visit is known.
pub(super) fn of_account(number: &str) -> Row {
    Row::new("PID").raw(1, "1").text(18, number)
}

/// PN (PS3.5 section 6.2.1.2) as XPN: of its groups the ideographic one, where there is one; of its components family and
/// given name.
fn name(name: &str) -> String {
    let groups: Vec<&str> = name.split('=').collect();
    let group = [1, 0, 2].into_iter().filter_map(|index| groups.get(index)).find(|group| !group.is_empty());
    let mut parts = group.copied().unwrap_or_default().split('^');
    match (parts.next().unwrap_or("").trim(), parts.next().unwrap_or("").trim()) {
        ("", "") => String::new(),
        (family, given) => components(&[family, given, "", "", "", "", "L"]),
    }
}

fn sex(sex: Option<Sex>) -> &'static str {
    match sex {
        Some(Sex::Female) => "F",
        Some(Sex::Male) => "M",
        Some(Sex::Other) => "O",
        None => "",
    }
}

/// The visit, as the HIS told it.
pub(super) fn visit(encounter: &Encounter) -> Row {
    // PV1-2 is required; U is "unknown" in table 0004.
    let row = Row::new("PV1").raw(1, "1").text(2, encounter.class.as_deref().unwrap_or("U"));
    let admitted = encounter.admitted_at.as_deref().map(compact);
    row.maybe(3, encounter.location.as_deref()).text(19, &encounter.number).maybe(44, admitted.as_deref())
}

/// ISO 8601 as HL7 writes it: `2026-03-15T09:30:00+08:00` is `20260315093000+0800`.
fn compact(iso: &str) -> String {
    let (date, rest) = iso.split_once(['T', ' ']).unwrap_or((iso, ""));
    let date: String = date.chars().filter(char::is_ascii_digit).collect();
    let (time, offset) = match rest.find(['+', '-', 'Z']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let time: String = time.chars().filter(|c| *c != ':').collect();
    let offset = match offset {
        "Z" => "+0000".to_owned(),
        offset => offset.replace(':', ""),
    };
    if time.is_empty() { date } else { format!("{date}{time}{offset}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_moments_are_written_as_hl7_has_them() {
        for (dicom, hl7) in [
            ("王^小明", "王^小明^^^^^L"),
            ("Wang^XiaoMing=王^小明=", "王^小明^^^^^L"),
            ("Wang^XiaoMing", "Wang^XiaoMing^^^^^L"),
            ("=王", "王^^^^^^L"),
            ("", ""),
            ("^", ""),
            ("A&B|C", r"A\T\B\F\C^^^^^^L"),
        ] {
            assert_eq!(name(dicom), hl7);
        }
        for (iso, hl7) in [
            ("2026-03-15T09:30:00+08:00", "20260315093000+0800"),
            ("2026-03-15T09:30:00.5Z", "20260315093000.5+0000"),
            ("2026-03-15 09:30", "202603150930"),
            ("2026-03-15", "20260315"),
            ("20260315", "20260315"),
        ] {
            assert_eq!(compact(iso), hl7, "{iso}");
        }
    }
}
