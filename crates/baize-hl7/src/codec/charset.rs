//! Character sets: which one a message is written in, and its bytes as text.

use std::fmt;
use std::str::FromStr;

use encoding_rs::Encoding;

use super::issue::{Code, Issue, Position};

/// A character set of HL7 table 0211 that can be read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ascii,
    /// ISO 8859/1: the WHATWG encoding of that name is windows-1252, which gives 0x80-0x9F another meaning.
    Latin1,
    Other(&'static Encoding),
}

impl Charset {
    /// 7-bit US-ASCII, what an empty MSH-18 means by the standard.
    pub const ASCII: Self = Self(Kind::Ascii);
    /// ISO 8859/1: every byte is a character.
    pub const LATIN_1: Self = Self(Kind::Latin1);
    /// UTF-8.
    pub const UTF_8: Self = Self(Kind::Other(encoding_rs::UTF_8));
    /// GB 18030, which contains GBK and GB 2312.
    pub const GB18030: Self = Self(Kind::Other(encoding_rs::GB18030));

    /// What a value of MSH-18 means, whatever its case, spaces and dashes; `None` for one that is not supported.
    pub fn from_msh18(value: &str) -> Option<Self> {
        let plain: String =
            value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        Some(match plain.as_str() {
            "ASCII" | "USASCII" | "ISOIR6" | "ANSIX341968" => Self::ASCII,
            "UNICODEUTF8" | "UTF8" | "UNICODE" | "ISOIR192" => Self::UTF_8,
            "GB2312" | "GB231280" | "GBK" | "CP936" | "WINDOWS936" => Self::GB18030,
            gb if gb.starts_with("GB18030") => Self::GB18030,
            "BIG5" | "BIG5HKSCS" => Self(Kind::Other(encoding_rs::BIG5)),
            "KSX1001" | "EUCKR" => Self(Kind::Other(encoding_rs::EUC_KR)),
            "ISOIR13" | "SHIFTJIS" | "SJIS" => Self(Kind::Other(encoding_rs::SHIFT_JIS)),
            "ISOIR14" | "ISOIR87" | "ISO2022JP" => Self(Kind::Other(encoding_rs::ISO_2022_JP)),
            "EUCJP" => Self(Kind::Other(encoding_rs::EUC_JP)),
            "CP1252" | "WINDOWS1252" => Self(Kind::Other(encoding_rs::WINDOWS_1252)),
            "CP1251" | "WINDOWS1251" => Self(Kind::Other(encoding_rs::WINDOWS_1251)),
            iso => return Self::iso_8859(iso.strip_prefix("ISO").unwrap_or(iso).strip_prefix("8859")?),
        })
    }

    fn iso_8859(part: &str) -> Option<Self> {
        Some(Self(Kind::Other(match part {
            "1" => return Some(Self::LATIN_1),
            "2" => encoding_rs::ISO_8859_2,
            "3" => encoding_rs::ISO_8859_3,
            "4" => encoding_rs::ISO_8859_4,
            "5" => encoding_rs::ISO_8859_5,
            "6" => encoding_rs::ISO_8859_6,
            "7" => encoding_rs::ISO_8859_7,
            "8" => encoding_rs::ISO_8859_8,
            "15" => encoding_rs::ISO_8859_15,
            _ => return None,
        })))
    }

    /// The name that MSH-18 has for it.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            Kind::Ascii => "ASCII",
            Kind::Latin1 => "8859/1",
            Kind::Other(encoding) => match encoding.name() {
                "UTF-8" => "UNICODE UTF-8",
                "gb18030" => "GB 18030-2000",
                "Big5" => "BIG-5",
                "EUC-KR" => "KS X 1001",
                "ISO-2022-JP" => "ISO IR87",
                "ISO-8859-2" => "8859/2",
                "ISO-8859-3" => "8859/3",
                "ISO-8859-4" => "8859/4",
                "ISO-8859-5" => "8859/5",
                "ISO-8859-6" => "8859/6",
                "ISO-8859-7" => "8859/7",
                "ISO-8859-8" => "8859/8",
                "ISO-8859-15" => "8859/15",
                name => name,
            },
        }
    }

    /// The text of these bytes; `None` where one of them has no meaning in this character set.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self.0 {
            Kind::Ascii if !bytes.is_ascii() => None,
            Kind::Ascii => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Kind::Latin1 => Some(latin1(bytes)),
            Kind::Other(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into)
            }
        }
    }

    /// The bytes of this text; `None` where it has a character that this character set lacks.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self.0 {
            Kind::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Kind::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
            Kind::Other(encoding) => {
                let (bytes, used, unmappable) = encoding.encode(text);
                (!unmappable && used == encoding).then(|| bytes.into_owned())
            }
        }
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Charset {
    type Err = String;

    /// Reads a name as MSH-18 may have it.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_msh18(name).ok_or_else(|| {
            format!(
                "'{name}' is no character set known here: use UNICODE UTF-8, GB 18030-2000, ASCII or 8859/1"
            )
        })
    }
}

/// Every byte as the character of that number.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A message as text.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The text, without byte order mark.
    pub text: String,
    /// What it was written in.
    pub charset: Charset,
    /// What was odd.
    pub issues: Vec<Issue>,
}

/// Whether a byte order mark stood before the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Utf8,
}

/// What MSH-18 says, read from the bytes.
enum Declared {
    Nothing,
    Known(Charset),
    Unknown,
}

/// Decodes a message. MSH-18 decides; where it is empty or untrue, `fallback` does. A text that is read in another
/// character set than declared is reported, for a name read wrongly would be the wrong patient's. A byte order mark
/// (`marked`) says UTF-8 where MSH-18 says nothing.
pub(super) fn decode(bytes: &[u8], fallback: Charset, marked: Mark) -> Result<Decoded, Issue> {
    let declared = match declared(bytes, fallback) {
        Declared::Nothing if marked == Mark::Utf8 => Declared::Known(Charset::UTF_8),
        declared => declared,
    };
    let position = || Position::field("MSH", 1, 18);
    let mut issues = Vec::new();
    let long_sequences = utf8_evidence(bytes);
    if let Declared::Unknown = declared {
        let what = "the character set is not known here; UTF-8 and the configured one were tried";
        issues.push(Issue::warning(Code::TableValueNotFound, position(), what));
    }
    let candidates = match declared {
        // Text in another set that is UTF-8 by accident is far rarer than a header that nobody kept up to date.
        Declared::Known(charset) if charset != Charset::UTF_8 && long_sequences >= 2 => [Charset::UTF_8; 3],
        Declared::Nothing | Declared::Unknown if long_sequences >= 1 => [Charset::UTF_8; 3],
        Declared::Known(charset) => [charset, Charset::UTF_8, fallback],
        Declared::Nothing => [Charset::ASCII, fallback, Charset::UTF_8],
        Declared::Unknown => [fallback, Charset::UTF_8, Charset::ASCII],
    };
    for charset in candidates {
        let Some(text) = charset.decode(bytes) else { continue };
        if let Declared::Known(said) = declared
            && said != charset
        {
            let what = format!("declared {said}, but the bytes are not; they were read as {charset}");
            issues.push(Issue::warning(Code::DataType, position(), what));
        }
        let undeclared = matches!(declared, Declared::Nothing) && !bytes.is_ascii();
        if undeclared && charset == Charset::UTF_8 && fallback != Charset::UTF_8 {
            let what = "no character set is declared; the bytes are UTF-8 and were read so";
            issues.push(Issue::warning(Code::TableValueNotFound, position(), what));
        }
        if undeclared && charset != Charset::UTF_8 && Charset::UTF_8.decode(bytes).is_some() {
            let what = format!(
                "no character set is declared and the bytes are UTF-8 too; they were read as {charset}"
            );
            issues.push(Issue::warning(Code::TableValueNotFound, position(), what));
        }
        // An empty MSH-18 means ASCII, and what is said of a plain ASCII message cannot be wrong.
        let charset = if charset == Charset::ASCII { said_or(&declared, charset) } else { charset };
        return Ok(Decoded { text, charset, issues });
    }
    Err(Issue::error(
        Code::DataType,
        position(),
        "the bytes are no text in the character set declared or configured",
    ))
}

fn said_or(declared: &Declared, otherwise: Charset) -> Charset {
    match declared {
        Declared::Known(charset) => *charset,
        Declared::Nothing | Declared::Unknown => otherwise,
    }
}

/// How many characters of three bytes and more the bytes hold where all of them are UTF-8; else none. Chinese
/// characters have three. In a hundred thousand GB 18030 texts of three characters fewer than ten are UTF-8 with two of
/// them, and those names would be of the rarest characters.
fn utf8_evidence(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return 0;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    text.chars().filter(|c| c.len_utf8() >= 3).count()
}

/// Whether the bytes begin as a message in UTF-16 does, which no MLLP frame can hold.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    [b"\xff\xfe".as_slice(), b"\xfe\xff", b"M\0S\0", b"\0M\0S"].iter().any(|begin| bytes.starts_with(begin))
}

/// MSH-18 can be read only once the header is decoded, and the header can be decoded only once MSH-18 is known: a
/// facility's name before it may hold bytes that equal a separator. So a character set is believed where the header
/// that was decoded with it names it.
fn declared(bytes: &[u8], fallback: Charset) -> Declared {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let header = &bytes[..end];
    let mut first = None;
    for charset in [Charset::LATIN_1, Charset::UTF_8, Charset::GB18030, fallback] {
        let Some(text) = charset.decode(header) else { continue };
        let Some(value) = msh18(&text) else { continue };
        let named = Charset::from_msh18(value);
        // In a header of plain ASCII all readings agree.
        if header.is_ascii() || named == Some(charset) {
            return named.map_or(Declared::Unknown, Declared::Known);
        }
        first = first.or(Some(named));
        if let Some(named) = named
            && named.decode(header).as_deref().and_then(msh18).and_then(Charset::from_msh18) == Some(named)
        {
            return Declared::Known(named);
        }
    }
    match first {
        Some(Some(named)) => Declared::Known(named),
        // With bytes of an unknown set, a value that names nothing may be a shifted field.
        Some(None) => Declared::Unknown,
        None => Declared::Nothing,
    }
}

/// The repetition of MSH-18 that counts: the first, or the wider one behind a first `ASCII`.
fn msh18(header: &str) -> Option<&str> {
    let separator = header.chars().nth(3)?;
    let repetition = header.chars().nth(5).unwrap_or('~');
    let field = header.split(separator).nth(17)?;
    let values = || field.split(repetition).map(str::trim).filter(|value| !value.is_empty());
    let wider = |value: &&str| !matches!(Charset::from_msh18(value), None | Some(Charset::ASCII));
    match values().next() {
        Some(first) if Charset::from_msh18(first) == Some(Charset::ASCII) => {
            values().find(wider).or(Some(first))
        }
        first => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msh18_is_read_in_all_its_spellings() {
        for (value, expected) in [
            ("UNICODE UTF-8", Some("UNICODE UTF-8")),
            ("unicode utf-8 ", Some("UNICODE UTF-8")),
            ("UTF8", Some("UNICODE UTF-8")),
            ("GB 18030-2000", Some("GB 18030-2000")),
            ("gb18030", Some("GB 18030-2000")),
            ("GBK", Some("GB 18030-2000")),
            ("8859/1", Some("8859/1")),
            ("ISO 8859/15", Some("8859/15")),
            ("ASCII", Some("ASCII")),
            ("BIG-5", Some("BIG-5")),
            ("UNICODE UTF-16", None),
            ("NONSENSE", None),
            ("", None),
        ] {
            assert_eq!(Charset::from_msh18(value).map(Charset::as_str), expected, "{value}");
        }
    }

    #[test]
    fn names_read_back() {
        for name in ["ASCII", "UNICODE UTF-8", "GB 18030-2000", "8859/1", "8859/15", "BIG-5", "KS X 1001"] {
            assert_eq!(Charset::from_msh18(name).map(Charset::as_str), Some(name));
        }
    }

    fn header(facility: &[u8], msh18: &str) -> Vec<u8> {
        let mut bytes = b"MSH|^~\\&|HIS|".to_vec();
        bytes.extend_from_slice(facility);
        bytes.extend_from_slice(format!("|||20260101||ADT^A04|1|P|2.5.1||||||{msh18}\r").as_bytes());
        bytes
    }

    #[test]
    fn the_declared_set_is_found_behind_bytes_that_look_like_separators() {
        for trail in [b'|', b'^', b'~', b'\\'] {
            let facility: Vec<u8> = (0x81..=0xfe_u8)
                .map(|lead| [lead, trail])
                .find(|pair| Charset::GB18030.decode(pair).is_some_and(|text| text.chars().count() == 1))
                .unwrap()
                .repeat(3);
            let decoded = decode(&header(&facility, "GB 18030-2000"), Charset::LATIN_1, Mark::None).unwrap();
            assert_eq!(decoded.charset, Charset::GB18030, "{trail}");
            assert!(decoded.issues.is_empty());
            // Undeclared, the configured set decides.
            assert_eq!(
                decode(&header(&facility, ""), Charset::GB18030, Mark::None).unwrap().charset,
                Charset::GB18030
            );
        }
    }

    #[test]
    fn an_untrue_declaration_is_reported() {
        let name = Charset::GB18030.encode("三院").unwrap();
        let decoded = decode(&header(&name, "UNICODE UTF-8"), Charset::GB18030, Mark::None).unwrap();
        assert!(decoded.text.contains("三院"));
        assert_eq!(decoded.issues.len(), 1);
        assert!(decode(&header(&name, "UNICODE UTF-8"), Charset::UTF_8, Mark::None).is_err(), "no set fits");
        assert!(decode(&header(&name, "ASCII"), Charset::GB18030, Mark::None).unwrap().text.contains("三院"));
    }

    #[test]
    fn text_that_is_utf8_is_read_as_such_whatever_is_said() {
        let name = "王小东".as_bytes();
        for (said, warnings) in [
            ("", 1),
            ("GB 18030-2000", 1),
            ("8859/1", 1),
            ("BIG-5", 1),
            ("NONSENSE", 1),
            ("UNICODE UTF-8", 0),
        ] {
            let decoded = decode(&header(name, said), Charset::GB18030, Mark::None).unwrap();
            assert_eq!(decoded.charset, Charset::UTF_8, "{said}");
            assert!(decoded.text.contains("王小东"), "{said}");
            assert_eq!(decoded.issues.len(), warnings, "{said}: {:?}", decoded.issues);
        }
        // Two bytes are no evidence: what is configured decides.
        for fallback in [Charset::LATIN_1, Charset::GB18030] {
            let decoded = decode(&header("Müller".as_bytes(), ""), fallback, Mark::None).unwrap();
            assert_eq!((decoded.charset, decoded.issues.len()), (fallback, 1));
        }
    }

    #[test]
    fn names_in_gb18030_are_not_taken_for_utf8() {
        for name in ["王小东", "欧阳娜娜", "刘德华", "联通", "张三", "曹", "鞠婧祎", "乗"]
        {
            let bytes = Charset::GB18030.encode(name).unwrap();
            for said in ["", "GB 18030-2000", "GBK"] {
                let decoded = decode(&header(&bytes, said), Charset::GB18030, Mark::None).unwrap();
                assert!(decoded.text.contains(name), "{name} {said}");
            }
        }
    }

    #[test]
    fn a_wider_set_behind_ascii_counts() {
        assert_eq!(
            decode(&header("院".as_bytes(), "ASCII~UNICODE UTF-8"), Charset::ASCII, Mark::None)
                .unwrap()
                .charset,
            Charset::UTF_8
        );
        assert_eq!(
            decode(&header(b"X", "ASCII"), Charset::UTF_8, Mark::None).unwrap().charset,
            Charset::ASCII
        );
        assert_eq!(
            decode(&header(b"X", "8859/1"), Charset::UTF_8, Mark::None).unwrap().charset,
            Charset::LATIN_1
        );
    }
}
