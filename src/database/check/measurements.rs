//! What was measured, and the settings of a task that follow.

use infra_connect::TableName;
use serde::{Deserialize, Serialize};

use super::catalog::Table;
use super::finding::{Findings, Topic};
use super::size::size;
use crate::database::Database;

/// A column with values above [`super::Limits::wide_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WideColumn {
    /// The table.
    pub table: TableName,
    /// The column.
    pub column: String,
    /// The size of its largest value, in bytes.
    pub bytes: u64,
    /// Whether DMS counts it in units of two bytes.
    pub is_text: bool,
    /// Whether only a part of the table was measured.
    pub is_sample: bool,
}

/// How large values are to be migrated ("Setting LOB support for source databases in an AWS DMS task").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lobs {
    /// No column is a LOB for DMS.
    #[default]
    None,
    /// Limited LOB mode.
    Limited {
        /// `LobMaxSize`.
        kilobytes: u32,
    },
    /// Full LOB mode: the largest value is above the largest recommended `LobMaxSize`.
    Full,
}

/// Whether changes can be applied in batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchApply {
    /// They can.
    Possible,
    /// They must be applied one by one.
    Impossible {
        /// Why.
        reasons: Vec<String>,
    },
}

impl Default for BatchApply {
    fn default() -> Self {
        Self::Impossible { reasons: Vec::new() }
    }
}

/// What was measured in the source, and the settings that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurements {
    /// The size of the database with indexes, in bytes.
    pub database_bytes: u64,
    /// The number of tables, without parents of partitions.
    pub tables: usize,
    /// Columns with large values.
    pub wide_columns: Vec<WideColumn>,
    /// Tables of which only a sample was measured.
    pub sampled: Vec<TableName>,
    /// The LOB mode.
    pub lobs: Lobs,
    /// Whether batch apply is possible.
    pub batch_apply: BatchApply,
    /// Tables to exclude from the replication: the parents of partitions.
    pub excluded: Vec<TableName>,
    /// Partitions, which are replicated themselves.
    pub partitions: Vec<TableName>,
    /// Tables without a primary key.
    pub without_key: Vec<TableName>,
    /// Tables with a unique index beside their primary key.
    pub unique_beside_key: Vec<TableName>,
    /// Columns that the table mappings must remove, because the target computes them.
    pub generated_columns: Vec<(TableName, String)>,
    /// Columns that are LOBs for DMS and refuse NULL. In full LOB mode, DMS writes a row before its LOBs, so that they
    /// must allow it.
    pub required_lobs: Vec<(TableName, String)>,
    /// Whether the endpoints need `MapUnboundedNumericAsString`.
    pub exact_numeric: bool,
    /// The size of the largest value, in bytes, that `unboundedVarcharMaxSize` concerns.
    pub varchar_bytes: u64,
    pub(super) has_lobs: bool,
    /// What `LobMaxSize` must be at least, in bytes.
    pub(super) largest_lob: u64,
    pub(super) lobs_without_key: bool,
}

/// "The maximum recommended value for LobMaxSize is 102400 kilobytes (100 MB)" ("Target metadata task settings").
const LARGEST_KILOBYTES: u64 = 102_400;

/// `LobMaxSize` of a task without settings.
const SMALLEST_KILOBYTES: u64 = 32;

/// Derives the settings from what was measured.
pub(super) fn derive(tables: &[Table], measurements: &mut Measurements) {
    measurements.lobs = match (measurements.has_lobs || has_lob_columns(tables), measurements.largest_lob) {
        (false, _) => Lobs::None,
        (true, bytes) => lobs(bytes),
    };
    let mut reasons = Vec::new();
    let named = |tables: &[TableName]| tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !measurements.unique_beside_key.is_empty() {
        let names = named(&measurements.unique_beside_key);
        reasons.push(format!("tables with a unique constraint beside their primary key: {names}"));
    }
    if !measurements.without_key.is_empty() {
        reasons.push(format!("tables without a primary key: {}", named(&measurements.without_key)));
    }
    if measurements.lobs == Lobs::Full {
        // "When LOB columns are included in the replication, you can use BatchApplyEnabled only in limited LOB mode".
        reasons.push("full LOB mode".to_owned());
    }
    measurements.batch_apply =
        if reasons.is_empty() { BatchApply::Possible } else { BatchApply::Impossible { reasons } };
}

fn has_lob_columns(tables: &[Table]) -> bool {
    use super::columns::Transfer;
    let mut columns = tables.iter().flat_map(|table| &table.columns);
    columns.any(|column| matches!(Transfer::of(column), Transfer::LargeText | Transfer::LargeBytes))
}

/// Twice what was measured, as a power of two, because values grow while the replication runs.
fn lobs(bytes: u64) -> Lobs {
    let needed = bytes.div_ceil(1024);
    if needed > LARGEST_KILOBYTES {
        return Lobs::Full;
    }
    let wanted = (2 * needed).next_power_of_two().clamp(SMALLEST_KILOBYTES, LARGEST_KILOBYTES);
    Lobs::Limited { kilobytes: u32::try_from(wanted).unwrap_or(u32::MAX) }
}

/// Reports what was derived.
pub(super) fn report(source: Database<'_>, measurements: &Measurements, findings: &mut Findings) {
    let side = source.label();
    match measurements.lobs {
        Lobs::None => findings.pass(Topic::WideColumns, side, "no column is a LOB for DMS"),
        Lobs::Limited { kilobytes } => {
            let largest = size(measurements.largest_lob);
            let what = format!("limited LOB mode with {kilobytes} KB is enough: DMS counts up to {largest}");
            findings.pass(Topic::WideColumns, side, what);
        }
        Lobs::Full => {
            let action = "use full LOB mode and expect a slow load; or keep such values elsewhere";
            findings.warn(Topic::WideColumns, side, "LOB mode", "limited LOB mode is not enough", action);
        }
    }
    if measurements.lobs_without_key && measurements.lobs == Lobs::Full {
        let action = "add a primary key: full LOB mode looks up each value by its key";
        findings.fail(Topic::WideColumns, side, "LOB mode", "tables with LOBs have no primary key", action);
    }
    match &measurements.batch_apply {
        BatchApply::Possible => findings.pass(Topic::BatchApply, side, "batch apply is possible"),
        BatchApply::Impossible { reasons } => {
            findings.pass(Topic::BatchApply, side, format!("off, because of {}", reasons.join("; ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lobs, lobs};

    #[test]
    fn the_lob_size_leaves_room_to_grow_up_to_the_recommended_maximum() {
        let kilobytes = |bytes| match lobs(bytes) {
            Lobs::Limited { kilobytes } => kilobytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(kilobytes(0), 32);
        assert_eq!(kilobytes(16 * 1024), 32);
        assert_eq!(kilobytes(16 * 1024 + 1), 64);
        assert_eq!(kilobytes(200_000), 512);
        assert_eq!(kilobytes(102_400 * 1024), 102_400);
        assert_eq!(lobs(102_400 * 1024 + 1), Lobs::Full);
        assert_eq!(lobs(u64::MAX), Lobs::Full);
    }
}
