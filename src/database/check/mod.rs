//! Inspects both databases before a migration: what AWS DMS would not replicate, would change, or would stop at.
//!
//! *Guarantees*: Nothing is changed. No finding contains a value of a row.
//!
//! *Caveats*: The result is that of the moment: values can grow, and tables can be added. What DMS may do is checked
//! for the user of the connections. Free storage and the settings of the instances are no matter of SQL, and are left
//! to the caller.

mod catalog;
mod columns;
mod environment;
mod finding;
mod keys;
mod limits;
mod measure;
mod measurements;
mod roles;
mod server;
mod size;
mod storage;
mod target;
mod traffic;

pub use finding::{Finding, Topic, Verdict};
pub use limits::Limits;
pub use measurements::{BatchApply, Lobs, Measurements, WideColumn};

use crate::database::Database;
use crate::error::Error;
use finding::Findings;

/// The result of [`run`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was found, by topic: at least one finding for each. Findings that fail or warn come before those that pass.
    pub findings: Vec<Finding>,
    /// What the settings of the task follow from.
    pub measurements: Measurements,
}

impl Report {
    /// Returns the worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Pass)
    }
}

/// Inspects both databases.
///
/// *Reading*: Catalogs, and each table of the source once ([`Limits::scan_bytes`]). Large values are not read: the size
/// of a text or of bytes is in the row. Only values of other types, such as `jsonb`, are read when their stored size
/// is more than an eighth of [`Limits::wide_bytes`], or they are compressed. Set `statement_timeout` to bound the time.
///
/// # Errors
/// A side could not be asked. What the user must not read is a finding.
pub async fn run(source: Database<'_>, target: Database<'_>, limits: &Limits) -> Result<Report, Error> {
    let mut findings = Findings::default();
    let tables = catalog::read(source).await?;
    let there = catalog::read(target).await?;
    let mut measurements = Measurements {
        database_bytes: size_of(source).await?,
        tables: tables.iter().filter(|table| !table.is_partitioned).count(),
        ..Measurements::default()
    };
    storage::check(source, &tables, &mut findings, &mut measurements).await?;
    keys::check(source, &tables, &mut findings, &mut measurements);
    columns::check([source, target], &tables, &there, &mut findings, &mut measurements);
    measure::check(source, &tables, limits, &mut findings, &mut measurements).await?;
    measurements::derive(&tables, &mut measurements);
    measurements::report(source, &measurements, &mut findings);
    environment::check(source, target, &mut findings).await?;
    roles::check(source, target, &mut findings).await?;
    // The fallback replication reads the target.
    for side in [source, target] {
        server::check(side, limits, &mut findings).await?;
        traffic::check(side, limits, &mut findings).await?;
    }
    target::check(target, &there, &mut findings).await?;
    Ok(Report { findings: findings.finish(source.label()), measurements })
}

async fn size_of(database: Database<'_>) -> Result<u64, Error> {
    let sql = "SELECT pg_database_size(current_database())";
    database.query_one("read the size of the database", sql, &[]).await?.number(0)
}
