//! Damaged objects.

/// Placeholder
pub fn malformed(_seed: u64, _count: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    std::iter::empty()
}
