//! Which SOP classes are stored.

use dicom_core::dictionary::{UidDictionary, UidType};
use dicom_dictionary_std::{StandardSopClassDictionary, uids};

/// Whether the UID is a storage SOP class whose objects belong to a patient's study (PS3.4 section B.5), the
/// retired ones included because old modalities use them. Those of PS3.4 annex GG (protocols, inventories,
/// hanging protocols, templates) belong to no study and cannot be kept.
pub(super) fn is_storage(abstract_syntax: &str) -> bool {
    const COMPOSITE: &str = "1.2.840.10008.5.1.4.1.1.";
    const WITHOUT_STUDY: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201."];
    let in_range = abstract_syntax.starts_with(COMPOSITE)
        && !WITHOUT_STUDY.iter().any(|prefix| abstract_syntax.starts_with(prefix))
        || abstract_syntax == uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE;
    in_range
        && StandardSopClassDictionary
            .by_uid(abstract_syntax)
            .is_some_and(|entry| entry.r#type == UidType::SopClass && entry.name.contains("Storage"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_classes_are_those_of_a_patients_study() {
        for uid in [
            uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
            uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
            uids::COMPREHENSIVE3_DSR_STORAGE,
            uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE,
            uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE,
            uids::SEGMENTATION_STORAGE,
            uids::ENCAPSULATED_PDF_STORAGE,
            uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE,
            "1.2.840.10008.5.1.4.1.1.6", // Ultrasound Image Storage, retired
        ] {
            assert!(is_storage(uid), "{uid}");
        }
        for uid in [
            uids::VERIFICATION,
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND,
            uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND,
            uids::STORAGE_COMMITMENT_PUSH_MODEL,
            uids::HANGING_PROTOCOL_STORAGE,
            uids::CT_DEFINED_PROCEDURE_PROTOCOL_STORAGE,
            uids::INVENTORY_STORAGE,
            "1.2.840.10008.5.1.4.1.1.",
            "1.2.840.10008.5.1.4.1.1.999",
            "",
        ] {
            assert!(!is_storage(uid), "{uid}");
        }
    }
}
