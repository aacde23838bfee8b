//! Where the values of a mapping are looked for.

use serde::Deserialize;

use super::types::Mapped;
use crate::codec::{Message, Path, Position, Segment};

/// The parts of a message that paths are read in: all of it, or what precedes its orders together with one of them, so
/// that an order never takes a value of its neighbour.
pub(super) struct Scope<'a> {
    pub(super) message: &'a Message,
    parts: [&'a [Segment]; 3],
}

impl<'a> Scope<'a> {
    pub(super) fn whole(message: &'a Message) -> Self {
        Self { message, parts: [message.segments(), &[], &[]] }
    }

    /// Of what precedes the orders, what precedes the procedures of an order, and one procedure.
    pub(super) fn part(message: &'a Message, parts: [&'a [Segment]; 3]) -> Self {
        Self { message, parts }
    }

    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &'a Segment> {
        let delimiters = *self.message.delimiters();
        let all = self.parts.into_iter().flatten();
        all.filter(move |segment| segment.is(name, &delimiters))
    }

    /// The number that a segment has among those of its name in the whole message.
    pub(super) fn occurrence(&self, segment: &Segment) -> usize {
        let name = segment.name(self.message.delimiters());
        self.message
            .segments_named(name)
            .position(|other| std::ptr::eq(other, segment))
            .map_or(1, |at| at + 1)
    }
}

/// One place where a value may stand.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "SourceText")]
pub(super) struct Source {
    pub(super) path: Path,
    /// Only a repetition of the field whose component of this number has one of these values.
    chosen: Option<(usize, Vec<String>)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SourceText {
    Path(String),
    Chosen {
        path: String,
        #[serde(rename = "where")]
        component: usize,
        is: Vec<String>,
    },
}

impl TryFrom<SourceText> for Source {
    type Error = String;

    fn try_from(text: SourceText) -> Result<Self, String> {
        let (text, chosen) = match text {
            SourceText::Path(path) => (path, None),
            SourceText::Chosen { path, component, is } => (path, Some((component, is))),
        };
        let path: Path = text.parse().map_err(|error| format!("{error}"))?;
        if chosen.as_ref().is_some_and(|(component, is)| *component == 0 || is.is_empty())
            || (chosen.is_some() && path.repetition.is_some())
        {
            return Err(format!(
                "{text}: 'where' is the number of a component, 'is' lists its values, and the path names no repetition"
            ));
        }
        Ok(Self { path, chosen })
    }
}

impl Source {
    /// The value in a segment.
    pub(super) fn read(&self, scope: &Scope<'_>, segment: &Segment) -> Option<Mapped> {
        let path = match &self.chosen {
            None => self.path.clone(),
            Some((component, values)) => {
                let delimiters = scope.message.delimiters();
                let fits = |repetition: &str| {
                    let value = repetition.split(delimiters.component).nth(component - 1).unwrap_or_default();
                    values.iter().any(|wanted| wanted.eq_ignore_ascii_case(value.trim()))
                };
                let index = segment.repetitions(self.path.field, delimiters).position(fits)?;
                Path { repetition: Some(index + 1), ..self.path.clone() }
            }
        };
        let text = scope.message.text_in(segment, &path)?;
        let value = match text.trim() {
            "" => return None,
            "\"\"" => "",
            value => value,
        };
        let path = Path { occurrence: scope.occurrence(segment), ..path };
        Some(Mapped { value: value.to_owned(), path: path.to_string() })
    }
}

/// The places where a value may stand, the best first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Sources(pub(super) Vec<Source>);

impl Sources {
    /// The first value there is.
    pub(super) fn find(&self, scope: &Scope<'_>) -> Option<Mapped> {
        self.0.iter().find_map(|source| {
            let segment = scope.named(&source.path.segment).nth(source.path.occurrence - 1)?;
            source.read(scope, segment)
        })
    }

    /// The values at all places, in all segments.
    pub(super) fn find_all(&self, scope: &Scope<'_>) -> Vec<Mapped> {
        let found = self.0.iter().flat_map(|source| {
            let segments = scope.named(&source.path.segment);
            segments.filter_map(|segment| source.read(scope, segment))
        });
        found.collect()
    }

    /// Where a missing value should have been.
    pub(super) fn position(&self) -> Position {
        self.0.first().map_or_else(Position::message, |source| position(&source.path.to_string()))
    }
}

/// A path as a position.
pub(super) fn position(path: &str) -> Position {
    path.parse::<Path>().map_or_else(
        |_| Position::message(),
        |path| Position {
            segment: path.segment,
            sequence: path.occurrence,
            field: path.field,
            repetition: path.repetition.unwrap_or(1),
            component: path.component.unwrap_or(0),
            subcomponent: path.subcomponent.unwrap_or(0),
        },
    )
}
