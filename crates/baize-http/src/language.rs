//! Which language a caller reads, and the sentences that go with every result.

use baize_core::Language;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// The tag for `Content-Language`.
pub(crate) const fn tag(language: Language) -> &'static str {
    match language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    }
}

/// The language that `Accept-Language` (RFC 9110 section 12.5.4) prefers among the two that there are, else the
/// default. Any Chinese or English tag counts; the earlier of two equally wanted ones wins.
pub(crate) fn preferred(headers: &HeaderMap, default: Language) -> Language {
    let ranges = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let mut best: Option<(f32, Language)> = None;
    for range in ranges.flat_map(|list| list.split(',')) {
        let (tag, quality) = crate::media::weighted(range);
        let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let language = match primary.as_str() {
            "zh" => Language::Chinese,
            "en" => Language::English,
            "*" => default,
            _ => continue,
        };
        if quality > 0.0 && best.is_none_or(|(so_far, _)| quality > so_far) {
            best = Some((quality, language));
        }
    }
    best.map_or(default, |(_, language)| language)
}

/// Goes with every set of findings.
pub(crate) const fn physician_review(language: Language) -> &'static str {
    match language {
        Language::Chinese => "以上结果由算法自动生成，须经医师结合原始影像复核确认后方可使用。",
        Language::English => {
            "These findings were made by an algorithm. A physician must review them against the original image \
             before anyone acts on them."
        }
    }
}

/// Goes with every set of findings.
pub(crate) const fn research_use(language: Language) -> &'static str {
    match language {
        Language::Chinese => "仅供科研使用，非医疗器械。",
        Language::English => "For research use only. Not a medical device.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_decides_and_the_default_fills_in() {
        use Language::{Chinese, English};
        for (header, default, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", English, Chinese),
            ("en-GB", Chinese, English),
            ("EN", Chinese, English),
            ("en;q=0.4, zh-Hans-CN;q=0.7", English, Chinese),
            ("fr, de;q=0.9", Chinese, Chinese),
            ("fr, *;q=0.1", English, English),
            ("zh;q=0", English, English),
            ("zh;q=0, en;q=0.1", Chinese, English),
            ("", Chinese, Chinese),
            (";;,,q=", English, English),
            ("zh;q=nonsense, en;q=0.5", English, English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(preferred(&headers, default), expected, "{header:?}");
        }
        assert_eq!(preferred(&HeaderMap::new(), Chinese), Chinese);
    }
}
