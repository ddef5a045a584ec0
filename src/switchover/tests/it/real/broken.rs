//! Each row that is SQL, with a connection that breaks at each of its statements, before and after its effect.
//! Repeated, the row is done, as if nothing had happened.

use infra_base::side::Side;
use infra_database::{Database, guard, identity, marker, slots};
use infra_switchover::sql::{self, Compared, Error, Finish, MarkerWait, OldGuard, Overdue, Patience, Service};
use infra_test_server::{Cut, When, sampled};
use tokio_postgres::Client;

use super::servers::{MASTER, connect_at, port};
use super::stage::Stage;

/// A connection breaks at one of so many statements.
const ONE_OF: u32 = 16;

/// Both databases.
struct Broken {
    stage: std::sync::Arc<Stage>,
    /// The name of a slot, which is unique on a server.
    slot: String,
    old: Client,
    new: Client,
}

impl Broken {
    /// What the old database has is replicated to the new one.
    async fn replicated() -> Self {
        let stage = Stage::build().await;
        let [old, new] =
            [stage.master(Side::Source).await.expect("a server"), stage.master(Side::Target).await.expect("a server")];
        let slot = format!("{}_slot", stage.name);
        Self { stage, slot, old, new }
    }

    /// Nothing is replicated.
    async fn build() -> Self {
        let broken = Self::replicated().await;
        super::replication::Replication::connect(&broken.stage.name, Side::Source)
            .await
            .expect("both servers")
            .remove()
            .await
            .expect("it is removed");
        for client in [&broken.old, &broken.new] {
            let tables = "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); \
                 DROP PUBLICATION payments";
            client.batch_execute(tables).await.expect("a table");
        }
        broken
    }

    fn service(&self) -> Service<'_> {
        Service { role: &self.stage.name, excluded_applications: &[] }
    }

    fn old(&self) -> Database<'_> {
        Database::new("old", &self.old)
    }

    fn new_one(&self) -> Database<'_> {
        Database::new("new", &self.new)
    }

    /// Breaks a connection at each statement of a row. Each time, everything is prepared first, then the row fails, is
    /// repeated, and must be done.
    async fn survives(
        &self,
        prepare: impl AsyncFn(),
        row: impl AsyncFn(Database<'_>, Database<'_>) -> Result<(), Error>,
        verify: impl AsyncFn(),
    ) {
        let (first, step) = sampled(ONE_OF);
        for when in [When::BeforeItsEffect, When::AfterItsEffect] {
            let mut at = first;
            loop {
                prepare().await;
                let cut = Cut::new(when, at);
                let connect = async |side| {
                    let relay = cut.in_front_of(port(side)).await;
                    connect_at(relay, &self.stage.name, MASTER, "cut").await.expect("a connection")
                };
                let (old, new) = (connect(Side::Source).await, connect(Side::Target).await);
                let result = row(Database::new("old", &old), Database::new("new", &new)).await;
                if !cut.has_happened() {
                    result.expect("nothing was in the way");
                    verify().await;
                    break;
                }
                // A lost answer to what nobody waits for is no failure.
                row(self.old(), self.new_one()).await.unwrap_or_else(|error| panic!("{when:?} {at}: {error:?}"));
                verify().await;
                at += step;
            }
            assert!(at > 10, "a row has more statements: {at}");
            println!("broken at {} statements, {when:?}", (at - first) / step);
        }
    }
}

async fn kind(client: &Client) -> String {
    let sql = "SELECT attidentity::text FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'id'";
    client.query_one(sql, &[]).await.expect("the column").get(0)
}

async fn names(database: Database<'_>) -> Vec<String> {
    slots::list(database).await.expect("the slots").into_iter().map(|slot| slot.name).collect()
}

/// Rows `Prepare`, `Marker` and `Check`: what was committed on the old database before is in the new one after them.
#[tokio::test]
async fn the_proof_that_everything_has_arrived() {
    let broken = Broken::replicated().await;
    let wait = MarkerWait { pause: std::time::Duration::from_millis(20), ..MarkerWait::default() };
    let compared = Compared { validated: None, largest_bytes: 1 << 30, excluded: &[] };
    let payments = async |client: &Client| {
        let counted = client.query_one("SELECT count(*) FROM payments", &[]).await;
        counted.unwrap().get::<_, i64>(0)
    };
    broken
        .survives(
            async || {
                let payment = "INSERT INTO payments (uid, client) VALUES (gen_random_uuid()::text, 'test')";
                broken.old.batch_execute(payment).await.unwrap();
            },
            async |old, new| {
                sql::prepare(old, new, broken.service(), wait).await?;
                sql::marker(old, new, wait).await?;
                let checked = sql::check(old, new, compared).await?;
                assert_eq!((checked.equal, checked.uncounted), (1, vec![]), "the payments, and no marker");
                Ok(())
            },
            async || assert_eq!(payments(&broken.new).await, payments(&broken.old).await),
        )
        .await;
}

#[tokio::test]
async fn a_drain_and_what_undoes_it() {
    let broken = Broken::build().await;
    let role = broken.stage.name.as_str();
    let patience = Patience { limit: std::time::Duration::from_secs(2), overdue: Overdue::Report };
    broken
        .survives(
            async || guard::open(broken.old(), role, &[]).await.map(drop).unwrap(),
            async |old, _| sql::drain(old, broken.service(), patience, &[]).await.map(drop),
            async || assert!(guard::is_guarded(broken.old(), role).await.unwrap()),
        )
        .await;
    broken
        .survives(
            async || guard::close(broken.old(), role, &[]).await.map(drop).unwrap(),
            async |old, new| sql::reopen_old(old, new, broken.service()).await,
            async || assert!(!guard::is_guarded(broken.old(), role).await.unwrap()),
        )
        .await;
}

#[tokio::test]
async fn sequences_that_move() {
    let broken = Broken::build().await;
    broken
        .survives(
            async || {
                broken.old.batch_execute("SELECT nextval('payments_id_seq')").await.unwrap();
            },
            async |old, new| sql::sequences(old, new).await.map(drop),
            async || {
                let next = "SELECT last_value FROM payments_id_seq";
                let [old, new] = [broken.old.query_one(next, &[]).await, broken.new.query_one(next, &[]).await];
                assert!(new.unwrap().get::<_, i64>(0) >= old.unwrap().get::<_, i64>(0));
            },
        )
        .await;
}

#[tokio::test]
async fn the_start_of_a_fallback_and_what_undoes_it() {
    let broken = Broken::build().await;
    let slot = broken.slot.as_str();
    broken
        .survives(
            async || {
                slots::create(broken.new_one(), slot).await.unwrap();
            },
            async |old, new| {
                sql::note_identities(old, new).await?;
                sql::accept_identities(old).await?;
                sql::fallback_start(new, broken.service(), &[]).await?;
                Ok(slots::create(new, slot).await.map(drop)?)
            },
            async || {
                assert_eq!(kind(&broken.old).await, "d");
                assert_eq!(names(broken.new_one()).await, [slot]);
                sql::restore_identities(broken.old()).await.unwrap();
            },
        )
        .await;
    broken
        .survives(
            async || {
                sql::accept_identities(broken.old()).await.unwrap();
                slots::create(broken.new_one(), slot).await.unwrap();
            },
            async |old, new| {
                slots::drop(new, slot).await?;
                sql::restore_identities(old).await.map(drop)
            },
            async || {
                assert_eq!(kind(&broken.old).await, "a");
                assert_eq!(names(broken.new_one()).await, [""; 0]);
            },
        )
        .await;
}

#[tokio::test]
async fn the_new_database_is_opened() {
    let broken = Broken::build().await;
    let slot = broken.slot.as_str();
    let role = broken.stage.name.as_str();
    guard::close(broken.old(), role, &[]).await.unwrap();
    let back = format!("{slot}_back");
    slots::create(broken.new_one(), &back).await.unwrap();
    broken
        .survives(
            async || {
                guard::close(broken.new_one(), role, &[]).await.unwrap();
                slots::create(broken.old(), slot).await.unwrap();
            },
            async |old, new| {
                sql::cut_off(old, &[slot]).await?;
                sql::advance_fallback(new, broken.service(), &back).await?;
                sql::open_new(old, new, broken.service()).await
            },
            async || {
                assert!(guard::is_guarded(broken.old(), role).await.unwrap());
                assert!(!guard::is_guarded(broken.new_one(), role).await.unwrap());
                assert_eq!(names(broken.old()).await, [""; 0]);
            },
        )
        .await;
}

#[tokio::test]
async fn a_finish_leaves_nothing() {
    let broken = Broken::build().await;
    let slot = broken.slot.as_str();
    let role = broken.stage.name.as_str();
    guard::open(broken.new_one(), role, &[]).await.unwrap();
    let prepare = async || {
        guard::close(broken.old(), role, &[]).await.unwrap();
        for (database, client) in [(broken.old(), &broken.old), (broken.new_one(), &broken.new)] {
            marker::prepare(database).await.unwrap();
            identity::accept_values(database).await.unwrap();
            slots::create(database, slot).await.unwrap();
            let of_dms = "CREATE TABLE IF NOT EXISTS awsdms_history (id int); \
                 CREATE OR REPLACE FUNCTION awsdms_intercept_ddl() RETURNS int LANGUAGE sql AS 'SELECT 1'";
            client.batch_execute(of_dms).await.unwrap();
        }
    };
    let finish = async |old: Database<'_>, new: Database<'_>| {
        let order = Finish { service: broken.service(), slots: &[slot], old_guard: OldGuard::Remove };
        sql::finish(old, new, order).await.map(drop)
    };
    let verify = async || {
        for (database, client) in [(broken.old(), &broken.old), (broken.new_one(), &broken.new)] {
            assert_eq!(slots::verify_clean(database).await.unwrap(), []);
            assert_eq!(kind(client).await, "a");
        }
        assert!(!guard::is_guarded(broken.old(), role).await.unwrap());
    };
    broken.survives(prepare, finish, verify).await;
}
