//! Compares the rows of a small chunk by key and hash.

use std::collections::BTreeMap;

use super::range::Key;

/// The keys of the rows that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowDiff {
    pub(super) missing: Vec<Key>,
    pub(super) additional: Vec<Key>,
    pub(super) differing: Vec<Key>,
}

/// Returns which rows are missing, additional or different. A key can occur several times in a target without a primary
/// key; each occurrence counts.
pub(super) fn diff_rows(source: Vec<(Key, String)>, target: Vec<(Key, String)>) -> RowDiff {
    let mut by_key: BTreeMap<Key, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (key, hash) in source {
        by_key.entry(key).or_default().0.push(hash);
    }
    for (key, hash) in target {
        by_key.entry(key).or_default().1.push(hash);
    }
    let mut diff = RowDiff::default();
    for (key, (mut here, mut there)) in by_key {
        // Remove pairs of equal rows, one from each side.
        here.retain(|hash| match there.iter().position(|other| other == hash) {
            Some(at) => {
                there.swap_remove(at);
                false
            }
            None => true,
        });
        let differing = here.len().min(there.len());
        let times = |list: &mut Vec<Key>, count: usize| list.extend(std::iter::repeat_n(key.clone(), count));
        times(&mut diff.differing, differing);
        times(&mut diff.missing, here.len() - differing);
        times(&mut diff.additional, there.len() - differing);
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(&str, &str)]) -> Vec<(Key, String)> {
        list.iter().map(|(key, hash)| (vec![(*key).to_owned()], (*hash).to_owned())).collect()
    }

    fn keys(list: &[&str]) -> Vec<Key> {
        list.iter().map(|key| vec![(*key).to_owned()]).collect()
    }

    #[test]
    fn rows_are_compared_by_key_and_hash() {
        let diff = diff_rows(rows(&[("a", "1"), ("b", "2"), ("c", "3")]), rows(&[("d", "4"), ("c", "x"), ("a", "1")]));
        assert_eq!(diff, RowDiff { missing: keys(&["b"]), additional: keys(&["d"]), differing: keys(&["c"]) });
    }

    #[test]
    fn a_key_that_occurs_twice_is_additional_once() {
        let diff = diff_rows(rows(&[("a", "1"), ("b", "2")]), rows(&[("a", "1"), ("a", "1"), ("b", "3"), ("b", "4")]));
        assert_eq!(diff, RowDiff { additional: keys(&["a", "b"]), differing: keys(&["b"]), ..RowDiff::default() });
        assert_eq!(diff_rows(rows(&[("a", "1"), ("a", "2")]), rows(&[("a", "2"), ("a", "1")])), RowDiff::default());
    }
}
