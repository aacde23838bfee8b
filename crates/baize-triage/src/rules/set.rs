//! All rules together, from the built-in files or a hospital's.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::{
    ChineseLevels, DangerZone, Departments, Facts, FiredRule, Header, MissingRules, News2, News2Result,
    Paediatric, Policy, Ranges, RuleError,
};
use crate::features::FeatureSchema;

/// Every rule that triage goes by.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Plausible values and units.
    pub ranges: Ranges,
    /// NEWS2.
    pub news2: News2,
    /// ESI's danger zone.
    pub danger_zone: DangerZone,
    /// The four Chinese levels.
    pub chinese: ChineseLevels,
    /// Children's limits.
    pub paediatric: Paediatric,
    /// Departments.
    pub departments: Departments,
    /// What to ask next.
    pub missing: MissingRules,
    /// The decision policy.
    pub policy: Policy,
}

const BUILTIN: [(&str, &str); 8] = [
    ("vitals_ranges.toml", include_str!("../../rules/vitals_ranges.toml")),
    ("news2.toml", include_str!("../../rules/news2.toml")),
    ("esi_danger_zone.toml", include_str!("../../rules/esi_danger_zone.toml")),
    ("cn_2018.toml", include_str!("../../rules/cn_2018.toml")),
    ("paediatric.toml", include_str!("../../rules/paediatric.toml")),
    ("departments.toml", include_str!("../../rules/departments.toml")),
    ("missing.toml", include_str!("../../rules/missing.toml")),
    ("policy.toml", include_str!("../../rules/policy.toml")),
];

/// Larger than any rule file.
const MAX_FILE_BYTES: u64 = 1 << 20;

impl RuleSet {
    /// The rules that Baize comes with.
    ///
    /// # Errors
    /// A mistake in the files, which the tests exclude.
    pub fn builtin() -> Result<Self, RuleError> {
        Self::with_replacements(&HashMap::new())
    }

    /// The rules of a hospital: each `*.toml` of the folder replaces the built-in file of its name, entirely.
    ///
    /// # Errors
    /// A folder or file that cannot be read, a name that replaces nothing, or a file that does not validate.
    pub fn from_dir(dir: &Path) -> Result<Self, RuleError> {
        let unreadable =
            |path: &Path, reason: String| RuleError::Unreadable { path: path.display().to_string(), reason };
        let mut replacements = HashMap::new();
        let entries = fs::read_dir(dir).map_err(|error| unreadable(dir, error.to_string()))?;
        for entry in entries {
            let path = entry.map_err(|error| unreadable(dir, error.to_string()))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !BUILTIN.iter().any(|(known, _)| *known == name) {
                let names = BUILTIN.map(|(known, _)| known).join(", ");
                return Err(RuleError::invalid(
                    &name,
                    format!("there is no such rule file; they are {names}"),
                ));
            }
            let size = fs::metadata(&path).map_err(|error| unreadable(&path, error.to_string()))?.len();
            if size > MAX_FILE_BYTES {
                return Err(unreadable(&path, format!("{size} bytes are too many for a rule file")));
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error.to_string()))?;
            replacements.insert(name, text);
        }
        Self::with_replacements(&replacements)
    }

    /// The built-in rules with some files, by name, replaced by these texts.
    ///
    /// # Errors
    /// As [`Self::from_dir`].
    pub fn with_replacements(replacements: &HashMap<String, String>) -> Result<Self, RuleError> {
        let [ranges, news2, danger_zone, chinese, paediatric, departments, missing, policy] =
            BUILTIN.map(|(name, builtin)| (name, replacements.get(name).map_or(builtin, String::as_str)));
        let set = Self {
            ranges: Ranges::parse(ranges.0, ranges.1)?,
            news2: News2::parse(news2.0, news2.1)?,
            danger_zone: DangerZone::parse(danger_zone.0, danger_zone.1)?,
            chinese: ChineseLevels::parse(chinese.0, chinese.1)?,
            paediatric: Paediatric::parse(paediatric.0, paediatric.1)?,
            departments: Departments::parse(departments.0, departments.1)?,
            missing: MissingRules::parse(missing.0, missing.1)?,
            policy: Policy::parse(policy.0, policy.1)?,
        };
        set.check_names(chinese.0, departments.0, missing.0)?;
        Ok(set)
    }

    /// Every code that a rule speaks of exists, and every code leads to a department.
    fn check_names(&self, chinese: &str, departments: &str, missing: &str) -> Result<(), RuleError> {
        let schema = FeatureSchema::builtin()
            .map_err(|reason| RuleError::invalid("features.toml", reason.to_string()))?;
        let codes = self
            .chinese
            .codes()
            .map(|code| (chinese, code))
            .chain(self.departments.codes().map(|code| (departments, code)))
            .chain(self.missing.codes().map(|code| (missing, code)));
        for (file, code) in codes {
            if !schema.knows_complaint(code) {
                return Err(RuleError::invalid(file, format!("there is no complaint code {code}")));
            }
        }
        for name in self.missing.history() {
            if !schema.knows_history(name) {
                return Err(RuleError::invalid(missing, format!("there is no history name {name}")));
            }
        }
        let covered = self.departments.covered();
        match schema.complaints().iter().find(|code| !covered.contains(code.as_str())) {
            Some(code) => {
                let reason = format!("{code} leads to no department by itself");
                Err(RuleError::invalid(departments, reason))
            }
            None => Ok(()),
        }
    }

    /// Where each file comes from.
    pub fn headers(&self) -> [&Header; 8] {
        [
            &self.ranges.header,
            &self.news2.header,
            &self.danger_zone.header,
            &self.chinese.header,
            &self.paediatric.header,
            &self.departments.header,
            &self.missing.header,
            &self.policy.header,
        ]
    }

    /// All rules that fire, most urgent first, and the NEWS2 score.
    pub fn assess(&self, facts: &Facts<'_>) -> (News2Result, Vec<FiredRule>) {
        let (news2, news2_fired) = self.news2.assess(facts);
        let mut fired = self.chinese.assess(facts, &self.danger_zone);
        fired.extend(self.danger_zone.assess(facts));
        fired.extend(self.paediatric.assess(facts));
        fired.extend(news2_fired);
        fired.sort_by(|a, b| (a.level, a.effect as u8, &a.id).cmp(&(b.level, b.effect as u8, &b.id)));
        (news2, fired)
    }
}
