//! What Baize makes of files of messages: bare, MLLP-framed, or in batch envelopes.

use std::borrow::Cow;

use serde::Serialize;

use crate::codec::charset::is_utf16;
use crate::codec::{Code, Issue, Limits, Message, Position};
use crate::mllp::frame::{END, Frame, START, Unframer};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Most issues that are told of what stands between two messages.
const MAX_OUTSIDE: usize = 16;

/// What there is to say of one message.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The file, as it was named.
    pub file: String,
    /// Which message of the file, from 0. A file without a message has one entry that says so.
    pub index: usize,
    /// MSH-9, such as `ADT^A04^ADT_A01`.
    #[serde(rename = "type")]
    pub message_type: Option<String>,
    /// What the bytes were read in, by its name in table 0211.
    pub charset: Option<String>,
    /// Whether Baize would act on the message: nothing in `errors` has the severity `error`.
    pub ok: bool,
    /// Whether the message renders to the very text that was read, and that text encodes to the very bytes.
    pub round_trip: bool,
    /// What was found, warnings too.
    pub errors: Vec<Issue>,
}

/// Checks every message in the bytes of a file.
pub fn check(file: &str, bytes: &[u8], limits: &Limits) -> Vec<Checked> {
    let found = if is_framed(bytes) { framed(bytes, limits) } else { bare(bytes) };
    let mut checked: Vec<Checked> = Vec::new();
    for (index, (bytes, outside)) in found.messages.into_iter().enumerate() {
        checked.push(check_one(file, index, &bytes, outside, limits));
    }
    if checked.is_empty() {
        let what = "there is no message in the file";
        let mut errors = found.outside;
        errors.push(Issue::error(Code::SegmentSequence, Position::message(), what));
        checked.push(Checked {
            file: file.to_owned(),
            index: 0,
            message_type: None,
            charset: None,
            ok: false,
            round_trip: false,
            errors,
        });
    } else if let Some(last) = checked.last_mut() {
        last.errors.extend(found.outside);
        last.ok = !last.errors.iter().any(Issue::is_error);
    }
    checked
}

fn check_one(file: &str, index: usize, bytes: &[u8], outside: Vec<Issue>, limits: &Limits) -> Checked {
    let mut checked = Checked {
        file: file.to_owned(),
        index,
        message_type: None,
        charset: None,
        ok: false,
        round_trip: false,
        errors: outside,
    };
    match Message::parse(bytes, limits) {
        Ok(parsed) => {
            let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
            let charset = parsed.message.charset();
            checked.message_type = Some(parsed.message.message_type()).filter(|name| !name.is_empty());
            checked.charset = Some(charset.to_string());
            checked.round_trip = charset.encode(&parsed.message.render()).as_deref() == Some(body);
            checked.errors.extend(parsed.issues);
        }
        Err(issue) => checked.errors.push(issue),
    }
    checked.ok = !checked.errors.iter().any(Issue::is_error);
    checked
}

/// The messages of a file, each with what was odd before it, and what was odd behind the last.
struct Found<'a> {
    messages: Vec<(Cow<'a, [u8]>, Vec<Issue>)>,
    outside: Vec<Issue>,
}

impl Found<'static> {
    fn take(&mut self, message: Vec<u8>) {
        self.messages.push((message.into(), std::mem::take(&mut self.outside)));
    }
}

/// Whether there are frames. A vertical tab alone makes none: word processors write it.
fn is_framed(bytes: &[u8]) -> bool {
    let begins = |at: usize| {
        let inside = &bytes[at + 1..];
        let inside = inside.strip_prefix(BOM).unwrap_or(inside).trim_ascii_start();
        [b"MSH", b"FHS", b"BHS"].iter().any(|name| inside.starts_with(*name))
    };
    let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == START);
    bytes.first() == Some(&START) || bytes.contains(&END) || starts.any(|(at, _)| begins(at))
}

fn framed(bytes: &[u8], limits: &Limits) -> Found<'static> {
    let mut found = Found { messages: Vec::new(), outside: Vec::new() };
    let mut unframer = Unframer::new(limits.max_bytes);
    unframer.feed(bytes);
    while let Some(frame) = unframer.next() {
        match frame {
            Frame::Message(content) => found.take(content),
            Frame::Garbage(length) => found.outside.push(Issue::warning(
                Code::SegmentSequence,
                Position::message(),
                format!("{length} bytes outside of a frame were passed over"),
            )),
            Frame::TooLong { .. } => found.outside.push(Issue::error(
                Code::ApplicationInternal,
                Position::message(),
                format!("a frame is longer than {} bytes", limits.max_bytes),
            )),
        }
    }
    if let Some(Frame::Message(content)) = unframer.end_without_cr() {
        let what = "the last frame ends with 0x1C alone, without a carriage return";
        found.outside.push(Issue::warning(Code::SegmentSequence, Position::message(), what));
        found.take(content);
    } else if unframer.is_mid_frame() {
        let what = "the last frame is not ended by 0x1C 0x0D";
        found.outside.push(Issue::error(Code::SegmentSequence, Position::message(), what));
    }
    found
}

/// Which envelope segments are open.
#[derive(Default)]
struct Envelope {
    file: bool,
    batch: bool,
}

fn bare(bytes: &[u8]) -> Found<'_> {
    let mut found = Found { messages: Vec::new(), outside: Vec::new() };
    let mut envelope = Envelope::default();
    // Where the message under way began, and what was odd before it.
    let mut open: Option<(usize, Vec<Issue>)> = None;
    for (start, line) in lines(bytes) {
        let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii_start();
        let name = line.get(..3).unwrap_or(line);
        let closes = matches!(name, b"MSH" | b"FHS" | b"BHS" | b"BTS" | b"FTS");
        if closes && let Some((from, issues)) = open.take() {
            found.messages.push((bytes[from..start].into(), issues));
        }
        if name == b"MSH" {
            open = Some((start, std::mem::take(&mut found.outside)));
        } else if closes {
            found.outside.extend(envelope.turn(name));
        } else if open.is_none() && !line.trim_ascii().is_empty() && found.outside.len() < MAX_OUTSIDE {
            let what = "a segment stands outside of a message";
            found.outside.push(Issue::error(Code::SegmentSequence, Position::message(), what));
        }
    }
    if let Some((from, issues)) = open {
        found.messages.push((bytes[from..].into(), issues));
    } else if found.messages.is_empty() && is_utf16(bytes) {
        found = Found { messages: vec![(bytes.into(), Vec::new())], outside: Vec::new() };
    }
    found.outside.extend(envelope.end());
    found
}

impl Envelope {
    fn turn(&mut self, name: &[u8]) -> Option<Issue> {
        let (at, what) = match name {
            b"FHS" if self.file => ("FHS", "a file header stands within a file"),
            b"BHS" if self.batch => ("BHS", "a batch header stands within a batch"),
            b"BTS" if !self.batch => ("BTS", "a batch trailer has no header"),
            b"FTS" if !self.file => ("FTS", "a file trailer has no header"),
            b"FTS" if self.batch => ("BTS", "the batch has no trailer"),
            _ => ("", ""),
        };
        match name {
            b"FHS" => self.file = true,
            b"BHS" => self.batch = true,
            b"BTS" => self.batch = false,
            _ => *self = Self::default(),
        }
        warn(at, what)
    }

    fn end(&self) -> Option<Issue> {
        match (self.batch, self.file) {
            (true, _) => warn("BTS", "the batch has no trailer"),
            (_, true) => warn("FTS", "the file has no trailer"),
            _ => None,
        }
    }
}

/// Envelopes carry nothing that Baize acts on, so a broken one costs no message.
fn warn(at: &str, what: &str) -> Option<Issue> {
    (!what.is_empty()).then(|| Issue::warning(Code::SegmentSequence, Position::segment(at, 1), what))
}

/// The lines with where they begin, their ends included.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')).map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSH: &str = "MSH|^~\\&|A|B|C|D|2026||ADT^A04|7|P|2.5.1\r";

    fn summary(text: &str) -> Vec<(bool, bool, usize)> {
        let checked = check("x", text.as_bytes(), &Limits::default());
        checked.iter().map(|one| (one.ok, one.round_trip, one.errors.len())).collect()
    }

    #[test]
    fn files_hold_many_messages_in_many_ways() {
        for (text, expected) in [
            (MSH.to_owned(), vec![(true, true, 0)]),
            (format!("{MSH}PID|1\r{MSH}\n\n"), vec![(true, true, 0), (true, true, 1)]),
            (format!("\u{b}{MSH}\u{1c}\r\u{b}{MSH}\u{1c}\r"), vec![(true, true, 0), (true, true, 0)]),
            (format!("xx\u{b}{MSH}\u{1c}\r\u{b}{MSH}"), vec![(false, true, 2)]),
            (format!("FHS|^~\\&\rBHS|^~\\&\r{MSH}BTS|1\rFTS|1\r"), vec![(true, true, 0)]),
            (format!("BHS|^~\\&\r{MSH}"), vec![(true, true, 1)]),
            (format!("BHS|^~\\&\r{MSH}BHS|^~\\&\rPID|1\rBTS|1\r"), vec![(false, true, 2)]),
            ("BHS|^~\\&\rPID|1\rBTS|1\r".to_owned(), vec![(false, false, 2)]),
            (String::new(), vec![(false, false, 1)]),
        ] {
            assert_eq!(summary(&text), expected, "{text:?}");
        }
    }
}
