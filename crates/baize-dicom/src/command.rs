//! DIMSE command sets (PS3.7 section 6.3 and annex E): group 0000 in Implicit VR Little Endian.
//!
//! Read by hand: a command set is a few dozen flat elements, and every length in it is checked against the
//! bytes that are there before anything is allocated.

/// Command Field (0000,0100) values that are acted upon (PS3.7 section E.1).
pub(crate) const C_STORE_RQ: u16 = 0x0001;
pub(crate) const C_ECHO_RQ: u16 = 0x0030;
pub(crate) const C_CANCEL_RQ: u16 = 0x0FFF;

/// Set in the Command Field of every response.
const RESPONSE: u16 = 0x8000;

/// Command Data Set Type (0000,0800): the value that says "no data set follows".
const NO_DATA_SET: u16 = 0x0101;

const COMMAND_GROUP_LENGTH: u16 = 0x0000;
const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
const COMMAND_FIELD: u16 = 0x0100;
const MESSAGE_ID: u16 = 0x0110;
const MESSAGE_ID_BEING_RESPONDED_TO: u16 = 0x0120;
const COMMAND_DATA_SET_TYPE: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const ERROR_COMMENT: u16 = 0x0902;
const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;

/// Why a command set cannot be answered, not even with an error status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCommand {
    #[error("the command set is cut short")]
    CutShort,
    #[error("the command set holds an element outside group 0000")]
    ForeignGroup,
    #[error("{0} is missing or has a wrong length")]
    Field(&'static str),
    #[error("a response came without a request")]
    Response,
}

/// A request, as far as any service needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Command Field, such as [`C_STORE_RQ`].
    pub(crate) field: u16,
    /// Message ID; 0 for C-CANCEL, which has none and is not answered.
    pub(crate) message_id: u16,
    /// Affected SOP Class UID without padding.
    pub(crate) sop_class: Option<String>,
    /// Affected SOP Instance UID without padding.
    pub(crate) sop_instance: Option<String>,
    /// Whether a data set follows.
    pub(crate) has_data_set: bool,
}

impl Request {
    /// Reads a complete command set.
    pub(crate) fn parse(command: &[u8]) -> Result<Self, BadCommand> {
        let (mut field, mut message_id, mut data_set_type) = (None, None, None);
        let (mut sop_class, mut sop_instance) = (None, None);
        let mut rest = command;
        while !rest.is_empty() {
            let (header, after) = rest.split_first_chunk::<8>().ok_or(BadCommand::CutShort)?;
            let [g0, g1, e0, e1, l0, l1, l2, l3] = *header;
            if (g0, g1) != (0, 0) {
                return Err(BadCommand::ForeignGroup);
            }
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let (value, next) = after.split_at_checked(length).ok_or(BadCommand::CutShort)?;
            match u16::from_le_bytes([e0, e1]) {
                COMMAND_FIELD => field = number(value),
                MESSAGE_ID => message_id = number(value),
                COMMAND_DATA_SET_TYPE => data_set_type = number(value),
                AFFECTED_SOP_CLASS_UID => sop_class = Some(text(value)),
                AFFECTED_SOP_INSTANCE_UID => sop_instance = Some(text(value)),
                _ => {}
            }
            rest = next;
        }
        let field = field.ok_or(BadCommand::Field("Command Field"))?;
        if field & RESPONSE != 0 {
            return Err(BadCommand::Response);
        }
        let message_id = match message_id {
            Some(message_id) => message_id,
            None if field == C_CANCEL_RQ => 0,
            None => return Err(BadCommand::Field("Message ID")),
        };
        let data_set_type = data_set_type.ok_or(BadCommand::Field("Command Data Set Type"))?;
        Ok(Self { field, message_id, sop_class, sop_instance, has_data_set: data_set_type != NO_DATA_SET })
    }

    /// The command set of the response to this request. `comment` must fit Error Comment (0000,0902): at most
    /// 64 characters of ASCII.
    pub(crate) fn response(&self, status: u16, comment: Option<&str>) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(sop_class) = &self.sop_class {
            put(&mut body, AFFECTED_SOP_CLASS_UID, sop_class.as_bytes(), 0);
        }
        put(&mut body, COMMAND_FIELD, &(self.field | RESPONSE).to_le_bytes(), 0);
        put(&mut body, MESSAGE_ID_BEING_RESPONDED_TO, &self.message_id.to_le_bytes(), 0);
        put(&mut body, COMMAND_DATA_SET_TYPE, &NO_DATA_SET.to_le_bytes(), 0);
        put(&mut body, STATUS, &status.to_le_bytes(), 0);
        if let Some(comment) = comment {
            put(&mut body, ERROR_COMMENT, comment.as_bytes(), b' ');
        }
        if let Some(sop_instance) = &self.sop_instance {
            put(&mut body, AFFECTED_SOP_INSTANCE_UID, sop_instance.as_bytes(), 0);
        }
        let mut command = Vec::with_capacity(body.len() + 12);
        put(&mut command, COMMAND_GROUP_LENGTH, &(body.len() as u32).to_le_bytes(), 0);
        command.append(&mut body);
        command
    }
}

fn number(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_le_bytes)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned()
}

fn put(command: &mut Vec<u8>, element: u16, value: &[u8], padding: u8) {
    let odd = value.len() % 2;
    command.extend_from_slice(&[0, 0]);
    command.extend_from_slice(&element.to_le_bytes());
    command.extend_from_slice(&((value.len() + odd) as u32).to_le_bytes());
    command.extend_from_slice(value);
    if odd == 1 {
        command.push(padding);
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::dicom_value;
    use dicom_core::{DataElement, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;
    use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;

    use super::*;

    fn store_request() -> Vec<u8> {
        let mut bytes = Vec::new();
        InMemDicomObject::command_from_element_iter([
            DataElement::new(
                tags::AFFECTED_SOP_CLASS_UID,
                VR::UI,
                dicom_value!(Str, "1.2.840.10008.5.1.4.1.1.1"),
            ),
            DataElement::new(tags::COMMAND_FIELD, VR::US, dicom_value!(U16, [C_STORE_RQ])),
            DataElement::new(tags::MESSAGE_ID, VR::US, dicom_value!(U16, [7])),
            DataElement::new(tags::PRIORITY, VR::US, dicom_value!(U16, [0])),
            DataElement::new(tags::COMMAND_DATA_SET_TYPE, VR::US, dicom_value!(U16, [0])),
            DataElement::new(tags::AFFECTED_SOP_INSTANCE_UID, VR::UI, dicom_value!(Str, "2.25.3")),
        ])
        .write_dataset_with_ts(&mut bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased())
        .unwrap();
        bytes
    }

    #[test]
    fn a_request_is_read_and_its_response_is_readable() {
        let request = Request::parse(&store_request()).unwrap();
        assert_eq!(
            request,
            Request {
                field: C_STORE_RQ,
                message_id: 7,
                sop_class: Some("1.2.840.10008.5.1.4.1.1.1".to_owned()),
                sop_instance: Some("2.25.3".to_owned()),
                has_data_set: true,
            }
        );
        let response = request.response(0xA700, Some("the disk"));
        let ts = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        let read = InMemDicomObject::read_dataset_with_ts(response.as_slice(), &ts).unwrap();
        let us = |tag| read.element(tag).unwrap().to_int::<u16>().unwrap();
        let group_length = read.element(tags::COMMAND_GROUP_LENGTH).unwrap().to_int::<usize>().unwrap();
        assert_eq!(group_length, response.len() - 12);
        assert_eq!(us(tags::COMMAND_FIELD), 0x8001);
        assert_eq!(us(tags::MESSAGE_ID_BEING_RESPONDED_TO), 7);
        assert_eq!(us(tags::COMMAND_DATA_SET_TYPE), NO_DATA_SET);
        assert_eq!(us(tags::STATUS), 0xA700);
        assert_eq!(read.element(tags::ERROR_COMMENT).unwrap().to_str().unwrap(), "the disk");
        assert_eq!(read.element(tags::AFFECTED_SOP_INSTANCE_UID).unwrap().to_str().unwrap(), "2.25.3");
    }

    #[test]
    fn damaged_command_sets_are_refused_and_never_panic() {
        let whole = store_request();
        for end in 0..whole.len() {
            // Some cuts fall between elements; what is left must then still lack something or be complete.
            let _parsed = Request::parse(&whole[..end]);
        }
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[position] ^= 1 << bit;
                let _parsed = Request::parse(&flipped);
            }
        }
        let field = |element: u16, value: &[u8]| {
            let mut bytes = Vec::new();
            put(&mut bytes, element, value, 0);
            bytes
        };
        let none: [u8; 2] = NO_DATA_SET.to_le_bytes();
        let cases = [
            (vec![], BadCommand::Field("Command Field")),
            (vec![0; 7], BadCommand::CutShort),
            (vec![0, 0, 2, 0, 255, 255, 255, 255], BadCommand::CutShort),
            (vec![8, 0, 0, 0, 0, 0, 0, 0], BadCommand::ForeignGroup),
            (field(COMMAND_FIELD, &[1, 0, 0, 0]), BadCommand::Field("Command Field")),
            (field(COMMAND_FIELD, &[1, 0x80]), BadCommand::Response),
            (field(COMMAND_FIELD, &[1, 0]), BadCommand::Field("Message ID")),
            (
                [field(COMMAND_FIELD, &[1, 0]), field(MESSAGE_ID, &[1, 0])].concat(),
                BadCommand::Field("Command Data Set Type"),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Request::parse(&bytes), Err(expected), "{bytes:?}");
        }
        let cancel =
            [field(COMMAND_FIELD, &C_CANCEL_RQ.to_le_bytes()), field(COMMAND_DATA_SET_TYPE, &none)].concat();
        assert!(!Request::parse(&cancel).unwrap().has_data_set);
    }
}
