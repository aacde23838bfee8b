//! The delimiters that a message declares in MSH-1 and MSH-2.

use super::issue::{Code, Issue, Position};

/// How a message separates its parts. All are ASCII punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// MSH-1, usually `|`.
    pub field: char,
    /// Usually `^`.
    pub component: char,
    /// Usually `~`.
    pub repetition: char,
    /// Usually `\`.
    pub escape: char,
    /// Usually `&`.
    pub subcomponent: char,
    /// Since 2.7, usually `#`.
    pub truncation: Option<char>,
}

impl Default for Delimiters {
    /// `|^~\&`, which HL7 recommends.
    fn default() -> Self {
        Self {
            field: '|',
            component: '^',
            repetition: '~',
            escape: '\\',
            subcomponent: '&',
            truncation: None,
        }
    }
}

impl Delimiters {
    /// Reads what stands behind the name of an `MSH`, `FHS` or `BHS` segment. Encoding characters that are left
    /// out take their recommended value.
    ///
    /// # Errors
    /// An [`Issue`] for a delimiter that is no ASCII punctuation or stands for two things.
    pub fn of_header(segment: &str) -> Result<Self, Issue> {
        let name = segment.get(..3).unwrap_or("MSH");
        let bad = |field: usize, message: &str| {
            Err(Issue::error(Code::SegmentSequence, Position::field(name, 1, field), message))
        };
        let mut rest = segment.chars().skip(3);
        let Some(field) = rest.next().filter(char::is_ascii_punctuation) else {
            return bad(1, "the field separator is missing or no punctuation");
        };
        let declared: Vec<char> = rest.take_while(|c| *c != field).collect();
        if declared.len() > 5 {
            return bad(2, "there are more than five encoding characters");
        }
        if !declared.iter().all(char::is_ascii_punctuation) {
            return bad(2, "an encoding character is no punctuation");
        }
        let or = |index: usize, usual: char| declared.get(index).copied().unwrap_or(usual);
        let delimiters = Self {
            field,
            component: or(0, '^'),
            repetition: or(1, '~'),
            escape: or(2, '\\'),
            subcomponent: or(3, '&'),
            truncation: declared.get(4).copied(),
        };
        let mut all = delimiters.all();
        all.sort_unstable();
        if all.windows(2).any(|pair| pair[0] == pair[1]) {
            return bad(2, "one character stands for two delimiters");
        }
        Ok(delimiters)
    }

    /// MSH-2 as it is written.
    pub fn encoding_characters(&self) -> String {
        let four = [self.component, self.repetition, self.escape, self.subcomponent];
        four.into_iter().chain(self.truncation).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<char> {
        let five = [self.field, self.component, self.repetition, self.escape, self.subcomponent];
        five.into_iter().chain(self.truncation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_declare_their_delimiters_or_are_refused() {
        assert_eq!(Delimiters::of_header(r"MSH|^~\&|A").unwrap(), Delimiters::default());
        assert_eq!(Delimiters::of_header(r"MSH|^~\&#|A").unwrap().truncation, Some('#'));
        assert_eq!(Delimiters::of_header("MSH|^~|A").unwrap(), Delimiters::default());
        let odd = Delimiters::of_header("MSH$%*?!$A").unwrap();
        assert_eq!((odd.field, odd.component, odd.encoding_characters()), ('$', '%', "%*?!".to_owned()));
        for bad in
            ["MSH", "MSHA^~\\&|", "MSH|^^\\&|", "MSH|^~\\&#!|", "MSH|a~\\&|", "MSH|^~\\&王|", r"MSH|^~\\&|"]
        {
            assert!(Delimiters::of_header(bad).is_err(), "{bad} must be refused");
        }
    }
}
