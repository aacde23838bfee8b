//! A message may be anything: its text comes back unchanged, every place of it can be asked for, and what is written is
//! read back.

#![no_main]

use std::sync::OnceLock;

use baize_hl7::codec::{Delimiters, escape, unescape};
use baize_hl7::profile::Profile;
use baize_hl7::{Charset, Limits, Message, Path, check};

const BOM: &[u8] = b"\xEF\xBB\xBF";
const FALLBACKS: [Charset; 4] = [Charset::GB18030, Charset::UTF_8, Charset::LATIN_1, Charset::ASCII];

fn profile() -> &'static Profile {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    PROFILE.get_or_init(|| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7");
        Profile::load(&folder, "standard").expect("the standard profile holds")
    })
}

/// Asks for every place there is, and some that there are not.
fn ask(message: &Message) {
    for segment in message.segments().iter().take(8) {
        let name = segment.name(message.delimiters());
        for place in ["1", "2", "3", "3.1", "3[2].4.2", "5.1.2", "5[99]", "18", "999.999.999"] {
            let Ok(path) = format!("{name}-{place}").parse::<Path>() else { continue };
            let (raw, text) = (message.raw(&path), message.text(&path));
            assert!(text.is_none() || raw.is_some(), "a text where nothing is: {path}");
        }
    }
}

/// What is written is read back, and the rest of the segment stays.
fn write(message: &Message, text: &str) {
    let mut changed = message.clone();
    if message.segments_named("ZFZ").next().is_some() || changed.push("ZFZ").is_err() {
        return;
    }
    for place in ["ZFZ-2[2].3.1", "ZFZ-4"] {
        let path: Path = place.parse().expect("a path");
        changed.set(&path, text).expect("the segment is there");
        assert_eq!(changed.text(&path).unwrap_or_default(), text, "{place}");
    }
    assert_eq!(changed.segments().len(), message.segments().len() + 1);
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let fallback = FALLBACKS[usize::from(*choice) % FALLBACKS.len()];
    let limits = Limits { max_bytes: 1 << 16, max_segments: 1000, fallback };
    for checked in check("fuzz", bytes, &limits) {
        assert!(checked.ok || !checked.errors.is_empty(), "refused without a reason");
        serde_json::to_string(&checked).expect("it is JSON");
    }
    let _ = baize_hl7::codec::head(bytes, fallback);
    let text = String::from_utf8_lossy(bytes);
    let raw = escape(&text, &Delimiters::default());
    assert_eq!(unescape(&raw, &Delimiters::default(), Charset::UTF_8), text, "an escaped text changed");
    let _ = unescape(&text, &Delimiters::default(), fallback);

    let Ok(parsed) = Message::parse(bytes, &limits) else { return };
    let message = parsed.message;
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    assert_eq!(Some(message.render()), message.charset().decode(body), "the text does not come back");
    ask(&message);
    let _ = profile().map(&message);
    let written: String = text.chars().filter(|c| *c != '\0').take(64).collect();
    write(&message, &written);
    if let Some(sent) = message.to_bytes()
        && let Ok(again) = Message::parse(&sent, &Limits { max_bytes: sent.len(), ..limits })
        && again.message.charset() == message.charset()
    {
        let texts = |message: &Message| -> Vec<String> {
            message.segments().iter().map(|segment| segment.as_str().to_owned()).collect()
        };
        assert_eq!(texts(&again.message), texts(&message), "what is sent is another message");
    }
});
