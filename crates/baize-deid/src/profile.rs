//! The table of the profile, from `data/basic-profile.csv`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::element::Tag;
use crate::options::Options;

/// The edition of the standard that the table is from.
pub const EDITION: &str = "2026c";

const TABLE: &str = include_str!("../data/basic-profile.csv");

/// What becomes of an attribute (PS3.15 table E.1-1a). Where the table leaves it to the IOD (`X/Z`, `X/D`, `Z/D`,
/// `X/Z/D`), the action that is valid for the strictest type named is taken: an empty value or a dummy identifies
/// nobody, and a missing one can make an object invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `X`
    Remove,
    /// `Z`, `X/Z`
    Empty,
    /// `D`, `Z/D`, `X/D`, `X/Z/D`
    Dummy,
    /// `U`
    Uid,
    /// `X/Z/U*`: a sequence of references stays, with its UIDs replaced.
    References,
}

/// The options under which an attribute is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct KeptWith {
    device: bool,
    institution: bool,
    patient: bool,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) action: Action,
    kept_with: KeptWith,
}

impl Rule {
    /// The options keep this attribute as it is. UIDs and dates are decided by their action and VR.
    pub(crate) fn is_kept(&self, options: &Options) -> bool {
        self.kept_with.device && options.retain_device
            || self.kept_with.institution && options.retain_institution
            || self.kept_with.patient && options.retain_patient_characteristics
    }
}

static RULES: LazyLock<HashMap<Tag, Rule>> = LazyLock::new(|| rows().flatten().collect());

/// The table's row of an attribute.
pub(crate) fn rule(tag: Tag) -> Option<Rule> {
    RULES.get(&tag).copied()
}

/// The rows; `None` for one that is not understood, of which the tests find that there is none.
fn rows() -> impl Iterator<Item = Option<(Tag, Rule)>> {
    let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(TABLE.as_bytes());
    reader.into_records().map(|record| row(&record.ok()?))
}

fn row(record: &csv::StringRecord) -> Option<(Tag, Rule)> {
    let [tag, _name, action, kept_with] = [record.get(0)?, record.get(1)?, record.get(2)?, record.get(3)?];
    let action = match action {
        "X" => Action::Remove,
        "Z" | "X/Z" => Action::Empty,
        "D" | "Z/D" | "X/D" | "X/Z/D" => Action::Dummy,
        "U" => Action::Uid,
        "X/Z/U*" => Action::References,
        _ => return None,
    };
    let mut kept = KeptWith::default();
    for option in kept_with.split_whitespace() {
        match option {
            "device" => kept.device = true,
            "institution" => kept.institution = true,
            "patient" => kept.patient = true,
            _ => return None,
        }
    }
    let number = u32::from_str_radix(tag, 16).ok().filter(|_| tag.len() == 8)?;
    let tag = ((number >> 16) as u16, (number & 0xFFFF) as u16);
    Some((tag, Rule { action, kept_with: kept }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_understood_and_stands_once() {
        assert!(rows().all(|row| row.is_some()));
        assert_eq!(rows().count(), RULES.len());
        assert!(RULES.len() > 600, "{} rows", RULES.len());
    }

    #[test]
    fn rows_that_everybody_knows() {
        for (tag, action) in [
            ((0x0008, 0x0018), Action::Uid),
            ((0x0008, 0x0020), Action::Empty),
            ((0x0008, 0x0050), Action::Empty),
            ((0x0008, 0x0080), Action::Dummy),
            ((0x0008, 0x1030), Action::Remove),
            ((0x0008, 0x1140), Action::References),
            ((0x0010, 0x0010), Action::Empty),
            ((0x0010, 0x1040), Action::Remove),
            ((0x0040, 0xA123), Action::Dummy),
        ] {
            assert_eq!(rule(tag).map(|rule| rule.action), Some(action), "{tag:04X?}");
        }
        assert_eq!(rule((0x0028, 0x0010)), None, "Rows is no concern of the profile");
        let sex = rule((0x0010, 0x0040)).unwrap();
        assert!(!sex.is_kept(&Options::default()));
        assert!(sex.is_kept(&Options { retain_patient_characteristics: true, ..Options::default() }));
        assert!(!sex.is_kept(&Options { retain_device: true, ..Options::default() }));
    }
}
