//! Compares rows that differed again, after changes had time to arrive.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join;

use super::bisect::{Failure, key};
use super::database::Database;
use super::range::Key;
use super::row_diff::diff_rows;
use super::row_differences::RowDifferences;
use super::sql::RowSource;
use super::table::{RowsOutcome, TableComparison};
use super::unkeyed;

/// The number of rows that one query reads. Each column of a key is one of at most 65,535 values.
const KEYS_PER_QUERY: usize = 500;

/// What the source had at each look, as the sorted hashes of the rows with one key. No hash: there was no such row.
///
/// A row that is changed all the time is different at each look, however fast its changes arrive. If the target has
/// what the source had at an earlier look of this comparison, the changes until then have arrived.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<Key, BTreeSet<Vec<String>>>);

impl Seen {
    /// Adds a look at rows with these keys, and removes those from both sides that have arrived.
    fn remove_arrived(&mut self, keys: &[Key], source: &mut Vec<(Key, String)>, target: &mut Vec<(Key, String)>) {
        let (mut here, mut there) = (by_key(source), by_key(target));
        let mut arrived = BTreeSet::new();
        for key in keys {
            let seen = self.0.entry(key.clone()).or_default();
            seen.insert(here.remove(key).unwrap_or_default());
            if seen.contains(&there.remove(key).unwrap_or_default()) {
                arrived.insert(key);
            }
        }
        for side in [source, target] {
            side.retain(|(key, _)| !arrived.contains(key));
        }
    }
}

/// Returns the sorted hashes of the rows with each key.
fn by_key(rows: &[(Key, String)]) -> BTreeMap<Key, Vec<String>> {
    let mut all: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for (key, hash) in rows {
        all.entry(key.clone()).or_default().push(hash.clone());
    }
    for hashes in all.values_mut() {
        hashes.sort();
    }
    all
}

/// Compares the rows of a table again that differed. If not all of them are known, the whole table is compared.
pub(super) async fn again(comparison: &TableComparison<'_>, before: RowsOutcome, seen: &mut Seen) -> RowsOutcome {
    let found = match (before.found.all_keys(), unkeyed::known(&before.found)) {
        (Some(keys), _) => differences(comparison, &keys, seen).await,
        (None, Some(suspects)) => match unkeyed::again(&comparison.pair(&comparison.row_sources()), &suspects).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => return comparison.rows().await,
            Err(failure) => Err(failure),
        },
        (None, None) => return comparison.rows().await,
    };
    match found {
        Ok(mut found) => {
            found.key_columns.clone_from(&before.found.key_columns);
            found.chunks = if found.any() { before.found.chunks } else { 0 };
            // The numbers are those of the first comparison, apart from the rows that were compared again.
            let target = before.source.map(|rows| (rows + found.additional).saturating_sub(found.missing));
            RowsOutcome { target, found, ..before }
        }
        Err(failure) => RowsOutcome { failure: Some(failure), ..before },
    }
}

async fn differences(
    comparison: &TableComparison<'_>,
    keys: &[Key],
    seen: &mut Seen,
) -> Result<RowDifferences, Failure> {
    let sources = comparison.row_sources();
    let mut found = RowDifferences::default();
    for keys in keys.chunks(KEYS_PER_QUERY) {
        let (mut source, mut target) = try_join(
            rows((comparison.databases.0, &sources.0), keys),
            rows((comparison.databases.1, &sources.1), keys),
        )
        .await?;
        seen.remove_arrived(keys, &mut source, &mut target);
        found.add(diff_rows(source, target), usize::MAX);
    }
    Ok(found)
}

/// Returns the rows with these keys.
async fn rows((database, source): (&Database, &RowSource), keys: &[Key]) -> Result<Vec<(Key, String)>, Failure> {
    let rows = database.rows(&source.rows_of(keys)).await.map_err(|error| (database.side(), error))?;
    let rows = rows.iter().map(|row| (key(row, source), row.get(source.key.len())));
    Ok(rows.filter(|(key, _)| keys.contains(key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(&str, &str)]) -> Vec<(Key, String)> {
        list.iter().map(|(key, hash)| (vec![(*key).to_owned()], (*hash).to_owned())).collect()
    }

    /// Returns what is left of both sides after one look at the keys "a" and "b".
    fn look(seen: &mut Seen, source: &[(&str, &str)], target: &[(&str, &str)]) -> (usize, usize) {
        let keys = [vec!["a".to_owned()], vec!["b".to_owned()]];
        let (mut source, mut target) = (rows(source), rows(target));
        seen.remove_arrived(&keys, &mut source, &mut target);
        (source.len(), target.len())
    }

    #[test]
    fn a_row_that_is_changed_all_the_time_was_different() {
        let mut seen = Seen::default();
        assert_eq!(look(&mut seen, &[("a", "2"), ("b", "1")], &[("a", "1"), ("b", "0")]), (2, 2));
        assert_eq!(look(&mut seen, &[("a", "3"), ("b", "1")], &[("a", "2"), ("b", "0")]), (1, 1), "`a` has arrived");
        assert_eq!(look(&mut seen, &[("a", "3"), ("b", "1")], &[("a", "3"), ("b", "1")]), (0, 0));
    }

    #[test]
    fn a_value_that_the_source_never_had_is_different_at_each_look() {
        let mut seen = Seen::default();
        for value in ["2", "3", "4"] {
            assert_eq!(look(&mut seen, &[("a", value)], &[("a", "1")]), (1, 1));
        }
    }

    #[test]
    fn a_row_that_comes_and_goes_arrives_too() {
        let mut seen = Seen::default();
        assert_eq!(look(&mut seen, &[], &[("a", "1"), ("b", "1")]), (0, 2));
        assert_eq!(look(&mut seen, &[("a", "2"), ("b", "2")], &[("b", "1")]), (1, 1), "`a` was deleted, and is new");
    }

    #[test]
    fn each_of_several_rows_with_one_key_counts() {
        let mut seen = Seen::default();
        assert_eq!(look(&mut seen, &[("a", "1"), ("a", "2")], &[("a", "2"), ("a", "1")]), (0, 0));
        assert_eq!(look(&mut seen, &[("a", "1")], &[("a", "1"), ("a", "1")]), (1, 2));
    }
}
