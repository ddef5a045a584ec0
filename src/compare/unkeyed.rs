//! Rows of a table without a key: the hash of a whole row identifies it, and how often it occurs is compared.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join;

use super::bisect::{Failure, Search, TablePair};
use super::checksum::Checksum;
use super::database::Database;
use super::row_differences::{RowDifferences, RowKey};
use super::sql::{RowSource, WithHashes};

/// How many rows one group of hashes should have. A group is all hashes with the same first digits.
const ROWS_PER_GROUP: u64 = 500;
/// The digits of the smallest groups, of which there are 65,536.
const MAX_DIGITS: u32 = 4;
/// If more groups differ, the rows of none are read.
const MAX_GROUPS: usize = 500;

/// Finds the rows that one side has more often. Each table, which has at most about `rows` rows, is read twice.
pub(super) async fn search(pair: &TablePair<'_>, search: &Search, rows: u64) -> Result<(), Failure> {
    let digits = (1..MAX_DIGITS).find(|digits| rows / ROWS_PER_GROUP < 16_u64.pow(*digits)).unwrap_or(MAX_DIGITS);
    let (source, target) = try_join(groups(pair.source, digits), groups(pair.target, digits)).await?;
    let all: BTreeSet<&String> = source.keys().chain(target.keys()).collect();
    let differing: Vec<String> = all.into_iter().filter(|one| source.get(*one) != target.get(*one)).cloned().collect();
    if differing.len() > MAX_GROUPS {
        search.record(|found| found.more = true);
        return Ok(());
    }
    let hashes = WithHashes::Starting(digits, &differing);
    let (source, target) = try_join(occurrences(pair.source, hashes), occurrences(pair.target, hashes)).await?;
    search.record(|found| add(found, &source, &target, pair.max_rows));
    Ok(())
}

/// The rows that differ.
pub(super) struct Suspects {
    hashes: Vec<String>,
    /// How often each occurred on the source.
    before: Vec<u64>,
}

/// Returns the rows that differ, unless some are unknown.
pub(super) fn known(found: &RowDifferences) -> Option<Suspects> {
    let keys = || found.missing_keys.iter().chain(&found.additional_keys);
    let hashes: Vec<String> = keys().filter_map(|key| key.0.first().cloned()).collect();
    let before: Vec<u64> = keys().filter_map(|key| key.0.get(1)?.parse().ok()).collect();
    let is_complete = found.key_columns.is_empty() && !found.more && !hashes.is_empty();
    (is_complete && hashes.len() == before.len()).then_some(Suspects { hashes, before })
}

/// Compares again how often these rows occur. `None`: one of them was changed or deleted on the source in the meantime,
/// and what became of it has another hash.
pub(super) async fn again(pair: &TablePair<'_>, suspects: &Suspects) -> Result<Option<RowDifferences>, Failure> {
    let hashes = WithHashes::Equal(&suspects.hashes);
    let (source, target) = try_join(occurrences(pair.source, hashes), occurrences(pair.target, hashes)).await?;
    let is_less = |(hash, before): (&String, &u64)| source.get(hash).copied().unwrap_or_default() < *before;
    if suspects.hashes.iter().zip(&suspects.before).any(is_less) {
        return Ok(None);
    }
    let mut found = RowDifferences::default();
    add(&mut found, &source, &target, usize::MAX);
    Ok(Some(found))
}

/// How often each hash occurs.
type Occurrences = BTreeMap<String, u64>;

fn add(found: &mut RowDifferences, source: &Occurrences, target: &Occurrences, max_rows: usize) {
    let all: BTreeSet<&String> = source.keys().chain(target.keys()).collect();
    for hash in all {
        let count = |side: &Occurrences| side.get(hash).copied().unwrap_or_default();
        let (here, there) = (count(source), count(target));
        let (total, keys) = match here.cmp(&there) {
            std::cmp::Ordering::Equal => continue,
            std::cmp::Ordering::Greater => (&mut found.missing, &mut found.missing_keys),
            std::cmp::Ordering::Less => (&mut found.additional, &mut found.additional_keys),
        };
        *total += here.abs_diff(there);
        if keys.len() < max_rows {
            keys.push(RowKey(vec![hash.clone(), here.to_string()]));
        } else {
            found.more = true;
        }
    }
}

async fn groups(
    (database, row_source): (&Database, &RowSource),
    digits: u32,
) -> Result<BTreeMap<String, Checksum>, Failure> {
    let failed = |error| (database.side(), error);
    let rows = database.rows(&row_source.groups(digits)).await.map_err(failed)?;
    rows.iter().map(|row| Ok((row.get(0), Checksum::read(row, 1).map_err(failed)?))).collect()
}

async fn occurrences(
    (database, row_source): (&Database, &RowSource),
    hashes: WithHashes<'_>,
) -> Result<Occurrences, Failure> {
    let rows = database.rows(&row_source.occurrences(hashes)).await.map_err(|error| (database.side(), error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrences(list: &[(&str, u64)]) -> Occurrences {
        list.iter().map(|(hash, count)| ((*hash).to_owned(), *count)).collect()
    }

    #[test]
    fn each_occurrence_counts_and_each_hash_is_known_once() {
        let mut found = RowDifferences::default();
        let source = occurrences(&[("a", 5), ("b", 1), ("c", 2)]);
        let target = occurrences(&[("a", 2), ("b", 1), ("d", 4)]);
        add(&mut found, &source, &target, 10);
        assert_eq!((found.missing, found.additional, found.differing), (5, 4, 0));
        let suspects = known(&found).expect("all are known");
        assert_eq!(
            (suspects.hashes.as_slice(), suspects.before),
            (["a", "c", "d"].map(String::from).as_slice(), vec![5, 2, 0])
        );
        add(&mut found, &occurrences(&[("e", 1)]), &occurrences(&[]), 2);
        assert!(known(&found).is_none(), "there are more than are kept");
    }
}
