//! Two databases, one on each server, and their comparison.

use std::sync::atomic::{AtomicU32, Ordering};

use infra_compare::{CompareError, Comparison, Endpoint, Options, TableResult, compare};
use tokio_postgres::Client;

use crate::server::sides;

/// Two databases.
pub struct Pair {
    /// Their name.
    pub name: String,
    /// Clients of the admin on source and target.
    pub clients: [Client; 2],
}

impl Pair {
    /// Creates two databases and runs statements in them.
    pub async fn new(both: &str, source: &str, target: &str) -> Self {
        Self::with(["", ""], both, source, target).await
    }

    /// Creates two databases with options of `CREATE DATABASE`.
    pub async fn with(options: [&str; 2], both: &str, source: &str, target: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("compare_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut clients = Vec::new();
        for (at, own) in [source, target].into_iter().enumerate() {
            let create = format!("CREATE DATABASE {name} {}", options[at]);
            sides()[at].client("postgres").await.batch_execute(&create).await.expect("a database");
            let client = sides()[at].client(&name).await;
            for sql in [both, own] {
                client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
            }
            clients.push(client);
        }
        Self { name, clients: clients.try_into().unwrap_or_else(|_| panic!("two clients")) }
    }

    /// Creates a source, and a target that is its copy by `pg_dump` and `psql`.
    pub async fn copied(source: &str) -> Self {
        let pair = Self::new("", source, "").await;
        sides()[0].copy_schema(&pair.name, &sides()[1]);
        pair
    }

    /// Returns the endpoints of the databases for a user.
    pub fn endpoints(&self, user: &str) -> [Endpoint; 2] {
        [0, 1].map(|side| Endpoint::new("127.0.0.1", sides()[side].port, user, "", &self.name))
    }

    /// Runs statements on the source (0) or the target (1).
    pub async fn run(&self, side: usize, sql: &str) {
        self.clients[side].batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
    }

    /// Compares them as the admin.
    pub async fn compared(&self) -> Comparison {
        self.compared_with(&small()).await.expect("a comparison")
    }

    /// Compares them as the admin, with options.
    pub async fn compared_with(&self, options: &Options) -> Result<Comparison, CompareError> {
        let [source, target] = self.endpoints("admin");
        compare(&source, &target, options, &|_| ()).await
    }
}

/// Options that divide even small tables into chunks, and show keys.
pub fn small() -> Options {
    Options { chunk_rows: 100, keys: true, connections: 3, ..Options::default() }
}

/// Returns the result for a table.
pub fn table<'a>(comparison: &'a Comparison, name: &str) -> &'a TableResult {
    let found = comparison.tables.iter().find(|table| table.table == name);
    found.unwrap_or_else(|| panic!("no table {name} in {comparison:#?}"))
}

/// Formats an error as people and programs see it.
pub fn whole(error: &CompareError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}; {}; {error:?}", error.hint())
}
