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
    /// The number of concurrent queries on each side. One additional connection keeps the snapshot. If the server
    /// allows fewer connections, fewer are used.
    pub connections: usize,
    /// The number of rows that one query hashes.
    pub chunk_rows: u64,
    /// The time limit of one query; `None` means no limit.
    pub statement_timeout: Option<Duration>,
    /// The time limit for waiting for a lock; `None` means no limit.
    pub lock_timeout: Option<Duration>,
    /// How long a connection can stay silent before another one examines whether the server still works on the query.
    /// A connection that is found to be stalled ends the comparison of what is left on this side.
    pub silence: Duration,
    /// The number of missing, of additional and of differing rows per table after which the search ends.
    pub max_rows_per_table: usize,
    /// Whether large objects are compared. All of them are, whatever tables are selected.
    pub large_objects: bool,
    /// How long to wait before rows that differ are compared again, so that changes can arrive. See `recheck_times`.
    pub recheck_after: Duration,
    /// How often rows that differ are compared again. A row counts as different if it differs each time, also from
    /// what the source had at an earlier look.
    pub recheck_times: u32,
    /// Whether a replication writes one of the databases. What it needs to do so is then a note and not a difference.
    pub is_replicated: bool,
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
            silence: Duration::from_secs(20),
            max_rows_per_table: 20,
            large_objects: true,
            recheck_after: Duration::from_secs(10),
            recheck_times: 0,
            is_replicated: false,
            keys: false,
        }
    }
}

impl Options {
    /// Returns whether a table is compared. The tables of DMS itself are always excluded: the control schema, and
    /// `awsdms_…` on both sides ("Control table task settings" and "Using a PostgreSQL database as a source", AWS DMS
    /// user guide).
    pub fn covers(&self, schema: &str, table: &str) -> bool {
        let is_included = || self.include.iter().any(|pattern| pattern.matches(schema, table));
        (self.include.is_empty() || is_included()) && !self.excludes(schema, table)
    }

    /// Returns the number of rows of each type that are searched in a table. Those that are compared again must be
    /// known, also if they are not shown.
    pub(super) fn rows_searched(&self) -> usize {
        const ROWS_TO_COMPARE_AGAIN: usize = 10_000;
        if self.recheck_times > 0 {
            self.max_rows_per_table.max(ROWS_TO_COMPARE_AGAIN)
        } else {
            self.max_rows_per_table
        }
    }

    /// Returns whether a table or another object is excluded by its name.
    pub(super) fn excludes(&self, schema: &str, name: &str) -> bool {
        let of_dms = self.control_schema.as_deref() == Some(schema) || name.starts_with("awsdms_");
        of_dms || self.exclude.iter().any(|pattern| pattern.matches(schema, name))
    }

    /// Returns whether an object that belongs to no table, such as a function, is compared: patterns for tables select
    /// the schemas of such objects.
    pub(super) fn covers_object(&self, schema: &str, name: &str) -> bool {
        let is_included = || self.include.iter().any(|pattern| pattern.matches_schema(schema));
        (self.include.is_empty() || is_included()) && !self.excludes(schema, name)
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
