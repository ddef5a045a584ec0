//! PostgreSQL's own logical replication, in either direction.

use std::time::Duration;

use infra_base::side::Side;
use infra_database::Database;
use infra_database::slots::{self, Dropped};
use infra_switchover::Direction;
use infra_test_server::ADMIN;
use tokio_postgres::Client;

use super::servers::{SWITCHOVER, connect, port};

const PAUSE: Duration = Duration::from_millis(20);

/// The replication from one side to the other, with an open connection to both.
pub struct Replication {
    name: String,
    database: String,
    from: Side,
    publisher: Client,
    subscriber: Client,
}

type Outcome<T = ()> = Result<T, String>;

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl Replication {
    pub async fn connect(database: &str, from: Side) -> Outcome<Self> {
        let to = Direction::to_side(from).from();
        Ok(Self {
            name: format!("{database}_from_{from}"),
            database: database.to_owned(),
            from,
            publisher: connect(from, database, ADMIN, SWITCHOVER).await.map_err(text)?,
            subscriber: connect(to, database, ADMIN, SWITCHOVER).await.map_err(text)?,
        })
    }

    /// Returns whether the subscription is enabled; `None` if there is none.
    async fn enabled(&self) -> Outcome<Option<bool>> {
        let sql = "SELECT subenabled FROM pg_subscription WHERE subname = $1";
        let row = self.subscriber.query_opt(sql, &[&self.name]).await.map_err(text)?;
        Ok(row.map(|row| row.get(0)))
    }

    async fn wait_until(&self, active: bool) -> Outcome {
        let sql = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active)";
        loop {
            let row = self.publisher.query_one(sql, &[&self.name]).await.map_err(text)?;
            if row.get::<_, bool>(0) == active {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Creates its slot, at the present position. What an earlier switchover or a killed attempt has left is replaced.
    pub async fn create_slot(&self) -> Outcome {
        self.remove().await?;
        // The creation of a slot waits until every transaction of its server has ended. `CREATE SUBSCRIPTION` would
        // keep a transaction open on the other server meanwhile, and two tests that replicate in opposite directions
        // would wait for each other.
        let slot = "SELECT pg_create_logical_replication_slot($1, 'pgoutput')";
        self.publisher.execute(slot, &[&self.name]).await.map_err(text).map(drop)
    }

    /// Starts it at the position of its slot.
    pub async fn start(&self) -> Outcome {
        let create = format!(
            "CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 port={port} user={ADMIN} dbname={database}' \
             PUBLICATION payments WITH (copy_data = false, create_slot = false)",
            name = self.name,
            port = port(self.from),
            database = self.database,
        );
        self.subscriber.batch_execute(&create).await.map_err(text)?;
        self.wait_until(true).await
    }

    /// Requests that it stops, so that it can be resumed where it stops. It may run for a moment.
    pub async fn request_stop(&self) -> Outcome {
        let stop = format!("ALTER SUBSCRIPTION {} DISABLE", self.name);
        self.subscriber.batch_execute(&stop).await.map_err(text)
    }

    /// Stops it, and returns when it has stopped.
    pub async fn stop(&self) -> Outcome {
        self.request_stop().await?;
        self.wait_until(false).await?;
        // The slot is free before the worker has ended.
        let sql = "SELECT count(*) FROM pg_stat_subscription WHERE subname = $1 AND pid IS NOT NULL";
        while self.subscriber.query_one(sql, &[&self.name]).await.map_err(text)?.get::<_, i64>(0) > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Returns the name of its slot.
    pub fn slot(&self) -> &str {
        &self.name
    }

    pub async fn resume(&self) -> Outcome {
        let resume = format!("ALTER SUBSCRIPTION {} ENABLE", self.name);
        self.subscriber.batch_execute(&resume).await.map_err(text)?;
        self.wait_until(true).await
    }

    /// Removes the subscription, and its slot.
    pub async fn remove(&self) -> Outcome {
        if self.enabled().await?.is_some() {
            // Its slot can be gone, which `DROP SUBSCRIPTION` would not accept.
            let drop = format!(
                "ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} SET (slot_name = NONE)",
                name = self.name
            );
            self.subscriber.batch_execute(&drop).await.map_err(text)?;
            self.subscriber.batch_execute(&format!("DROP SUBSCRIPTION {}", self.name)).await.map_err(text)?;
        }
        // A killed statement can have left its connection to the publisher, and a slot without a subscription.
        let dropped = slots::force_drop(Database::new("publishing", &self.publisher), &self.name).await;
        if dropped.map_err(text)? == Dropped::Active { Err(format!("{} is in use", self.name)) } else { Ok(()) }
    }
}
