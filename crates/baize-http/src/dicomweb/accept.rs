//! What a client takes (PS3.18 section 8.7).

use baize_core::ports::PictureFormat;
use http::HeaderMap;
use http::header::ACCEPT;

use crate::media::MediaType;
use crate::problem::Problem;

const OCTETS: &str = "application/octet-stream";
pub(super) const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// How objects or frames are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// `multipart/related`.
    Multipart,
    /// The only one as it is.
    Single,
}

/// In which encoding objects or frames are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As stored.
    Stored,
    /// In Explicit VR Little Endian.
    Native,
}

/// The media types that a client takes, the dearest first.
pub(super) struct Accepted(Vec<MediaType>);

impl Accepted {
    /// From the header; everything where there is none. What is malformed is passed over.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        Self::read(lists)
    }

    /// From the query parameter `accept`, which wins (PS3.18 section 8.7.5), or else from the header.
    pub(super) fn of_query(parameter: Option<&str>, headers: &HeaderMap) -> Self {
        parameter.map_or_else(|| Self::of(headers), |list| Self::read([list].into_iter()))
    }

    fn read<'a>(lists: impl Iterator<Item = &'a str>) -> Self {
        let mut weighted: Vec<(f32, MediaType)> = Vec::new();
        let mut is_empty = true;
        for entry in lists.flat_map(entries) {
            is_empty = false;
            let Some(media) = MediaType::parse(entry) else { continue };
            let quality = media.parameter("q").map_or(1.0, |text| text.parse().unwrap_or(0.0));
            if quality > 0.0 {
                weighted.push((quality, media));
            }
        }
        if is_empty {
            weighted.extend(MediaType::parse("*/*").map(|all| (1.0, all)));
        }
        weighted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        Self(weighted.into_iter().map(|(_, media)| media).collect())
    }

    /// Checks that DICOM JSON is taken.
    pub(super) fn json(&self) -> Result<(), Problem> {
        let json = ["application/dicom+json", "application/json", "application/*", "*/*"];
        if self.0.iter().any(|media| json.contains(&media.essence.as_str())) {
            return Ok(());
        }
        Err(Problem::not_acceptable("Accept: only application/dicom+json is given here."))
    }

    /// How objects of these transfer syntaxes are given: as they were received, or converted where a client names Explicit
    /// VR Little Endian. The standard lets that one be meant where none is named; here the stored one is, since a
    /// converted object would not be what was sent.
    pub(super) fn objects(&self, transfer_syntaxes: &[&str]) -> Result<(Packing, Form), Problem> {
        for media in &self.0 {
            let asked = media.parameter("transfer-syntax").filter(|asked| *asked != "*");
            let form = match asked {
                Some(asked) if transfer_syntaxes.iter().any(|stored| asked != *stored) => {
                    if asked != EXPLICIT_LITTLE {
                        continue;
                    }
                    Form::Native
                }
                _ => Form::Stored,
            };
            let root = media.parameter("type").unwrap_or("application/dicom").to_ascii_lowercase();
            match media.essence.as_str() {
                "multipart/related"
                    if matches!(root.as_str(), "application/dicom" | "application/*" | "*/*") =>
                {
                    return Ok((Packing::Multipart, form));
                }
                "multipart/*" | "*/*" => return Ok((Packing::Multipart, form)),
                "application/dicom" | "application/*" if transfer_syntaxes.len() == 1 => {
                    return Ok((Packing::Single, form));
                }
                _ => {}
            }
        }
        Err(Problem::not_acceptable(
            "Accept: objects are given as multipart/related; type=\"application/dicom\", or a single one as \
             application/dicom, in the transfer syntax that they were received in (transfer-syntax=*) or in Explicit VR \
             Little Endian (transfer-syntax=1.2.840.10008.1.2.1).",
        ))
    }

    /// How frames are given that are encoded so: as stored, or as samples where octet streams are asked for, whose default
    /// is Explicit VR Little Endian (PS3.18 table 8.7.3-5).
    pub(super) fn frames(
        &self,
        media_type: &str,
        transfer_syntax: &str,
        count: usize,
    ) -> Result<(Packing, Form), Problem> {
        for media in &self.0 {
            let asked = media.parameter("transfer-syntax");
            let form = |wanted: &str| {
                let kind = media_type.split('/').next().unwrap_or_default();
                let same = wanted == "*/*" || wanted == media_type || wanted.strip_suffix("/*") == Some(kind);
                let stored = same && asked.is_none_or(|asked| asked == "*" || asked == transfer_syntax);
                let is_native = transfer_syntax == EXPLICIT_LITTLE;
                match wanted {
                    OCTETS if !is_native && asked.is_none_or(|asked| asked == EXPLICIT_LITTLE) => {
                        Some(Form::Native)
                    }
                    // Viewers ask for octet streams of any transfer syntax and mean whatever is stored.
                    OCTETS if asked == Some("*") => Some(Form::Stored),
                    _ => stored.then_some(Form::Stored),
                }
            };
            match media.essence.as_str() {
                "multipart/related" | "multipart/*" => {
                    let root = media.parameter("type").unwrap_or("*/*").to_ascii_lowercase();
                    if let Some(form) = form(&root) {
                        return Ok((Packing::Multipart, form));
                    }
                }
                "*/*" if form("*/*").is_some() => return Ok((Packing::Multipart, Form::Stored)),
                essence if count == 1 => {
                    if let Some(form) = form(essence) {
                        return Ok((Packing::Single, form));
                    }
                }
                _ => {}
            }
        }
        Err(Problem::not_acceptable(format!(
            "Accept: these are stored as {media_type} with transfer syntax {transfer_syntax}, and given as such, or as \
             application/octet-stream in Explicit VR Little Endian."
        )))
    }

    /// The format of a picture; the quality is one of JPEG.
    pub(super) fn picture(&self, quality: u8) -> Result<PictureFormat, Problem> {
        for media in &self.0 {
            match media.essence.as_str() {
                // The default of the standard for a single frame.
                "image/jpeg" | "image/jpg" | "image/*" | "*/*" => return Ok(PictureFormat::Jpeg(quality)),
                "image/png" => return Ok(PictureFormat::Png),
                _ => {}
            }
        }
        Err(Problem::not_acceptable("Accept: pictures are given as image/jpeg or image/png."))
    }
}

/// The entries of a list, in which a quoted text may hold commas.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let at_comma = move |character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    };
    list.split(at_comma).map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        if !text.is_empty() {
            headers.insert(ACCEPT, text.parse().unwrap());
        }
        Accepted::of(&headers)
    }

    #[test]
    fn objects_are_given_as_stored_or_in_the_syntax_that_all_read() {
        const MULTI: Option<(Packing, Form)> = Some((Packing::Multipart, Form::Stored));
        const SINGLE: Option<(Packing, Form)> = Some((Packing::Single, Form::Stored));
        const JPEG: &str = "1.2.840.10008.1.2.4.50";
        for (accept, stored, expected) in [
            ("", JPEG, MULTI),
            ("*/*", JPEG, MULTI),
            ("multipart/related; type=\"application/dicom\"", JPEG, MULTI),
            ("multipart/related; type=\"application/dicom\"; transfer-syntax=*", JPEG, MULTI),
            (
                "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1",
                JPEG,
                Some((Packing::Multipart, Form::Native)),
            ),
            (
                "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1",
                EXPLICIT_LITTLE,
                MULTI,
            ),
            (
                "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.5",
                JPEG,
                None,
            ),
            ("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", JPEG, SINGLE),
            ("multipart/related; type=\"a,b\", application/dicom", JPEG, SINGLE),
            ("application/dicom, multipart/related; q=0.5", JPEG, SINGLE),
            ("application/dicom; q=0", JPEG, None),
            ("text/html", JPEG, None),
        ] {
            assert_eq!(accepted(accept).objects(&[stored]).ok(), expected, "{accept}");
        }
        assert!(accepted("application/dicom").objects(&[JPEG, JPEG]).is_err(), "two do not fit into one");
    }

    #[test]
    fn frames_are_given_as_stored_or_as_samples() {
        let (multi, single) = (|form| Some((Packing::Multipart, form)), |form| Some((Packing::Single, form)));
        for (accept, count, expected) in [
            ("*/*", 2, multi(Form::Stored)),
            ("multipart/related; type=\"image/jp2\"", 2, multi(Form::Stored)),
            ("multipart/related; type=\"image/*\"", 2, multi(Form::Stored)),
            ("multipart/related; type=\"image/jpeg\"", 2, None),
            ("multipart/related; type=application/octet-stream; transfer-syntax=*", 2, multi(Form::Stored)),
            ("multipart/related; type=application/octet-stream", 2, multi(Form::Native)),
            (
                "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
                2,
                multi(Form::Native),
            ),
            (
                "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5",
                2,
                None,
            ),
            ("application/octet-stream", 1, single(Form::Native)),
            ("image/jp2", 1, single(Form::Stored)),
            ("image/jp2", 2, None),
            ("image/jp2; transfer-syntax=1.2.3", 1, None),
        ] {
            let found = accepted(accept).frames("image/jp2", "1.2.840.10008.1.2.4.90", count);
            assert_eq!(found.ok(), expected, "{accept}");
        }
        let video = accepted("application/octet-stream").frames(OCTETS, "1.2.840.10008.1.2.4.102", 1);
        assert_eq!(
            video.ok(),
            single(Form::Native),
            "a stream without a media type of its own is none of samples"
        );
        let native = accepted("application/octet-stream").frames(OCTETS, EXPLICIT_LITTLE, 1);
        assert_eq!(native.ok(), single(Form::Stored), "it is stored as samples");
    }

    #[test]
    fn pictures_follow_the_weights() {
        for (accept, expected) in [
            ("", Some(PictureFormat::Jpeg(80))),
            ("image/png", Some(PictureFormat::Png)),
            ("image/jpeg;q=0.2, image/png;q=0.9", Some(PictureFormat::Png)),
            ("image/gif", None),
        ] {
            assert_eq!(accepted(accept).picture(80).ok(), expected, "{accept}");
        }
    }
}
