//! One large value by its path.

use std::borrow::Cow;

use baize_core::ports::Bulk;
use baize_core::{ErrorCode, Fault};
use bytes::Bytes;

use super::value::little_endian;
use super::{each_item, frames, vr};
use crate::element::{Element, PIXEL_TAGS, Tag, Walk};
use crate::part10::{self, Part10};
use crate::{EXPLICIT_LITTLE, Limits};

/// The value at a path such as `00420011` or `54000100.0.54001010`; of pixels, the frames.
///
/// # Errors
/// `NotFound`, or what [`metadata`](super::metadata) and [`frames`](super::frames) refuse.
pub fn bulk(object: &Bytes, limits: &Limits, path: &str) -> Result<Bulk, Fault> {
    let steps = steps(path).ok_or_else(nowhere)?;
    let is_pixels = |tag| PIXEL_TAGS.contains(&tag);
    let file = part10::open(object, limits)?;
    if let [Step { tag, item: None }] = steps.as_slice()
        && is_pixels(*tag)
        && file.is_encapsulated()
    {
        return frames(object, limits);
    }
    let value = find(Walk::new(&file.data_set, file.encoding), &steps)?.ok_or_else(nowhere)?;
    Ok(Bulk {
        media_type: "application/octet-stream".into(),
        transfer_syntax: EXPLICIT_LITTLE.into(),
        parts: vec![share(object, &file, value)],
    })
}

/// The bytes without copying them, where they lie in the object as received.
pub(super) fn share(object: &Bytes, file: &Part10<'_>, value: Cow<'_, [u8]>) -> Bytes {
    match (value, &file.data_set) {
        (Cow::Borrowed(value), Cow::Borrowed(_)) => object.slice_ref(value),
        (value, _) => Bytes::from(value.into_owned()),
    }
}

/// A tag, and into which of its items the path goes on.
struct Step {
    tag: Tag,
    item: Option<usize>,
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut parts = path.split('.');
    while let Some(tag) = parts.next() {
        if tag.len() != 8 || !tag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = |text| u16::from_str_radix(text, 16).ok();
        let tag = (number(&tag[..4])?, number(&tag[4..])?);
        let item = parts.next().map(|item| item.parse().ok());
        match item {
            None => {
                steps.push(Step { tag, item: None });
                return Some(steps);
            }
            Some(item) => steps.push(Step { tag, item: Some(item?) }),
        }
    }
    // The path ended with an item and not with a value.
    None
}

/// Recursion goes no deeper than the path, whose length a request's bounds.
fn find<'a>(mut walk: Walk<'a>, steps: &[Step]) -> Result<Option<Cow<'a, [u8]>>, Fault> {
    let Some((step, further)) = steps.split_first() else { return Ok(None) };
    while let Some(element) = walk.next()? {
        if element.tag != step.tag {
            continue;
        }
        let Some(wanted) = step.item else {
            return Ok((!element.undefined_length).then(|| value(&element)));
        };
        let mut found = None;
        each_item(&element, |number, mut item| {
            if number == wanted {
                found = find(item, further)?;
            }
            while item.next()?.is_some() {}
            Ok(item.position())
        })?;
        return Ok(found);
    }
    Ok(None)
}

fn value<'a>(element: &Element<'a>) -> Cow<'a, [u8]> {
    little_endian(element, vr::of(element, false))
}

fn nowhere() -> Fault {
    Fault::new(ErrorCode::NotFound, "bulk: the object has no value at this path")
}
