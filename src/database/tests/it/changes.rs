use infra_database::changes::{self, Counters, Rows};
use infra_database::{Database, TableName};

use super::server::source;

#[tokio::test]
async fn rows_are_counted_up_to_a_size_with_partitions_one_by_one() {
    let test = source().database().await;
    let role = test.role("reader").await;
    let master = test.client().await;
    master
        .batch_execute(&format!(
            "CREATE TABLE \"odd name\" AS SELECT generate_series(1, 5) AS i; \
             CREATE TABLE parent (i int) PARTITION BY LIST (i); CREATE TABLE child PARTITION OF parent DEFAULT; \
             INSERT INTO parent VALUES (1), (2); CREATE TABLE large AS SELECT generate_series(1, 1000) AS i; \
             CREATE TABLE empty (); CREATE TABLE awsdms_status (); CREATE TABLE hidden (); \
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; REVOKE SELECT ON hidden FROM {role}"
        ))
        .await
        .unwrap();
    let reader = test.client_as(&role, "app").await;
    let counts = changes::count(Database::new("source", &reader), 16_384).await.unwrap();
    assert!(matches!(counts[&TableName::new("public", "large")], Rows::TooLarge { bytes } if bytes > 16_384));
    let counts: Vec<_> = counts.iter().map(|(table, rows)| (table.name.as_str(), *rows)).collect();
    let counts: Vec<_> = counts.into_iter().filter(|(name, _)| *name != "large").collect();
    assert_eq!(
        counts,
        [
            ("child", Rows::Counted(2)),
            ("empty", Rows::Counted(0)),
            ("hidden", Rows::Unreadable),
            ("odd name", Rows::Counted(5)),
        ]
    );
    let state = "SELECT state FROM pg_stat_activity WHERE usename = $1";
    let state = master.query_one(state, &[&role]).await.unwrap();
    assert_eq!(state.get::<_, &str>(0), "idle", "the session has no transaction left");
}

#[tokio::test]
async fn the_position_of_the_log_grows_with_each_commit_and_counters_follow_later() {
    let test = source().database().await;
    let (client, other) = (test.client().await, test.client().await);
    client.batch_execute("CREATE TABLE t (i int)").await.unwrap();
    let database = Database::new("source", &client);
    let point = changes::point(database).await.unwrap();
    other.batch_execute("INSERT INTO t VALUES (1), (2); UPDATE t SET i = 3 WHERE i = 1").await.unwrap();
    assert!(changes::last_lsn(database).await.unwrap() > point.lsn);
    // A session reports its counters at the latest when it ends.
    drop(other);
    let table = TableName::new("public", "t");
    let expected = Counters { inserted: 2, updated: 1, deleted: 0 };
    for attempt in 0.. {
        let changes = changes::since(database, &point).await.unwrap();
        assert!(changes.log_bytes > 0);
        if changes.tables == [(table.clone(), expected)] {
            break;
        }
        assert!(attempt < 100, "{changes:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
