//! What a request says about complaints: the codes that were sent, and what the reader found in the text.

use std::collections::BTreeSet;

use crate::assessment::{Circumstances, Complaint, ComplaintKind, RedFlag, Side, Span, TextSpan};
use crate::complaint::{self, ComplaintReader, Kind, Lexicon, Reading};
use crate::features::FeatureSchema;
use crate::level::{LevelCn, Words};
use crate::request::Request;
use crate::rules::{Effect, FiredRule, FiredValue};

/// The complaints of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Understood {
    /// Codes that hold, each once, in the order of the feature schema.
    pub(crate) codes: Vec<String>,
    /// Names of history that were sent or that the text calls history, each once, in the order of the schema.
    pub(crate) history: Vec<String>,
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) red_flags: Vec<RedFlag>,
    /// Ids of the red flags that hold.
    pub(crate) active_red_flags: Vec<String>,
    pub(crate) circumstances: Circumstances,
    /// Nothing of the text is lost: what has no code is here.
    pub(crate) unknown: Vec<TextSpan>,
}

impl Understood {
    pub(crate) fn new(
        lexicon: &Lexicon,
        reader: &ComplaintReader,
        schema: &FeatureSchema,
        request: &Request,
    ) -> Self {
        let text = request.chief_complaint.as_deref().unwrap_or_default();
        let letters: Vec<char> = text.chars().collect();
        let reading = reader.read(text).unwrap_or_else(|_| {
            // Parsed requests are never that long; one built otherwise is reported as not understood.
            Reading { unknown: vec![complaint::Span { start: 0, end: letters.len() }], ..Reading::default() }
        });
        let age = request.age_years().map(|years| years as u16);
        let at_age = |code: &str| match age {
            Some(age) => lexicon.at_age(code, age).to_owned(),
            None => code.to_owned(),
        };

        let mut holds: BTreeSet<String> = request.complaint_codes.iter().cloned().collect();
        holds.extend(reading.active_codes().into_iter().map(at_age));
        let mut history: BTreeSet<&str> = request.history.iter().flatten().map(String::as_str).collect();
        history.extend(
            reading
                .conditions
                .iter()
                .filter(|found| found.history && !found.negated)
                .map(|found| found.id.as_str()),
        );
        let sent = request.complaint_codes.iter().map(|code| Complaint {
            code: code.clone(),
            name: name(lexicon, code),
            span: None,
            negated: false,
            kind: ComplaintKind::Sent,
        });
        let read = reading.mentions.iter().map(|mention| {
            let code = at_age(&mention.code);
            Complaint {
                name: name(lexicon, &code),
                code,
                span: Some(Span { start: mention.start, end: mention.end }),
                negated: mention.negated,
                kind: match mention.kind {
                    Kind::Present => ComplaintKind::Present,
                    Kind::History => ComplaintKind::History,
                    Kind::Suspected => ComplaintKind::Suspected,
                },
            }
        });
        let red_flags: Vec<RedFlag> = reading.red_flags.iter().map(|flag| red_flag(flag, &letters)).collect();
        let active: BTreeSet<&str> =
            red_flags.iter().filter(|flag| !flag.negated).map(|flag| flag.id.as_str()).collect();
        Self {
            codes: schema.complaints().iter().filter(|code| holds.contains(*code)).cloned().collect(),
            history: schema.names().iter().filter(|name| history.contains(name.as_str())).cloned().collect(),
            complaints: sent.chain(read).collect(),
            active_red_flags: active.into_iter().map(str::to_owned).collect(),
            circumstances: circumstances(&reading),
            unknown: reading
                .unknown
                .iter()
                .map(|span| TextSpan {
                    text: words(&letters, span.start, span.end),
                    span: Span { start: span.start, end: span.end },
                })
                .collect(),
            red_flags,
        }
    }

    /// One rule for each red flag that holds, with the level that its words give it.
    pub(crate) fn red_flag_rules(&self, source: &str) -> Vec<FiredRule> {
        let mut fired: Vec<FiredRule> = Vec::new();
        for flag in self.red_flags.iter().filter(|flag| !flag.negated) {
            let id = format!("red_flag.{}", flag.id);
            let known = fired.iter().position(|rule| rule.id == id);
            let rule = FiredRule {
                id,
                level: flag.level,
                effect: Effect::Raise,
                field: "chief_complaint".to_owned(),
                value: FiredValue::Text(flag.words.clone()),
                text: flag.text.clone(),
                source: source.to_owned(),
            };
            match known {
                Some(at) if fired[at].level > rule.level => fired[at] = rule,
                Some(_) => {}
                None => fired.push(rule),
            }
        }
        fired
    }
}

fn name(lexicon: &Lexicon, code: &str) -> Words {
    match lexicon.name(code) {
        Some(name) => Words::new(name.zh.clone(), name.en.clone()),
        None => Words::new(code, code),
    }
}

fn red_flag(flag: &complaint::RedFlagMention, letters: &[char]) -> RedFlag {
    RedFlag {
        id: flag.id.clone(),
        // The lexicon's levels were checked when it was loaded.
        level: LevelCn::new(flag.level).unwrap_or(LevelCn::MOST_URGENT),
        text: Words::new(flag.text.zh.clone(), flag.text.en.clone()),
        words: words(letters, flag.start, flag.end),
        span: Span { start: flag.start, end: flag.end },
        negated: flag.negated,
        suspected: flag.suspected,
    }
}

fn words(letters: &[char], start: usize, end: usize) -> String {
    letters.iter().take(end).skip(start).collect()
}

fn circumstances(reading: &Reading) -> Circumstances {
    let side = |side| match side {
        complaint::Side::Left => Side::Left,
        complaint::Side::Right => Side::Right,
        complaint::Side::Both => Side::Both,
        complaint::Side::One => Side::One,
    };
    let radiation = reading.radiation.iter().filter(|radiation| !radiation.negated);
    Circumstances {
        duration_minutes: reading.duration().map(|duration| duration.minutes),
        side: reading.laterality().map(side),
        radiates: radiation.clone().next().is_some(),
        radiates_to: radiation.flat_map(|radiation| radiation.bodies.iter().cloned()).collect(),
    }
}
