//! The walk over an object that does to every element what the profile says.

use baize_core::{ErrorCode, Fault};

use crate::dictionary::{self, PATIENT_ID, PATIENT_NAME};
use crate::element::{DataSet, Element, Tag, Value};
use crate::options::{Dates, Options};
use crate::profile::{self, Action, Rule};
use crate::{Key, Names, content, dummy, shift};

/// The root of UIDs that the standard itself gives out: they name classes and well-known instances.
const STANDARD_ROOT: &str = "1.2.840.10008.";

/// Sequences of action D or Z whose items are cleaned one by one, so that geometry, codes, numbers and references stay:
/// content trees, graphics, verifying observers, waveform annotations, and sequences of references.
const CLEANED: [Tag; 7] = [
    (0x0040, 0xA730),
    (0x0070, 0x0001),
    (0x0040, 0xA073),
    (0x0040, 0xB020),
    (0x0008, 0x1110),
    (0x0008, 0x1111),
    (0x0040, 0x0555),
];
pub(crate) const CONTENT_SEQUENCE: Tag = (0x0040, 0xA730);
pub(crate) const GRAPHIC_ANNOTATION_SEQUENCE: Tag = (0x0070, 0x0001);

/// Attributes that no row of the table names and that may hold what a person typed or what only identifies.
const TEXTS: [Tag; 2] = [
    // Text Value: what a content item says in words.
    (0x0040, 0xA160),
    // Content Label's free sibling, Content Description.
    (0x0070, 0x0081),
];

/// MAC Parameters Sequence: belongs to signatures, which are void now.
const MAC_PARAMETERS: Tag = (0x4FFE, 0x0001);

/// Dates that no option keeps: of birth, in any calendar.
const BIRTH: [Tag; 4] = [(0x0010, 0x0030), (0x0010, 0x0032), (0x0010, 0x0033), (0x0010, 0x0034)];

/// One object being cleaned.
pub(crate) struct Scrub<'k> {
    key: &'k Key,
    options: &'k Options,
    pseudonym: &'k str,
    days: u32,
    pub(crate) removed: usize,
    pub(crate) replaced: usize,
}

/// What becomes of one element.
enum Fate<'a> {
    Stays(Element<'a>),
    Replaced(Element<'a>),
    Removed,
}

impl<'k> Scrub<'k> {
    pub(crate) fn new(key: &'k Key, options: &'k Options, names: &'k Names) -> Self {
        let patient = if names.patient.old.is_empty() { &names.study.old } else { &names.patient.old };
        let days = key.days(patient);
        Self { key, options, pseudonym: &names.patient.new, days, removed: 0, replaced: 0 }
    }

    /// A data set or item, cleaned.
    ///
    /// # Errors
    /// `MalformedObject` for a UID that is none.
    pub(crate) fn data_set<'a>(&mut self, data_set: DataSet<'a>) -> Result<DataSet<'a>, Fault> {
        let mut kept = DataSet::default();
        for (tag, element) in data_set.0 {
            match self.element(tag, element)? {
                Fate::Stays(element) => {
                    kept.0.insert(tag, element);
                }
                Fate::Replaced(element) => {
                    self.replaced += 1;
                    kept.0.insert(tag, element);
                }
                Fate::Removed => self.removed += 1,
            }
        }
        Ok(kept)
    }

    fn element<'a>(&mut self, tag: Tag, element: Element<'a>) -> Result<Fate<'a>, Fault> {
        let (group, number) = tag;
        // Group lengths are wrong now and retired. Curves and overlays may draw a name; private elements may hold one.
        let is_graphic = matches!(group & 0xFF00, 0x5000 | 0x6000);
        if number == 0 || group % 2 == 1 || is_graphic || tag == MAC_PARAMETERS {
            return Ok(Fate::Removed);
        }
        if group <= 0x0004 {
            let message = "command and directory elements have no place in an object: give the files themselves";
            return Err(Fault::new(ErrorCode::MalformedObject, message));
        }
        match tag {
            PATIENT_ID => return Ok(Fate::Replaced(Element::text(*b"LO", self.pseudonym))),
            PATIENT_NAME => return Ok(Fate::Replaced(Element::text(*b"PN", self.pseudonym))),
            _ => {}
        }
        // A value of unknown VR is what the dictionary says it is.
        let Some(known) = dictionary::vr(tag) else { return self.unknown(tag, element) };
        let vr = if &element.vr == b"UN" { known } else { element.vr };
        match profile::rule(tag) {
            Some(rule) => self.listed(tag, vr, rule, element),
            None => self.unlisted(tag, vr, element),
        }
    }

    /// A tag that the dictionary lacks: the profile may know it, or nobody can tell what it holds.
    fn unknown<'a>(&mut self, tag: Tag, element: Element<'a>) -> Result<Fate<'a>, Fault> {
        match profile::rule(tag) {
            Some(rule) => {
                let vr = element.vr;
                self.listed(tag, vr, rule, element)
            }
            None => Ok(Fate::Removed),
        }
    }

    fn listed<'a>(&mut self, tag: Tag, vr: [u8; 2], rule: Rule, element: Element<'a>) -> Result<Fate<'a>, Fault> {
        if let Some(fate) = self.moment(tag, vr, &element) {
            return Ok(fate);
        }
        if rule.action == Action::Uid {
            return self.uid(tag, element);
        }
        if rule.is_kept(self.options) {
            return self.inside(element);
        }
        let is_sequence = matches!(element.value, Value::Items(_));
        match rule.action {
            Action::Remove => Ok(Fate::Removed),
            Action::References => self.inside(element),
            Action::Empty | Action::Dummy if is_sequence && CLEANED.contains(&tag) => self.inside(element),
            // What was empty identifies nobody.
            Action::Dummy if is_empty(&element) => Ok(Fate::Stays(element)),
            Action::Dummy => Ok(Fate::Replaced(Element { vr: element.vr, ..dummy::of(vr) })),
            Action::Empty if is_empty(&element) => Ok(Fate::Stays(element)),
            Action::Empty | Action::Uid => {
                let value = if is_sequence { Value::Items(Vec::new()) } else { Value::Bytes(Vec::new().into()) };
                Ok(Fate::Replaced(Element { vr: element.vr, value }))
            }
        }
    }

    /// An attribute that the table does not name stays, unless its VR is one of persons, UIDs or moments.
    fn unlisted<'a>(&mut self, tag: Tag, vr: [u8; 2], element: Element<'a>) -> Result<Fate<'a>, Fault> {
        if let Some(fate) = self.moment(tag, vr, &element) {
            return Ok(fate);
        }
        match &vr {
            b"UI" => self.uid(tag, element),
            b"PN" | b"AE" if is_empty(&element) => Ok(Fate::Stays(element)),
            b"PN" | b"AE" => Ok(Fate::Replaced(Element { vr: element.vr, ..dummy::of(vr) })),
            b"DA" | b"DT" => Ok(Fate::Removed),
            _ if TEXTS.contains(&tag) && !is_empty(&element) => {
                Ok(Fate::Replaced(Element { vr: element.vr, ..dummy::of(vr) }))
            }
            _ => self.inside(element),
        }
    }

    /// Dates and times, where an option lets them stand. `None`: the table decides.
    fn moment<'a>(&self, tag: Tag, vr: [u8; 2], element: &Element<'a>) -> Option<Fate<'a>> {
        let is_zone = tag == (0x0008, 0x0201);
        if !(matches!(&vr, b"DA" | b"DT" | b"TM") || is_zone) || BIRTH.contains(&tag) {
            return None;
        }
        match self.options.dates {
            Dates::Remove => None,
            Dates::Keep => Some(Fate::Stays(element.clone())),
            Dates::Shift if is_zone || &vr == b"TM" => Some(Fate::Stays(element.clone())),
            Dates::Shift => {
                let moved = shift::back(element.bytes()?, self.days)?;
                Some(Fate::Replaced(Element::text(element.vr, &moved)))
            }
        }
    }

    fn uid<'a>(&self, tag: Tag, element: Element<'a>) -> Result<Fate<'a>, Fault> {
        if self.options.retain_uids || dictionary::names_a_class(tag) || is_empty(&element) {
            return Ok(Fate::Stays(element));
        }
        let bad = || {
            let (group, number) = tag;
            Fault::new(ErrorCode::MalformedObject, format!("({group:04X},{number:04X}) holds no UID"))
        };
        let text = str::from_utf8(element.bytes().ok_or_else(bad)?).map_err(|_| bad())?;
        let new: Vec<String> = text.trim_matches(['\0', ' ']).split('\\').map(|uid| self.one_uid(uid)).collect();
        let new = new.join("\\");
        Ok(Fate::Replaced(Element { vr: element.vr, ..Element::text(*b"UI", &new) }))
    }

    fn one_uid(&self, uid: &str) -> String {
        let uid = uid.trim_matches(['\0', ' ']);
        if uid.is_empty() || uid.starts_with(STANDARD_ROOT) { uid.to_owned() } else { self.key.uid(uid) }
    }

    /// Keeps an element; the items of a sequence are cleaned.
    fn inside<'a>(&mut self, element: Element<'a>) -> Result<Fate<'a>, Fault> {
        let Value::Items(items) = element.value else { return Ok(Fate::Stays(element)) };
        let before = self.removed + self.replaced;
        let mut cleaned = Vec::with_capacity(items.len());
        for item in items {
            if !self.options.retain_patient_characteristics && content::is_patient_characteristic(&item) {
                self.removed += 1;
                continue;
            }
            cleaned.push(self.data_set(item)?);
        }
        let element = Element { vr: element.vr, value: Value::Items(cleaned) };
        let changed = self.removed + self.replaced > before;
        Ok(if changed { Fate::Replaced(element) } else { Fate::Stays(element) })
    }
}

fn is_empty(element: &Element<'_>) -> bool {
    match &element.value {
        Value::Bytes(bytes) => bytes.iter().all(|byte| matches!(byte, 0 | b' ')) && bytes.len() < 64,
        Value::Items(items) => items.is_empty(),
        Value::Fragments(fragments) => fragments.is_empty(),
    }
}
