use infra_database::{Database, TableName, repeated};

use super::server::pair;

#[tokio::test]
async fn rows_that_a_load_has_brought_twice_are_removed_and_no_others() {
    let [from, to] = pair().await;
    let (old, new) = (from.client().await, to.client().await);
    // A column that is named like an alias, values whose text depends on settings, and a table with a key.
    let schema = "CREATE TABLE log (r timestamptz, x double precision, b bytea); \
         CREATE TABLE kept (id int PRIMARY KEY); CREATE TABLE \"other log\" (r int)";
    for client in [&old, &new] {
        client.batch_execute(schema).await.unwrap();
        client.batch_execute("INSERT INTO \"other log\" VALUES (1), (1), (2)").await.unwrap();
    }
    old.batch_execute(
        "INSERT INTO log VALUES ('2024-03-31 01:30+00', 0.1, 'a'), ('2024-03-31 01:30+00', 0.1, 'a'), \
         ('2025-01-01 00:00+00', 'NaN', 'b'), ('2025-01-02 00:00+00', 1, 'later')",
    )
    .await
    .unwrap();
    new.batch_execute(
        "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape'; \
         INSERT INTO log VALUES ('2024-03-31 01:30+00', 0.1, 'a'), ('2024-03-31 01:30+00', 0.1, 'a'), \
         ('2025-01-01 00:00+00', 'NaN', 'b'), ('2025-01-01 00:00+00', 'NaN', 'b'), ('2025-01-01 00:00+00', 'NaN', 'b')",
    )
    .await
    .unwrap();
    let (source, target) = (Database::new("source", &old), Database::new("target", &new));
    let removed = repeated::remove_repeated(source, target).await.unwrap();
    assert_eq!(removed, [(TableName::new("public", "log"), 2)]);
    let rows = new.query_one("SELECT count(*), count(DISTINCT b) FROM log", &[]).await.unwrap();
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1)), (3, 2));
    assert!(repeated::remove_repeated(source, target).await.unwrap().is_empty(), "a repetition removes nothing");
}
