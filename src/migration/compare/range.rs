//! A piece of a table: the rows between two keys.

/// The key of a row: the text of each of its columns, in the order of the primary key.
pub(super) type Key = Vec<String>;

/// Rows with a key above one and up to another, which belongs to it. Pieces that follow each other leave nothing out and overlap nowhere,
/// and the first and the last are open, so that rows which only one side has are in one of them, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// Rows above it; none means from the first.
    pub(super) above: Option<Key>,
    /// Rows up to it; none means to the last.
    pub(super) upto: Option<Key>,
}

impl Range {
    /// Divides it. The cuts rise, and lie within.
    pub(super) fn divided(&self, cuts: &[Key]) -> Vec<Self> {
        let lower = std::iter::once(self.above.clone()).chain(cuts.iter().cloned().map(Some));
        let upper = cuts.iter().cloned().map(Some).chain(std::iter::once(self.upto.clone()));
        lower.zip(upper).map(|(above, upto)| Self { above, upto }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_range_touch_each_other_and_keep_its_ends() {
        let key = |text: &str| Some(vec![text.to_owned()]);
        let range = Range { above: key("a"), upto: None };
        let pieces = range.divided(&[vec!["b".into()], vec!["c".into()]]);
        let expected = [(key("a"), key("b")), (key("b"), key("c")), (key("c"), None)];
        assert_eq!(pieces, expected.map(|(above, upto)| Range { above, upto }));
        assert_eq!(range.divided(&[]), std::slice::from_ref(&range));
    }
}
