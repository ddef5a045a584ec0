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
