//! The two scales of urgency, and words in both languages.

use baize_core::{Language, Text};
use serde::{Deserialize, Serialize};

/// The same words in both languages, as rule files and assessments write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Words from both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The words in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }

    /// Both languages with `{name}` replaced by what it stands for.
    pub(crate) fn fill(&self, name: &str, zh: &str, en: &str) -> Self {
        let slot = format!("{{{name}}}");
        Self { zh: self.zh.replace(&slot, zh), en: self.en.replace(&slot, en) }
    }

    /// [`Self::fill`] with a number, which both languages write alike.
    pub(crate) fn fill_number(&self, name: &str, value: f64) -> Self {
        let written = number(value);
        self.fill(name, &written, &written)
    }
}

impl From<&Words> for Text {
    fn from(words: &Words) -> Self {
        Self { zh: words.zh.clone(), en: words.en.clone() }
    }
}

/// A measured value as a person writes it: at most two decimals, none where there are none.
pub(crate) fn number(value: f64) -> String {
    let written = format!("{value:.2}");
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident, $least:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u8", into = "u8")]
        pub struct $name(u8);

        impl $name {
            /// The most urgent.
            pub const MOST_URGENT: Self = Self(1);
            /// The least urgent.
            pub const LEAST_URGENT: Self = Self($least);

            /// The level of this number, if it is on the scale.
            pub fn new(number: u8) -> Option<Self> {
                (1..=$least).contains(&number).then_some(Self(number))
            }

            /// Its number; 1 is the most urgent.
            pub fn get(self) -> u8 {
                self.0
            }

            /// The more urgent of the two.
            #[must_use]
            pub fn raised_to(self, other: Self) -> Self {
                self.min(other)
            }
        }

        impl TryFrom<u8> for $name {
            type Error = String;

            fn try_from(number: u8) -> Result<Self, String> {
                Self::new(number).ok_or_else(|| format!("{number} is not a level from 1 to {}", $least))
            }
        }

        impl From<$name> for u8 {
            fn from(level: $name) -> u8 {
                level.0
            }
        }
    };
}

scale! {
    /// The four levels of the 2018 Chinese consensus: 1 急危, 2 急重, 3 急症, 4 非急症. Smaller is more urgent.
    LevelCn, 4
}

scale! {
    /// The five levels of ESI and KTAS; 4 and 5 are Ⅳa and Ⅳb of the Chinese consensus. Smaller is more urgent.
    Acuity, 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_number_is_the_more_urgent() {
        let (two, three) = (LevelCn::new(2).unwrap(), LevelCn::new(3).unwrap());
        assert_eq!(three.raised_to(two), two);
        assert_eq!(two.raised_to(three), two);
        assert_eq!(LevelCn::new(0), None);
        assert_eq!(LevelCn::new(5), None);
        assert_eq!(Acuity::new(5), Some(Acuity::LEAST_URGENT));
        assert_eq!(Acuity::new(6), None);
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, written) in [(38.0, "38"), (38.5, "38.5"), (3.33, "3.33"), (100.0, "100"), (0.0, "0")] {
            assert_eq!(number(value), written);
        }
    }
}
