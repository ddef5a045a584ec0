//! Two databases, a slot on the first, and an applier on the second.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::apply::{Applied, Applier, ApplyError, Event, Options, Policies, Route, TableCounters, TargetCatalog};
use crate::capture::tests::server::{connect, database};
use crate::capture::{Limits, Slot};
use crate::model::{Lsn, TableName, Transaction};
use crate::settings::LobMode;

pub struct Pair {
    pub source: Client,
    pub target: Client,
    pub slot: Slot,
    pub applier: Applier,
    pub names: [String; 2],
    routes: Vec<Route>,
}

/// Settings of a test.
pub struct Setup<'a> {
    /// Statements for both sides.
    pub both: &'a str,
    /// Statements for the source.
    pub source: &'a str,
    /// Statements for the target.
    pub target: &'a str,
    /// The tables in `public` with their keys, as `name(column,column)`.
    pub tables: &'a [&'a str],
    /// The group `ErrorBehavior`.
    pub errors: Value,
    /// The group `ChangeProcessingDdlHandlingPolicy`.
    pub ddl: Value,
    /// How LOBs are migrated.
    pub lobs: LobMode,
    /// Whether changes are applied in batches.
    pub batch: bool,
    /// The most changes in a batch.
    pub split_size: usize,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            both: "",
            source: "",
            target: "",
            tables: &[],
            errors: json!({}),
            ddl: json!({}),
            lobs: LobMode::Limited(32),
            batch: false,
            split_size: 0,
        }
    }
}

pub fn table(name: &str) -> TableName {
    TableName::new("public", name)
}

impl Setup<'_> {
    pub async fn build(self) -> Pair {
        let names = [database().await, database().await];
        let [source, target] = [connect(&names[0]).await, connect(&names[1]).await];
        for (client, own) in [(&source, self.source), (&target, self.target)] {
            client.batch_execute(self.both).await.expect("the statements for both sides");
            client.batch_execute(own).await.expect("the statements for one side");
        }
        let exceptions = "CREATE TABLE public.awsdms_apply_exceptions (\"TASK_NAME\" varchar(128) NOT NULL, \
                          \"TABLE_OWNER\" varchar(128) NOT NULL, \"TABLE_NAME\" varchar(128) NOT NULL, \
                          \"ERROR_TIME\" timestamp NOT NULL, \"STATEMENT\" text NOT NULL, \"ERROR\" text NOT NULL)";
        target.batch_execute(exceptions).await.expect("the table of exceptions");
        let slot = Slot::new(format!("slot_{}", names[0]));
        slot.create(&source).await.expect("a slot");
        let routes: Vec<_> = self.tables.iter().map(|text| route(text)).collect();
        let catalog = TargetCatalog::read(&target, routes.clone()).await.expect("a catalog");
        let settings = json!({ "ErrorBehavior": self.errors, "ChangeProcessingDdlHandlingPolicy": self.ddl });
        let policies = Policies::from_settings(&settings).expect("valid policies");
        let options = Options {
            task: "the-task".to_owned(),
            control_schema: "public".to_owned(),
            lobs: self.lobs,
            batch: self.batch,
            split_size: self.split_size,
            min_transaction_size: 1000,
            statement_cache: 50,
            fail_on_lob_truncation: false,
        };
        let applier = Applier::new(connect(&names[1]).await, catalog, policies, options);
        Pair { source, target, slot, applier, names, routes }
    }
}

fn route(text: &str) -> Route {
    let (name, key) = text.trim_end_matches(')').split_once('(').expect("a table and its key");
    let key: Vec<_> = key.split(',').filter(|column| !column.is_empty()).collect();
    Route::same(table(name), &key)
}

impl Pair {
    pub fn routes(&self) -> Vec<Route> {
        self.routes.clone()
    }

    /// Runs statements on the source.
    pub async fn run(&self, sql: &str) {
        self.source.batch_execute("RESET ALL").await.expect("the settings");
        self.source.batch_execute(sql).await.expect("the statements");
    }

    /// Returns what the slot has, without confirming it.
    pub async fn read(&self) -> Vec<Transaction> {
        let batch = self.slot.read(&self.source, Limits::default(), &|_| true).await.expect("a batch");
        batch.transactions
    }

    /// Applies what the slot has, and confirms what was applied.
    pub async fn pump(&mut self) -> Result<Applied, ApplyError> {
        let transactions = self.read().await;
        let result = self.applier.apply(&transactions).await;
        let position = self.applier.applied().position;
        if position > Lsn::default() {
            self.slot.advance(&self.source, position).await.expect("the slot advances");
        }
        result
    }

    /// Runs statements on the source and applies their changes, which succeeds.
    pub async fn replicate(&mut self, sql: &str) {
        self.run(sql).await;
        self.pump().await.expect("the changes are applied");
    }

    /// Returns the rows of a query on the target, as text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let query = format!("SELECT r::text FROM ({query}) r");
        self.target.query(&query, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
    }

    /// Returns table, statement and error of the exceptions.
    pub async fn exceptions(&self) -> Vec<(String, String, String)> {
        let query = "SELECT \"TABLE_NAME\", \"STATEMENT\", \"ERROR\" FROM public.awsdms_apply_exceptions \
                     WHERE \"TASK_NAME\" = 'the-task' AND \"TABLE_OWNER\" = 'public' ORDER BY ctid";
        let rows = self.target.query(query, &[]).await.expect("the exceptions");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    pub fn counters(&self, name: &str) -> TableCounters {
        self.applier.counters().table(&table(name))
    }

    pub fn suspended(&self) -> Vec<String> {
        self.applier.suspended().keys().map(|table| table.name.clone()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        self.applier.take_events()
    }
}
