//! Media types as headers write them (RFC 9110 section 8.3).

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// A media type with its parameters; type and parameter names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Such as `multipart/related`.
    pub(crate) essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads a header value; `None` where it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (essence, mut rest) = match text.split_once(';') {
            Some((essence, rest)) => (essence, rest),
            None => (text, ""),
        };
        let essence = essence.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                return Some(Self { essence, parameters });
            }
            let (name, after) = rest.split_once('=')?;
            let (value, left) = parameter_value(after)?;
            parameters.push((name.trim().to_ascii_lowercase(), value));
            rest = left.trim_start();
            if !rest.is_empty() && !rest.starts_with(';') {
                return None;
            }
        }
    }

    /// The `Content-Type` of a message; `None` where it is absent or malformed.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(CONTENT_TYPE)?.to_str().ok()?)
    }

    /// The value of a parameter, unquoted.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The multipart boundary (RFC 2046 section 5.1.1); `None` where it is absent or not a legal one.
    pub(crate) fn boundary(&self) -> Option<&str> {
        let boundary = self.parameter("boundary")?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        let sound = (1..=70).contains(&boundary.len()) && !boundary.ends_with(' ');
        (sound && boundary.bytes().all(legal)).then_some(boundary)
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// One parameter's value, quoted or not, and what follows it. An unquoted value is taken up to the next `;`:
/// real clients leave boundaries with `=` or `/` in them unquoted.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// One entry of a weighted list such as `Accept`'s: what it names, and its `q` (1 where absent, 0 where
/// malformed).
pub(crate) fn weighted(entry: &str) -> (&str, f32) {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let quality = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("q"))
        .map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0));
    (name.trim(), quality)
}

/// Whether the caller would rather have a PNG than JSON: it names `image/png` and wants nothing else that
/// we could send more.
pub(crate) fn prefers_png(headers: &HeaderMap) -> bool {
    let (mut png, mut json) = (0.0_f32, 0.0_f32);
    let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for (name, quality) in lists.flat_map(|list| list.split(',')).map(weighted) {
        match name.to_ascii_lowercase().as_str() {
            "image/png" | "image/*" => png = png.max(quality),
            "application/json" | "application/*" => json = json.max(quality),
            _ => {}
        }
    }
    png > json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_quoted_and_not() {
        for (header, boundary) in [
            (r#"multipart/related; type="application/dicom"; boundary="a b""#, Some("a b")),
            ("Multipart/Related;BOUNDARY=abc;type=application/dicom", Some("abc")),
            ("multipart/related; boundary=----=_Part/1:2", Some("----=_Part/1:2")),
            (r#"multipart/related; boundary="a\-b" ; type="x/y""#, Some("a-b")),
            ("multipart/related; boundary=abc ", Some("abc")),
            (r#"multipart/related; boundary="""#, None),
            (r#"multipart/related; boundary="open"#, None),
            (r#"multipart/related; boundary="a"b"#, None),
            ("multipart/related; type=\"application/dicom\"", None),
            ("multipart/related; boundary=a\u{7f}", None),
            ("related; boundary=a", None),
        ] {
            let parsed = MediaType::parse(header);
            assert_eq!(parsed.as_ref().and_then(MediaType::boundary), boundary, "{header}");
        }
        assert_eq!(MediaType::parse(&format!("a/b; boundary={}", "x".repeat(71))).unwrap().boundary(), None);
    }

    #[test]
    fn the_picture_is_sent_only_to_those_who_want_it() {
        for (accept, png) in [
            ("image/png", true),
            ("image/png, application/json;q=0.5", true),
            ("application/json, image/png", false),
            ("*/*", false),
            ("image/png;q=0", false),
            ("image/*;q=0.8, application/json;q=0.9", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_png(&headers), png, "{accept}");
        }
        assert!(!prefers_png(&HeaderMap::new()));
    }
}
