//! Compares rows of a table on both sides.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error};

use super::plan::{Side, TablePlan};
use super::records::{Difference, Key};

/// The two connections of a comparison.
pub(super) struct Pair {
    pub source: Client,
    pub target: Client,
}

/// Rows that differ, and where the next rows begin.
pub(super) struct Partition {
    pub differences: Vec<(Key, Difference)>,
    pub rows: u64,
    pub last: Option<Key>,
}

type Hashes = BTreeMap<Key, Option<String>>;

impl Pair {
    /// Compares the next rows in the order of the key. `last` is `None` after the last row.
    pub async fn partition(&self, plan: &TablePlan, after: Option<&Key>, size: u32) -> Result<Partition, Error> {
        let (source, last) = hashes(&self.source, &plan.range(Side::Source, after, None, Some(size))).await?;
        let rows = source.len() as u64;
        // The target can have rows after the last one of the source.
        let last = if rows < u64::from(size) { None } else { last };
        let (target, _) = hashes(&self.target, &plan.range(Side::Target, after, last.as_ref(), None)).await?;
        Ok(Partition { differences: differences(&source, &target), rows, last })
    }

    /// Compares the rows with certain keys. Keys that are not in the answer are equal, or on no side.
    pub async fn keys(&self, plan: &TablePlan, keys: &[Key]) -> Result<Vec<(Key, Difference)>, Error> {
        let (source, _) = hashes(&self.source, &plan.by_keys(Side::Source, keys.iter())).await?;
        let (target, _) = hashes(&self.target, &plan.by_keys(Side::Target, keys.iter())).await?;
        Ok(differences(&source, &target))
    }

    /// Returns the columns of a row that differ, as JSON.
    pub async fn details(&self, plan: &TablePlan, key: &Key) -> Result<String, Error> {
        let columns = |client, side| {
            let query = plan.columns_by_keys(side, std::iter::once(key));
            async move { Client::query_opt(client, &query, &[]).await?.map(|row| row.try_get(1)).transpose() }
        };
        let source: Option<Vec<Option<String>>> = columns(&self.source, Side::Source).await?;
        let target: Option<Vec<Option<String>>> = columns(&self.target, Side::Target).await?;
        let (Some(source), Some(target)) = (source, target) else { return Ok("[]".to_owned()) };
        let differ: Vec<&str> = plan
            .compared_columns()
            .zip(source.iter().zip(&target))
            .filter(|(_, (source, target))| source != target)
            .map(|(column, _)| column)
            .collect();
        Ok(serde_json::Value::from(differ).to_string())
    }
}

/// Returns the hashes of the rows of a query, and the key of the last row.
async fn hashes(client: &Client, query: &str) -> Result<(Hashes, Option<Key>), Error> {
    let mut last = None;
    let mut found = Hashes::new();
    for row in client.query(query, &[]).await? {
        let key = Key(row.try_get(0)?);
        last = Some(key.clone());
        found.insert(key, row.try_get(1)?);
    }
    Ok((found, last))
}

fn differences(source: &Hashes, target: &Hashes) -> Vec<(Key, Difference)> {
    let mut found = Vec::new();
    for (key, hash) in source {
        match target.get(key) {
            None => found.push((key.clone(), Difference::MissingTarget)),
            Some(other) if other != hash => found.push((key.clone(), Difference::Record)),
            Some(_) => {}
        }
    }
    let only_target = target.keys().filter(|key| !source.contains_key(*key));
    found.extend(only_target.map(|key| (key.clone(), Difference::MissingSource)));
    found
}
