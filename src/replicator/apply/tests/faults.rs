use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::pair::Setup;
use crate::apply::{Fault, Faults};
use crate::capture::tests::server::connect;
use crate::model::TableName;

/// A fault at the n-th change of the table `t`.
struct At(u32, Fault, AtomicU32);

impl Faults for At {
    fn before_apply(&self, table: &TableName) -> Fault {
        let hit = table.name == "t" && self.2.fetch_add(1, Ordering::Relaxed) + 1 == self.0;
        if hit { self.1.clone() } else { Fault::None }
    }
}

fn at(change: u32, fault: Fault) -> Arc<At> {
    Arc::new(At(change, fault, AtomicU32::new(0)))
}

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)";

#[tokio::test]
async fn a_slow_target_delays_the_commit() {
    for batch in [false, true] {
        let mut pair = Setup { both: TABLES, tables: &["t(id)"], batch, ..Setup::default() }.build().await;
        pair.applier = pair.applier.with_faults(at(2, Fault::Delay(Duration::from_millis(200))));
        pair.run("INSERT INTO t VALUES (1), (2)").await;
        let began = Instant::now();
        pair.pump().await.expect("the changes are applied");
        assert!(began.elapsed() >= Duration::from_millis(200));
        assert_eq!(pair.rows("SELECT count(*) FROM t").await, ["(2)"]);
    }
}

#[tokio::test]
async fn a_failing_table_is_suspended() {
    for batch in [false, true] {
        let mut pair = Setup { both: TABLES, tables: &["t(id)", "u(id)"], batch, ..Setup::default() }.build().await;
        pair.applier = pair.applier.with_faults(at(2, Fault::Table("scripted".to_owned())));
        pair.replicate("BEGIN; INSERT INTO t VALUES (1), (2), (3); INSERT INTO u VALUES (1); COMMIT").await;
        assert_eq!(pair.suspended(), ["t"]);
        assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
        assert_eq!(pair.rows("SELECT * FROM u").await, ["(1)"]);
    }
}

#[tokio::test]
async fn a_dropped_connection_loses_the_open_transaction_and_nothing_else() {
    for batch in [false, true] {
        let mut pair = Setup { both: TABLES, tables: &["t(id)"], batch, ..Setup::default() }.build().await;
        pair.applier = pair.applier.with_faults(at(3, Fault::Disconnect));
        pair.run("INSERT INTO t VALUES (1)").await;
        pair.run("INSERT INTO t VALUES (2), (3)").await;
        let error = pair.pump().await.expect_err("the connection is lost");
        assert!(error.is_recoverable(), "{error}");
        assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
        let error = pair.pump().await.expect_err("the connection is still lost");
        assert!(error.is_recoverable(), "{error}");
        pair.applier.reconnect(connect(&pair.names[1]).await);
        pair.pump().await.expect("the changes are applied");
        assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, ["(1)", "(2)", "(3)"]);
        assert!(pair.exceptions().await.is_empty());
        assert_eq!(pair.counters("t").applied_inserts, 3);
    }
}
