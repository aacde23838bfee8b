//! An object as it goes over the wire.

use std::borrow::Cow;

use dicom_dictionary_std::uids;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};

use crate::data_set::split_file_meta;

/// Preamble and prefix (PS3.10 section 7.1).
const PREFIX_END: usize = 132;

/// A Part 10 object, split.
pub(super) struct Outgoing<'a> {
    transfer_syntax: String,
    data_set: &'a [u8],
}

impl<'a> Outgoing<'a> {
    /// Finds the data set.
    ///
    /// # Errors
    /// What is damaged.
    pub(super) fn read(object: &'a [u8]) -> Result<Self, String> {
        if object.get(128..PREFIX_END) != Some(b"DICM") {
            return Err("it is no DICOM Part 10 object".to_owned());
        }
        let (transfer_syntax, data_set) =
            split_file_meta(&object[PREFIX_END..]).ok_or("its file meta group names no transfer syntax")?;
        Ok(Self { transfer_syntax, data_set })
    }

    /// The transfer syntaxes in which it can be sent, its own first. Implicit VR Little Endian is the one that every
    /// peer must know (PS3.5 section 10.1).
    pub(super) fn transfer_syntaxes(&self) -> impl Iterator<Item = &str> {
        let converted = (self.transfer_syntax == uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .then_some(uids::IMPLICIT_VR_LITTLE_ENDIAN);
        std::iter::once(self.transfer_syntax.as_str()).chain(converted)
    }

    /// The data set in one of [`transfer_syntaxes`](Self::transfer_syntaxes).
    ///
    /// # Errors
    /// What is damaged, where it has to be converted.
    pub(super) fn data_set_in(&self, transfer_syntax: &str) -> Result<Cow<'a, [u8]>, String> {
        if transfer_syntax == self.transfer_syntax {
            return Ok(Cow::Borrowed(self.data_set));
        }
        let object =
            InMemDicomObject::read_dataset_with_ts(self.data_set, &EXPLICIT_VR_LITTLE_ENDIAN.erased())
                .map_err(|error| error.to_string())?;
        let mut converted = Vec::with_capacity(self.data_set.len());
        object
            .write_dataset_with_ts(&mut converted, &IMPLICIT_VR_LITTLE_ENDIAN.erased())
            .map_err(|error| error.to_string())?;
        Ok(Cow::Owned(converted))
    }
}

#[cfg(test)]
mod tests {
    use baize_testkit::{ObjectBuilder, Syntax};

    use super::*;

    #[test]
    fn the_data_set_goes_out_as_it_is_or_converted() {
        let builder = ObjectBuilder::chest(1);
        let object = builder.build();
        let outgoing = Outgoing::read(&object).unwrap();
        assert_eq!(
            outgoing.transfer_syntaxes().collect::<Vec<_>>(),
            [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN]
        );
        assert_eq!(*outgoing.data_set_in(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap(), builder.data_set_bytes());
        let implicit = outgoing.data_set_in(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let read = |bytes: &[u8], syntax| InMemDicomObject::read_dataset_with_ts(bytes, &syntax).unwrap();
        let same = read(&implicit, IMPLICIT_VR_LITTLE_ENDIAN.erased());
        let original = read(&builder.data_set_bytes(), EXPLICIT_VR_LITTLE_ENDIAN.erased());
        assert_eq!(same.iter().count(), original.iter().count());
        for (one, other) in same.iter().zip(original.iter()) {
            assert_eq!(one.header().tag, other.header().tag);
        }
    }

    #[test]
    fn a_compressed_object_goes_out_as_it_is_only() {
        let object = ObjectBuilder::chest(1).syntax(Syntax::Rle).build();
        let outgoing = Outgoing::read(&object).unwrap();
        assert_eq!(outgoing.transfer_syntaxes().count(), 1);
    }

    #[test]
    fn damage_is_named_and_never_panics() {
        let object = ObjectBuilder::chest(1).build();
        for end in 0..400 {
            let _read = Outgoing::read(&object[..end]);
        }
        assert!(Outgoing::read(&[]).is_err() && Outgoing::read(&object[..131]).is_err());
        let mut mistaken = object.to_vec();
        mistaken[140..144].fill(0xff);
        assert_eq!(Outgoing::read(&mistaken).unwrap().data_set, Outgoing::read(&object).unwrap().data_set);
    }
}
