//! What is answered to a message, and how (HL7 2.5.1 sections 2.9.2 and 2.9.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use baize_core::{Clock, Timestamp};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::codec::{Charset, Issue, Message, Path, escape};

/// Most ERR segments in an answer.
const MAX_ERRORS: usize = 10;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is durable: AA, CA.
    Accepted,
    /// It cannot be used as it is, or not now: AE, CE.
    Error(Vec<Issue>),
    /// It can never be used here: AR, CR.
    Rejected(Vec<Issue>),
}

impl Receipt {
    /// The receipt for a message with these issues, of which one is an error.
    pub fn refusal(issues: Vec<Issue>) -> Self {
        let rejects = issues.iter().any(|issue| issue.is_error() && issue.code.rejects());
        if rejects { Self::Rejected(issues) } else { Self::Error(issues) }
    }

    fn issues(&self) -> &[Issue] {
        match self {
            Self::Accepted => &[],
            Self::Error(issues) | Self::Rejected(issues) => issues,
        }
    }

    /// The second letter of MSA-1.
    fn letter(&self) -> char {
        match self {
            Self::Accepted => 'A',
            Self::Error(_) => 'E',
            Self::Rejected(_) => 'R',
        }
    }
}

/// Writes acknowledgements, each with a control ID of its own.
pub struct Acknowledger {
    clock: Arc<dyn Clock>,
    next: AtomicU32,
}

impl Acknowledger {
    /// One for a server.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, next: AtomicU32::new(0) }
    }

    /// The acknowledgements that a message asks for, in the order in which they go out: none, one, or in enhanced
    /// mode a commit and an application acknowledgement. An acknowledgement is never acknowledged.
    pub fn answers(&self, request: &Message, receipt: &Receipt) -> Vec<Vec<u8>> {
        if request.is_acknowledgement() {
            return Vec::new();
        }
        let (accept, application) = (request.at("MSH", 15, 1), request.at("MSH", 16, 1));
        let enhanced = accept.is_some() || application.is_some();
        let modes = if enhanced {
            [('C', is_asked(accept.as_deref(), receipt)), ('A', is_asked(application.as_deref(), receipt))]
        } else {
            [('C', false), ('A', true)]
        };
        let asked = modes.into_iter().filter(|(_, asked)| *asked);
        asked.filter_map(|(mode, _)| self.write(request, receipt, mode)).collect()
    }

    fn write(&self, request: &Message, receipt: &Receipt, mode: char) -> Option<Vec<u8>> {
        let delimiters = *request.delimiters();
        let (component, now) = (delimiters.component, self.clock.now());
        let header = request.segments().first()?;
        let raw = |field| header.field(field, &delimiters).unwrap_or_default().to_owned();
        let version = request.version().unwrap_or_else(|| "2.5.1".to_owned());
        let modern = minor(&version) >= 5;
        let mut message_type = "ACK".to_owned();
        if let Some(event) = request.event() {
            message_type = format!("ACK{component}{}", escape(&event, &delimiters));
            if minor(&version) >= 4 {
                message_type = format!("{message_type}{component}ACK");
            }
        }
        let mut ack = Message::new(delimiters, request.charset());
        ack.push("MSA").ok()?;
        let mut put =
            |segment: &str, field: usize, value: &str| ack.set_raw(&field_path(segment, field), value).ok();
        for (to, from) in [(3, 5), (4, 6), (5, 3), (6, 4)] {
            put("MSH", to, &raw(from))?;
        }
        put("MSH", 7, &timestamp(now))?;
        put("MSH", 9, &message_type)?;
        put("MSH", 10, &self.control_id(now))?;
        let or = |value: String, usual: &str| if value.is_empty() { usual.to_owned() } else { value };
        put("MSH", 11, &or(raw(11), "P"))?;
        put("MSH", 12, &or(raw(12), &version))?;
        if !raw(15).is_empty() || !raw(16).is_empty() {
            put("MSH", 15, "NE")?;
            put("MSH", 16, "NE")?;
        }
        put("MSH", 18, &declared(request, &raw(18)))?;
        put("MSA", 1, &format!("{mode}{}", receipt.letter()))?;
        put("MSA", 2, &raw(10))?;
        let errors: Vec<&Issue> = receipt.issues().iter().filter(|issue| issue.is_error()).collect();
        if let Some(first) = errors.first() {
            put("MSA", 3, &escape(&first.message, &delimiters))?;
        }
        for issue in errors.into_iter().take(MAX_ERRORS) {
            error_segment(&mut ack, issue, modern)?;
        }
        ack.to_bytes()
    }

    /// Unique also after a restart, and no longer than the 20 characters that MSH-10 has.
    fn control_id(&self, now: Timestamp) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed) & 0xffff;
        format!("{:014x}{number:04x}", now.as_micros())
    }
}

/// ERR as of 2.5 (location, code, severity, text), or the one field that it had before.
fn error_segment(ack: &mut Message, issue: &Issue, modern: bool) -> Option<()> {
    let delimiters = *ack.delimiters();
    let (component, subcomponent) = (delimiters.component, delimiters.subcomponent);
    let escaped: Vec<String> = issue.position.parts().iter().map(|part| escape(part, &delimiters)).collect();
    let joined = |separator: char| {
        format!("{}{separator}{}{separator}HL70357", issue.code.number(), issue.code.text())
    };
    ack.push("ERR").ok()?;
    let occurrence = ack.segments_named("ERR").count();
    let mut put = |field: usize, value: &str| {
        let path = Path { occurrence, ..field_path("ERR", field) };
        ack.set_raw(&path, value).ok()
    };
    if modern {
        put(2, &escaped.join(&component.to_string()))?;
        put(3, &joined(component))?;
        put(4, "E")?;
        return put(8, &escape(&issue.message, &delimiters));
    }
    let mut location = escaped;
    location.truncate(3);
    location.resize(3, String::new());
    location.push(joined(subcomponent));
    put(1, &location.join(&component.to_string()))
}

fn field_path(segment: &str, field: usize) -> Path {
    Path {
        segment: segment.to_owned(),
        occurrence: 1,
        field,
        repetition: None,
        component: None,
        subcomponent: None,
    }
}

/// HL7 table 0155. What is not in it asks for an answer: silence would block the sender.
fn is_asked(condition: Option<&str>, receipt: &Receipt) -> bool {
    let success = *receipt == Receipt::Accepted;
    match condition {
        None | Some("NE") => false,
        Some("ER") => !success,
        Some("SU") => success,
        Some(_) => true,
    }
}

/// MSH-18 of the answer: as the sender wrote it, unless that was untrue.
fn declared(request: &Message, raw: &str) -> String {
    let charset = request.charset();
    let mut values = raw.split(request.delimiters().repetition);
    if raw.is_empty() || values.any(|value| Charset::from_msh18(value) == Some(charset)) {
        return raw.to_owned();
    }
    escape(charset.as_str(), request.delimiters())
}

/// The `5` of `2.5.1`; that too for what is no version 2.
fn minor(version: &str) -> u32 {
    let minor = version.strip_prefix("2.").and_then(|rest| rest.split('.').next());
    minor.and_then(|minor| minor.parse().ok()).unwrap_or(5)
}

/// `20260315093000+0000`.
fn timestamp(now: Timestamp) -> String {
    let seconds = i64::try_from(now.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    let format = format_description!("[year][month][day][hour][minute][second]+0000");
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|when| when.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Code, Limits, Position};

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_773_567_000_000_000)
        }
    }

    fn answers(header: &str, receipt: &Receipt) -> Vec<String> {
        let limits = Limits { fallback: Charset::GB18030, ..Limits::default() };
        let request = Message::parse(&Charset::GB18030.encode(header).unwrap(), &limits).unwrap().message;
        let answers = Acknowledger::new(Arc::new(Fixed)).answers(&request, receipt);
        answers
            .into_iter()
            .map(|bytes| Charset::GB18030.decode(&bytes).unwrap().replace('\r', "\n"))
            .collect()
    }

    fn codes(fifteen: &str, sixteen: &str, receipt: &Receipt) -> Vec<String> {
        let header = format!("MSH|^~\\&|A|B|C|D|2026||ADT^A04|7|P|2.5|||{fifteen}|{sixteen}\r");
        let msa1 = |ack: &String| ack.split("MSA|").nth(1).unwrap()[..2].to_owned();
        answers(&header, receipt).iter().map(msa1).collect()
    }

    fn issue() -> Issue {
        Issue::error(Code::RequiredFieldMissing, Position::field("PID", 1, 3), "no patient | id")
    }

    #[test]
    fn the_modes_are_honoured() {
        let (good, bad, no) =
            (Receipt::Accepted, Receipt::Error(vec![issue()]), Receipt::Rejected(vec![issue()]));
        for (fifteen, sixteen, receipt, expected) in [
            ("", "", &good, &["AA"][..]),
            ("", "", &bad, &["AE"]),
            ("", "", &no, &["AR"]),
            ("AL", "NE", &good, &["CA"]),
            ("AL", "NE", &bad, &["CE"]),
            ("AL", "NE", &no, &["CR"]),
            ("AL", "", &good, &["CA"]),
            ("NE", "AL", &good, &["AA"]),
            ("AL", "AL", &bad, &["CE", "AE"]),
            ("ER", "NE", &good, &[]),
            ("ER", "NE", &bad, &["CE"]),
            ("SU", "NE", &good, &["CA"]),
            ("SU", "NE", &no, &[]),
            ("NE", "NE", &no, &[]),
            ("XX", "", &good, &["CA"]),
        ] {
            assert_eq!(codes(fifteen, sixteen, receipt), expected, "{fifteen} {sixteen} {receipt:?}");
        }
    }

    #[test]
    fn an_answer_is_written_as_the_request_was() {
        let header = "MSH$%*?!$HIS$三院$AI$二院$2026$$ADT%A04%ADT_A01$M1$P$2.5.1$$$$$CHN$GB 18030-2000\r";
        let ack = &answers(header, &Receipt::Error(vec![issue()]))[0];
        let expected = "MSH$%*?!$AI$二院$HIS$三院$20260315093000+0000$$ACK%A04%ACK$064d0cbc7f96000000$P$2.5.1$$$$$$GB 18030-2000\n\
            MSA$AE$M1$no patient | id\n\
            ERR$$PID%1%3$101%Required field missing%HL70357$E$$$$no patient | id\n";
        let id = |text: &str| text.split('$').nth(9).unwrap().to_owned();
        assert_eq!(ack.replace(&id(ack), "ID"), expected.replace(&id(expected), "ID"));
        assert_eq!(id(ack).len(), 18);
    }

    #[test]
    fn before_2_5_the_error_has_one_field() {
        let header = "MSH|^~\\&|A|B|C|D|2026||ADT^A04|7|P|2.3\r";
        let ack = &answers(header, &Receipt::Error(vec![issue()]))[0];
        assert!(ack.ends_with("ERR|PID^1^3^101&Required field missing&HL70357\n"), "{ack}");
        assert!(ack.contains("|ACK^A04|") && ack.contains(r"MSA|AE|7|no patient \F\ id"), "{ack}");
    }

    #[test]
    fn an_acknowledgement_is_not_acknowledged() {
        assert!(
            answers("MSH|^~\\&|A|B|C|D|2026||ACK^A04|7|P|2.5\rMSA|AA|1\r", &Receipt::Accepted).is_empty()
        );
        assert!(
            answers("MSH|^~\\&|A|B|C|D|2026||ORR^O02|7|P|2.5\rMSA|AA|1\r", &Receipt::Accepted).is_empty()
        );
    }
}
