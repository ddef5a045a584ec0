//! The options of a comparison: the tables, and the load on the servers.

use std::time::Duration;

use super::table_filter::TablePattern;

/// The options of a comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// The tables to compare. If empty, all tables are compared.
    pub include: Vec<TablePattern>,
    /// The tables to exclude.
    pub exclude: Vec<TablePattern>,
    /// The schema of the control tables of DMS, which is excluded.
    pub control_schema: Option<String>,
    /// The number of concurrent queries on each side. One additional connection keeps the snapshot.
    pub connections: usize,
    /// The number of rows that one query hashes.
    pub chunk_rows: u64,
    /// The time limit of one query; `None` means no limit.
    pub statement_timeout: Option<Duration>,
    /// The time limit for waiting for a lock; `None` means no limit.
    pub lock_timeout: Option<Duration>,
    /// The number of missing, of additional and of differing rows per table after which the search ends.
    pub max_rows_per_table: usize,
    /// Whether the result contains the keys of these rows. Keys are data, so this is off by default.
    pub keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            control_schema: None,
            connections: 4,
            chunk_rows: 50_000,
            statement_timeout: Some(Duration::from_mins(15)),
            lock_timeout: Some(Duration::from_secs(30)),
            max_rows_per_table: 20,
            keys: false,
        }
    }
}

impl Options {
    /// Returns whether a table is compared. The tables of DMS itself are always excluded: the control schema, and
    /// `awsdms_…` on both sides ("Control table task settings" and "Using a PostgreSQL database as a source", AWS DMS
    /// user guide).
    pub fn covers(&self, schema: &str, table: &str) -> bool {
        let any = |patterns: &[TablePattern]| patterns.iter().any(|pattern| pattern.matches(schema, table));
        let of_dms = self.control_schema.as_deref() == Some(schema) || table.starts_with("awsdms_");
        !of_dms && (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_selected_as_in_dms() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let options = Options {
            include: patterns(&["public.%", "sales.order%"]),
            exclude: patterns(&["public.tmp%"]),
            control_schema: Some("dms_control".into()),
            ..Options::default()
        };
        assert!(options.covers("public", "payments") && options.covers("sales", "orders"));
        assert!(
            !options.covers("sales", "customers")
                && !options.covers("public", "tmp1")
                && !options.covers("public", "awsdms_ddl_audit")
        );
        assert!(!Options { include: Vec::new(), ..options }.covers("dms_control", "anything"));
        assert!(Options::default().covers("dms_control", "mine"));
    }
}
