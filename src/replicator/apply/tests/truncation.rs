use serde_json::json;

use super::pair::Setup;
use crate::apply::{ApplyError, TargetCatalog};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)";

#[tokio::test]
async fn a_truncation_is_repeated_if_it_is_handled() {
    for (handled, rows) in [(true, vec!["(2)"]), (false, vec!["(1)", "(2)"])] {
        let ddl = json!({ "HandleSourceTableTruncated": handled });
        let mut pair = Setup { both: TABLE, tables: &["t(id)"], ddl, ..Setup::default() }.build().await;
        pair.replicate("TRUNCATE t; INSERT INTO t VALUES (2)").await;
        assert_eq!(pair.rows("SELECT * FROM t ORDER BY id").await, rows);
        let counters = pair.counters("t");
        assert_eq!((counters.ddls, counters.applied_ddls), (1, u64::from(handled)));
    }
}

#[tokio::test]
async fn a_truncation_can_stop_the_task() {
    let errors = json!({ "ApplyErrorFailOnTruncationDdl": true });
    let mut pair = Setup { both: TABLE, tables: &["t(id)"], errors, ..Setup::default() }.build().await;
    pair.run("TRUNCATE t").await;
    let error = pair.pump().await.expect_err("the task stops");
    assert!(matches!(error, ApplyError::Truncation { .. }));
    assert_eq!(error.to_string(), "Truncation DDL detected.");
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
}

#[tokio::test]
async fn a_partition_is_not_truncated_and_a_referenced_table_is_suspended() {
    let mut pair = Setup { both: TABLE, tables: &["t(id)"], ..Setup::default() }.build().await;
    let mut routes = pair.routes();
    routes[0].partition = true;
    pair.applier.set_catalog(TargetCatalog::read(&pair.target, routes).await.expect("a catalog"));
    pair.replicate("TRUNCATE t").await;
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
    assert_eq!(pair.counters("t").ignored, 1);

    let target = "CREATE TABLE c (id int REFERENCES t)";
    let mut pair = Setup { both: TABLE, target, tables: &["t(id)"], ..Setup::default() }.build().await;
    pair.replicate("TRUNCATE t").await;
    assert_eq!(pair.suspended(), ["t"]);
    assert_eq!(pair.rows("SELECT * FROM t").await, ["(1)"]);
}
