//! What the reader found. All offsets count Unicode scalar values of the text as given; `end` is exclusive.

use baize_core::Text;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
}

/// How a complaint is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The patient has it now.
    Present,
    /// It belongs to the patient's past ("hx CHF", 既往高血压史).
    History,
    /// The text suspects it ("r/o MI", 待查).
    Suspected,
}

/// Which side of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// 左.
    Left,
    /// 右.
    Right,
    /// 双侧.
    Both,
    /// One side, not said which (一侧, unilateral).
    One,
}

/// One complaint. Mentions may overlap: 膝盖肿痛 holds a swelling and a pain of the same knee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The complaint code, such as `cc_chestpain`.
    pub code: String,
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The text says that the patient does not have it.
    pub negated: bool,
    /// Present, history or suspected.
    pub kind: Kind,
    /// The side that stands beside it.
    pub side: Option<Side>,
}

impl Mention {
    /// Neither negated nor history.
    pub fn is_active(&self) -> bool {
        !self.negated && self.kind != Kind::History
    }
}

/// One manual criterion of the four-level standard that the text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedFlagMention {
    /// The flag's id in `red_flags.toml`.
    pub id: String,
    /// The level of the four-level standard, 1 to 3, lower when the text only suspects it.
    pub level: u8,
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The text denies it. A negated flag raises nothing.
    pub negated: bool,
    /// The text only suspects it.
    pub suspected: bool,
    /// The criterion in both languages.
    pub text: Text,
}

/// A condition named in the text, as a column of the data's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Name of the history column, such as `pmh_htn`.
    pub id: String,
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The text denies it.
    pub negated: bool,
    /// The text says that it is history; without that it may be history or the present complaint.
    pub history: bool,
}

/// How long a complaint has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration {
    /// Minutes, as exactly as the text says (yesterday is a day).
    pub minutes: u32,
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// It belongs to the history ("hypertension for 10 years").
    pub history: bool,
}

/// Where a pain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radiation {
    /// First character of the cue or the body part, whichever stands first.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The text denies it.
    pub negated: bool,
    /// The body parts of `grammar.toml` that it goes to; empty when the text does not say.
    pub bodies: Vec<String>,
    /// Side of the body part.
    pub side: Option<Side>,
}

/// Everything that was read from one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Complaints in the order of the text.
    pub mentions: Vec<Mention>,
    /// Red flags, the most urgent first.
    pub red_flags: Vec<RedFlagMention>,
    /// Conditions that belong to the history columns.
    pub conditions: Vec<Condition>,
    /// Durations in the order of the text.
    pub durations: Vec<Duration>,
    /// Radiations in the order of the text.
    pub radiation: Vec<Radiation>,
    /// What nothing matched, without the stop words. A text that gave no mention has at least one.
    pub unknown: Vec<Span>,
}

impl Reading {
    /// Codes of the complaints that are present or suspected, each once, in the order of the text.
    ///
    /// The data gives 87 % of its visits one code and no code together with its broader neighbour, so that only the
    /// most specific code is returned, never its parents.
    pub fn active_codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = Vec::new();
        for mention in self.mentions.iter().filter(|m| m.is_active()) {
            if !codes.contains(&mention.code.as_str()) {
                codes.push(&mention.code);
            }
        }
        codes
    }

    /// The first duration that does not belong to the history.
    pub fn duration(&self) -> Option<&Duration> {
        self.durations.iter().find(|d| !d.history)
    }

    /// The side of the first active complaint that has one.
    pub fn laterality(&self) -> Option<Side> {
        self.mentions.iter().filter(|m| m.is_active()).find_map(|m| m.side)
    }

    /// The most urgent level that a flag gives which is not negated.
    pub fn red_flag_level(&self) -> Option<u8> {
        self.red_flags.iter().filter(|f| !f.negated).map(|f| f.level).min()
    }
}
