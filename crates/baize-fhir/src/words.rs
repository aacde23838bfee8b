//! Sentences in both languages.

use baize_core::ports;
use baize_core::{Fault, Finding, Language, Outcome, Report, Text};

/// A text of both languages.
pub(crate) fn text(zh: impl Into<String>, en: impl Into<String>) -> Text {
    Text { zh: zh.into(), en: en.into() }
}

/// Stands under every result that no physician has signed.
pub(crate) fn unsigned() -> Text {
    text(
        "以上结果由算法自动生成，须经医师结合原始影像复核确认后方可使用。仅供科研使用，非医疗器械。",
        "These findings were made by an algorithm. A physician must review them against the original image before \
         anyone acts on them. For research use only. Not a medical device.",
    )
}

/// Stands under a result that a physician has signed.
pub(crate) fn signed(by: &str) -> Text {
    text(
        format!("算法结果已由 {by} 复核签署。仅供科研使用，非医疗器械。"),
        format!(
            "Findings of an algorithm, reviewed and signed by {by}. For research use only. Not a medical device."
        ),
    )
}

/// What is said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    Absent,
    Undetermined,
}

impl From<ports::Presence> for Presence {
    fn from(word: ports::Presence) -> Self {
        match word {
            ports::Presence::Present => Self::Present,
            ports::Presence::Absent => Self::Absent,
            ports::Presence::Uncertain => Self::Undetermined,
        }
    }
}

impl Presence {
    /// SNOMED CT, as DICOM CID 240 has it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Present => "52101004",
            Self::Absent => "272519000",
            Self::Undetermined => "373068000",
        }
    }

    /// The interpretation of HL7 table 0078, which v3 ObservationInterpretation took over.
    pub(crate) fn interpretation(self) -> (&'static str, &'static str) {
        match self {
            Self::Present => ("POS", "Positive"),
            Self::Absent => ("NEG", "Negative"),
            Self::Undetermined => ("IND", "Indeterminate"),
        }
    }

    pub(crate) fn name(self) -> Text {
        match self {
            Self::Present => text("存在", "Present"),
            Self::Absent => text("不存在", "Absent"),
            Self::Undetermined => text("无法确定", "Undetermined"),
        }
    }
}

/// One finding on one line.
pub(crate) fn finding_line(finding: &Finding, presence: Presence) -> Text {
    let (name, said) = (&finding.code.meaning, presence.name());
    let (probability, threshold) = (finding.probability, finding.threshold);
    text(
        format!("{}：{}（概率 {probability:.3}，阈值 {threshold:.3}）", name.zh, said.zh),
        format!(
            "{}: {} (probability {probability:.3}, threshold {threshold:.3})",
            name.en,
            said.en.to_lowercase()
        ),
    )
}

/// That a model gave no finding, and why.
pub(crate) fn not_analysed(report: &Report, fault: &Fault) -> Text {
    let (code, zh, en) = (fault.code, fault.told(Language::Chinese), fault.told(Language::English));
    let (title_zh, title_en) = (code.title(Language::Chinese), code.title(Language::English));
    match &report.outcome {
        Outcome::Refused(_) => text(
            format!("未作分析（不等于未见异常）：{title_zh}。{zh}"),
            format!("Not analysed, which is not \"no finding\": {title_en}. {en}"),
        ),
        _ => text(
            format!("分析失败（不等于未见异常）：{title_zh}。{zh}"),
            format!("The analysis failed, which is not \"no finding\": {title_en}. {en}"),
        ),
    }
}

/// That a physician set a result aside.
pub(crate) fn rejected() -> Text {
    text(
        "医师认为该图像的算法结果不可用。",
        "A physician found the algorithm's result for this image to be of no use.",
    )
}

/// What a physician remarked.
pub(crate) fn remark(reviewer: &str, comment: &str) -> Text {
    text(format!("{reviewer} 批注：{comment}"), format!("Remark by {reviewer}: {comment}"))
}
