//! Reading and checking the rules.

use baize_core::Lane;
use baize_triage::rules::Status;
use baize_triage::{LevelCn, Vital, Words};
use toml::Spanned;

use crate::file::{FusionFile, RuleFile, SignFile, Strength};

/// The file that is used where the configuration names none.
const BUILTIN: &str = include_str!("../../../deploy/fusion.toml");
/// A person's age; what is above is taken for a mistake.
const OLDEST_YEARS: f64 = 150.0;
/// What is measured at the bedside and known at the desk.
const SIGNS: [Vital; 6] = [
    Vital::HeartRate,
    Vital::SystolicBp,
    Vital::DiastolicBp,
    Vital::RespiratoryRate,
    Vital::TemperatureC,
    Vital::Spo2,
];

/// What is wrong with a file: where, what, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct FusionError {
    /// The file, and where it is known the line: `deploy/fusion.toml line 12`.
    pub origin: String,
    /// A sentence that names the key and the remedy.
    pub problem: String,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Stable name.
    pub id: String,
    /// Scheme and value of the findings that it speaks of.
    pub findings: Vec<(String, String)>,
    /// How sure the finding must be.
    pub strength: Strength,
    /// The four-level category that it asks for.
    pub level: LevelCn,
    /// The lane that the encounter's other studies are raised to; `None` where they stay as they are.
    pub others: Option<Lane>,
    /// What the nurse reads; `{finding}` and `{probability}` are to be filled in.
    pub text: Words,
    /// What to look at next.
    pub check: Words,
    /// The citation.
    pub source: String,
    pub(crate) from_years: Option<f64>,
    pub(crate) below_years: Option<f64>,
    pub(crate) any: Vec<Sign>,
}

/// A vital sign beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sign {
    pub(crate) vital: Vital,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Below(f64),
    Above(f64),
}

impl Sign {
    pub(crate) fn holds(&self, value: f64) -> bool {
        match self.limit {
            Limit::Below(limit) => value < limit,
            Limit::Above(limit) => value > limit,
        }
    }
}

/// The rules of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FusionRules {
    origin: String,
    id: String,
    title: Words,
    version: String,
    status: Status,
    rules: Vec<Rule>,
}

impl FusionRules {
    /// The rules that come with Baize.
    ///
    /// # Errors
    /// None: a test holds the file.
    pub fn builtin() -> Result<Self, FusionError> {
        Self::parse(BUILTIN, "the built-in rules")
    }

    /// Reads a file; `origin` names it in errors.
    ///
    /// # Errors
    /// An unknown key, an id that is there twice, a condition that no patient or every patient meets, a rule without
    /// text or source.
    pub fn parse(text: &str, origin: &str) -> Result<Self, FusionError> {
        let file: FusionFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            fault(origin, line, error.message().to_owned())
        })?;
        let named = [
            ("id", &file.id),
            ("version", &file.version),
            ("title", &file.title.zh),
            ("title", &file.title.en),
        ];
        if let Some((key, _)) = named.into_iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(fault(
                origin,
                None,
                format!("{key} is empty: the record of a visit names the rules by it"),
            ));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for spanned in &file.rule {
            let at = line_of(text, Spanned::span(spanned).start);
            let rule = rule(spanned.get_ref()).map_err(|problem| fault(origin, Some(at), problem))?;
            if rules.iter().any(|earlier| earlier.id == rule.id) {
                let problem = format!("the id '{}' is there twice; give each rule its own", rule.id);
                return Err(fault(origin, Some(at), problem));
            }
            rules.push(rule);
        }
        let FusionFile { id, title, version, status, .. } = file;
        Ok(Self { origin: origin.to_owned(), id, title, version, status, rules })
    }

    /// Where the rules come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What they are called, for people.
    pub fn title(&self) -> &Words {
        &self.title
    }

    /// Name and version, as `fusion 1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.version)
    }

    /// How far they have been checked.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

fn rule(file: &RuleFile) -> Result<Rule, String> {
    let texts = [
        ("id", &file.id),
        ("source", &file.source),
        ("text", &file.text.zh),
        ("text", &file.text.en),
        ("check", &file.check.zh),
        ("check", &file.check.en),
    ];
    if let Some((key, _)) = texts.into_iter().find(|(_, value)| value.trim().is_empty()) {
        return Err(format!("{key} is empty; zh, en, id and source are what a reviewer needs"));
    }
    let findings = file.findings.iter().map(|written| code(written)).collect::<Result<Vec<_>, _>>()?;
    if findings.is_empty() {
        return Err(
            "findings is empty: the rule would never speak; name codes such as \"SCT:36118008\"".to_owned()
        );
    }
    let level = LevelCn::new(file.level).filter(|level| *level != LevelCn::LEAST_URGENT);
    let level = level.ok_or("level must be 1, 2 or 3: a rule only raises")?;
    let others: Option<Lane> = file
        .others
        .as_ref()
        .map(|lane| lane.parse())
        .transpose()
        .map_err(|problem| format!("others: {problem}"))?;
    if others == Some(Lane::Routine) {
        return Err("others: a rule only raises, so routine has no effect; remove the key".to_owned());
    }
    let years = [("when.from_years", file.when.from_years), ("when.below_years", file.when.below_years)];
    for (key, value) in years {
        if value.is_some_and(|years| !(0.0..=OLDEST_YEARS).contains(&years)) {
            return Err(format!("{key} must lie between 0 and {OLDEST_YEARS}"));
        }
    }
    let (from_years, below_years) = (file.when.from_years, file.when.below_years);
    if let (Some(from), Some(below)) = (from_years, below_years)
        && from >= below
    {
        return Err("when.from_years must lie below when.below_years: no patient has such an age".to_owned());
    }
    let any = file.when.any.iter().map(sign).collect::<Result<Vec<_>, _>>()?;
    Ok(Rule {
        id: file.id.clone(),
        findings,
        strength: file.strength,
        level,
        others,
        text: file.text.clone(),
        check: file.check.clone(),
        source: file.source.clone(),
        from_years,
        below_years,
        any,
    })
}

fn code(written: &str) -> Result<(String, String), String> {
    let parts = written.split_once(':').filter(|(scheme, value)| !scheme.is_empty() && !value.is_empty());
    let (scheme, value) = parts.ok_or_else(|| {
        format!("findings: '{written}' is no code; write scheme and value, such as \"SCT:36118008\"")
    })?;
    Ok((scheme.to_owned(), value.to_owned()))
}

fn sign(file: &SignFile) -> Result<Sign, String> {
    let vital = file.vital;
    if !SIGNS.contains(&vital) {
        let known = SIGNS.map(Vital::field).join(", ");
        return Err(format!(
            "when.any: {} is none of the signs that a rule may look at: {known}",
            vital.field()
        ));
    }
    let limit = match (file.below, file.above) {
        (Some(limit), None) => Limit::Below(limit),
        (None, Some(limit)) => Limit::Above(limit),
        _ => return Err(format!("when.any: give {} either below or above", vital.field())),
    };
    let (Limit::Below(number) | Limit::Above(number)) = limit;
    if !(number.is_finite() && number > 0.0) {
        return Err(format!("when.any: the limit of {} must be a number above 0", vital.field()));
    }
    Ok(Sign { vital, limit })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn fault(origin: &str, line: Option<usize>, problem: String) -> FusionError {
    let origin = line.map_or_else(|| origin.to_owned(), |line| format!("{origin} line {line}"));
    FusionError { origin, problem }
}
