//! A message: segments in their order, asked and changed by path.

use super::charset::Charset;
use super::delimiters::Delimiters;
use super::escape::{escape, unescape};
use super::path::{Path, is_segment_name};
use super::segment::{Segment, is_header};

/// An HL7 v2 message. [`render`](Self::render) gives back exactly the text that was parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub(super) delimiters: Delimiters,
    pub(super) charset: Charset,
    /// Blanks and line ends before the header.
    pub(super) lead: String,
    pub(super) segments: Vec<Segment>,
}

/// Why a value could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSet {
    /// There is no such segment; add it first.
    #[error("there is no segment for {0}")]
    NoSegment(Path),
    /// MSH-1 and MSH-2 say how the message is written.
    #[error("{0} holds the delimiters, which the rest of the message is written with")]
    Delimiters(Path),
    /// The name is no segment's.
    #[error("'{0}' is no segment name: it has a capital letter and two capitals or digits")]
    SegmentName(String),
}

impl Message {
    /// A message that has nothing but the delimiters and MSH-18.
    pub fn new(delimiters: Delimiters, charset: Charset) -> Self {
        let text = format!("MSH{}{}", delimiters.field, delimiters.encoding_characters());
        let mut header = Segment { text, ending: "\r".to_owned() };
        let path = Path {
            segment: "MSH".to_owned(),
            occurrence: 1,
            field: 18,
            repetition: None,
            component: None,
            subcomponent: None,
        };
        header.set_raw(&path, &escape(charset.as_str(), &delimiters), &delimiters);
        Self { delimiters, charset, lead: String::new(), segments: vec![header] }
    }

    /// How it separates its parts.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// What it was read in, and what it is written in.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// All segments, unknown ones too.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments of a name, in their order; a name in lower case is the same name.
    pub fn segments_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Segment> {
        self.segments.iter().filter(move |segment| segment.is(name, &self.delimiters))
    }

    /// The raw text at a path, as deep as the path goes, escape sequences untouched; `None` where the message ends
    /// before it.
    pub fn raw(&self, path: &Path) -> Option<&str> {
        self.segments_named(&path.segment).nth(path.occurrence - 1)?.raw(path, &self.delimiters)
    }

    /// The text of the value at a path: of the first repetition, component and subcomponent where the path names
    /// none, unescaped. `None` where it is absent or empty. HL7's null, `""`, comes back as these two characters.
    pub fn text(&self, path: &Path) -> Option<String> {
        self.text_in(self.segments_named(&path.segment).nth(path.occurrence - 1)?, path)
    }

    /// The same within one segment, whose occurrence the path then doesn't choose.
    pub(crate) fn text_in(&self, segment: &Segment, path: &Path) -> Option<String> {
        if segment.is_verbatim(path.field, &self.delimiters) {
            return segment.field(path.field, &self.delimiters).map(str::to_owned);
        }
        let leaf = Path {
            repetition: path.repetition.or(Some(1)),
            component: path.component.or(Some(1)),
            subcomponent: path.subcomponent.or(Some(1)),
            ..path.clone()
        };
        let raw = segment.raw(&leaf, &self.delimiters)?;
        if raw.is_empty() {
            return None;
        }
        Some(unescape(raw, &self.delimiters, self.charset))
    }

    /// The text at a path that is written in the code.
    pub(crate) fn at(&self, segment: &str, field: usize, component: usize) -> Option<String> {
        self.text(&Path {
            segment: segment.to_owned(),
            occurrence: 1,
            field,
            repetition: None,
            component: Some(component),
            subcomponent: None,
        })
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
    }

    /// MSH-9: code, event and structure, such as `ADT^A04^ADT_A01`; what is absent is left out.
    pub fn message_type(&self) -> String {
        let parts: Vec<String> = (1..=3).map_while(|component| self.at("MSH", 9, component)).collect();
        parts.join("^")
    }

    /// MSH-9.1, such as `ADT`.
    pub fn code(&self) -> Option<String> {
        self.at("MSH", 9, 1)
    }

    /// MSH-9.2, such as `A04`.
    pub fn event(&self) -> Option<String> {
        self.at("MSH", 9, 2)
    }

    /// MSH-10, by which an acknowledgement names the message.
    pub fn control_id(&self) -> Option<String> {
        self.at("MSH", 10, 1)
    }

    /// MSH-12.1, such as `2.5.1`.
    pub fn version(&self) -> Option<String> {
        self.at("MSH", 12, 1)
    }

    /// Whether this is an acknowledgement: never to be acknowledged itself.
    pub fn is_acknowledgement(&self) -> bool {
        let msa_second = self.segments.get(1).is_some_and(|segment| segment.is("MSA", &self.delimiters));
        self.code().as_deref() == Some("ACK") || msa_second
    }

    /// Writes a value, escaped; what is missing before it is added empty.
    ///
    /// # Errors
    /// [`CannotSet`] where the segment is absent or the path is MSH-1 or MSH-2.
    pub fn set(&mut self, path: &Path, text: &str) -> Result<(), CannotSet> {
        let raw = escape(text, &self.delimiters);
        self.set_raw(path, &raw)
    }

    /// Writes text that has its delimiters and escape sequences already, such as `ACK^A04`.
    pub(crate) fn set_raw(&mut self, path: &Path, raw: &str) -> Result<(), CannotSet> {
        if path.field <= 2 && is_header(&path.segment) {
            return Err(CannotSet::Delimiters(path.clone()));
        }
        let delimiters = self.delimiters;
        let segment = self
            .segments
            .iter_mut()
            .filter(|segment| segment.is(&path.segment, &delimiters))
            .nth(path.occurrence - 1)
            .ok_or_else(|| CannotSet::NoSegment(path.clone()))?;
        segment.set_raw(path, raw, &delimiters);
        Ok(())
    }

    /// Adds an empty segment at the end.
    ///
    /// # Errors
    /// [`CannotSet::SegmentName`].
    pub fn push(&mut self, name: &str) -> Result<(), CannotSet> {
        if !is_segment_name(name) || is_header(name) {
            return Err(CannotSet::SegmentName(name.to_owned()));
        }
        if let Some(last) = self.segments.last_mut().filter(|last| last.ending.is_empty()) {
            last.ending.push('\r');
        }
        self.segments.push(Segment { text: name.to_owned(), ending: "\r".to_owned() });
        Ok(())
    }

    /// Puts whole segments, written with this message's delimiters, in the place of all that it has.
    pub(crate) fn replace(&mut self, segments: impl Iterator<Item = String>) {
        let segment = |text| Segment { text, ending: "\r".to_owned() };
        self.segments = segments.map(segment).collect();
    }

    /// The text as it was parsed, with the blank lines before it and the line ends that it had.
    pub fn render(&self) -> String {
        let segments = self.segments.iter();
        let parts = segments.flat_map(|segment| [segment.text.as_str(), segment.ending.as_str()]);
        std::iter::once(self.lead.as_str()).chain(parts).collect()
    }

    /// The bytes to send: every segment ends with one carriage return. `None` where the message has a character
    /// that its character set lacks.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let text: String = self.segments.iter().flat_map(|segment| [segment.text.as_str(), "\r"]).collect();
        self.charset.encode(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Limits;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    fn parse(text: &str) -> Message {
        Message::parse(text.as_bytes(), &Limits::default()).unwrap().message
    }

    const SAMPLE: &str = "MSH|^~\\&|A|B|C|D|2026||ADT^A04^ADT_A01|7|P|2.5.1||||||UNICODE UTF-8\r\
        PID|1||A^^^H&1.2&ISO^MR~B^^^C||X\\T\\Y^Z||\"\"\rZXX|kept^as~it&is\rOBX|1||c||1\rOBX|2||d||2\r";

    #[test]
    fn values_are_found_by_path() {
        let message = parse(SAMPLE);
        for (at, text) in [
            ("MSH-1", Some("|")),
            ("MSH-2", Some("^~\\&")),
            ("MSH-9.2", Some("A04")),
            ("PID-3", Some("A")),
            ("PID-3.4.2", Some("1.2")),
            ("PID-3[2].4.1", Some("C")),
            ("PID-3[3]", None),
            ("PID-5.1", Some("X&Y")),
            ("PID-7", Some("\"\"")),
            ("PID-99", None),
            ("OBX[2]-5", Some("2")),
            ("OBX[3]-5", None),
            ("ZXX-1.2", Some("as")),
        ] {
            assert_eq!(message.text(&path(at)).as_deref(), text, "{at}");
        }
        assert_eq!(message.raw(&path("PID-3")), Some("A^^^H&1.2&ISO^MR~B^^^C"));
        assert_eq!(message.raw(&path("PID-5.1")), Some("X\\T\\Y"));
        assert_eq!(message.message_type(), "ADT^A04^ADT_A01");
    }

    #[test]
    fn what_is_written_is_read_back_and_the_rest_stays() {
        let mut message = parse(SAMPLE);
        for (at, text) in
            [("PID-3[4].4.2", "n|^~\\&\n"), ("OBX[2]-5", "王"), ("ZXX-1.2", ""), ("PV1-19.1", "V")]
        {
            if at.starts_with("PV1") {
                assert!(message.set(&path(at), text).is_err());
                message.push("PV1").unwrap();
            }
            message.set(&path(at), text).unwrap();
            let expected = Some(text.to_owned()).filter(|text| !text.is_empty());
            assert_eq!(message.text(&path(at)), expected, "{at}");
        }
        assert_eq!(message.text(&path("PID-3[2].4")).as_deref(), Some("C"));
        assert_eq!(message.raw(&path("ZXX-1")), Some("kept^~it&is"));
        assert!(message.set(&path("MSH-2"), "x").is_err());
        assert!(message.push("MSH").is_err() && message.push("pv1").is_err());
    }

    #[test]
    fn a_new_message_says_what_it_is_written_in() {
        let message = Message::new(Delimiters::default(), Charset::GB18030);
        assert_eq!(message.text(&path("MSH-18")).as_deref(), Some("GB 18030-2000"));
        assert_eq!(parse(&message.render()).render(), message.render());
    }
}
