//! Reading, checking and asking the rules.

use std::fmt;

use baize_core::ports::Door;
use baize_core::{ImageFacts, Lane, ModelRef};
use toml::Spanned;

use crate::condition::When;
use crate::file::{BodyPartFromFile, RulesFile, WhenFile};
use crate::reach::hides;

/// The file that is used where the configuration names none.
const BUILTIN: &str = include_str!("../../../deploy/routing.toml");

/// What is wrong with a file: where, what, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct RoutingError {
    /// The file, and where it is known the line: `deploy/routing.toml line 12`.
    pub origin: String,
    /// A sentence that names the key and the remedy.
    pub problem: String,
}

/// What tells that an image shows the body part that a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPartFrom {
    /// The header: an image that says something else is refused.
    Header,
    /// The pixels: whatever the header says, the gate decides. Only models that the gate guards get the image.
    Pixels,
}

/// Which models may see an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All whose manifest accepts it.
    ByManifest,
    /// These, where their manifest accepts it: names as "id" or "id@version".
    Named(Vec<String>),
}

impl Choice {
    /// Whether a model is among them.
    pub fn includes(&self, model: &ModelRef) -> bool {
        match self {
            Self::ByManifest => true,
            Self::Named(names) => names.iter().any(|name| is_named(name, model)),
        }
    }
}

fn is_named(name: &str, model: &ModelRef) -> bool {
    name == model.id || *name == model.to_string()
}

/// What the rules say about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The route that holds; `None` where none does.
    pub route: Option<String>,
    /// Which models may see the image.
    pub choice: Choice,
    /// What tells the body part.
    pub body_part_from: BodyPartFrom,
    /// The lane that the image is at least put into; `None` where no rule raises it.
    pub lane: Option<Lane>,
}

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its conditions hold, and it decides.
    Decides,
    /// Its conditions hold, but an earlier route decided.
    TooLate,
    /// The first condition that does not hold.
    Misfit(String),
}

/// One rule and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `route` or `urgency`.
    pub list: &'static str,
    /// Its name.
    pub rule: String,
    /// Where it begins.
    pub line: usize,
    /// What came of it.
    pub verdict: Verdict,
}

#[derive(Clone, Debug)]
struct Rule<T> {
    name: String,
    line: usize,
    when: When,
    then: T,
}

#[derive(Clone, Debug)]
struct Route {
    choice: Choice,
    body_part_from: BodyPartFrom,
}

/// The rules of one file.
#[derive(Clone, Debug)]
pub struct Rules {
    origin: String,
    routes: Vec<Rule<Route>>,
    urgency: Vec<Rule<Lane>>,
}

impl Rules {
    /// The rules that come with Baize.
    ///
    /// # Errors
    /// None: a test holds the file.
    pub fn builtin() -> Result<Self, RoutingError> {
        Self::parse(BUILTIN, "the built-in rules")
    }

    /// Reads a file; `origin` names it in errors.
    ///
    /// # Errors
    /// An unknown key, a bad pattern, a name that is there twice, a route that no image can reach.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RoutingError> {
        let file: RulesFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            fault(origin, line, error.message().to_owned())
        })?;
        let mut names: Vec<&str> = Vec::new();
        let mut seen: Vec<(&WhenFile, &str, usize)> = Vec::new();
        let mut rules = Self { origin: origin.to_owned(), routes: Vec::new(), urgency: Vec::new() };
        for (route, line) in file.route.iter().map(|route| at(route, text)) {
            let fail = |problem: String| fault(origin, Some(line), problem);
            check_name(&route.name, &mut names).map_err(fail)?;
            if let Some((_, earlier, where_it_is)) = seen.iter().find(|(when, ..)| hides(when, &route.when)) {
                return Err(fail(format!(
                    "no image reaches the route '{}': '{earlier}' in line {where_it_is} takes all of its images; \
                     move it up or remove it",
                    route.name
                )));
            }
            seen.push((&route.when, &route.name, line));
            rules.routes.push(Rule {
                name: route.name.clone(),
                line,
                when: When::new(&route.when).map_err(fail)?,
                then: Route {
                    choice: route.models.clone().map_or(Choice::ByManifest, Choice::Named),
                    body_part_from: match route.body_part_from {
                        BodyPartFromFile::Header => BodyPartFrom::Header,
                        BodyPartFromFile::Pixels => BodyPartFrom::Pixels,
                    },
                },
            });
        }
        for (rule, line) in file.urgency.iter().map(|rule| at(rule, text)) {
            let fail = |problem: String| fault(origin, Some(line), problem);
            check_name(&rule.name, &mut names).map_err(fail)?;
            let lane: Lane = rule.lane.parse().map_err(|problem| fail(format!("lane: {problem}")))?;
            if lane == Lane::Routine {
                return Err(fail(
                    "lane: a rule only raises the urgency, so routine has no effect; use urgent or stat".to_owned(),
                ));
            }
            let when = When::new(&rule.when).map_err(fail)?;
            rules.urgency.push(Rule { name: rule.name.clone(), line, when, then: lane });
        }
        Ok(rules)
    }

    /// Checks the rules against what is installed. `guarded` are the models that the gate looks for.
    ///
    /// # Errors
    /// A model that is not there; a route that trusts the pixels for a model that no gate guards.
    pub fn check(&self, installed: &[ModelRef], guarded: &[ModelRef]) -> Result<(), RoutingError> {
        for route in &self.routes {
            let Choice::Named(names) = &route.then.choice else { continue };
            let fail = |problem: String| fault(&self.origin, Some(route.line), problem);
            for name in names {
                if !installed.iter().any(|model| is_named(name, model)) {
                    let known: Vec<String> = installed.iter().map(ToString::to_string).collect();
                    return Err(fail(format!(
                        "models: '{name}' is not installed; there are: {}",
                        known.join(", ")
                    )));
                }
                let unguarded = !guarded.iter().any(|model| is_named(name, model));
                if route.then.body_part_from == BodyPartFrom::Pixels && unguarded {
                    return Err(fail(format!(
                        "body_part_from = \"pixels\": the manifest of '{name}' has no accepts.content, so the gate \
                         can't tell whether an image is meant for it; remove the line"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Where the rules come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many routes and how many urgency rules there are.
    pub fn len(&self) -> (usize, usize) {
        (self.routes.len(), self.urgency.len())
    }

    /// What the rules say about an image that came in through `door`; `None` where somebody waits for the answer
    /// (`/v1/infer`, `baize infer`), and then no condition on the sender holds.
    pub fn route(&self, facts: &ImageFacts, door: Option<&Door>) -> Decision {
        let found = self.routes.iter().find(|route| route.when.misfit(facts, door).is_none());
        let raised = self.urgency.iter().filter(|rule| rule.when.misfit(facts, door).is_none());
        Decision {
            route: found.map(|route| route.name.clone()),
            choice: found.map_or(Choice::ByManifest, |route| route.then.choice.clone()),
            body_part_from: found.map_or(BodyPartFrom::Header, |route| route.then.body_part_from),
            lane: raised.map(|rule| rule.then).max(),
        }
    }

    /// Every rule in order, and what came of it.
    pub fn explain(&self, facts: &ImageFacts, door: Option<&Door>) -> Vec<Step> {
        let mut decided = false;
        let mut steps = Vec::new();
        for route in &self.routes {
            let verdict = match route.when.misfit(facts, door) {
                Some(misfit) => Verdict::Misfit(misfit),
                None if decided => Verdict::TooLate,
                None => Verdict::Decides,
            };
            decided |= verdict == Verdict::Decides;
            steps.push(Step { list: "route", rule: route.name.clone(), line: route.line, verdict });
        }
        for rule in &self.urgency {
            let verdict = rule.when.misfit(facts, door).map_or(Verdict::Decides, Verdict::Misfit);
            steps.push(Step { list: "urgency", rule: rule.name.clone(), line: rule.line, verdict });
        }
        steps
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}' (line {}): ", self.list, self.rule, self.line)?;
        match &self.verdict {
            Verdict::Decides => f.write_str("holds"),
            Verdict::TooLate => f.write_str("would hold, but an earlier route decided"),
            Verdict::Misfit(misfit) => f.write_str(misfit),
        }
    }
}

fn check_name<'a>(name: &'a str, names: &mut Vec<&'a str>) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("name is empty: it tells people which rule decided".to_owned());
    }
    if names.contains(&name) {
        return Err(format!("the name '{name}' is there twice; give each rule its own"));
    }
    names.push(name);
    Ok(())
}

/// A rule with the line that it begins in.
fn at<'a, T>(rule: &'a Spanned<T>, text: &str) -> (&'a T, usize) {
    (rule.get_ref(), line_of(text, rule.span().start))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn fault(origin: &str, line: Option<usize>, problem: String) -> RoutingError {
    let origin = line.map_or_else(|| origin.to_owned(), |line| format!("{origin} line {line}"));
    RoutingError { origin, problem }
}
