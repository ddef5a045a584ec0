//! The data's side of a switchover on real databases: the guards, the forward replication that carries on under them,
//! and the fallback replication, which carries each later write back and never only logs a conflict.

use migrate_infra::database::{Database, guard, marker, slots};
use migrate_infra::engine::Context;
use migrate_infra::events::Events;
use migrate_infra::migration::fallback;
use migrate_infra::migration::topology::{Fallback, Replication, Topology};
use migrate_infra::postgres::ConnectionInfo;
use migrate_infra::sandbox::world::dms::TaskState;
use migrate_infra::workflow::{Session, unattended};
use tokio_postgres::Client;

use super::stack::{Stack, until};

/// What the sessions of the switchover are called. They are not ended when a database is guarded.
const TOOL: &str = "migrate-infra";
const SCHEMA: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, note text); INSERT INTO payments VALUES (1, 'a')";
const IDS: &str = "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM payments";

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.map_or_else(|error| error.to_string(), |row| row.get(0))
}

/// Both databases, and the replication between them.
struct Migration {
    stack: Stack,
    session: Session,
    replication: Replication,
    connections: [ConnectionInfo; 2],
    old: Client,
    new: Client,
}

impl Migration {
    /// Replicates, with the table of the markers in both databases.
    async fn start(stack: Stack) -> Self {
        unattended::up(&stack.workspace, Events::nowhere()).await.expect("the stack comes up");
        let connections = ["source", "target"].map(|side| stack.connection(side).with_application_name(TOOL));
        let [old, new] = [connections[0].connect().await, connections[1].connect().await];
        let [old, new] = [old.expect("a connection"), new.expect("a connection")];
        old.batch_execute(SCHEMA).await.expect("a schema");
        for (side, client) in [("old", &old), ("new", &new)] {
            marker::prepare(Database::new(side, client)).await.expect("a table");
        }
        unattended::start_replication(&stack.workspace, Events::nowhere()).await.expect("the replication runs");
        until("the load", async || text(&new, IDS).await == "1").await;
        let session = Session::open(&stack.workspace, "cutover", Events::nowhere()).await.expect("a session");
        let replication = session.context.journal.read(Topology::of).replications.remove(0);
        Self { stack, session, replication, connections, old, new }
    }

    fn context(&self) -> &Context {
        &self.session.context
    }

    /// Returns the fallback to the source.
    fn back(&self) -> &Fallback {
        self.replication.fallback_to_source.as_ref().expect("a fallback")
    }

    fn old_database(&self) -> Database<'_> {
        Database::new("old", &self.old)
    }

    fn new_database(&self) -> Database<'_> {
        Database::new("new", &self.new)
    }

    /// Guards a database for the role of the service, which is also that of DMS, and ends its sessions.
    async fn guard(&self, database: Database<'_>) {
        let closed = guard::close(database, &self.connections[0].user, &[TOOL]).await.expect("it is guarded");
        assert!(closed.remaining.is_empty(), "{closed:?}");
    }

    /// Does row 6.
    async fn switch(&self) {
        let slot = &self.back().slot;
        fallback::stop_carrier(self.context(), &self.replication).await.expect("it stops");
        fallback::stop_and_verify(self.context(), self.back()).await.expect("it stops");
        let position = slots::create(self.new_database(), slot).await.expect("a slot");
        fallback::start(self.context(), self.back(), &position).await.expect("it starts");
    }

    /// Returns the state of the fallback task, and why it stopped.
    fn fallback_task(&self) -> (TaskState, String) {
        let arn = &self.back().task;
        self.stack.world(|world| {
            let mut all = world.regions.values().flat_map(|region| region.dms.tasks.values());
            let task = all.find(|task| task.arn == *arn).expect("the task");
            (task.state, task.progress.failure.clone().unwrap_or_default())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_after_a_switchover_is_also_in_the_old_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = tokio::task::block_in_place(|| Stack::new(&directory));
    let migration = Migration::start(stack).await;
    let (old, new) = (&migration.old, &migration.new);
    fallback::prepare(migration.context(), migration.back()).await.expect("the fallback is ready");

    // Under the guards of both databases, the forward replication still carries what is committed, and markers.
    migration.guard(migration.new_database()).await;
    let service = migration.connections[1].clone().with_application_name("service").connect().await.expect("a session");
    service.batch_execute("INSERT INTO payments VALUES (0, 'no')").await.expect_err("the new database is guarded");
    old.batch_execute("INSERT INTO payments VALUES (2, 'b')").await.expect("the old one is the primary");
    until("the forward replication", async || text(new, IDS).await == "1,2").await;
    migration.guard(migration.old_database()).await;
    let written = marker::write(migration.old_database()).await.expect("a marker");
    until("the marker", async || marker::has_arrived(migration.new_database(), &written).await.unwrap_or(false)).await;

    migration.switch().await;
    guard::open(migration.new_database(), &migration.connections[1].user, &[TOOL]).await.expect("it is open");
    let service = migration.connections[1].clone().with_application_name("service").connect().await.expect("a session");
    let large = "x".repeat(100_000);
    service.execute("INSERT INTO payments VALUES (3, $1)", &[&large]).await.expect("the new one is the primary");
    service
        .batch_execute("UPDATE payments SET note = 'c' WHERE id = 1; DELETE FROM payments WHERE id = 2")
        .await
        .unwrap();
    until("the fallback replication", async || text(old, IDS).await == "1,3").await;
    until("the update", async || text(old, "SELECT note FROM payments WHERE id = 1").await == "c").await;
    assert_eq!(text(old, "SELECT note FROM payments WHERE id = 3").await, large);
    let written = marker::write(migration.new_database()).await.expect("a marker");
    until("the marker", async || marker::has_arrived(migration.old_database(), &written).await.unwrap_or(false)).await;

    // Stopped is stopped. Another switchover begins with what is written after it.
    fallback::stop_and_verify(migration.context(), migration.back()).await.expect("it stops");
    service.batch_execute("INSERT INTO payments VALUES (4, 'd')").await.expect("the new one is the primary");
    migration.switch().await;
    service.batch_execute("INSERT INTO payments VALUES (5, 'e')").await.expect("the new one is the primary");
    until("the fallback replication", async || text(old, IDS).await == "1,3,5").await;

    // A conflict stops the task, and is not logged and dropped. The session from before the guard can write.
    old.batch_execute("INSERT INTO payments VALUES (6, 'theirs')").await.expect("this session is not guarded");
    service.batch_execute("INSERT INTO payments VALUES (6, 'ours')").await.expect("the new one is the primary");
    until("the task stops", async || migration.fallback_task().0 == TaskState::Failed).await;
    assert_eq!(text(old, "SELECT note FROM payments WHERE id = 6").await, "theirs");
    let slot = &migration.back().slot;
    fallback::stop_and_verify(migration.context(), migration.back()).await.expect("it has stopped");
    assert_eq!(slots::drop(migration.new_database(), slot).await.expect("it can be dropped"), slots::Dropped::Dropped);
    migration.session.close().await;
}
