//! What one phrase of the lexicon may mean. A phrase can have several roles, such as a complaint and a red flag.

use super::reading::Side;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Negation {
    /// All that follows in the clause.
    Clause,
    /// The complaint that follows at once.
    Next,
    /// The complaint before.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) before: bool,
    pub(super) after: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SymptomWord {
    pub(super) symptom: usize,
    /// Means a symptom only beside a body part.
    pub(super) bound: bool,
}

/// The roles of one phrase. Indices point into the lexicon's tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) codes: Vec<usize>,
    pub(super) flags: Vec<usize>,
    pub(super) condition: Option<usize>,
    pub(super) body: Option<usize>,
    pub(super) symptom: Option<SymptomWord>,
    pub(super) negation: Option<Negation>,
    /// The phrase holds its own negation (没有尿痛), and negates what follows too.
    pub(super) denied: bool,
    pub(super) ends_scope: bool,
    pub(super) history: Option<Around>,
    pub(super) suspicion: Option<Around>,
    pub(super) side: Option<Side>,
    pub(super) radiates: bool,
    pub(super) towards: bool,
    pub(super) signs: Vec<usize>,
    pub(super) unit_minutes: Option<u32>,
    pub(super) no_duration: Option<Around>,
    pub(super) number: Option<f32>,
    /// What a number after this word measures.
    pub(super) measured: Option<usize>,
    pub(super) since_minutes: Option<u32>,
    pub(super) and: bool,
    pub(super) or: bool,
    /// Says nothing: a stop word, or a word that only looks like one of ours.
    pub(super) plain: bool,
}

impl Entry {
    /// Something that a patient can have or not have.
    pub(super) fn is_clinical(&self) -> bool {
        !self.codes.is_empty()
            || !self.flags.is_empty()
            || !self.signs.is_empty()
            || self.condition.is_some()
            || self.body.is_some()
            || self.symptom.is_some()
            || self.radiates
    }

    /// Names a complaint, alone or with others.
    pub(super) fn is_complaint(&self) -> bool {
        !self.codes.is_empty() || self.symptom.is_some() || self.body.is_some()
    }

    /// May stand between a body part and its symptom.
    pub(super) fn is_soft(&self) -> bool {
        self.body.is_none() && self.symptom.is_none() && self.negation != Some(Negation::After)
    }

    /// Takes over the roles of `more`; false where both give one role differently.
    pub(super) fn merge(&mut self, more: Entry) -> bool {
        let same_codes = self.codes.is_empty() || more.codes.is_empty() || self.codes == more.codes;
        if self.codes.is_empty() {
            self.codes = more.codes;
        }
        for flag in more.flags {
            if !self.flags.contains(&flag) {
                self.flags.push(flag);
            }
        }
        for sign in more.signs {
            if !self.signs.contains(&sign) {
                self.signs.push(sign);
            }
        }
        self.ends_scope |= more.ends_scope;
        self.radiates |= more.radiates;
        self.towards |= more.towards;
        self.and |= more.and;
        self.or |= more.or;
        self.plain |= more.plain;
        self.history = around(self.history, more.history);
        self.suspicion = around(self.suspicion, more.suspicion);
        self.no_duration = around(self.no_duration, more.no_duration);
        same_codes
            && take(&mut self.condition, more.condition)
            && take(&mut self.body, more.body)
            && take(&mut self.symptom, more.symptom)
            && take(&mut self.negation, more.negation)
            && take(&mut self.side, more.side)
            && take(&mut self.unit_minutes, more.unit_minutes)
            && take(&mut self.number, more.number)
            && take(&mut self.measured, more.measured)
            && take(&mut self.since_minutes, more.since_minutes)
    }
}

fn take<T: PartialEq>(mine: &mut Option<T>, more: Option<T>) -> bool {
    match more {
        None => true,
        Some(_) if mine.is_none() => {
            *mine = more;
            true
        }
        Some(_) => *mine == more,
    }
}

fn around(mine: Option<Around>, more: Option<Around>) -> Option<Around> {
    match (mine, more) {
        (Some(a), Some(b)) => Some(Around { before: a.before || b.before, after: a.after || b.after }),
        (a, b) => a.or(b),
    }
}
