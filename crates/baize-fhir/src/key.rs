//! What a resource is called: the id under which it is served, and the identifier that it has everywhere.
//!
//! Both follow from what the resource is about, so that they need no storing and no two runs give different ones.

use std::fmt;

use baize_core::ports::VisitId;
use baize_core::{Coded, ModelRef, SopUid, StudyUid};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The types of resources that are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What was done, by whom.
    AuditEvent,
    /// A model, or Baize itself.
    Device,
    /// What is said of a study.
    DiagnosticReport,
    /// A study.
    ImagingStudy,
    /// A finding, or a triage level.
    Observation,
    /// Who made it, and who answers for it.
    Provenance,
    /// A triage assessment.
    RiskAssessment,
    /// A wish to be notified.
    Subscription,
}

impl Kind {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::AuditEvent,
        Self::Device,
        Self::DiagnosticReport,
        Self::ImagingStudy,
        Self::Observation,
        Self::Provenance,
        Self::RiskAssessment,
        Self::Subscription,
    ];

    /// Its name in FHIR.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuditEvent => "AuditEvent",
            Self::Device => "Device",
            Self::DiagnosticReport => "DiagnosticReport",
            Self::ImagingStudy => "ImagingStudy",
            Self::Observation => "Observation",
            Self::Provenance => "Provenance",
            Self::RiskAssessment => "RiskAssessment",
            Self::Subscription => "Subscription",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: Kind,
    id: String,
}

impl Key {
    /// What is known of a study as a whole: DiagnosticReport, ImagingStudy, Provenance.
    pub(crate) fn of_study(kind: Kind, study: &StudyUid) -> Self {
        Self { kind, id: study.as_str().to_owned() }
    }

    /// What was said at a step of a visit: RiskAssessment, Observation, Provenance.
    pub(crate) fn of_step(kind: Kind, visit: &VisitId, sequence: u32) -> Self {
        Self { kind, id: format!("{visit}.{sequence}") }
    }

    /// One model's finding on one image.
    pub(crate) fn of_finding(sop: &SopUid, model: Option<&ModelRef>, code: &Coded) -> Self {
        Self::of_image(sop, model, &format!("{}\n{}", code.scheme, code.value))
    }

    /// That a model gave no finding on an image.
    pub(crate) fn of_ending(sop: &SopUid, model: Option<&ModelRef>) -> Self {
        Self::of_image(sop, model, "")
    }

    fn of_image(sop: &SopUid, model: Option<&ModelRef>, what: &str) -> Self {
        let model = model.map(ToString::to_string).unwrap_or_default();
        let hash = Sha256::digest(format!("{sop}\n{model}\n{what}"));
        let tail: String = hash.iter().take(TAIL / 2).map(|byte| format!("{byte:02x}")).collect();
        Self { kind: Kind::Observation, id: format!("{}{tail}", packed(sop)) }
    }

    /// A model in its version.
    pub(crate) fn of_model(model: &ModelRef) -> Self {
        Self { kind: Kind::Device, id: plain(&format!("{}-{}", model.id, model.version)) }
    }

    /// Baize in its version.
    pub(crate) fn of_software(version: &str) -> Self {
        Self { kind: Kind::Device, id: plain(&format!("baize-software-{version}")) }
    }

    /// A record of the audit trail.
    pub(crate) fn of_audit(sequence: u64) -> Self {
        Self { kind: Kind::AuditEvent, id: sequence.to_string() }
    }

    /// A wish to be notified.
    pub(crate) fn of_subscription(id: &str) -> Self {
        Self { kind: Kind::Subscription, id: id.to_owned() }
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The id under which it is served.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its identifier as `urn:uuid:…`: a UUID of version 8 (RFC 9562) made from type and id.
    pub fn urn(&self) -> String {
        let hash = Sha256::digest(format!("baize\n{}\n{}", self.kind, self.id));
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.iter()).for_each(|(byte, hashed)| *byte = *hashed);
        let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        format!("urn:uuid:{}", Uuid::hyphenated(uuid))
    }

    /// `Type/id`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// Characters of the hash at the end of an Observation's id.
const TAIL: usize = 12;

/// What the id of an Observation says that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservationName {
    /// A step at the triage desk.
    Step(VisitId, u32),
    /// An image; which finding, only the Observations of its results can tell.
    Image(SopUid),
}

impl ObservationName {
    /// Reads an id; `None` for one that was never given out.
    pub fn parse(id: &str) -> Option<Self> {
        if let Some((visit, sequence)) = step(id) {
            return Some(Self::Step(visit, sequence));
        }
        let head = id.len().checked_sub(TAIL).and_then(|at| id.get(..at))?;
        unpacked(head).map(Self::Image)
    }
}

/// The visit and the place that the id of a RiskAssessment names.
pub(crate) fn step(id: &str) -> Option<(VisitId, u32)> {
    let (visit, sequence) = id.split_once('.')?;
    let number: u32 = sequence.parse().ok()?;
    // One text for one number: `01` and `+1` name nothing.
    (number.to_string() == sequence).then_some(())?;
    let parsed = VisitId::parse(visit).ok()?;
    (parsed.as_str() == visit).then_some((parsed, number))
}

/// A UID in at most 43 characters that an id may have: four bits for each digit or dot, then base64url with `.` in the
/// place of `_`. A UID may be as long as an id, which has to say more than the UID.
fn packed(uid: &SopUid) -> String {
    let nibble = |byte: u8| if byte == b'.' { 10 } else { byte.wrapping_sub(b'0') & 0x0F };
    let pack = |pair: &[u8]| nibble(pair[0]) << 4 | pair.get(1).map_or(0x0F, |byte| nibble(*byte));
    let bytes: Vec<u8> = uid.as_str().as_bytes().chunks(2).map(pack).collect();
    URL_SAFE_NO_PAD.encode(bytes).replace('_', ".")
}

fn unpacked(text: &str) -> Option<SopUid> {
    if text.contains('_') {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text.replace('.', "_")).ok()?;
    let nibbles: Vec<u8> = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).collect();
    let digits = nibbles.strip_suffix(&[0x0F]).unwrap_or(&nibbles);
    let character = |nibble: &u8| match nibble {
        0..=9 => Some(char::from(b'0' + nibble)),
        10 => Some('.'),
        _ => None,
    };
    let uid: String = digits.iter().map(character).collect::<Option<_>>()?;
    SopUid::parse(&uid).ok()
}

/// Text as an id: what an id may not hold becomes a hyphen, and a hash tells such texts apart.
fn plain(text: &str) -> String {
    const MOST: usize = 64;
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
    if text.len() <= MOST && text.chars().all(allowed) {
        return text.to_owned();
    }
    let hash = Sha256::digest(text);
    let tail: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let head: String = text
        .chars()
        .take(MOST - 13)
        .map(|character| if allowed(character) { character } else { '-' })
        .collect();
    format!("{head}-{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_id(id: &str) -> bool {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    }

    #[test]
    fn the_id_of_a_finding_leads_back_to_its_image() {
        let model = ModelRef { id: "cxr".into(), version: "0.1.0".into() };
        for uid in
            ["1", "1.2", "1.2.840.10008", &"9".repeat(64), &"9".repeat(63), &format!("1.{}", "0".repeat(62))]
        {
            let sop = SopUid::parse(uid).unwrap();
            let id = Key::of_ending(&sop, Some(&model)).id().to_owned();
            assert!(is_id(&id), "{id}");
            assert_eq!(ObservationName::parse(&id), Some(ObservationName::Image(sop)), "{id}");
        }
    }

    #[test]
    fn ids_that_were_never_given_out_name_nothing() {
        for id in ["", "x", "_____________", "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11", "%%%%%%%%%%%%%%%%"] {
            assert_eq!(ObservationName::parse(id), None, "{id}");
        }
        let visit = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11";
        for (id, known) in [
            (format!("{visit}.1"), true),
            (format!("{visit}.01"), false),
            (format!("{visit}.+1"), false),
            (format!("{}.1", visit.to_uppercase()), false),
        ] {
            assert_eq!(step(&id).is_some(), known, "{id}");
        }
    }

    #[test]
    fn what_differs_is_called_differently() {
        let sop = SopUid::parse("1.2").unwrap();
        let model = |version: &str| ModelRef { id: "cxr".into(), version: version.into() };
        let code = |value: &str| Coded {
            scheme: "SCT".into(),
            value: value.into(),
            meaning: baize_core::Text { zh: String::new(), en: String::new() },
        };
        let keys = [
            Key::of_finding(&sop, Some(&model("1")), &code("1")),
            Key::of_finding(&sop, Some(&model("1")), &code("2")),
            Key::of_finding(&sop, Some(&model("2")), &code("1")),
            Key::of_ending(&sop, Some(&model("1"))),
            Key::of_ending(&sop, None),
            Key::of_model(&model("1")),
            Key::of_model(&model("1/2")),
            Key::of_model(&model("1?2")),
            Key::of_software("1"),
        ];
        let urns: std::collections::BTreeSet<String> = keys.iter().map(Key::urn).collect();
        assert_eq!(urns.len(), keys.len());
        assert!(keys.iter().all(|key| is_id(key.id())));
        assert_eq!(keys[0].urn(), Key::of_finding(&sop, Some(&model("1")), &code("1")).urn());
    }
}
