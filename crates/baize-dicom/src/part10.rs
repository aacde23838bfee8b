//! The head of a DICOM Part 10 file (PS3.10 section 7.1): preamble, prefix and file meta group.

use dicom_object::meta::FileMetaTableBuilder;

use crate::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

/// What the file meta group says about the data set that follows.
pub(crate) struct Head<'a> {
    /// Media Storage SOP Class UID.
    pub(crate) sop_class: &'a str,
    /// Media Storage SOP Instance UID.
    pub(crate) sop_instance: &'a str,
    /// Transfer Syntax UID of the data set.
    pub(crate) transfer_syntax: &'a str,
    /// Source Application Entity Title: who sent it.
    pub(crate) source_ae: &'a str,
}

impl Head<'_> {
    /// The bytes to which the data set is appended.
    ///
    /// # Errors
    /// A text of the writer; none is known to occur for the texts that are passed here.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(self.sop_class)
            .media_storage_sop_instance_uid(self.sop_instance)
            .transfer_syntax(self.transfer_syntax)
            .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
            .implementation_version_name(IMPLEMENTATION_VERSION_NAME)
            .source_application_entity_title(self.source_ae)
            .build()
            .map_err(|error| error.to_string())?;
        let mut head = vec![0; 128];
        head.extend_from_slice(b"DICM");
        meta.write(&mut head).map_err(|error| error.to_string())?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use dicom_object::FileMetaTable;

    use super::*;

    #[test]
    fn the_head_reads_back() {
        // Odd and even lengths, for the padding.
        for (sop_instance, source_ae) in [("2.25.1", "CR1"), ("2.25.12", "CR10")] {
            let head = Head {
                sop_class: "1.2.840.10008.5.1.4.1.1.1",
                sop_instance,
                transfer_syntax: "1.2.840.10008.1.2.4.70",
                source_ae,
            };
            let bytes = head.to_bytes().unwrap();
            assert_eq!(&bytes[..128], &[0; 128]);
            let meta = FileMetaTable::from_reader(&bytes[128..]).unwrap();
            assert_eq!(meta.media_storage_sop_class_uid(), "1.2.840.10008.5.1.4.1.1.1");
            assert_eq!(meta.media_storage_sop_instance_uid(), sop_instance);
            assert_eq!(meta.transfer_syntax(), "1.2.840.10008.1.2.4.70");
            assert_eq!(meta.implementation_class_uid(), IMPLEMENTATION_CLASS_UID);
            assert_eq!(meta.implementation_version_name(), Some(IMPLEMENTATION_VERSION_NAME));
            assert_eq!(meta.source_application_entity_title(), Some(source_ae));
        }
    }
}
