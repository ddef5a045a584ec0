//! Transactions on the target, and what follows a killed application.

use std::time::Duration;

use super::pair::Setup;
use crate::apply::{Applied, Applier, Options, Policies, TargetCatalog};
use crate::capture::tests::server::connect;
use crate::settings::LobMode;

#[tokio::test]
async fn a_transaction_arrives_as_a_whole() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)";
    let target = "CREATE TABLE marks (xid xid8);
                  CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN INSERT INTO marks VALUES (pg_current_xact_id()); RETURN NULL; END $$;
                  CREATE TRIGGER mark AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()";
    let mut pair = Setup { both, target, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.run("BEGIN; INSERT INTO t VALUES (2, 2), (3, 3); COMMIT").await;
    pair.run("INSERT INTO t VALUES (4, 4)").await;
    let applied = pair.pump().await.expect("the changes are applied");
    assert_eq!((applied.transactions, applied.changes), (2, 3));
    assert!(applied.committed_at > 1_700_000_000_000_000);
    // Small transactions share one of the target.
    assert_eq!(pair.rows("SELECT count(DISTINCT xid::text) FROM marks").await, ["(1)"]);
    // One with an error in it has its own.
    pair.target.batch_execute("INSERT INTO t VALUES (6)").await.expect("a row");
    pair.run("BEGIN; INSERT INTO t VALUES (5), (6), (7); COMMIT").await;
    pair.run("INSERT INTO t VALUES (8)").await;
    pair.pump().await.expect("the changes are applied");
    assert_eq!(pair.rows("SELECT id FROM t WHERE id > 4 ORDER BY id").await, ["(5)", "(6)", "(7)", "(8)"]);
    assert_eq!(pair.exceptions().await.len(), 1);
}

#[tokio::test]
async fn what_was_not_confirmed_is_applied_again_after_a_restart() {
    let both = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.run("INSERT INTO t VALUES (3, 3)").await;
    pair.run("UPDATE t SET v = v + 10 WHERE id = 1; DELETE FROM t WHERE id = 2").await;
    let transactions = pair.read().await;
    pair.applier.apply(&transactions).await.expect("the changes are applied");
    // The same applier knows what it has committed.
    let again = pair.applier.apply(&transactions).await.expect("nothing to do");
    assert_eq!(again.transactions, 2);
    // Another one, after a kill before the confirmation, does not.
    let catalog = TargetCatalog::read(&pair.target, pair.routes()).await.expect("a catalog");
    let policies = Policies::from_settings(&serde_json::Value::Null).expect("the defaults");
    let options = Options {
        task: "the-task".to_owned(),
        control_schema: "public".to_owned(),
        lobs: LobMode::None,
        batch: false,
        split_size: 0,
        min_transaction_size: 1,
        statement_cache: 2,
        fail_on_lob_truncation: false,
    };
    pair.applier = Applier::new(connect(&pair.names[1]).await, catalog, policies, options);
    assert_eq!(pair.applier.applied(), Applied::default());
    pair.pump().await.expect("the changes are applied again");
    assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1,11)", "(3,3)"]);
    let exceptions = pair.exceptions().await;
    assert_eq!(exceptions.len(), 1, "the repeated insert is recorded: {exceptions:?}");
    assert!(exceptions[0].2.contains("23505"));
    assert!(pair.read().await.is_empty());
}

#[tokio::test]
async fn an_application_that_is_dropped_leaves_nothing_behind() {
    let both = "CREATE TABLE t (id int PRIMARY KEY)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.run("INSERT INTO t SELECT n FROM generate_series(1, 2000) n").await;
    let transactions = pair.read().await;
    pair.target.batch_execute("BEGIN; LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE").await.expect("a lock");
    let waiting = tokio::time::timeout(Duration::from_millis(200), pair.applier.apply(&transactions)).await;
    assert!(waiting.is_err(), "the insert waits for the lock");
    pair.target.batch_execute("COMMIT").await.expect("no lock");
    pair.pump().await.expect("the changes are applied");
    assert_eq!(pair.rows("SELECT count(*) FROM t").await, ["(2000)"]);
    assert!(pair.exceptions().await.is_empty());
    assert_eq!(pair.counters("t").inserts, 2000);
}

#[tokio::test]
async fn transactions_of_other_tables_move_the_position() {
    let both = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE awsdms_heartbeat (at timestamptz)";
    let mut pair = Setup { both, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.run("INSERT INTO awsdms_heartbeat VALUES (now())").await;
    let end = pair.read().await[0].commit_lsn;
    assert_eq!(pair.pump().await.expect("nothing to apply").position, end);
    assert_eq!(pair.slot.state(&pair.source).await.expect("a state").expect("a slot").confirmed, end);
    assert!(pair.rows("SELECT * FROM awsdms_heartbeat").await.is_empty());
}
