//! The sizes that batches come in.

/// A batch size: one of 1, 2, 4, 8, 16, 32, 64. A device is warmed up for each, so that none is slow the
/// first time; a batch that does not fill its bucket is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(usize);

impl Bucket {
    /// All sizes, smallest first.
    pub const ALL: [Self; 7] = [Self(1), Self(2), Self(4), Self(8), Self(16), Self(32), Self(64)];

    /// A single image.
    pub const ONE: Self = Self(1);

    /// The bucket of exactly this size; `None` where there is none.
    pub fn of_size(size: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.0 == size)
    }

    /// The smallest bucket, up to `largest`, that holds `items`; `largest` where they are too many for any.
    pub fn holding(items: usize, largest: Self) -> Self {
        Self::up_to(largest).find(|bucket| bucket.0 >= items).unwrap_or(largest)
    }

    /// The buckets up to `largest`, smallest first.
    pub fn up_to(largest: Self) -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(move |bucket| *bucket <= largest)
    }

    /// How many images it holds.
    pub const fn size(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_bucket_that_holds_the_items_is_chosen() {
        let largest = Bucket(16);
        for (items, size) in [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (9, 16), (16, 16), (17, 16), (99, 16)] {
            assert_eq!(Bucket::holding(items, largest).size(), size, "for {items} items");
        }
        assert_eq!(Bucket::of_size(3), None);
        assert_eq!(Bucket::of_size(64), Some(Bucket(64)));
    }
}
