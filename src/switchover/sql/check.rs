//! Row 5: what changed since the last validation is equal.

use infra_database::changes::{self, Point, Rows};
use infra_database::{Database, TableName};

use super::error::{CountDifference, Error};
use crate::evidence::Checked;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The point on the old database when both were found equal; `None` without such a point.
    pub validated: Option<&'a Point>,
    /// The size up to which tables are counted, in bytes.
    pub largest_bytes: u64,
    /// Tables that are not replicated.
    pub excluded: &'a [TableName],
}

/// Counts the rows of both databases, and lists the tables that changed since the last validation. The old database is
/// drained and its changes have arrived.
///
/// *Caveats*: Equal numbers are evidence, not proof. Tables that were not counted are listed: the caller decides
/// whether one that changed needs a full comparison. The list of changes comes from statistics, see [`changes::since`].
///
/// # Errors
/// Numbers of rows differ.
pub async fn check(old: Database<'_>, new: Database<'_>, compared: Compared<'_>) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    if let Some(point) = compared.validated {
        let tables = changes::since(old, point).await?.tables.into_iter().map(|(table, _)| table);
        checked.changed = tables.filter(|table| !compared.excluded.contains(table)).collect();
    }
    let before = changes::count(old, compared.largest_bytes).await?;
    let now = changes::count(new, compared.largest_bytes).await?;
    let mut differences = Vec::new();
    for (table, rows) in before {
        if compared.excluded.contains(&table) {
            continue;
        }
        match (rows, now.get(&table).copied()) {
            (Rows::Counted(old), Some(Rows::Counted(new))) if old == new => checked.equal += 1,
            (old @ Rows::Counted(_), new @ Some(Rows::Counted(_))) | (old, new @ None) => {
                differences.push(CountDifference { table, old: Some(old), new });
            }
            _ => checked.uncounted.push(table),
        }
    }
    if differences.is_empty() { Ok(checked) } else { Err(Error::Counts(differences)) }
}
