//! An archive and a worklist, asked by the server itself about studies that come in.

use async_trait::async_trait;
use baize_core::ports::{
    ArchivedStudy, LinkLost, OrderKey, OrderSource, PatientIdentity, Retrieval, StudySource,
};
use baize_core::{Lane, Sex, StudyUid};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use tracing::warn;

use super::Scu;
use super::query::{Answer, Level, Query, QueryCharset};
use super::retrieve::Wanted;

/// Studies of one patient that are looked at; nobody has more.
const MOST_STUDIES: usize = 500;
/// Series of one study, and steps of one order, that are looked at.
const MOST_PARTS: usize = 200;

/// An archive that sends what it is asked for to `our_ae`.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The way there.
    pub scu: Scu,
    /// The AE title under which it knows our storage provider.
    pub our_ae: String,
    /// How Chinese text is written in questions.
    pub charset: QueryCharset,
}

#[async_trait]
impl StudySource for Archive {
    async fn studies_of(&self, patient: &PatientIdentity) -> Result<Vec<ArchivedStudy>, LinkLost> {
        let Some(id) = &patient.id else { return Ok(Vec::new()) };
        let query = Query::new(Level::Study, self.charset).with(tags::PATIENT_ID, VR::LO, &literal(id)?);
        let (answers, found) = self.scu.find_all(&query, MOST_STUDIES).await?;
        if found.cut_off || found.unreadable > 0 {
            warn!(
                cut_off = found.cut_off,
                unreadable = found.unreadable,
                "not all of a patient's studies are known"
            );
        }
        Ok(answers.iter().filter_map(archived_study).collect())
    }

    async fn body_parts(&self, study: &StudyUid) -> Result<Vec<String>, LinkLost> {
        let query =
            Query::new(Level::Series, self.charset).with(tags::STUDY_INSTANCE_UID, VR::UI, study.as_str());
        let (answers, _) = self.scu.find_all(&query, MOST_PARTS).await?;
        let mut parts: Vec<String> = answers
            .iter()
            .filter_map(|series| series.text("00180015"))
            .map(|part| part.to_uppercase())
            .collect();
        parts.sort();
        parts.dedup();
        Ok(parts)
    }

    async fn retrieve(&self, study: &StudyUid) -> Result<Retrieval, LinkLost> {
        let wanted = Wanted { study: study.as_str().to_owned(), series: None, sop: None };
        self.scu.retrieve(&wanted, &self.our_ae, |_| ()).await
    }
}

/// A key without wildcards. One that holds some would match other patients.
///
/// # Errors
/// The key cannot be asked for.
fn literal(key: &str) -> Result<String, LinkLost> {
    match key.contains(['*', '?', '\\']) {
        true => Err(LinkLost("a key of the study holds a wildcard and cannot be asked for".to_owned())),
        false => Ok(key.to_owned()),
    }
}

fn archived_study(answer: &Answer) -> Option<ArchivedStudy> {
    let upper = |tag| answer.texts(tag).into_iter().map(|text| text.to_uppercase()).collect();
    Some(ArchivedStudy {
        study: StudyUid::parse(&answer.text("0020000D")?).ok()?,
        patient: PatientIdentity {
            id: answer.text("00100020"),
            issuer: answer.text("00100021"),
            birth_date: answer.text("00100030").filter(|date| is_day(date)),
            sex: answer.text("00100040").and_then(|sex| match sex.to_uppercase().as_str() {
                "F" => Some(Sex::Female),
                "M" => Some(Sex::Male),
                "O" => Some(Sex::Other),
                _ => None,
            }),
        },
        date: answer.text("00080020").filter(|date| is_day(date)),
        modalities: upper("00080061"),
    })
}

fn is_day(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A Modality Worklist (PS3.4 annex K).
#[derive(Clone, Debug)]
pub struct Worklist {
    /// The way there.
    pub scu: Scu,
    /// How Chinese text is written in questions.
    pub charset: QueryCharset,
}

#[async_trait]
impl OrderSource for Worklist {
    async fn lane_of(&self, key: &OrderKey) -> Result<Option<Lane>, LinkLost> {
        // Accession Number is what worklists are asked by; the Study UID finds the order where the image has none.
        let steps = match &key.accession {
            Some(accession) => self.steps(key, tags::ACCESSION_NUMBER, VR::SH, &literal(accession)?).await?,
            None => Vec::new(),
        };
        let steps = match steps.is_empty() {
            true => self.steps(key, tags::STUDY_INSTANCE_UID, VR::UI, key.study.as_str()).await?,
            false => steps,
        };
        Ok(steps.iter().map(lane).max())
    }
}

impl Worklist {
    /// The steps that are about the very study. A worklist that does not match by an attribute answers with all that
    /// it has, and an accession number may be taken in another hospital.
    async fn steps(
        &self,
        key: &OrderKey,
        tag: dicom_core::Tag,
        vr: VR,
        value: &str,
    ) -> Result<Vec<Answer>, LinkLost> {
        let query = Query::new(Level::Worklist, self.charset).with(tag, vr, value);
        let (mut answers, _) = self.scu.find_all(&query, MOST_PARTS).await?;
        answers.retain(|step| {
            let same_patient = match (&key.patient_id, step.text("00100020")) {
                (Some(ours), Some(theirs)) => *ours == theirs,
                _ => true,
            };
            let same_accession = key.accession.is_some() && step.text("00080050") == key.accession;
            let same_study = step.text("0020000D").as_deref() == Some(key.study.as_str());
            same_patient && (same_accession || same_study)
        });
        Ok(answers)
    }
}

/// Requested Procedure Priority (0040,1003), PS3.3 section C.4.11: STAT, HIGH, ROUTINE, MEDIUM, LOW.
fn lane(step: &Answer) -> Lane {
    match step.text("00401003").unwrap_or_default().to_uppercase().as_str() {
        "STAT" => Lane::Stat,
        "HIGH" => Lane::Urgent,
        _ => Lane::Routine,
    }
}
