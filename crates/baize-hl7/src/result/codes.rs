//! Codes and sentences of outgoing messages, from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baize_core::ports::{Presence, Standing};
use baize_core::{Language, Text};
use serde::Deserialize;

/// Why a file of codes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("HL7 codes {path}: {reason}")]
pub struct CodesError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, and where.
    pub reason: String,
}

/// What [`OruWording`](super::OruWording) writes with, as `hl7/result.toml` has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    id: String,
    version: String,
    source: String,
    standings: Standings,
    pub(super) study: Code,
    pub(super) triage: Code,
    departments: BTreeMap<String, String>,
    presence: Presences,
    pub(super) observations: Observations,
    pub(super) vitals: BTreeMap<String, Measure>,
    pub(super) texts: Texts,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standings {
    preliminary: String,
    corrected: String,
    r#final: String,
    amended: String,
}

/// A code with its meaning.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) code: String,
    pub(super) system: String,
    zh: String,
    en: String,
}

impl Code {
    pub(super) fn meaning(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}

/// A code of what is measured, with its unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measure {
    code: String,
    system: String,
    zh: String,
    en: String,
    pub(super) unit: String,
}

impl Measure {
    pub(super) fn code(&self) -> Code {
        Code {
            code: self.code.clone(),
            system: self.system.clone(),
            zh: self.zh.clone(),
            en: self.en.clone(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Presences {
    present: Code,
    absent: Code,
    uncertain: Code,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Observations {
    pub(super) study_uid: Code,
    pub(super) image: Code,
    pub(super) probability: Code,
    pub(super) threshold: Code,
    pub(super) population: Code,
    pub(super) caveat: Code,
    pub(super) analysis: Code,
    pub(super) comment: Code,
    pub(super) notice: Code,
    pub(super) level: Code,
    pub(super) acuity: Code,
    pub(super) target_minutes: Code,
    pub(super) department: Code,
    pub(super) news2: Code,
    pub(super) evidence: Code,
    pub(super) imaging: Code,
    pub(super) triage_model: Code,
    pub(super) decision_level: Code,
    pub(super) decision_acuity: Code,
    pub(super) decision_reason: Code,
}

/// A sentence in both languages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentence {
    pub(super) zh: String,
    pub(super) en: String,
}

impl Sentence {
    pub(super) fn get(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}

impl From<&Text> for Sentence {
    fn from(text: &Text) -> Self {
        Self { zh: text.zh.clone(), en: text.en.clone() }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    pub(super) notices: Vec<Sentence>,
    pub(super) triage_notices: Vec<Sentence>,
    pub(super) refused: Sentence,
    pub(super) failed: Sentence,
    pub(super) pending: Sentence,
    pub(super) rejected: Sentence,
}

/// The file of this release.
const BUILT_IN: &str = include_str!("../../../../hl7/result.toml");

impl Codes {
    /// Those of this release.
    ///
    /// # Errors
    /// [`CodesError`], which a test of this crate rules out.
    pub fn built_in() -> Result<Self, CodesError> {
        Self::parse(BUILT_IN).map_err(|reason| CodesError { path: "hl7/result.toml".into(), reason })
    }

    /// Those of a site. Reads a file: call it before serving.
    ///
    /// # Errors
    /// [`CodesError`] names the file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, CodesError> {
        let bad = |reason: String| CodesError { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        Self::parse(&text).map_err(bad)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let codes: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let named = [&codes.id, &codes.version, &codes.source];
        if named.iter().any(|text| text.is_empty()) {
            return Err("id, version and source must say something".to_owned());
        }
        for standing in Standing::ALL {
            let status = codes.status(standing);
            if !matches!(status, "P" | "R" | "C" | "F") {
                return Err(format!("standings.{}: '{status}' is none of P, R, C, F", standing.as_str()));
            }
            if status == "F" && !standing.is_signed() {
                return Err(format!(
                    "standings.{}: F says that a physician has signed, which is not so",
                    standing.as_str()
                ));
            }
        }
        if codes.texts.notices.is_empty() || codes.texts.triage_notices.is_empty() {
            return Err("texts: a message without a notice is not sent".to_owned());
        }
        if !codes.departments.contains_key("*") {
            return Err("departments: \"*\" is missing".to_owned());
        }
        Ok(codes)
    }

    /// Its id and version.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.version)
    }

    /// OBR-25 and OBX-11.
    pub(super) fn status(&self, standing: Standing) -> &str {
        match standing {
            Standing::Preliminary => &self.standings.preliminary,
            Standing::Corrected => &self.standings.corrected,
            Standing::Final => &self.standings.r#final,
            Standing::Amended => &self.standings.amended,
        }
    }

    /// OBR-24.
    pub(super) fn department(&self, modality: Option<&str>) -> &str {
        let named = modality.and_then(|modality| self.departments.get(modality));
        named.or_else(|| self.departments.get("*")).map_or("", String::as_str)
    }

    pub(super) fn presence(&self, presence: Presence) -> &Code {
        match presence {
            Presence::Present => &self.presence.present,
            Presence::Absent => &self.presence.absent,
            Presence::Uncertain => &self.presence.uncertain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_this_release_holds() {
        assert_eq!(Codes::built_in().unwrap().name(), "result 1.0.0");
    }

    #[test]
    fn a_file_that_would_mislead_is_refused() {
        for (of, by, named) in [
            ("preliminary = \"P\"", "preliminary = \"F\"", "standings.preliminary"),
            ("corrected = \"C\"", "corrected = \"X\"", "standings.corrected"),
            ("\"*\" = \"RAD\"", "", "departments"),
            ("id = \"result\"", "id = \"\"", "id, version"),
            ("[study]", "[studies]", "unknown field"),
        ] {
            let text = BUILT_IN.replacen(of, by, 1);
            assert_ne!(text, BUILT_IN);
            let error = Codes::parse(&text).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
