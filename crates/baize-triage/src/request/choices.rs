//! Fields that take one of a few words, with the spellings they are known by.

use serde::{Deserialize, Serialize};

/// Sex, as registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Neither.
    Other,
}

/// How the patient came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalMode {
    /// On foot.
    WalkIn,
    /// By ambulance, public or private.
    Ambulance,
    /// By car or taxi.
    Car,
    /// By bus or underground.
    PublicTransport,
    /// In a wheelchair.
    Wheelchair,
    /// Brought by the police.
    Police,
    /// Any other way.
    Other,
}

/// Consciousness on the ACVPU scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Avpu {
    /// Alert.
    Alert,
    /// New confusion.
    Confusion,
    /// Responds to voice.
    Voice,
    /// Responds to pain.
    Pain,
    /// Unresponsive.
    Unresponsive,
}

/// A word-valued field: its canonical names and what else means the same.
pub(crate) trait Choice: Copy + 'static {
    /// The value, its canonical name, and other spellings in lower case.
    const SPELLINGS: &'static [(Self, &'static str, &'static [&'static str])];

    /// The value that a normalised word means.
    fn from_word(word: &str) -> Option<Self> {
        let lower = word.to_lowercase();
        Self::SPELLINGS
            .iter()
            .find(|(_, name, others)| *name == lower || others.contains(&lower.as_str()))
            .map(|(value, ..)| *value)
    }

    /// The canonical names, for an error's remedy.
    fn names() -> String {
        Self::SPELLINGS.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl Choice for Sex {
    const SPELLINGS: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Female, "female", &["f", "woman", "女", "女性"]),
        (Self::Male, "male", &["m", "man", "男", "男性"]),
        (Self::Other, "other", &["o", "其他", "其它"]),
    ];
}

impl Choice for ArrivalMode {
    const SPELLINGS: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::WalkIn, "walk_in", &["walk-in", "walk in", "walk", "walking", "步行", "步入", "自行来院"]),
        (Self::Ambulance, "ambulance", &["ems", "120", "救护车", "急救车"]),
        (Self::Car, "car", &["private car", "taxi", "私家车", "自驾", "出租车"]),
        (
            Self::PublicTransport,
            "public_transport",
            &[
                "public transport",
                "public transportation",
                "public_transportation",
                "bus",
                "公共交通",
                "公交",
            ],
        ),
        (Self::Wheelchair, "wheelchair", &["轮椅"]),
        (Self::Police, "police", &["警车", "警察", "警方送诊", "110"]),
        (Self::Other, "other", &["其他", "其它"]),
    ];
}

impl Choice for Avpu {
    const SPELLINGS: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Alert, "alert", &["a", "清醒", "清楚", "神清", "神志清楚"]),
        (
            Self::Confusion,
            "confusion",
            &["c", "confused", "new confusion", "新发意识混乱", "意识混乱", "意识模糊"],
        ),
        (Self::Voice, "voice", &["v", "verbal", "对声音有反应", "呼唤有反应", "呼之能应"]),
        (Self::Pain, "pain", &["p", "对疼痛有反应", "疼痛有反应"]),
        (Self::Unresponsive, "unresponsive", &["u", "无反应", "昏迷", "呼之不应"]),
    ];
}

impl Choice for bool {
    const SPELLINGS: &'static [(Self, &'static str, &'static [&'static str])] =
        &[(true, "true", &["yes", "y", "是", "有"]), (false, "false", &["no", "n", "否", "无"])];
}
