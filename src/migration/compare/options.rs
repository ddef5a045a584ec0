//! What to compare, and how gently.

use std::time::Duration;

use super::pattern::Pattern;

/// How two databases are compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tables that are compared; none means all of them.
    pub include: Vec<Pattern>,
    /// Tables that are not.
    pub exclude: Vec<Pattern>,
    /// The schema in which DMS keeps its control tables, which is left out.
    pub control_schema: Option<String>,
    /// Queries that run at the same time on each side. One more connection keeps the snapshot.
    pub connections: usize,
    /// Rows that one query hashes.
    pub chunk_rows: u64,
    /// How long one query may take; none means as long as it takes.
    pub statement_timeout: Option<Duration>,
    /// How long a query may wait for a lock; none means as long as it takes.
    pub lock_timeout: Option<Duration>,
    /// How many missing, additional and differing rows of a table are looked for one by one.
    pub most_rows: usize,
    /// Whether the keys of those rows are in the result. Keys are data: somebody has to ask for them.
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
            most_rows: 20,
            keys: false,
        }
    }
}

impl Options {
    /// Returns whether a table is compared. The tables that DMS makes for itself never are: the control schema, and `awsdms_…` on both sides
    /// ("Control table task settings" and "Using a PostgreSQL database as a source", AWS DMS user guide).
    pub fn covers(&self, schema: &str, table: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(schema, table));
        let of_dms = self.control_schema.as_deref() == Some(schema) || table.starts_with("awsdms_");
        !of_dms && (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_chosen_as_dms_chooses_them() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let options = Options {
            include: patterns(&["public.%", "sales.order%"]),
            exclude: patterns(&["public.tmp%"]),
            control_schema: Some("dms_control".into()),
            ..Options::default()
        };
        assert!(options.covers("public", "payments") && options.covers("sales", "orders"));
        assert!(!options.covers("sales", "customers") && !options.covers("public", "tmp1") && !options.covers("public", "awsdms_ddl_audit"));
        assert!(!Options { include: Vec::new(), ..options }.covers("dms_control", "anything"));
        assert!(Options::default().covers("dms_control", "mine"));
    }
}
