//! Finding routes that no image can reach, because an earlier one takes all of theirs.

use crate::condition::lists;
use crate::file::WhenFile;

/// Whether every image that fits `later` also fits `earlier`, as far as the text of the rules tells. Patterns are
/// compared as text, so it may miss a case, but never names a rule that can be reached.
pub(crate) fn hides(earlier: &WhenFile, later: &WhenFile) -> bool {
    let covered = |list: Option<&Vec<String>>, narrower: Option<&Vec<String>>| match (list, narrower) {
        (None, _) => true,
        (Some(_), None) => list.is_some_and(|list| list.iter().any(|word| word.trim() == "*")),
        (Some(list), Some(narrower)) => {
            narrower.iter().all(|word| list.iter().any(|wide| same(wide, word) || wide.trim() == "*"))
        }
    };
    let lists_cover = lists(earlier)
        .into_iter()
        .zip(lists(later))
        .all(|((_, earlier), (_, later))| covered(earlier, later));
    lists_cover && (earlier.description.is_none() || earlier.description == later.description)
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}
