//! Comparing databases while changes arrive.

use std::time::Duration;

use infra_compare::{Options, Verdict};

use crate::pair::{Pair, small, table};

const TABLES: &str = "CREATE TABLE numbered (id int PRIMARY KEY, v int); INSERT INTO numbered SELECT n, 0 \
    FROM generate_series(1, 2000) AS n; CREATE TABLE named (name text PRIMARY KEY, v int); INSERT INTO named \
    SELECT 'n' || n, 0 FROM generate_series(1, 300) AS n; CREATE TABLE keyless (v int);";

/// What changed on the source and has not arrived.
const CHANGES: &str = "UPDATE numbered SET v = 1 WHERE id % 100 = 0; DELETE FROM numbered WHERE id = 5; \
    INSERT INTO numbered VALUES (9000, 1); UPDATE named SET v = 1 WHERE name IN ('n7', 'n8'); \
    INSERT INTO keyless VALUES (1);";

#[tokio::test]
async fn rows_that_arrive_later_are_equal() {
    let pair = Pair::new(TABLES, CHANGES, "").await;
    assert_eq!(pair.compared().await.verdict, Verdict::Different);
    let options = Options { recheck_after: Duration::from_millis(1500), recheck_times: 2, ..small() };
    let later = async {
        tokio::time::sleep(Duration::from_millis(1400)).await;
        pair.run(1, CHANGES).await;
    };
    let (comparison, ()) = tokio::join!(pair.compared_with(&options), later);
    let comparison = comparison.unwrap();
    assert_eq!(comparison.verdict, Verdict::Equal, "{comparison:#?}");
    assert_eq!(table(&comparison, "numbered").to_string(), "public.numbered: equal, 2000 rows");
}

#[tokio::test]
async fn only_rows_that_differ_each_time_are_told() {
    let pair = Pair::new(TABLES, CHANGES, "").await;
    pair.run(1, &CHANGES.replace("WHERE id % 100 = 0", "WHERE id % 100 = 0 AND id <> 300")).await;
    let options = Options { recheck_after: Duration::ZERO, recheck_times: 2, ..small() };
    let comparison = pair.compared_with(&options).await.unwrap();
    let rows = &table(&comparison, "numbered").rows;
    assert_eq!((rows.differing, rows.differing_keys[0].0.as_slice()), (1, &["300".to_owned()][..]), "{rows:#?}");
    assert_eq!((rows.missing, rows.additional, comparison.verdict), (0, 0, Verdict::Different));
}

/// The statement that would mend the difference would stop the replication.
#[tokio::test]
async fn an_identity_column_that_a_replication_writes_is_no_difference() {
    let table = |kind: &str| {
        format!("CREATE TABLE i (id int GENERATED {kind} AS IDENTITY PRIMARY KEY, v int); INSERT INTO i (v) VALUES (1)")
    };
    let pair = Pair::new("", &table("ALWAYS"), &table("BY DEFAULT")).await;
    let comparison = pair.compared().await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal), "{comparison:#?}");
    assert_eq!(comparison.repairs.len(), 1);
    let comparison = pair.compared_with(&Options { is_replicated: true, ..small() }).await.unwrap();
    assert_eq!((comparison.verdict, comparison.repairs.len()), (Verdict::Equal, 0), "{comparison:#?}");
    assert!(crate::pair::table(&comparison, "i").to_string().contains("because the replication writes it"));
}

/// Rows of a table without a key arrive all the time, and the same text can be in several of them.
#[tokio::test]
async fn a_table_without_a_key_can_end_as_equal_while_rows_arrive() {
    const LOGGED: &str = "CREATE TABLE log (at int, what text); INSERT INTO log SELECT n % 700, 'x' \
        FROM generate_series(1, 3000) AS n;";
    const LATE: &str = "INSERT INTO log SELECT n, 'late' FROM generate_series(1, 40) AS n; \
        INSERT INTO log SELECT 1, 'x' FROM generate_series(1, 3);";
    let pair = Pair::new(LOGGED, LATE, "").await;
    let options = Options { recheck_after: Duration::from_millis(1500), recheck_times: 2, ..small() };
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // What comes after the first look is in the way of nothing.
        pair.run(0, "INSERT INTO log VALUES (1, 'new'), (2, 'new')").await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        pair.run(1, LATE).await;
    };
    let (comparison, ()) = tokio::join!(pair.compared_with(&options), later);
    let comparison = comparison.unwrap();
    assert_eq!(comparison.verdict, Verdict::Equal, "{comparison:#?}");

    // One that never arrives is found, and not confused with one that arrives later.
    pair.run(1, "DELETE FROM log WHERE at = 5 AND what = 'late'").await;
    let options = Options { recheck_after: Duration::ZERO, recheck_times: 2, ..small() };
    let comparison = pair.compared_with(&options).await.unwrap();
    let rows = &table(&comparison, "log").rows;
    // The two new ones have not arrived either.
    assert_eq!((rows.missing, rows.additional, rows.more), (3, 0, false), "{rows:#?}");
    assert!(rows.missing_keys.is_empty(), "{rows:#?}");
}

/// What was missing has another hash now: to look for the old one found nothing.
#[tokio::test]
async fn a_row_without_a_key_that_changes_between_two_looks_is_still_missing() {
    let pair =
        Pair::new("CREATE TABLE log (at int, what text); INSERT INTO log VALUES (1, 'x'), (2, 'x')", "", "").await;
    pair.run(1, "DELETE FROM log WHERE at = 2").await;
    let options = Options { recheck_after: Duration::from_millis(1500), recheck_times: 1, ..small() };
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        pair.run(0, "UPDATE log SET what = 'y' WHERE at = 2").await;
    };
    let (comparison, ()) = tokio::join!(pair.compared_with(&options), change);
    let rows = &table(&comparison.unwrap(), "log").rows.clone();
    assert_eq!((rows.missing, rows.additional), (1, 0), "{rows:#?}");
}
