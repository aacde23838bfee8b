//! The code maps of `data/`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A code map that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code map {file} cannot be read: {cause}")]
pub struct BadTerms {
    /// Which.
    pub file: &'static str,
    /// Why.
    pub cause: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schemes {
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "version")]
    _version: String,
    systems: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyParts {
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "version")]
    _version: String,
    parts: BTreeMap<String, BodyPart>,
}

/// A part of the body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyPart {
    /// SNOMED CT.
    pub(crate) code: String,
    pub(crate) en: String,
    pub(crate) zh: String,
}

/// All code maps.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    schemes: BTreeMap<String, String>,
    parts: BTreeMap<String, BodyPart>,
}

impl Terms {
    /// Those of this crate.
    pub(crate) fn builtin() -> Result<Self, BadTerms> {
        let schemes: Schemes = read("schemes.toml", include_str!("../data/schemes.toml"))?;
        let parts: BodyParts = read("body-parts.toml", include_str!("../data/body-parts.toml"))?;
        Ok(Self { schemes: schemes.systems, parts: parts.parts })
    }

    /// The FHIR system of a Coding Scheme Designator; one of ours for a private or unknown one.
    pub(crate) fn system(&self, scheme: &str) -> String {
        match self.schemes.get(scheme) {
            Some(system) => system.clone(),
            None => format!("urn:baize:scheme:{}", percent(scheme)),
        }
    }

    /// The designator that a FHIR system stands for.
    pub(crate) fn scheme(&self, system: &str) -> Option<String> {
        let known = self.schemes.iter().find(|(_, known)| *known == system).map(|(scheme, _)| scheme.clone());
        known.or_else(|| system.strip_prefix("urn:baize:scheme:").map(str::to_owned))
    }

    /// What Body Part Examined stands for.
    pub(crate) fn body_part(&self, examined: &str) -> Option<&BodyPart> {
        self.parts.get(examined)
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, BadTerms> {
    toml::from_str(text).map_err(|error| BadTerms { file, cause: error.to_string() })
}

/// Percent-encoded, but for what a URI may hold anywhere (RFC 3986 section 2.3).
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maps_hold_and_systems_lead_back_to_their_schemes() {
        let terms = Terms::builtin().unwrap();
        for scheme in ["SCT", "DCM", "LN", "99BAIZE"] {
            assert_eq!(terms.scheme(&terms.system(scheme)).as_deref(), Some(scheme));
        }
        assert_eq!(terms.system("99 X"), "urn:baize:scheme:99%20X");
        assert_eq!(terms.scheme("http://example.org"), None);
        assert_eq!(terms.body_part("CHEST").unwrap().code, "816094009");
        assert!(terms.parts.values().all(|part| !part.zh.is_ascii() && part.code.len() >= 6));
    }
}
