//! UIDs that follow from what they name, so that the same result made again replaces itself.

use baize_core::Report;
use sha2::{Digest as _, Sha256};

/// Device UID (0018,1002) of everything that Baize makes, whatever its version: UUID-derived (PS3.5 section B.2).
pub(crate) const DEVICE_UID: &str = "2.25.311090650451189237167746228051259286210";

/// The UIDs of one result.
pub(crate) struct Uids<'a> {
    report: &'a Report,
}

impl<'a> Uids<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        Self { report }
    }

    /// SOP Instance UID of the object of that kind: one per (image, model, version, kind).
    pub(crate) fn instance(&self, kind: &str) -> String {
        self.derive("instance", &[self.report.instance.sop.as_str(), kind])
    }

    /// Series Instance UID for objects of that kind: one per (series of images, model, version, kind), so that the
    /// results of a study's images stand together.
    pub(crate) fn series(&self, kind: &str) -> String {
        let identity = &self.report.instance;
        self.derive("series", &[identity.study.as_str(), identity.series.as_str(), kind])
    }

    /// Tracking Unique Identifier of a finding, by its code.
    pub(crate) fn tracking(&self, scheme: &str, value: &str) -> String {
        self.derive("tracking", &[self.report.instance.sop.as_str(), scheme, value])
    }

    fn derive(&self, purpose: &str, parts: &[&str]) -> String {
        let (model, version) = match &self.report.model {
            Some(model) => (model.id.as_str(), model.version.as_str()),
            None => ("", ""),
        };
        let mut hash = Sha256::new();
        for part in ["baize result 1", purpose, model, version].iter().chain(parts) {
            // With their lengths, so that no two lists of parts read alike.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let number = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        // RFC 9562 section 5.8: version 8, a custom hash; variant 10.
        let version_8 = number & !(0xF << 76) | 8 << 76;
        format!("2.25.{}", version_8 & !(0b11 << 62) | 0b10 << 62)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use baize_core::{
        ErrorCode, Fault, InstanceIdentity, ModelRef, Outcome, SeriesUid, SopUid, StudyUid, Timestamp,
    };

    use super::*;

    fn report(sop: &str, model: Option<(&str, &str)>) -> Report {
        Report {
            instance: InstanceIdentity {
                study: StudyUid::parse("1.2.1").unwrap(),
                series: SeriesUid::parse("1.2.2").unwrap(),
                sop: SopUid::parse(sop).unwrap(),
                sop_class: "1.2.840.10008.5.1.4.1.1.1".to_owned(),
                transfer_syntax: "1.2.840.10008.1.2.1".to_owned(),
            },
            model: model.map(|(id, version)| ModelRef { id: id.to_owned(), version: version.to_owned() }),
            outcome: Outcome::Failed(Fault::new(ErrorCode::Internal, "x")),
            finished_at: Timestamp::from_micros(0),
            gate: None,
        }
    }

    #[test]
    fn another_image_model_version_or_kind_is_another_uid() {
        let mut seen = HashSet::new();
        let models = [None, Some(("a", "1")), Some(("a", "2")), Some(("b", "1")), Some(("a1", ""))];
        for model in models {
            for sop in ["1.2.3", "1.2.4"] {
                let report = report(sop, model);
                for kind in ["report", "key-image"] {
                    let uid = Uids::of(&report).instance(kind);
                    assert_eq!(uid, Uids::of(&report.clone()).instance(kind));
                    assert!(uid.len() <= 64 && SopUid::parse(&uid).is_ok(), "{uid}");
                    assert!(seen.insert(uid));
                }
                assert!(seen.insert(Uids::of(&report).tracking("SCT", sop)));
            }
            assert!(seen.insert(Uids::of(&report("1.2.3", model)).series("report")));
        }
    }

    #[test]
    fn images_of_one_series_share_the_result_series() {
        let (first, second) = (report("1.2.3", None), report("1.2.4", None));
        assert_eq!(Uids::of(&first).series("report"), Uids::of(&second).series("report"));
    }

    /// A change of the derivation would duplicate every result that an archive holds already.
    #[test]
    fn the_derivation_is_pinned() {
        let report = report("1.2.3", Some(("cxr", "0.1.0")));
        assert_eq!(Uids::of(&report).instance("report"), "2.25.91070324074583258305886285808007091257");
    }
}
