//! The comparison of the databases of a replication, and what is recorded of it.

use infra_base::clock::timestamp;
use std::collections::BTreeMap;

use infra_compare::{Comparison, Endpoint, Options, TablePattern, TablePatternError, TableResult, Verdict};
use infra_config::{Config, EnvironmentConfig, Side, Strategy};
use infra_database::changes::{self, Point};
use infra_database::{Database, HELPER_SCHEMA, TableName};
use infra_migration::topology::Replication;
use infra_migration::validation::Validation;

/// How often rows that differ are compared again while the task replicates changes, unless the user says otherwise.
pub const RECHECK_TIMES: u32 = 3;

/// What is known of the primary before a comparison. If that finds all rows equal, the switchover needs to compare only
/// what has changed since.
#[derive(Clone, Debug)]
pub struct Beginning {
    at: String,
    primary: Side,
    point: Point,
    sizes: BTreeMap<TableName, u64>,
}

impl Beginning {
    /// Reads it. `None` if that is not possible: the comparison does not need it.
    pub async fn read(primary: Side, source: &Endpoint, target: &Endpoint) -> Option<Self> {
        let endpoint = if primary == Side::Source { source } else { target };
        let at = timestamp();
        let connection = infra_connect::open(endpoint, primary.as_str()).await.ok()?;
        let database = Database::new(primary.as_str(), connection.client());
        let point = changes::point(database).await.ok()?;
        let sizes = changes::sizes(database).await.ok()?;
        Some(Self { at, primary, point, sizes })
    }

    /// Returns what is recorded if all rows are equal.
    pub fn validation(
        &self,
        config: &Config,
        replication: &Replication,
        comparison: &Comparison,
    ) -> Option<Validation> {
        // DMS does not carry updates to a table without a key. What a switchover does not compare again proves nothing
        // later.
        let has_switchover = config.strategy().is_some_and(Strategy::has_switchover);
        let largest = u64::from(config.cutover.largest_compared_mb) * 1024 * 1024;
        let is_small = |table: &&TableResult| {
            let name = TableName::new(&table.schema, &table.table);
            has_switchover && self.sizes.get(&name).is_some_and(|bytes| *bytes <= largest)
        };
        let name = |table: &TableResult| format!("{}.{}", table.schema, table.table);
        let tables = || comparison.tables.iter().filter(is_small).map(name).collect();
        (comparison.data == Verdict::Equal).then(|| Validation {
            at: self.at.clone(),
            primary: self.primary,
            task: replication.task.clone(),
            point: self.point.clone(),
            milliseconds: comparison.milliseconds,
            bytes: self.sizes.values().sum(),
            tables: tables(),
        })
    }
}

/// Returns the options of a comparison of the tables that are replicated into an environment.
///
/// # Errors
/// A pattern of `replication.tables` or `replication.excluded_tables` cannot be read.
pub fn options(environment: &EnvironmentConfig, limits: &Options) -> Result<Options, TablePatternError> {
    let replication = &environment.replication;
    let patterns =
        |texts: &[String]| texts.iter().map(|text| text.parse::<TablePattern>()).collect::<Result<Vec<_>, _>>();
    let excluded = [&replication.excluded_tables[..], &[format!("{HELPER_SCHEMA}.%")]].concat();
    Ok(Options {
        include: patterns(&replication.tables)?,
        exclude: patterns(&excluded)?,
        is_replicated: true,
        control_schema: Some(replication.control_schema.clone()),
        ..limits.clone()
    })
}
