//! From bytes to a [`Message`]: decode, split into segments, look at the header.

use super::charset::{self, Charset, Mark};
use super::delimiters::Delimiters;
use super::issue::{Code, Issue, Position};
use super::message::Message;
use super::path::is_segment_name;
use super::segment::{Naming, Segment, is_header};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What may stand before a message without harm.
const BLANKS: [u8; 4] = *b" \t\r\n";

/// How much of a message that cannot be parsed is looked at for its header.
const MAX_HEAD: usize = 4096;

/// Most issues that are told of the names of segments.
const MAX_ISSUES: usize = 16;

/// What a message may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest message, in bytes.
    pub max_bytes: usize,
    /// Most segments.
    pub max_segments: usize,
    /// The character set of a message whose MSH-18 is empty, unknown or untrue.
    pub fallback: Charset,
}

impl Default for Limits {
    /// 4 MiB, 10 000 segments, UTF-8.
    fn default() -> Self {
        Self { max_bytes: 4 << 20, max_segments: 10_000, fallback: Charset::UTF_8 }
    }
}

/// A message, with what was odd or wrong about it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The message; it renders to the text that came in even where something is wrong with it.
    pub message: Message,
    /// What was found. A message with an issue of severity `Error` is not to be acted on.
    pub issues: Vec<Issue>,
}

impl Parsed {
    /// The first issue that makes the message unusable.
    pub fn first_error(&self) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.is_error())
    }
}

impl Message {
    /// Parses one message. The work grows with the length; nothing in the bytes makes it panic.
    ///
    /// # Errors
    /// An [`Issue`] where there is no message to speak of: no MSH, delimiters that contradict each other, bytes that
    /// are no text, over a limit.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Parsed, Issue> {
        let whole = |what: String| Issue::error(Code::SegmentSequence, Position::message(), what);
        if bytes.len() > limits.max_bytes {
            let what = format!("the message is longer than {} bytes", limits.max_bytes);
            return Err(Issue::error(Code::ApplicationInternal, Position::message(), what));
        }
        let mut issues = Vec::new();
        let (bytes, mark) = match bytes.strip_prefix(BOM) {
            Some(rest) => {
                let what = "a byte order mark stands before the message; it was dropped";
                issues.push(Issue::warning(Code::SegmentSequence, Position::message(), what));
                (rest, Mark::Utf8)
            }
            None => (bytes, Mark::None),
        };
        let blank = bytes.iter().take_while(|byte| BLANKS.contains(byte)).count();
        let (lead, bytes) = bytes.split_at(blank);
        if blank > 0 {
            let what = "blanks stand before the message";
            issues.push(Issue::warning(Code::SegmentSequence, Position::message(), what));
        }
        if charset::is_utf16(bytes) {
            return Err(whole("the message is written in UTF-16; send it in UTF-8".to_owned()));
        }
        if !bytes.starts_with(b"MSH") {
            return Err(whole("the message does not begin with MSH".to_owned()));
        }
        let decoded = charset::decode(bytes, limits.fallback, mark)?;
        issues.extend(decoded.issues);
        let delimiters = Delimiters::of_header(&decoded.text)?;
        let segments = split(&decoded.text, &delimiters, limits.max_segments)
            .ok_or_else(|| whole(format!("the message has more than {} segments", limits.max_segments)))?;
        let lead = charset::latin1(lead);
        let message = Self { delimiters, charset: decoded.charset, lead, segments };
        issues.extend(line_ends(&message));
        issues.extend(names(&message));
        issues.extend(header(&message));
        Ok(Parsed { message, issues })
    }
}

/// Splits at carriage returns, and at line feeds where the sender writes those instead: in a message that has
/// carriage returns, a line feed that no segment follows belongs to the text of a field.
fn split(text: &str, delimiters: &Delimiters, max: usize) -> Option<Vec<Segment>> {
    let by_line_feed = !text.contains('\r');
    let body_end = text.trim_end_matches(['\r', '\n']).len();
    let mut segments: Vec<Segment> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if segments.len() == max {
            return None;
        }
        let start = text.len() - rest.len();
        let end = rest
            .char_indices()
            .find(|(at, c)| match c {
                '\r' => true,
                '\n' => {
                    by_line_feed || start + at >= body_end || is_segment_start(&rest[at + 1..], delimiters)
                }
                _ => false,
            })
            .map_or(rest.len(), |(at, _)| at);
        let behind = rest[end..].trim_start_matches(['\r', '\n']);
        let ending = &rest[end..rest.len() - behind.len()];
        segments.push(Segment { text: rest[..end].to_owned(), ending: ending.to_owned() });
        rest = behind;
    }
    Some(segments)
}

/// Whether a segment begins here.
fn is_segment_start(text: &str, delimiters: &Delimiters) -> bool {
    let Some(name) = text.get(..3) else { return false };
    let next = text[3..].chars().next();
    is_segment_name(name) && next.is_none_or(|c| c == delimiters.field || matches!(c, '\r' | '\n'))
}

fn line_ends(message: &Message) -> Option<Issue> {
    let odd = message.segments.iter().find(|segment| !matches!(segment.ending.as_str(), "\r" | ""))?;
    let what = match odd.ending.as_str() {
        "\n" | "\r\n" => "the segments end with line feeds instead of carriage returns",
        _ => "there are blank lines between the segments",
    };
    Some(Issue::warning(Code::SegmentSequence, Position::message(), what))
}

fn names(message: &Message) -> Vec<Issue> {
    let delimiters = &message.delimiters;
    let mut issues = Vec::new();
    // The last line that is a segment.
    let mut segment_before: Option<&Segment> = None;
    for (index, segment) in message.segments.iter().enumerate() {
        let position = Position::segment(if index == 0 { "MSH" } else { "" }, index + 1);
        let number = index + 1;
        let error = |what: String| Issue::error(Code::SegmentSequence, position.clone(), what);
        let warning = |what: String| Issue::warning(Code::SegmentSequence, position.clone(), what);
        let naming = segment.naming(delimiters);
        match naming {
            Naming::Good if index > 0 && is_header(segment.name(delimiters)) => {
                issues.push(error(format!("line {number} is a second message header")));
            }
            Naming::Good => {}
            Naming::LowerCase => {
                issues.push(warning(format!("line {number} has the name of its segment in lower case")));
            }
            Naming::None if segment_before.is_some_and(|before| before.goes_on_in(segment, delimiters)) => {
                issues.push(warning(format!("line {number} goes on with the text of the segment before it")));
            }
            Naming::None => {
                issues.push(error(format!("line {number} does not begin with the name of a segment")));
            }
        }
        if naming != Naming::None {
            segment_before = Some(segment);
        }
        // Many warnings must not hide an error.
        if issues.len() > MAX_ISSUES && !issues.last().is_some_and(Issue::is_error) {
            issues.pop();
        }
        if issues.len() > MAX_ISSUES {
            break;
        }
    }
    issues
}

fn header(message: &Message) -> Vec<Issue> {
    let mut issues = Vec::new();
    let position = |field| Position::field("MSH", 1, field);
    let missing = |field: usize, what: &str| Issue::error(Code::RequiredFieldMissing, position(field), what);
    if message.code().is_none() {
        issues.push(missing(9, "the message type is missing"));
    }
    if message.control_id().is_none() {
        issues.push(missing(10, "the message control ID is missing"));
    }
    match message.at("MSH", 11, 1) {
        None => issues.push(Issue::warning(
            Code::RequiredFieldMissing,
            position(11),
            "the processing ID is missing",
        )),
        Some(id) if !matches!(id.to_ascii_uppercase().as_str(), "P" | "T" | "D") => {
            issues.push(Issue::error(
                Code::UnsupportedProcessingId,
                position(11),
                "the processing ID is none of P, T and D",
            ));
        }
        Some(_) => {}
    }
    match message.version() {
        None => {
            issues.push(Issue::warning(Code::RequiredFieldMissing, position(12), "the version is missing"))
        }
        Some(version) if !version.starts_with("2.") => {
            issues.push(Issue::error(Code::UnsupportedVersion, position(12), "the version is not 2.x"));
        }
        Some(_) => {}
    }
    issues
}

/// What can be said of a message that cannot be parsed: enough to answer it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The header alone, in the message's delimiters and character set where those could be read.
    pub message: Message,
}

/// The header of anything. Where none can be read, an empty one with the usual delimiters.
pub fn head(bytes: &[u8], fallback: Charset) -> Head {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let bytes = &bytes[bytes.iter().take_while(|byte| BLANKS.contains(byte)).count()..];
    let bytes = &bytes[..bytes.len().min(MAX_HEAD)];
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let header = &bytes[..end];
    let readable = header.starts_with(b"MSH").then(|| {
        let decoded = charset::decode(header, fallback, Mark::None).ok();
        let (text, charset) = decoded.map_or_else(
            || (charset::latin1(header), Charset::ASCII),
            |decoded| (decoded.text, decoded.charset),
        );
        let delimiters = Delimiters::of_header(&text).ok()?;
        // What cannot be written back in the message's own set is no use in an answer.
        let text =
            if charset.encode(&text).is_some() { text } else { text.replace(|c: char| !c.is_ascii(), "?") };
        let segments = vec![Segment { text, ending: "\r".to_owned() }];
        Some(Message { delimiters, charset, lead: String::new(), segments })
    });
    let message = readable.flatten().unwrap_or_else(|| Message::new(Delimiters::default(), Charset::ASCII));
    Head { message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MSH: &str = "MSH|^~\\&|A|B|C|D|2026||ADT^A04|7|P|2.5.1\r";

    fn issues(text: &str) -> Vec<(u16, bool)> {
        match Message::parse(text.as_bytes(), &Limits::default()) {
            Ok(parsed) => {
                assert_eq!(parsed.message.render(), text.trim_start_matches('\u{feff}'));
                parsed.issues.iter().map(|issue| (issue.code.number(), issue.is_error())).collect()
            }
            Err(issue) => vec![(issue.code.number(), true)],
        }
    }

    #[test]
    fn what_is_odd_is_reported_and_what_is_wrong_is_an_error() {
        for (text, expected) in [
            (MSH.to_owned(), vec![]),
            (MSH.trim_end().to_owned(), vec![]),
            (format!("{MSH}ZZZ|anything\rPID|1\r"), vec![]),
            (format!("{MSH}NTE|1||one\ntwo\r"), vec![]),
            (format!("\u{feff}{MSH}"), vec![(100, false)]),
            (format!("{MSH}PID|1\r").replace('\r', "\n"), vec![(100, false)]),
            (format!("{MSH}PID|1\r").replace('\r', "\r\n"), vec![(100, false)]),
            (format!("{MSH}\rPID|1\r"), vec![(100, false)]),
            (format!("{MSH}PIDX|1\r"), vec![(100, true)]),
            (format!("{MSH}pid|1\r"), vec![(100, false)]),
            (format!("\r\n {MSH}PID|1\r"), vec![(100, false)]),
            (format!("{MSH}NTE|1||one\rtwo\r\rthree|x\rPID|1\r"), vec![(100, false); 3]),
            (format!("{MSH}NTE|1||one\rP:D|1\r"), vec![(100, true)]),
            (
                format!("{MSH}OBX|1|ED|P||^^PDF^Base64^JVBE\rRi0x\rQk0=||||||F\rNTE|1\r"),
                vec![(100, false); 2],
            ),
            (format!("{MSH}OBX|1|NM|P||1\rtwo\r"), vec![(100, true)]),
            (format!("{MSH}PID|1||X||Wang^Xiao\rDong||1980\r"), vec![(100, true)]),
            (format!("{MSH}NTE|1||{}\rPID|1\rdong\r", "\rx y".repeat(40)), {
                let mut all = vec![(100, false); 16];
                all.push((100, true));
                all
            }),
            ("\u{feff}M\0S\0H\0".to_owned(), vec![(100, true)]),
            (MSH.replace("|P|", "|p|"), vec![]),
            (format!("{MSH}{MSH}"), vec![(100, true)]),
            (MSH.replace("ADT^A04", ""), vec![(101, true)]),
            (MSH.replace("|7|", "||"), vec![(101, true)]),
            (MSH.replace("|P|", "||"), vec![(101, false)]),
            (MSH.replace("|P|", "|X|"), vec![(202, true)]),
            (MSH.replace("2.5.1", "3"), vec![(203, true)]),
            ("PID|1\r".to_owned(), vec![(100, true)]),
            (String::new(), vec![(100, true)]),
            ("MSH|^^\\&|".to_owned(), vec![(100, true)]),
        ] {
            assert_eq!(issues(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { max_bytes: 100, max_segments: 3, fallback: Charset::ASCII };
        let many = format!("{MSH}PID\rPID\rPID\r");
        assert!(Message::parse(many.as_bytes(), &limits).is_err());
        assert!(Message::parse(format!("{MSH}{}", "x".repeat(100)).as_bytes(), &limits).is_err());
        assert!(Message::parse(MSH.as_bytes(), &limits).is_ok());
    }

    #[test]
    fn anything_has_a_head() {
        for (bytes, id) in [
            (MSH.as_bytes(), Some("7")),
            (b"\xEF\xBB\xBFMSH|^~\\&|\xff\xfe|||||||9\rjunk", Some("9")),
            (b"junk", None),
            (b"", None),
            (b"MSH", None),
        ] {
            let head = head(bytes, Charset::UTF_8);
            assert_eq!(head.message.control_id().as_deref(), id);
            assert!(head.message.to_bytes().is_some());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = MSH.as_bytes().to_vec();
            bytes.extend_from_slice(&body);
            for fallback in [Charset::GB18030, Charset::LATIN_1, Charset::UTF_8] {
                let limits = Limits { fallback, ..Limits::default() };
                let _ = Message::parse(&body, &limits);
                let _ = head(&body, fallback);
                if let Ok(parsed) = Message::parse(&bytes, &limits) {
                    prop_assert_eq!(parsed.message.render(), parsed.message.charset().decode(&bytes).unwrap());
                }
            }
        }
    }
}
