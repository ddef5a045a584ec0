//! Generated rows for the built-in schema.

use infra_rehearsal::{Database, Fill, fill, load_payment_schema};

use super::server::{client, database};

/// Creates a database with the built-in schema and generated rows.
pub async fn payments(rows: u64, seed: u64) -> Database {
    let database = database().await;
    load_payment_schema(&database.connection).await.expect("the schema loads");
    let what = Fill { rows, seed, builtin: true };
    fill(&database.connection, &what, &|_, _| ()).await.expect("the rows are generated");
    database
}

/// A hash of all rows of a table, without what the server assigns by the clock.
async fn digest(database: &Database, table: &str, columns: &str) -> String {
    let sql =
        format!("SELECT md5(string_agg(({columns})::text, '|' ORDER BY ({columns})::text COLLATE \"C\")) FROM {table}");
    client(database).await.query_one(&sql, &[]).await.expect("the digest").get(0)
}

#[tokio::test]
async fn the_builtin_schema_is_filled_with_what_breaks_migrations() {
    let database = payments(3_000, 7).await;
    let client = client(&database).await;
    for (what, sql) in [
        ("the number of payments", "SELECT count(*) = 3000 FROM payments"),
        ("audit rows by the trigger", "SELECT count(*) = 3000 FROM audit_log"),
        (
            "rows of all tables",
            "SELECT bool_and(exists) FROM (VALUES \
          (EXISTS (SELECT FROM customers)), (EXISTS (SELECT FROM accounts)), (EXISTS (SELECT FROM entries)), \
          (EXISTS (SELECT FROM refunds)), (EXISTS (SELECT FROM \"payment notes\")), \
          (EXISTS (SELECT FROM payment_events_2024)), (EXISTS (SELECT FROM payment_events_2025)), \
          (EXISTS (SELECT FROM exchange_rates))) AS v(exists)",
        ),
        ("balances", "SELECT count(*) = 0 FROM accounts WHERE account_drift(customer_id, currency) <> 0"),
        ("NaN", "SELECT bool_or(risk_score = 'NaN') AND bool_or(exchange_rate = 'NaN') FROM payments"),
        ("large texts", "SELECT max(octet_length(description)) > 40000 FROM payments"),
        ("large bytes", "SELECT max(octet_length(receipt)) > 40000 FROM payments"),
        ("a wall clock that does not exist", "SELECT count(*) > 0 FROM payments WHERE local_time = '2024-03-31 02:30'"),
        ("an instant at a change", "SELECT count(*) > 0 FROM payments WHERE authorized_at = '2025-10-26 01:00+00'"),
        ("sequences at the last number", "SELECT last_value = (SELECT max(id) FROM entries) FROM entries_id_seq"),
    ] {
        let row = client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert!(row.get::<_, bool>(0), "{what}");
    }
}

#[tokio::test]
async fn the_same_seed_generates_the_same_rows() {
    let (first, same, other) = (payments(300, 7).await, payments(300, 7).await, payments(300, 8).await);
    let columns = "id, idempotency_key, amount, metadata, description, receipt, local_time";
    let expected = digest(&first, "payments", columns).await;
    assert_eq!(digest(&same, "payments", columns).await, expected);
    assert_ne!(digest(&other, "payments", columns).await, expected);
}
