//! The end of the search: a few keys and hashes of each side, told apart.

use std::collections::BTreeMap;

use super::range::Key;

/// The keys of rows, by what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) missing: Vec<Key>,
    pub(super) additional: Vec<Key>,
    pub(super) differing: Vec<Key>,
}

/// Tells which rows are missing, additional or different. A key that is there several times, which a target without a primary key allows,
/// counts as often.
pub(super) fn sort(source: Vec<(Key, String)>, target: Vec<(Key, String)>) -> Sorted {
    let mut by_key: BTreeMap<Key, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (key, hash) in source {
        by_key.entry(key).or_default().0.push(hash);
    }
    for (key, hash) in target {
        by_key.entry(key).or_default().1.push(hash);
    }
    let mut sorted = Sorted::default();
    for (key, (mut here, mut there)) in by_key {
        // What both have, as often as both have it, is fine.
        here.retain(|hash| match there.iter().position(|other| other == hash) {
            Some(at) => {
                there.swap_remove(at);
                false
            }
            None => true,
        });
        let differing = here.len().min(there.len());
        let times = |list: &mut Vec<Key>, count: usize| list.extend(std::iter::repeat_n(key.clone(), count));
        times(&mut sorted.differing, differing);
        times(&mut sorted.missing, here.len() - differing);
        times(&mut sorted.additional, there.len() - differing);
    }
    sorted
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
    fn rows_are_told_apart_by_key_and_hash() {
        let sorted = sort(rows(&[("a", "1"), ("b", "2"), ("c", "3")]), rows(&[("d", "4"), ("c", "x"), ("a", "1")]));
        assert_eq!(sorted, Sorted { missing: keys(&["b"]), additional: keys(&["d"]), differing: keys(&["c"]) });
    }

    #[test]
    fn a_key_that_is_there_twice_is_additional_once() {
        let sorted = sort(rows(&[("a", "1"), ("b", "2")]), rows(&[("a", "1"), ("a", "1"), ("b", "3"), ("b", "4")]));
        assert_eq!(sorted, Sorted { additional: keys(&["a", "b"]), differing: keys(&["b"]), ..Sorted::default() });
        assert_eq!(sort(rows(&[("a", "1"), ("a", "2")]), rows(&[("a", "2"), ("a", "1")])), Sorted::default());
    }
}
