//! Body part x symptom -> code, with fallbacks.

use std::collections::HashMap;

use super::data::{Bound, GrammarFile};
use super::error::LexiconError;
use super::part::{Groups, Names};

const FILE: &str = "grammar.toml";

#[derive(Debug)]
pub(super) struct Symptom {
    pub(super) code: Option<usize>,
    pub(super) like: Option<usize>,
    pub(super) weak: bool,
    pub(super) cause: bool,
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    pub(super) generic: bool,
    pub(super) codes: HashMap<usize, usize>,
}

/// A value in the text that is a complaint of itself.
#[derive(Debug)]
pub(super) struct Measured {
    plausible: [f32; 2],
    above: Option<(f32, usize)>,
    below: Option<(f32, usize)>,
}

impl Measured {
    pub(super) fn code(&self, value: f32) -> Option<usize> {
        if !(self.plausible[0]..=self.plausible[1]).contains(&value) {
            return None;
        }
        let above = self.above.filter(|(bound, _)| value > *bound);
        above.or_else(|| self.below.filter(|(bound, _)| value < *bound)).map(|(_, code)| code)
    }
}

#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub(super) symptoms: Vec<Symptom>,
    pub(super) bodies: Vec<Body>,
    /// Codes that a combination adds.
    pub(super) together: Vec<(usize, Groups)>,
    /// A broader code and the narrower ones that it yields to; none: any other.
    pub(super) yields: HashMap<usize, Vec<usize>>,
    pub(super) measured: Vec<Measured>,
    symptom_ids: HashMap<String, usize>,
    body_ids: HashMap<String, usize>,
}

impl Grammar {
    pub(super) fn new(file: GrammarFile, names: &Names<'_>) -> Result<Self, LexiconError> {
        let code = |name: &String| names.code(name);
        let symptom_ids: HashMap<String, usize> = file.symptoms.keys().cloned().zip(0..).collect();
        let body_ids: HashMap<String, usize> = file.bodies.keys().cloned().zip(0..).collect();
        let symptoms = file
            .symptoms
            .values()
            .map(|rule| {
                Ok(Symptom {
                    code: rule.code.as_ref().map(code).transpose()?,
                    like: rule.like.as_ref().map(|l| find(&symptom_ids, l, "no such symptom")).transpose()?,
                    weak: rule.weak,
                    cause: rule.cause,
                })
            })
            .collect::<Result<Vec<_>, LexiconError>>()?;
        let bodies = file
            .bodies
            .iter()
            .map(|(name, rule)| {
                let pairs = rule.codes.iter();
                Ok(Body {
                    name: name.clone(),
                    parent: rule
                        .parent
                        .as_ref()
                        .map(|p| find(&body_ids, p, "no such body part"))
                        .transpose()?,
                    generic: rule.generic,
                    codes: pairs
                        .map(|(symptom, c)| Ok((find(&symptom_ids, symptom, "no such symptom")?, code(c)?)))
                        .collect::<Result<_, LexiconError>>()?,
                })
            })
            .collect::<Result<Vec<_>, LexiconError>>()?;
        let together = file.together.iter();
        let together = together.map(|rule| Ok((code(&rule.code)?, names.groups(&rule.code, &rule.all)?)));
        let yields = file.yields.iter();
        let yields = yields.map(|rule| {
            Ok((code(&rule.code)?, rule.to.iter().map(code).collect::<Result<_, LexiconError>>()?))
        });
        let bound = |rule: &Option<Bound>| match rule {
            Some(bound) => Ok::<_, LexiconError>(Some((bound.value, code(&bound.code)?))),
            None => Ok(None),
        };
        let measured = file.measured.iter().map(|rule| {
            Ok(Measured { plausible: rule.plausible, above: bound(&rule.above)?, below: bound(&rule.below)? })
        });
        let grammar = Self {
            measured: measured.collect::<Result<_, LexiconError>>()?,
            together: together.collect::<Result<_, LexiconError>>()?,
            yields: yields.collect::<Result<_, LexiconError>>()?,
            symptoms,
            bodies,
            symptom_ids,
            body_ids,
        };
        grammar.refuse_circles()?;
        Ok(grammar)
    }

    pub(super) fn symptom(&self, file: &'static str, name: &str) -> Result<usize, LexiconError> {
        let item = || LexiconError::Invalid {
            file,
            item: name.to_owned(),
            problem: "no such symptom in grammar.toml",
        };
        self.symptom_ids.get(name).copied().ok_or_else(item)
    }

    pub(super) fn body(&self, file: &'static str, name: &str) -> Result<usize, LexiconError> {
        let item = || LexiconError::Invalid {
            file,
            item: name.to_owned(),
            problem: "no such body part in grammar.toml",
        };
        self.body_ids.get(name).copied().ok_or_else(item)
    }

    /// The code that the grammar gives to this symptom at this body part, without the symptom's own code.
    pub(super) fn compose(&self, body: usize, symptom: usize) -> Option<usize> {
        let mut wanted = Some(symptom);
        while let Some(s) = wanted {
            let mut part = Some(body);
            while let Some(b) = part {
                let rule = &self.bodies[b];
                if let Some(&code) = rule.codes.get(&s) {
                    return Some(code);
                }
                part = rule.parent;
            }
            wanted = self.symptoms[s].like;
        }
        None
    }

    /// The code of a symptom without a body part.
    pub(super) fn alone(&self, symptom: usize) -> Option<usize> {
        self.symptoms[symptom].code
    }

    fn refuse_circles(&self) -> Result<(), LexiconError> {
        let too_long = |next: &dyn Fn(usize) -> Option<usize>, start: usize, limit: usize| {
            std::iter::successors(Some(start), |&at| next(at)).take(limit + 1).count() > limit
        };
        let circle = |ids: &HashMap<String, usize>, at: usize| LexiconError::Invalid {
            file: FILE,
            item: ids.iter().find(|(_, id)| **id == at).map(|(name, _)| name.clone()).unwrap_or_default(),
            problem: "the fallback goes round in a circle",
        };
        for body in 0..self.bodies.len() {
            if too_long(&|at| self.bodies[at].parent, body, self.bodies.len()) {
                return Err(circle(&self.body_ids, body));
            }
        }
        for symptom in 0..self.symptoms.len() {
            if too_long(&|at| self.symptoms[at].like, symptom, self.symptoms.len()) {
                return Err(circle(&self.symptom_ids, symptom));
            }
        }
        Ok(())
    }
}

fn find(ids: &HashMap<String, usize>, name: &str, problem: &'static str) -> Result<usize, LexiconError> {
    ids.get(name).copied().ok_or_else(|| LexiconError::Invalid { file: FILE, item: name.to_owned(), problem })
}
