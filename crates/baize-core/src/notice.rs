//! The sentences that go with every set of findings, in whatever form they leave.

use crate::Language;

/// Who must look at them before anybody acts on them.
pub const fn physician_review(language: Language) -> &'static str {
    match language {
        Language::Chinese => "以上结果由算法自动生成，须经医师结合原始影像复核确认后方可使用。",
        Language::English => {
            "These findings were made by an algorithm. A physician must review them against the original image \
             before anyone acts on them."
        }
    }
}

/// What they may be used for.
pub const fn research_use(language: Language) -> &'static str {
    match language {
        Language::Chinese => "仅供科研使用，非医疗器械。",
        Language::English => "For research use only. Not a medical device.",
    }
}
