//! Writes the seed corpus: for each target, conversations and objects that go well, which the fuzzer then spoils.
//!
//! `cargo run --bin seeds`, in this folder.

use std::error::Error;
use std::fs;
use std::path::Path;

use baize_fuzz::{CR, object};
use baize_testkit::{ObjectBuilder, Syntax, malformed};
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceUserReason, AssociationRJSource,
    AssociationRQ, PDataValue, PDataValueType, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, UserVariableItem, write_pdu,
};

const VERIFICATION: &str = "1.2.840.10008.1.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

const C_STORE: u16 = 0x0001;
const C_ECHO: u16 = 0x0030;
const RESPONSE: u16 = 0x8000;

fn main() -> Result<(), Box<dyn Error>> {
    let hl7 = hl7_messages()?;
    let targets = [
        ("dimse_provider", calls()?),
        ("dimse_user", answers()?),
        ("image", objects()),
        ("hl7_codec", hl7_codec(&hl7)),
        ("hl7_mllp", hl7_mllp(&hl7)),
    ];
    for (target, conversations) in targets {
        let folder = Path::new("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (number, conversation) in conversations.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), conversation)?;
        }
        println!("{}: {} seeds", folder.display(), conversations.len());
    }
    Ok(())
}

/// What a peer says that calls us.
fn calls() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut seeds = vec![
        conversation(&[request(&[(1, VERIFICATION, &[IMPLICIT])])?, echo(1)?, release()?]),
        conversation(&[request(&[(1, CR, &["1.2.840.10008.1.2.4.91"]), (3, "1.2.3", &[IMPLICIT])])?, release()?]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for syntax in Syntax::ALL {
        let object = object().syntax(syntax);
        let proposals: [(u8, &str, &[&str]); 2] =
            [(1, VERIFICATION, &[IMPLICIT]), (3, CR, &[object.transfer_syntax_uid(), EXPLICIT])];
        seeds.push(conversation(&[request(&proposals)?, echo(1)?, store(3, &object, 4000)?, release()?]));
    }
    // In small fragments, twice on one association.
    let proposals: [(u8, &str, &[&str]); 1] = [(1, CR, &[EXPLICIT])];
    let twice = [request(&proposals)?, store(1, &object(), 100)?, store(1, &object(), 300)?, release()?];
    seeds.push(conversation(&twice));
    Ok(seeds)
}

/// What an archive answers that we call.
fn answers() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let accepted = |transfer_syntax: &str| {
        let result = |id| PresentationContextResult {
            id,
            reason: PresentationContextResultReason::Acceptance,
            transfer_syntax: transfer_syntax.to_owned(),
        };
        bytes(&Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            calling_ae_title: "BAIZE".to_owned(),
            called_ae_title: "PACS".to_owned(),
            presentation_contexts: vec![result(1), result(3)],
            user_variables: vec![UserVariableItem::MaxLength(4096)],
        }))
    };
    let rejected = bytes(&Pdu::AssociationRJ(AssociationRJ {
        result: AssociationRJResult::Permanent,
        source: AssociationRJSource::ServiceUser(AssociationRJServiceUserReason::CalledAETitleNotRecognized),
    }))?;
    let stored = |status: u16| {
        let uid = object().sop_uid();
        let fields = [
            (0x0100, (C_STORE | RESPONSE).to_le_bytes().to_vec()),
            (0x0120, 1_u16.to_le_bytes().to_vec()),
            (0x0800, 0x0101_u16.to_le_bytes().to_vec()),
            (0x0900, status.to_le_bytes().to_vec()),
            (0x0902, b"a comment ".to_vec()),
            (0x1000, text(&uid)),
        ];
        data(1, PDataValueType::Command, &command(&fields), 4000)
    };
    let gone = bytes(&Pdu::ReleaseRP)?;
    let mut seeds = vec![rejected];
    for status in [0x0000, 0xB000, 0xA700, 0xC001] {
        for syntax in [EXPLICIT, IMPLICIT] {
            seeds.push([accepted(syntax)?, stored(status)?, gone.clone()].concat());
        }
    }
    Ok(seeds)
}

/// Images in every transfer syntax and pixel format that there is a writer for, and some that are damaged already.
fn objects() -> Vec<Vec<u8>> {
    let small = |rows, columns| ObjectBuilder::chest(1).size(rows, columns);
    let mut seeds: Vec<Vec<u8>> = Syntax::ALL.map(|syntax| small(16, 12).syntax(syntax).build().to_vec()).into();
    let kinds = [
        small(8, 8).bits(8, 8),
        small(8, 8).bits(16, 10),
        small(8, 8).signed(),
        small(8, 8).photometric("MONOCHROME1"),
        small(8, 8).window(Some((40.0, 400.0))),
        small(8, 8).frames(3),
        small(8, 8).charset("GB18030").patient_name("王^小东"),
        small(8, 8).charset("ISO_IR 192").patient_name("王^小东"),
    ];
    seeds.extend(kinds.iter().map(|object| object.build().to_vec()));
    seeds.extend(malformed(1, 40).map(|(_, object)| object));
    seeds
}

/// The messages that the tests of the HL7 edge read.
fn hl7_messages() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../baize-hl7/tests/golden");
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "hl7"));
    paths.sort();
    Ok(paths.into_iter().map(fs::read).collect::<Result<_, _>>()?)
}

/// A character set's number, then a message or a file of some.
fn hl7_codec(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = messages.iter().map(|message| [b"\0", message.as_slice()].concat()).collect();
    let odd: [&[u8]; 6] = [
        b"\x01\xEF\xBB\xBFMSH|^~\\&#|A|B|C|D|2026||ADT^A04|7|P|2.7\nPID|1||X\\F\\Y^^^H&1.2&ISO^MR~Z\n",
        b"\x01\r\n MSH$%*?!$A$B$C$D$2026$$ORU%R01$7$P$2.5.1\robx$1$TX$A$$one\rtwo?.br?three\r",
        b"\x02MSH|^~\\&|A|B|C|D|2026||ADT^A04|7|P|2.5|||AL|NE||8859/1\rPID|1||X||M\xFCller\rNTE|1||\\.sp2\\\\X0D\\",
        b"\x00FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A|B|C|D|2026||ACK|7|P|2.5\rMSA|AA|1\rBTS|1\rFTS|1\r",
        b"\x00\x0bMSH|^~\\&|A||||||ORM|7|P|2.1\rORC|NW|1\rOBR|1\rOBR|2\r\x1c\r\x0bMSH",
        b"\x03M\0S\0H\0|\0",
    ];
    seeds.extend(odd.map(<[u8]>::to_vec));
    seeds
}

/// What a sender says to our port, and what a receiver answers.
fn hl7_mllp(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let framed = |message: &[u8]| [b"\x0b", message, b"\x1c\r"].concat();
    let mut seeds: Vec<Vec<u8>> = messages.iter().map(|message| framed(message)).collect();
    let glued: Vec<u8> = messages.iter().take(3).flat_map(|message| framed(message)).collect();
    seeds.push([b"junk\r\n".as_slice(), &glued, b"\x0bMSH|^~\\&|never\x1c\x0b", &glued, b"\x1c"].concat());
    for code in ["AA", "AE", "AR", "CA", "CE", "CR", "XX"] {
        let ack = format!("MSH|^~\\&|H|H|B|B|2026||ACK^R01|1|P|2.5.1\rMSA|{code}|7|text\rERR||PID^1^3|101^^HL70357|E\r");
        seeds.push(framed(ack.as_bytes()));
    }
    seeds
}

fn conversation(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

fn bytes(pdu: &Pdu) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu)?;
    Ok(bytes)
}

fn request(contexts: &[(u8, &str, &[&str])]) -> Result<Vec<u8>, Box<dyn Error>> {
    let proposed = |(id, abstract_syntax, transfer_syntaxes): &(u8, &str, &[&str])| PresentationContextProposed {
        id: *id,
        abstract_syntax: (*abstract_syntax).to_owned(),
        transfer_syntaxes: transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
    };
    bytes(&Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "CR1".to_owned(),
        called_ae_title: "BAIZE".to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.iter().map(proposed).collect(),
        user_variables: vec![
            UserVariableItem::MaxLength(16_384),
            UserVariableItem::ImplementationClassUID("2.25.1".to_owned()),
            UserVariableItem::ImplementationVersionName("PEER".to_owned()),
        ],
    }))
}

fn release() -> Result<Vec<u8>, Box<dyn Error>> {
    bytes(&Pdu::ReleaseRQ)
}

fn echo(context: u8) -> Result<Vec<u8>, Box<dyn Error>> {
    let fields = [
        (0x0002, text(VERIFICATION)),
        (0x0100, C_ECHO.to_le_bytes().to_vec()),
        (0x0110, 1_u16.to_le_bytes().to_vec()),
        (0x0800, 0x0101_u16.to_le_bytes().to_vec()),
    ];
    data(context, PDataValueType::Command, &command(&fields), 4000)
}

fn store(context: u8, object: &ObjectBuilder, fragment: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let fields = [
        (0x0002, text(CR)),
        (0x0100, C_STORE.to_le_bytes().to_vec()),
        (0x0110, 2_u16.to_le_bytes().to_vec()),
        (0x0700, 0_u16.to_le_bytes().to_vec()),
        (0x0800, 0_u16.to_le_bytes().to_vec()),
        (0x1000, text(&object.sop_uid())),
    ];
    let announced = data(context, PDataValueType::Command, &command(&fields), fragment)?;
    let sent = data(context, PDataValueType::Data, &object.data_set_bytes(), fragment)?;
    Ok([announced, sent].concat())
}

fn data(context: u8, kind: PDataValueType, message: &[u8], fragment: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut pdus = Vec::new();
    let mut fragments = message.chunks(fragment).peekable();
    while let Some(part) = fragments.next() {
        let value = PDataValue {
            presentation_context_id: context,
            value_type: kind.clone(),
            is_last: fragments.peek().is_none(),
            data: part.to_vec(),
        };
        pdus.extend(bytes(&Pdu::PData { data: vec![value] })?);
    }
    Ok(pdus)
}

/// A value of even length.
fn text(text: &str) -> Vec<u8> {
    let mut value = text.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    value
}

/// A command set (PS3.7 section 6.3.1): group 0000, Implicit VR Little Endian.
fn command(fields: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut command = Vec::new();
    for (element, value) in fields {
        command.extend([0, 0]);
        command.extend(element.to_le_bytes());
        command.extend((value.len() as u32).to_le_bytes());
        command.extend(value);
    }
    command
}
