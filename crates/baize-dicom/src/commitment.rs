//! The data sets of storage commitment (PS3.4 section J.3): what we ask, and what a peer answers.

use baize_core::ports::{CommitmentAnswer, ObjectName};

use crate::data_set::{Elements, ITEM, ITEM_END, SEQUENCE_END, UNDEFINED_LENGTH, text};

/// The well-known SOP Instance (PS3.4 section J.3.5).
pub(crate) const WELL_KNOWN_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Action Type ID "Request Storage Commitment" (PS3.4 table J.3-1).
pub(crate) const REQUEST: u16 = 1;

const REFERENCED_SOP_CLASS_UID: (u16, u16) = (0x0008, 0x1150);
const REFERENCED_SOP_INSTANCE_UID: (u16, u16) = (0x0008, 0x1155);
const TRANSACTION_UID: (u16, u16) = (0x0008, 0x1195);
const FAILURE_REASON: (u16, u16) = (0x0008, 0x1197);
const FAILED_SOP_SEQUENCE: (u16, u16) = (0x0008, 0x1198);
const REFERENCED_SOP_SEQUENCE: (u16, u16) = (0x0008, 0x1199);

/// Stands where a peer gives no reason: processing failure.
const NO_REASON: u16 = 0x0110;

/// The action information of a request, in Implicit VR Little Endian.
pub(crate) fn request(transaction: &str, objects: &[ObjectName]) -> Vec<u8> {
    let mut items = Vec::new();
    for object in objects {
        let mut item = Vec::new();
        put_uid(&mut item, REFERENCED_SOP_CLASS_UID, &object.sop_class);
        put_uid(&mut item, REFERENCED_SOP_INSTANCE_UID, &object.sop_instance);
        put(&mut items, ITEM, &item);
    }
    let mut data_set = Vec::new();
    put_uid(&mut data_set, TRANSACTION_UID, transaction);
    put(&mut data_set, REFERENCED_SOP_SEQUENCE, &items);
    data_set
}

fn put_uid(data_set: &mut Vec<u8>, tag: (u16, u16), uid: &str) {
    let mut value = uid.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    put(data_set, tag, &value);
}

fn put(data_set: &mut Vec<u8>, (group, element): (u16, u16), value: &[u8]) {
    data_set.extend_from_slice(&group.to_le_bytes());
    data_set.extend_from_slice(&element.to_le_bytes());
    data_set.extend_from_slice(&(value.len() as u32).to_le_bytes());
    data_set.extend_from_slice(value);
}

/// Reads the event information of a report. `None` where it is damaged or names no transaction.
///
/// The two sequences are stepped into and not counted: what belongs to which is said by the order of the tags.
pub(crate) fn report(data_set: &[u8], transfer_syntax: &str) -> Option<CommitmentAnswer> {
    let mut elements = Elements::of(data_set, transfer_syntax);
    let mut answer = CommitmentAnswer::default();
    let mut failed = false;
    while !elements.is_at_end() {
        let (tag, length) = elements.header()?;
        match tag {
            ITEM | ITEM_END | SEQUENCE_END => continue,
            FAILED_SOP_SEQUENCE | REFERENCED_SOP_SEQUENCE => {
                failed = tag == FAILED_SOP_SEQUENCE;
                continue;
            }
            // Some other sequence, into which nobody should have put anything that is looked for here.
            _ if length == UNDEFINED_LENGTH => continue,
            _ => {}
        }
        let value = elements.take(length as usize)?;
        match tag {
            TRANSACTION_UID => answer.transaction = text(value),
            REFERENCED_SOP_INSTANCE_UID if failed => answer.failed.push((text(value), NO_REASON)),
            REFERENCED_SOP_INSTANCE_UID => answer.committed.push(text(value)),
            FAILURE_REASON if failed => {
                let reason = value.try_into().ok().map(|bytes| elements.number(bytes));
                if let (Some((_, given)), Some(reason)) = (answer.failed.last_mut(), reason) {
                    *given = reason;
                }
            }
            _ => {}
        }
    }
    (!answer.transaction.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, Length, PrimitiveValue, VR, dicom_value};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;
    use dicom_transfer_syntax_registry::{TransferSyntaxIndex as _, TransferSyntaxRegistry};

    use super::*;

    const IMPLICIT: &str = "1.2.840.10008.1.2";
    const SYNTAXES: [&str; 3] = [IMPLICIT, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"];

    fn ui(tag: dicom_core::Tag, value: &str) -> DataElement<InMemDicomObject> {
        DataElement::new(tag, VR::UI, PrimitiveValue::from(value))
    }

    /// As a peer would write it, with lengths of sequences and items defined or not.
    fn peers_report(syntax: &str, length: Length) -> Vec<u8> {
        let item = |uid: &str, reason: Option<u16>| {
            let mut item = InMemDicomObject::from_element_iter([
                ui(tags::REFERENCED_SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.1"),
                ui(tags::REFERENCED_SOP_INSTANCE_UID, uid),
            ]);
            if let Some(reason) = reason {
                item.put(DataElement::new(tags::FAILURE_REASON, VR::US, dicom_value!(U16, [reason])));
            }
            item
        };
        let sequence = |tag, items: Vec<InMemDicomObject>| {
            DataElement::new(tag, VR::SQ, DataSetSequence::new(items, length))
        };
        let object = InMemDicomObject::from_element_iter([
            ui(tags::TRANSACTION_UID, "2.25.7"),
            sequence(tags::FAILED_SOP_SEQUENCE, vec![item("2.25.3", Some(0x0112)), item("2.25.4", None)]),
            sequence(tags::REFERENCED_SOP_SEQUENCE, vec![item("2.25.1", None), item("2.25.22", None)]),
        ]);
        let mut bytes = Vec::new();
        object.write_dataset_with_ts(&mut bytes, TransferSyntaxRegistry.get(syntax).unwrap()).unwrap();
        bytes
    }

    #[test]
    fn a_report_is_read_in_each_encoding() {
        let expected = CommitmentAnswer {
            transaction: "2.25.7".to_owned(),
            committed: vec!["2.25.1".to_owned(), "2.25.22".to_owned()],
            failed: vec![("2.25.3".to_owned(), 0x0112), ("2.25.4".to_owned(), NO_REASON)],
        };
        for syntax in SYNTAXES {
            for length in [Length::UNDEFINED, Length(0)] {
                let bytes = peers_report(syntax, length);
                assert_eq!(report(&bytes, syntax).as_ref(), Some(&expected), "{syntax}");
                for end in 0..bytes.len() {
                    let _cut = report(&bytes[..end], syntax);
                }
            }
        }
        assert_eq!(report(&[], IMPLICIT), None);
    }

    #[test]
    fn a_request_is_readable() {
        let objects = [("1.2.840.10008.5.1.4.1.1.7", "2.25.1"), ("1.2.840.10008.5.1.4.1.1.88.34", "2.25.22")]
            .map(|(class, instance)| ObjectName { sop_class: class.into(), sop_instance: instance.into() });
        let bytes = request("2.25.77", &objects);
        let syntax = TransferSyntaxRegistry.get(IMPLICIT).unwrap();
        let read = InMemDicomObject::read_dataset_with_ts(bytes.as_slice(), syntax).unwrap();
        assert_eq!(read.element(tags::TRANSACTION_UID).unwrap().to_str().unwrap(), "2.25.77");
        let items = read.element(tags::REFERENCED_SOP_SEQUENCE).unwrap().items().unwrap();
        let names: Vec<ObjectName> = items
            .iter()
            .map(|item| {
                let text = |tag| item.element(tag).unwrap().to_str().unwrap().into_owned();
                ObjectName {
                    sop_class: text(tags::REFERENCED_SOP_CLASS_UID),
                    sop_instance: text(tags::REFERENCED_SOP_INSTANCE_UID),
                }
            })
            .collect();
        assert_eq!(names, objects);
    }
}
