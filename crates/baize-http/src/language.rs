//! Which language a caller reads, and the sentences that go with every result.

use baize_core::Language;
pub(crate) use baize_core::notice::{physician_review, research_use};
use baize_core::prior::Change;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::dto::PriorStatus;

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

/// What a [`PriorStatus`] means.
pub(crate) const fn prior_status(status: PriorStatus, language: Language) -> &'static str {
    use Language::{Chinese, English};
    match (status, language) {
        (PriorStatus::Compared, Chinese) => "与既往检查的对比仅供参考，不改变本次结果。",
        (PriorStatus::Compared, English) => {
            "The comparison is for orientation; it changes no finding of this study."
        }
        (PriorStatus::Unread, Chinese) => "既往检查没有可对比的分析结果。",
        (PriorStatus::Unread, English) => "The earlier study has no result to compare with.",
        (PriorStatus::Doubtful, Chinese) => {
            "患者编号相同，但姓名、出生日期或性别不一致，未作对比，请核对患者身份。"
        }
        (PriorStatus::Doubtful, English) => {
            "The Patient ID is the same but name, date of birth or sex is not: not compared. Check whose study it is."
        }
    }
}

/// What a [`Change`] is called.
pub(crate) const fn change(change: Change, language: Language) -> &'static str {
    use Language::{Chinese, English};
    match (change, language) {
        (Change::New, Chinese) => "新出现",
        (Change::New, English) => "New",
        (Change::Persisting, Chinese) => "持续存在",
        (Change::Persisting, English) => "Still present",
        (Change::NoLonger, Chinese) => "上次为阳性，本次低于阈值",
        (Change::NoLonger, English) => "Positive before, now below the threshold",
        (Change::Absent, Chinese) => "两次均低于阈值",
        (Change::Absent, English) => "Below the threshold both times",
        (Change::Incomparable, Chinese) => "不可比较：患者不在模型的验证人群内",
        (Change::Incomparable, English) => {
            "Not comparable: outside the population that the model was validated on"
        }
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
