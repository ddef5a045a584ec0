//! The built-in schema.

use infra_rehearsal::load_payment_schema;

use super::server::{client, database};

/// What migration.md §7 asks for, as queries that return true.
const CONTENTS: &[(&str, &str)] = &[
    ("an identity key", "SELECT count(*) >= 2 FROM pg_attribute WHERE attidentity <> '' AND attrelid > 16000"),
    ("a serial key", "SELECT pg_get_serial_sequence('refunds', 'id') IS NOT NULL"),
    ("a composite key", "SELECT bool_or(indnkeyatts > 1) FROM pg_index WHERE indisprimary AND indrelid > 16000"),
    (
        "a UUID key",
        "SELECT bool_or(a.atttypid = 'uuid'::regtype) FROM pg_index i \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indisprimary",
    ),
    (
        "a table without a key",
        "SELECT NOT EXISTS (SELECT FROM pg_index WHERE indrelid = 'audit_log'::regclass AND indisprimary)",
    ),
    ("foreign keys", "SELECT count(*) >= 5 FROM pg_constraint WHERE contype = 'f'"),
    ("unique constraints", "SELECT count(*) >= 3 FROM pg_constraint WHERE contype = 'u'"),
    ("triggers", "SELECT count(*) = 2 FROM pg_trigger WHERE NOT tgisinternal"),
    ("a generated column", "SELECT count(*) = 1 FROM pg_attribute WHERE attgenerated = 's' AND attrelid > 16000"),
    ("enums", "SELECT count(*) = 2 FROM pg_type WHERE typtype = 'e'"),
    ("domains", "SELECT count(*) >= 2 FROM pg_type WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace"),
    ("arrays", "SELECT count(*) >= 2 FROM pg_attribute WHERE atttypid = 'text[]'::regtype AND attrelid > 16000"),
    ("jsonb", "SELECT count(*) >= 2 FROM pg_attribute WHERE atttypid = 'jsonb'::regtype AND attrelid > 16000"),
    ("partitions", "SELECT count(*) = 3 FROM pg_class WHERE relispartition AND relkind = 'r'"),
    ("a view", "SELECT count(*) = 1 FROM pg_views WHERE schemaname = 'public'"),
    ("a name with a space", "SELECT 'public.\"payment notes\"'::regclass IS NOT NULL"),
    ("no superuser", "SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user"),
];

#[tokio::test]
async fn the_schema_loads_without_a_superuser_and_contains_what_breaks_migrations() {
    let database = database().await;
    load_payment_schema(&database.connection).await.expect("the schema loads");
    let client = client(&database).await;
    for (what, sql) in CONTENTS {
        let row = client.query_one(*sql, &[]).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert!(row.get::<_, bool>(0), "{what}");
    }
}

#[tokio::test]
async fn triggers_write_and_a_view_and_a_function_read() {
    let database = database().await;
    load_payment_schema(&database.connection).await.expect("the schema loads");
    let client = client(&database).await;
    client
        .batch_execute(
            "INSERT INTO customers (email, full_name) VALUES ('a@b', 'A');
             INSERT INTO accounts (customer_id, currency) VALUES (1, 'EUR');
             INSERT INTO payments (idempotency_key, customer_id, currency, amount, fee, local_time, authorized_at)
             VALUES (gen_random_uuid(), 1, 'EUR', 10, 0.5, '2025-03-30 02:30', now());
             UPDATE payments SET status = 'captured'",
        )
        .await
        .expect("the statements");
    let sql = "SELECT (SELECT count(*) FROM audit_log), (SELECT version FROM payments), \
               (SELECT total::text FROM payments), \
               account_drift(1, 'EUR')::text, (SELECT count(*) FROM open_payments)";
    let row = client.query_one(sql, &[]).await.expect("the query");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (2, 2));
    assert_eq!((row.get(2), row.get(3), row.get::<_, i64>(4)), ("10.50", "0.00", 0));
}
