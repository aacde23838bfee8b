//! DIMSE command sets (PS3.7 section 6.3 and annex E): group 0000 in Implicit VR Little Endian.
//!
//! Read by hand: a command set is a few dozen flat elements, and every length in it is checked against the
//! bytes that are there before anything is allocated.

/// Command Field (0000,0100) values that are acted upon (PS3.7 section E.1).
pub(crate) const C_STORE_RQ: u16 = 0x0001;
pub(crate) const C_FIND_RQ: u16 = 0x0020;
pub(crate) const C_MOVE_RQ: u16 = 0x0021;
pub(crate) const C_ECHO_RQ: u16 = 0x0030;
pub(crate) const C_CANCEL_RQ: u16 = 0x0FFF;

/// Set in the Command Field of every response.
const RESPONSE: u16 = 0x8000;

/// Command Data Set Type (0000,0800): the value that says "no data set follows".
const NO_DATA_SET: u16 = 0x0101;
/// Any other value says that one follows.
const DATA_SET: u16 = 0x0000;

const COMMAND_GROUP_LENGTH: u16 = 0x0000;
/// Priority (0000,0700) values.
const MEDIUM: u16 = 0x0000;
const HIGH: u16 = 0x0001;

const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
const COMMAND_FIELD: u16 = 0x0100;
const MESSAGE_ID: u16 = 0x0110;
const MESSAGE_ID_BEING_RESPONDED_TO: u16 = 0x0120;
const MOVE_DESTINATION: u16 = 0x0600;
const PRIORITY: u16 = 0x0700;
const COMMAND_DATA_SET_TYPE: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const ERROR_COMMENT: u16 = 0x0902;
const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
/// Number of Remaining, Completed, Failed and Warning Sub-operations, in this order.
const SUB_OPERATIONS: [u16; 4] = [0x1020, 0x1021, 0x1022, 0x1023];

/// Why a command set is of no use: a request cannot be answered, not even with an error status, a response tells
/// nothing.
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
    #[error("a request came where a response was due")]
    Request,
}

/// The elements of a command set, up to the first damage.
fn elements(command: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), BadCommand>> {
    let mut rest = command;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = element(rest);
        rest = read.as_ref().map_or(&[], |(_, _, next)| next);
        Some(read.map(|(number, value, _)| (number, value)))
    })
}

/// The first element and what follows it.
fn element(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), BadCommand> {
    let (header, after) = bytes.split_first_chunk::<8>().ok_or(BadCommand::CutShort)?;
    let [g0, g1, e0, e1, l0, l1, l2, l3] = *header;
    if (g0, g1) != (0, 0) {
        return Err(BadCommand::ForeignGroup);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (value, next) = after.split_at_checked(length).ok_or(BadCommand::CutShort)?;
    Ok((u16::from_le_bytes([e0, e1]), value, next))
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
        for element in elements(command) {
            let (number, value) = element?;
            match number {
                COMMAND_FIELD => field = u16_of(value),
                MESSAGE_ID => message_id = u16_of(value),
                COMMAND_DATA_SET_TYPE => data_set_type = u16_of(value),
                AFFECTED_SOP_CLASS_UID => sop_class = Some(text(value)),
                AFFECTED_SOP_INSTANCE_UID => sop_instance = Some(text(value)),
                _ => {}
            }
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
        with_group_length(body)
    }
}

/// The command set of a C-ECHO request (PS3.7 table 9.3-12).
pub(crate) fn echo_request(message_id: u16, sop_class: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, AFFECTED_SOP_CLASS_UID, sop_class.as_bytes(), 0);
    put(&mut body, COMMAND_FIELD, &C_ECHO_RQ.to_le_bytes(), 0);
    put(&mut body, MESSAGE_ID, &message_id.to_le_bytes(), 0);
    put(&mut body, COMMAND_DATA_SET_TYPE, &NO_DATA_SET.to_le_bytes(), 0);
    with_group_length(body)
}

/// The command set of a C-STORE request (PS3.7 table 9.3-1).
pub(crate) fn store_request(message_id: u16, sop_class: &str, sop_instance: &str, high: bool) -> Vec<u8> {
    let priority = if high { HIGH } else { MEDIUM };
    let mut body = Vec::new();
    put(&mut body, AFFECTED_SOP_CLASS_UID, sop_class.as_bytes(), 0);
    put(&mut body, COMMAND_FIELD, &C_STORE_RQ.to_le_bytes(), 0);
    put(&mut body, MESSAGE_ID, &message_id.to_le_bytes(), 0);
    put(&mut body, PRIORITY, &priority.to_le_bytes(), 0);
    put(&mut body, COMMAND_DATA_SET_TYPE, &DATA_SET.to_le_bytes(), 0);
    put(&mut body, AFFECTED_SOP_INSTANCE_UID, sop_instance.as_bytes(), 0);
    with_group_length(body)
}

/// The command set of a C-FIND request (PS3.7 table 9.1-2), to which the identifier follows.
pub(crate) fn find_request(message_id: u16, sop_class: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, AFFECTED_SOP_CLASS_UID, sop_class.as_bytes(), 0);
    put(&mut body, COMMAND_FIELD, &C_FIND_RQ.to_le_bytes(), 0);
    put(&mut body, MESSAGE_ID, &message_id.to_le_bytes(), 0);
    put(&mut body, PRIORITY, &MEDIUM.to_le_bytes(), 0);
    put(&mut body, COMMAND_DATA_SET_TYPE, &DATA_SET.to_le_bytes(), 0);
    with_group_length(body)
}

/// The command set of a C-MOVE request (PS3.7 table 9.1-4), to which the identifier follows. `destination` is the AE
/// title that shall get the objects.
pub(crate) fn move_request(message_id: u16, sop_class: &str, destination: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, AFFECTED_SOP_CLASS_UID, sop_class.as_bytes(), 0);
    put(&mut body, COMMAND_FIELD, &C_MOVE_RQ.to_le_bytes(), 0);
    put(&mut body, MESSAGE_ID, &message_id.to_le_bytes(), 0);
    put(&mut body, MOVE_DESTINATION, destination.as_bytes(), b' ');
    put(&mut body, PRIORITY, &MEDIUM.to_le_bytes(), 0);
    put(&mut body, COMMAND_DATA_SET_TYPE, &DATA_SET.to_le_bytes(), 0);
    with_group_length(body)
}

/// The command set that asks for the end of an operation that is under way (PS3.7 table 9.3-4).
pub(crate) fn cancel_request(message_id: u16) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, COMMAND_FIELD, &C_CANCEL_RQ.to_le_bytes(), 0);
    put(&mut body, MESSAGE_ID_BEING_RESPONDED_TO, &message_id.to_le_bytes(), 0);
    put(&mut body, COMMAND_DATA_SET_TYPE, &NO_DATA_SET.to_le_bytes(), 0);
    with_group_length(body)
}

/// How far the sub-operations of a C-MOVE are; `None` where the peer does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubOperations {
    pub(crate) remaining: Option<u16>,
    pub(crate) completed: Option<u16>,
    pub(crate) failed: Option<u16>,
    pub(crate) warning: Option<u16>,
}

/// A response, as far as a user of the services needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// Command Field without the bit of the response, such as [`C_STORE_RQ`].
    pub(crate) field: u16,
    /// Message ID Being Responded To.
    pub(crate) message_id: u16,
    /// Status.
    pub(crate) status: u16,
    /// Error Comment, printable and not longer than its field.
    pub(crate) comment: Option<String>,
    /// Affected SOP Instance UID without padding, where the peer says it.
    pub(crate) sop_instance: Option<String>,
    /// Whether a data set follows.
    pub(crate) has_data_set: bool,
    /// Of a C-MOVE.
    pub(crate) sub_operations: SubOperations,
}

impl Response {
    /// Reads a complete command set.
    pub(crate) fn parse(command: &[u8]) -> Result<Self, BadCommand> {
        let (mut field, mut message_id, mut status) = (None, None, None);
        let (mut comment, mut sop_instance) = (None, None);
        let mut has_data_set = false;
        let mut sub_operations = [None; 4];
        for element in elements(command) {
            let (number, value) = element?;
            match number {
                COMMAND_FIELD => field = u16_of(value),
                MESSAGE_ID_BEING_RESPONDED_TO => message_id = u16_of(value),
                STATUS => status = u16_of(value),
                ERROR_COMMENT => comment = printable(value),
                AFFECTED_SOP_INSTANCE_UID => {
                    sop_instance = Some(text(value)).filter(|uid| !uid.is_empty());
                }
                COMMAND_DATA_SET_TYPE => has_data_set = u16_of(value).is_some_and(|kind| kind != NO_DATA_SET),
                counter => {
                    if let Some(index) = SUB_OPERATIONS.iter().position(|known| *known == counter) {
                        sub_operations[index] = u16_of(value);
                    }
                }
            }
        }
        let [remaining, completed, failed, warning] = sub_operations;
        let field = field.ok_or(BadCommand::Field("Command Field"))?;
        if field & RESPONSE == 0 {
            return Err(BadCommand::Request);
        }
        Ok(Self {
            field: field & !RESPONSE,
            message_id: message_id.ok_or(BadCommand::Field("Message ID Being Responded To"))?,
            status: status.ok_or(BadCommand::Field("Status"))?,
            comment,
            sop_instance,
            has_data_set,
            sub_operations: SubOperations { remaining, completed, failed, warning },
        })
    }
}

/// What a peer says, fit to be shown: the VR LO has at most 64 characters, and no control characters.
fn printable(value: &[u8]) -> Option<String> {
    let shown: String = text(value).chars().filter(|c| !c.is_control()).take(64).collect();
    let trimmed = shown.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn with_group_length(mut body: Vec<u8>) -> Vec<u8> {
    let mut command = Vec::with_capacity(body.len() + 12);
    put(&mut command, COMMAND_GROUP_LENGTH, &(body.len() as u32).to_le_bytes(), 0);
    command.append(&mut body);
    command
}

fn u16_of(value: &[u8]) -> Option<u16> {
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

    fn peers_store_request() -> Vec<u8> {
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
        let request = Request::parse(&peers_store_request()).unwrap();
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
    fn what_we_ask_is_what_a_provider_reads_and_its_answer_is_what_we_read() {
        let asked = store_request(9, "1.2.840.10008.5.1.4.1.1.88.34", "2.25.33", true);
        let ts = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        let read = InMemDicomObject::read_dataset_with_ts(asked.as_slice(), &ts).unwrap();
        assert_eq!(read.element(tags::PRIORITY).unwrap().to_int::<u16>().unwrap(), HIGH);
        let group_length = read.element(tags::COMMAND_GROUP_LENGTH).unwrap().to_int::<usize>().unwrap();
        assert_eq!(group_length, asked.len() - 12);
        let request = Request::parse(&asked).unwrap();
        assert_eq!((request.field, request.message_id, request.has_data_set), (C_STORE_RQ, 9, true));
        let answered = Response::parse(&request.response(0xB000, Some("coerced\n "))).unwrap();
        assert_eq!(
            answered,
            Response {
                field: C_STORE_RQ,
                message_id: 9,
                status: 0xB000,
                comment: Some("coerced".to_owned()),
                sop_instance: Some("2.25.33".to_owned()),
                has_data_set: false,
                sub_operations: SubOperations::default(),
            }
        );
        for (asked, field) in [
            (find_request(3, "1.2.840.10008.5.1.4.1.2.2.1"), C_FIND_RQ),
            (move_request(3, "1.2.840.10008.5.1.4.1.2.2.2", "BAIZE"), C_MOVE_RQ),
        ] {
            let request = Request::parse(&asked).unwrap();
            assert_eq!((request.field, request.message_id, request.has_data_set), (field, 3, true));
        }
        let cancel = Request::parse(&cancel_request(3)).unwrap();
        assert_eq!((cancel.field, cancel.has_data_set), (C_CANCEL_RQ, false));
        let echo = Request::parse(&echo_request(1, "1.2.840.10008.1.1")).unwrap();
        assert_eq!((echo.field, echo.has_data_set), (C_ECHO_RQ, false));
        assert_eq!(Response::parse(&asked), Err(BadCommand::Request));
        assert_eq!(Response::parse(&[]), Err(BadCommand::Field("Command Field")));
    }

    #[test]
    fn damaged_command_sets_are_refused_and_never_panic() {
        let whole = peers_store_request();
        for end in 0..whole.len() {
            // Some cuts fall between elements; what is left must then still lack something or be complete.
            let _parsed = (Request::parse(&whole[..end]), Response::parse(&whole[..end]));
        }
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[position] ^= 1 << bit;
                let _parsed = (Request::parse(&flipped), Response::parse(&flipped));
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
