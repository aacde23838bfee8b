//! What can be wrong with a lexicon, or with a text.

/// A lexicon file that can't be used. The message names the file and the phrase or key.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    /// The file can't be read.
    #[error("{file}: {source}")]
    Io {
        /// File name within the lexicon folder.
        file: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no TOML of the expected form; the message holds the line.
    #[error("{file}: {source}")]
    Toml {
        /// File name within the lexicon folder.
        file: &'static str,
        /// The cause, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A rule of the lexicon is broken.
    #[error("{file}: {problem}: {item:?}")]
    Invalid {
        /// File name within the lexicon folder.
        file: &'static str,
        /// The phrase, code or key at fault.
        item: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A phrase stands twice with different meanings.
    #[error("{file}: phrase {phrase:?} already has another meaning, given in {other}")]
    Conflict {
        /// The file read last.
        file: &'static str,
        /// The phrase as written there.
        phrase: String,
        /// The file that gave the first meaning.
        other: &'static str,
    },
    /// The automaton over all phrases can't be built.
    #[error("the phrases do not fit one automaton: {0}")]
    Automaton(#[from] aho_corasick::BuildError),
}

/// A complaint text longer than the reader takes. Nothing of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the complaint has {chars} characters, at most {limit} are read")]
pub struct TooLong {
    /// Unicode scalar values in the text.
    pub chars: usize,
    /// The most that is read.
    pub limit: usize,
}
