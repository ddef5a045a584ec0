//! Compares rows that differed again, after changes had time to arrive.

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

/// Compares the rows of a table again that differed. If not all of them are known, the whole table is compared.
pub(super) async fn again(comparison: &TableComparison<'_>, before: RowsOutcome) -> RowsOutcome {
    let found = match (before.found.all_keys(), unkeyed::known(&before.found)) {
        (Some(keys), _) => differences(comparison, &keys).await,
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

async fn differences(comparison: &TableComparison<'_>, keys: &[Key]) -> Result<RowDifferences, Failure> {
    let sources = comparison.row_sources();
    let mut found = RowDifferences::default();
    for keys in keys.chunks(KEYS_PER_QUERY) {
        let (source, target) = try_join(
            rows((comparison.databases.0, &sources.0), keys),
            rows((comparison.databases.1, &sources.1), keys),
        )
        .await?;
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
