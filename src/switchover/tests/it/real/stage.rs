//! Both databases of a test, its switch, its ledger, and what a driver leaves for the next one.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use infra_base::side::Side;
use infra_database::{Database, guard, marker};
use tokio_postgres::Client;

use super::ledger::Ledger;
use super::replication::Replication;
use super::servers::{MASTER, SWITCHOVER, connect, create};
use super::switch::Switch;

pub const SIDES: [Side; 2] = [Side::Source, Side::Target];

pub struct Stage {
    /// The name of the database on both servers, and of the service's role.
    pub name: String,
    pub switch: Switch,
    pub ledger: Ledger,
    /// What the journal has, and how often it was written by this driver.
    pub stored: Mutex<Option<String>>,
    pub writes: AtomicUsize,
}

impl Stage {
    /// Creates both databases. The source is the primary and is replicated to the target.
    pub async fn build() -> Arc<Self> {
        let name = create().await;
        for side in SIDES {
            let master = connect(side, &name, MASTER, "test").await.unwrap();
            marker::prepare(Database::new("test", &master)).await.unwrap();
            let schema = format!(
                "CREATE TABLE payments (id bigserial PRIMARY KEY, uid text NOT NULL UNIQUE, client text NOT NULL, \
                 written_on text NOT NULL DEFAULT '{side}', \
                 written_at timestamptz NOT NULL DEFAULT clock_timestamp()); \
                 GRANT SELECT, INSERT ON payments TO {name}; GRANT USAGE ON SEQUENCE payments_id_seq TO {name}; \
                 CREATE PUBLICATION payments FOR TABLE payments, migrate_infra.marker"
            );
            master.batch_execute(&schema).await.unwrap();
            if side == Side::Target {
                guard::close(Database::new("target", &master), &name, &[]).await.unwrap();
            }
        }
        let forward = Replication::connect(&name, Side::Source).await.unwrap();
        forward.create_slot().await.unwrap();
        forward.start().await.unwrap();
        Arc::new(Self {
            name,
            switch: Switch::compute_first(),
            ledger: Ledger::default(),
            stored: Mutex::new(None),
            writes: AtomicUsize::new(0),
        })
    }

    /// Connects as the master user, with the name of the switchover.
    pub async fn master(&self, side: Side) -> Result<Client, tokio_postgres::Error> {
        connect(side, &self.name, MASTER, SWITCHOVER).await
    }
}
