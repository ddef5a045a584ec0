use serde_json::json;

use super::pair::{Pair, Setup, table};
use crate::apply::Event;

const TABLES: &str = "CREATE TABLE p (id int PRIMARY KEY, v int); CREATE TABLE c (id int PRIMARY KEY, p int)";

/// Counts the statements that change a table of the target.
const COUNTED: &str = "CREATE TABLE ops (op text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO ops VALUES (TG_OP); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON p FOR EACH ROW EXECUTE FUNCTION note()";

fn one_by_one(pair: &mut Pair) -> Vec<String> {
    let reason = |event: Event| if let Event::OneByOne { reason, .. } = event { Some(reason) } else { None };
    pair.events().into_iter().filter_map(reason).collect()
}

#[tokio::test]
async fn only_the_net_effect_of_a_batch_is_applied() {
    let both = &format!("{TABLES}; INSERT INTO p VALUES (1, 1), (2, 2), (3, 3)");
    let setup = Setup { both, target: COUNTED, tables: &["p(id)", "c(id)"], batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    for sql in [
        "INSERT INTO p VALUES (4, 4)",
        "UPDATE p SET v = 40 WHERE id = 4",
        "UPDATE p SET v = 41 WHERE id = 4",
        "INSERT INTO p VALUES (5, 5)",
        "DELETE FROM p WHERE id = 5",
        "UPDATE p SET v = 10 WHERE id = 1",
        "DELETE FROM p WHERE id = 1",
        "DELETE FROM p WHERE id = 2",
        "INSERT INTO p VALUES (2, 20)",
        "UPDATE p SET v = v + 1 WHERE id = 3",
        "UPDATE p SET v = v + 1 WHERE id = 3",
    ] {
        pair.run(sql).await;
    }
    let applied = pair.pump().await.expect("the changes are applied");
    assert_eq!(pair.rows("SELECT * FROM p ORDER BY id").await, ["(2,20)", "(3,5)", "(4,41)"]);
    let ops = pair.rows("SELECT op, count(*) FROM ops GROUP BY op ORDER BY op").await;
    assert_eq!(ops, ["(DELETE,2)", "(INSERT,2)", "(UPDATE,1)"]);
    assert_eq!((applied.transactions, applied.changes), (11, 11));
    assert!(one_by_one(&mut pair).is_empty() && pair.read().await.is_empty());
}

#[tokio::test]
async fn the_order_between_tables_is_lost_and_an_error_leads_to_one_by_one() {
    let target = "ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p";
    let setup = Setup { both: TABLES, target, tables: &["p(id)", "c(id)"], batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO p VALUES (1, 1); INSERT INTO c VALUES (1, 1); INSERT INTO c VALUES (2, 9)").await;
    assert_eq!(pair.rows("SELECT * FROM c").await, ["(1,1)"]);
    assert_eq!(pair.exceptions().await.len(), 1, "one by one, only the orphan fails");
    assert_eq!(one_by_one(&mut pair).len(), 1);
}

#[tokio::test]
async fn tables_that_batches_do_not_support_are_applied_one_by_one() {
    let both = "CREATE TABLE u (id int PRIMARY KEY, n int UNIQUE); CREATE TABLE k (id int)";
    let setup = Setup { both, tables: &["u(id)", "k()"], batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    // The net effect in one go would fail: it needs the free number before the second row has left it.
    pair.replicate("INSERT INTO u VALUES (1, 1), (2, 2)").await;
    assert_eq!(pair.events()[0], Event::UniqueConstraint { table: table("u") });
    pair.replicate("UPDATE u SET n = 0 WHERE id = 1; UPDATE u SET n = 1 WHERE id = 2; UPDATE u SET n = 2 WHERE id = 1")
        .await;
    pair.replicate("INSERT INTO k VALUES (1)").await;
    assert_eq!(pair.rows("SELECT * FROM u ORDER BY id").await, ["(1,2)", "(2,1)"]);
    let unique = "the table has a primary key and a unique index";
    assert_eq!(one_by_one(&mut pair), [unique, "the table has no primary key"]);
    assert_eq!(pair.rows("SELECT * FROM k").await, ["(1)"]);
}

#[tokio::test]
async fn with_four_policies_a_failing_table_is_suspended_and_the_batch_continues() {
    let errors = json!({ "DataErrorPolicy": "SUSPEND_TABLE", "ApplyErrorDeletePolicy": "SUSPEND_TABLE",
                         "ApplyErrorInsertPolicy": "SUSPEND_TABLE", "ApplyErrorUpdatePolicy": "SUSPEND_TABLE" });
    let target = "INSERT INTO c VALUES (1, 0)";
    let setup = Setup { both: TABLES, target, tables: &["p(id)", "c(id)"], errors, batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO c VALUES (1, 1), (2, 1); INSERT INTO p VALUES (1, 1)").await;
    assert_eq!(pair.suspended(), ["c"]);
    assert_eq!(pair.rows("SELECT * FROM c").await, ["(1,0)"]);
    assert_eq!(pair.rows("SELECT * FROM p").await, ["(1,1)"]);
    assert!(one_by_one(&mut pair).is_empty() && pair.exceptions().await.is_empty());
}

#[tokio::test]
async fn missing_rows_and_replaced_rows_follow_their_policies() {
    let source = "INSERT INTO p VALUES (1, 1), (2, 2)";
    let setup = Setup { both: TABLES, source, tables: &["p(id)"], batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("UPDATE p SET v = 9 WHERE id = 1; DELETE FROM p WHERE id = 2").await;
    assert_eq!(pair.exceptions().await.len(), 1);
    assert_eq!(one_by_one(&mut pair), ["0 rows affected"]);

    let errors = json!({ "ApplyErrorInsertPolicy": "INSERT_RECORD", "ApplyErrorUpdatePolicy": "UPDATE_RECORD" });
    let target = "INSERT INTO p VALUES (3, 0)";
    let setup = Setup { both: TABLES, source, target, tables: &["p(id)"], errors, batch: true, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.replicate("INSERT INTO p VALUES (3, 3); UPDATE p SET v = 9 WHERE id = 1").await;
    assert_eq!(pair.rows("SELECT * FROM p ORDER BY id").await, ["(1,9)", "(3,3)"]);
    assert!(one_by_one(&mut pair).is_empty() && pair.exceptions().await.is_empty());
}

#[tokio::test]
async fn a_split_batch_divides_a_transaction() {
    let target = "CREATE TABLE marks (xid xid8);
                  CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN INSERT INTO marks VALUES (pg_current_xact_id()); RETURN NULL; END $$;
                  CREATE TRIGGER mark AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION mark()";
    let setup = Setup { both: TABLES, target, tables: &["p(id)"], batch: true, split_size: 10, ..Setup::default() };
    let mut pair = setup.build().await;
    pair.run("INSERT INTO p SELECT n FROM generate_series(1, 25) n").await;
    let applied = pair.pump().await.expect("the changes are applied");
    assert_eq!((applied.transactions, applied.changes), (1, 25));
    assert_eq!(pair.rows("SELECT count(*), count(DISTINCT xid::text) FROM marks").await, ["(25,3)"]);
}
