//! A part of a table: the rows between two keys.

/// The key of a row: the text of each column, in the order of the primary key.
pub(super) type Key = Vec<String>;

/// The rows with a key above `above`, up to and including `up_to`. Consecutive ranges have no gaps and do not overlap.
/// The first and the last range are open, so that every row that only one side has is in a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// The exclusive lower bound; `None` means from the first row.
    pub(super) above: Option<Key>,
    /// The inclusive upper bound; `None` means to the last row.
    pub(super) up_to: Option<Key>,
}

impl Range {
    /// Splits the range at keys, which must be in ascending order and inside of the range.
    pub(super) fn split(&self, keys: &[Key]) -> Vec<Self> {
        let lower = std::iter::once(self.above.clone()).chain(keys.iter().cloned().map(Some));
        let upper = keys.iter().cloned().map(Some).chain(std::iter::once(self.up_to.clone()));
        lower.zip(upper).map(|(above, up_to)| Self { above, up_to }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_range_are_adjacent_and_keep_its_ends() {
        let key = |text: &str| Some(vec![text.to_owned()]);
        let range = Range { above: key("a"), up_to: None };
        let parts = range.split(&[vec!["b".into()], vec!["c".into()]]);
        let expected = [(key("a"), key("b")), (key("b"), key("c")), (key("c"), None)];
        assert_eq!(parts, expected.map(|(above, up_to)| Range { above, up_to }));
        assert_eq!(range.split(&[]), std::slice::from_ref(&range));
    }
}
