//! What two databases have in common, and what not: rows, columns, indexes, sequences, truncated values.

use std::time::Duration;

use infra_compare::{
    Comparison, Endpoint, IndexKind, Options, SchemaDifference, SequenceDifference, Side, SslMode, TablePattern,
    compare,
};
use infra_postgres::{ConnectionInfo, Tls};
use serde::{Deserialize, Serialize};

use super::truncated::{self, TruncatedColumn};
use crate::cloud::Database;
use crate::error::Error;

/// How two databases are compared.
#[derive(Clone, Debug)]
pub struct DifferencesOptions {
    /// The schema of DMS's control tables, which is left out.
    pub control_schema: Option<String>,
    /// The number of rows of each table that are searched for truncated values.
    pub rows_per_table: usize,
    /// The number of connections to each database.
    pub connections: usize,
    /// The time limit of one query.
    pub statement_timeout: Duration,
}

impl Default for DifferencesOptions {
    fn default() -> Self {
        Self { control_schema: None, rows_per_table: 500, connections: 2, statement_timeout: Duration::from_mins(5) }
    }
}

/// The differences between two databases. Texts of them are those of `replication validate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    /// The database that the data came from.
    pub source: String,
    /// The other one.
    pub target: String,
    /// Whether everything is equal.
    pub is_equal: bool,
    /// The number of tables with equal rows and columns, including those without rows.
    pub tables_equal: u64,
    /// The tables that differ, or could not be compared, with what differs.
    pub tables_different: Vec<String>,
    /// Indexes that only the source has, apart from constraints.
    pub indexes_missing: Vec<String>,
    /// Checks and foreign keys that only the source has.
    pub constraints_missing: Vec<String>,
    /// Sequences that would assign used numbers again.
    pub sequences_behind: Vec<String>,
    /// Sequences that only the source has.
    pub sequences_missing: Vec<String>,
    /// The number of defaults that differ or are missing.
    pub defaults_different: u64,
    /// Other differences: types, functions, views, triggers, policies, privileges, partitions, large objects, and what
    /// could not be compared.
    #[serde(default)]
    pub others: Vec<String>,
    /// Columns with values that end early on the target.
    pub truncated: Vec<TruncatedColumn>,
}

/// Compares two databases.
pub async fn differences(
    source: &Database,
    target: &Database,
    options: &DifferencesOptions,
) -> Result<Differences, Error> {
    let compared = compare(
        &endpoint(&source.connection),
        &endpoint(&target.connection),
        &Options {
            control_schema: options.control_schema.clone(),
            connections: options.connections,
            statement_timeout: Some(options.statement_timeout),
            max_rows_per_table: options.rows_per_table,
            keys: true,
            exclude: "migrate_infra.%".parse::<TablePattern>().into_iter().collect(),
            ..Options::default()
        },
        &|_| (),
    )
    .await?;
    let mut differences = summarized(&compared);
    differences.source = source.id.to_string();
    differences.target = target.id.to_string();
    differences.truncated = truncated::find(&source.connection, &target.connection, &compared.tables).await?;
    Ok(differences)
}

fn summarized(compared: &Comparison) -> Differences {
    use infra_compare::Verdict::{Empty, Equal};
    let mut differences = Differences { is_equal: matches!(compared.verdict, Equal | Empty), ..Differences::default() };
    for table in &compared.tables {
        let defaults = table.schema_differences.iter();
        differences.defaults_different +=
            defaults.filter(|finding| matches!(finding, SchemaDifference::Default { .. })).count() as u64;
        if matches!(table.verdict, Equal | Empty) {
            differences.tables_equal += 1;
        } else {
            differences.tables_different.push(table.to_string());
        }
    }
    for index in compared.indexes.iter().filter(|index| index.only_on == Side::Source) {
        match index.kind {
            IndexKind::Index => differences.indexes_missing.push(index.to_string()),
            IndexKind::Constraint => differences.constraints_missing.push(index.to_string()),
        }
    }
    let objects = compared.objects.iter().filter(|object| !object.is_note()).map(ToString::to_string);
    let large = compared.large_objects.iter().filter(|objects| !matches!(objects.verdict(), Equal | Empty));
    let incomplete = compared.incomplete.iter().map(ToString::to_string);
    differences.others = objects.chain(large.map(ToString::to_string)).chain(incomplete).collect();
    for sequence in &compared.sequences {
        match sequence {
            SequenceDifference::Behind { .. } => differences.sequences_behind.push(sequence.to_string()),
            SequenceDifference::Missing { .. } => differences.sequences_missing.push(sequence.to_string()),
            SequenceDifference::Increment { .. } | SequenceDifference::Unreadable { .. } => {
                differences.tables_different.push(sequence.to_string());
            }
        }
    }
    differences
}

/// Returns the same database in the terms of the comparison.
fn endpoint(connection: &ConnectionInfo) -> Endpoint {
    let host = connection.address.map_or_else(|| connection.host.clone(), |address| address.to_string());
    let mut endpoint =
        Endpoint::new(host, connection.port, &connection.user, connection.password.reveal(), &connection.database);
    endpoint.ssl_mode = match &connection.tls {
        Tls::Off => SslMode::Disable,
        Tls::Require => SslMode::Require,
        // The certificate is for the name, and the connection is to the address.
        Tls::VerifyFull(_) if connection.address.is_none() => SslMode::VerifyFull,
        Tls::VerifyCa(_) | Tls::VerifyFull(_) => SslMode::VerifyCa,
    };
    match &connection.tls {
        Tls::VerifyCa(roots) | Tls::VerifyFull(roots) => endpoint.with_root_certificates(roots),
        // The server is one of this machine, whatever the user trusts.
        Tls::Off | Tls::Require => endpoint.without_root_certificates(),
    }
}
