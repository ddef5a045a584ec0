use infra_database::check::{self, BatchApply, Finding, Limits, Lobs, Report, Topic, Verdict};
use infra_database::{Database, TableName};

use super::server::{TestDatabase, pair, target, unique};

const PAYMENTS: &str = include_str!("../../../../config/payment-schema.sql");

async fn run_with(source: &TestDatabase, target: &TestDatabase, limits: &Limits) -> Report {
    let (old, new) = (source.client().await, target.client().await);
    let sides = (Database::new("source", &old), Database::new("target", &new));
    check::run(sides.0, sides.1, limits).await.expect("both sides can be asked")
}

async fn run(source: &TestDatabase, target: &TestDatabase) -> Report {
    run_with(source, target, &Limits::default()).await
}

/// Returns what is no pass about a topic.
fn about(report: &Report, topic: Topic) -> Vec<(Verdict, &str, &str)> {
    let is_about = |finding: &&Finding| finding.topic == topic && finding.verdict != Verdict::Pass;
    let found: Vec<&Finding> = report.findings.iter().filter(is_about).collect();
    assert!(found.iter().all(|finding| finding.action.as_ref().is_some_and(|action| !action.is_empty())));
    found.iter().map(|finding| (finding.verdict, finding.subject.as_str(), finding.what.as_str())).collect()
}

/// Returns the subjects of what is no pass about a topic.
fn subjects(report: &Report, topic: Topic) -> Vec<&str> {
    about(report, topic).into_iter().map(|(_, subject, _)| subject).collect()
}

fn table(name: &str) -> TableName {
    TableName::new("public", name)
}

#[tokio::test]
async fn the_payment_schema_gets_the_settings_that_lose_nothing() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    owner.batch_execute(PAYMENTS).await.unwrap();
    // 100 KB, of which the largest is a text: DMS counts units of two bytes.
    let rows = "INSERT INTO customers (email, full_name) VALUES ('a@b', 'A'); \
         INSERT INTO accounts (customer_id, currency) VALUES (1, 'EUR'); \
         INSERT INTO payments (idempotency_key, customer_id, currency, amount, local_time, authorized_at) \
         VALUES (gen_random_uuid(), 1, 'EUR', 5, now(), now()); \
         INSERT INTO \"payment notes\" (id, payment_id, \"written by\", body, attachment) \
         SELECT gen_random_uuid(), id, 'me', repeat('x', 102400), convert_to(repeat('y', 50000), 'UTF8') FROM payments";
    owner.batch_execute(rows).await.unwrap();
    let report = run(&from, &to).await;
    let measured = &report.measurements;
    assert_eq!(measured.lobs, Lobs::Limited { kilobytes: 512 });
    let wide: Vec<_> = measured.wide_columns.iter().map(|one| (one.column.as_str(), one.bytes, one.is_text)).collect();
    assert_eq!(wide, [("body", 102_400, true), ("attachment", 50_000, false)]);
    assert_eq!(measured.excluded, [table("payment_events")]);
    assert_eq!(measured.partitions.len(), 3);
    assert_eq!(measured.without_key, [table("audit_log")]);
    assert_eq!(measured.unique_beside_key, ["customers", "entries", "payments", "refunds"].map(table));
    assert!(matches!(&measured.batch_apply, BatchApply::Impossible { reasons } if reasons.len() == 2));
    assert_eq!(measured.generated_columns, [(table("payments"), "total".to_owned())]);
    assert!(measured.required_lobs.contains(&(table("payment notes"), "body".to_owned())));
    assert!(!measured.required_lobs.contains(&(table("payment notes"), "attachment".to_owned())));
    assert!(measured.exact_numeric, "`exchange_rate numeric` would be rounded");
    assert_eq!(measured.tables, 11);
    assert_eq!(subjects(&report, Topic::IdentityColumns), ["public.customers.id"]);
    // The foreign key of `refunds` is deferred.
    assert_eq!(subjects(&report, Topic::Keys), ["public.audit_log", "public.refunds"]);
    assert_eq!(subjects(&report, Topic::Partitions), ["public.payment_events"]);
    assert!(subjects(&report, Topic::WideColumns).contains(&"public.payment notes.body"));
    let is_sorted = report.findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.verdict));
    assert!(is_sorted && !format!("{report:?}").contains("a@b"));
}

#[tokio::test]
async fn an_empty_source_fails() {
    let [from, to] = pair().await;
    let report = run(&from, &to).await;
    assert_eq!(report.verdict(), Verdict::Fail);
    assert_eq!(about(&report, Topic::Tables)[0].0, Verdict::Fail);
    assert_eq!((report.measurements.lobs, report.measurements.tables), (Lobs::None, 0));
    from.client().await.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    let report = run(&from, &to).await;
    assert_eq!(about(&report, Topic::Tables), [(Verdict::Warn, "database", "no table has rows")]);
    assert_eq!(report.measurements.batch_apply, BatchApply::Possible);
}

#[tokio::test]
async fn keys_and_replica_identities_are_judged_by_what_would_be_lost() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    owner
        .batch_execute(
            "CREATE TABLE a_inserted (i int); CREATE TABLE b_updated (i int); INSERT INTO b_updated VALUES (1); \
             UPDATE b_updated SET i = 2; CREATE TABLE c_full (i int); ALTER TABLE c_full REPLICA IDENTITY FULL; \
             CREATE TABLE d_nothing (i int PRIMARY KEY); ALTER TABLE d_nothing REPLICA IDENTITY NOTHING; \
             CREATE TABLE e_fine (i int PRIMARY KEY)",
        )
        .await
        .unwrap();
    // A session reports its statistics at the latest when it ends.
    drop(owner);
    let expected = [
        (Verdict::Fail, "public.b_updated"),
        (Verdict::Fail, "public.d_nothing"),
        (Verdict::Warn, "public.a_inserted"),
        (Verdict::Warn, "public.c_full"),
    ];
    for attempt in 0.. {
        let report = run(&from, &to).await;
        let found: Vec<_> = about(&report, Topic::Keys).into_iter().map(|(verdict, name, _)| (verdict, name)).collect();
        if found == expected {
            break;
        }
        assert!(attempt < 50, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn documented_limitations_of_tables_are_found() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    owner
        .batch_execute(
            "CREATE TABLE a_array (tags text[]); CREATE TABLE b_coalesce (id int PRIMARY KEY, a int, b int); \
             CREATE UNIQUE INDEX ON b_coalesce ((coalesce(a, b))); CREATE TABLE c_large (id text PRIMARY KEY); \
             CREATE TABLE d_parent (id int PRIMARY KEY); CREATE TABLE e_heir () INHERITS (d_parent); \
             CREATE TABLE \"D_Parent\" (id int PRIMARY KEY); CREATE TABLE f_digits (id int PRIMARY KEY, n numeric); \
             INSERT INTO f_digits VALUES (1, 'NaN'), (2, 12345678901234567890.123456789)",
        )
        .await
        .unwrap();
    let report = run(&from, &to).await;
    let keys: Vec<_> = about(&report, Topic::Keys).into_iter().map(|(verdict, name, _)| (verdict, name)).collect();
    assert_eq!(
        keys,
        [
            (Verdict::Fail, "public.a_array"),
            (Verdict::Fail, "public.b_coalesce"),
            (Verdict::Warn, "public.a_array"),
            (Verdict::Warn, "public.c_large"),
            (Verdict::Warn, "public.e_heir"),
        ]
    );
    assert_eq!(subjects(&report, Topic::Tables), ["public.d_parent", "public.d_parent"]);
    let digits =
        (Verdict::Fail, "public.f_digits.n", "values of 29 digits (measured); changes are applied with at most 28");
    assert_eq!(about(&report, Topic::Types)[0], digits);
}

#[tokio::test]
async fn types_that_dms_changes_are_found_in_the_values() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    owner
        .batch_execute(
            "CREATE DOMAIN long_text AS text; CREATE TYPE mood AS ENUM ('ok'); \
             CREATE TABLE t (id int PRIMARY KEY, a_oid oid, b_zone timetz, c_endless timestamptz, d_finite date, \
             e_domain long_text, f_free varchar, g_ranges int4multirange, h_json jsonb, i_tags text[], j_mood mood, \
             k_numeric numeric, l_exact numeric(10, 2)); \
             INSERT INTO t SELECT 1, 1, '10:00+02', 'infinity', '2024-01-01', repeat('e', 9000), repeat('f', 8000), \
             (SELECT range_agg(int4range(i * 10, i * 10 + 1)) FROM generate_series(1, 100) AS i), \
             jsonb_build_object('long', repeat('h', 40000)), ARRAY[repeat('i', 50000), NULL], 'ok', 1, 1",
        )
        .await
        .unwrap();
    let report = run(&from, &to).await;
    let types: Vec<_> = about(&report, Topic::Types).into_iter().map(|(verdict, name, _)| (verdict, name)).collect();
    assert_eq!(
        types,
        [
            (Verdict::Fail, "public.t.a_oid"),
            (Verdict::Fail, "public.t.b_zone"),
            (Verdict::Fail, "public.t.c_endless"),
            (Verdict::Fail, "public.t.g_ranges"),
            (Verdict::Warn, "public.t.k_numeric"),
        ]
    );
    assert_eq!(report.measurements.varchar_bytes, 9000);
    let wide: Vec<_> = report.measurements.wide_columns.iter().map(|one| (one.column.as_str(), one.bytes)).collect();
    // `{"long": "…"}` and `{…,NULL}`
    assert_eq!(wide, [("h_json", 40_012), ("i_tags", 50_007)]);
    assert_eq!(subjects(&report, Topic::WideColumns), ["public.t.e_domain", "public.t.h_json", "public.t.i_tags"]);
}

#[tokio::test]
async fn large_values_are_measured_without_being_read() {
    let [from, to] = pair().await;
    let (owner, other) = (from.client().await, to.client().await);
    owner
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, a text, b bytea); ALTER TABLE t ALTER a SET STORAGE EXTERNAL; \
             INSERT INTO t VALUES (1, repeat('a', 3000000), convert_to(repeat('b', 1000), 'UTF8')); BEGIN",
        )
        .await
        .unwrap();
    // What this session has read and not reported yet ("Statistics Functions", PostgreSQL documentation); nothing is
    // reported while a transaction is open.
    let blocks = "SELECT pg_stat_get_xact_blocks_fetched(oid), pg_stat_get_xact_blocks_fetched(reltoastrelid) \
         FROM pg_class WHERE relname = 't'";
    let before = owner.query_one(blocks, &[]).await.unwrap();
    let sides = (Database::new("source", &owner), Database::new("target", &other));
    let report = check::run(sides.0, sides.1, &Limits::default()).await.unwrap();
    assert_eq!(report.measurements.wide_columns[0].bytes, 3_000_000);
    let after = owner.query_one(blocks, &[]).await.unwrap();
    assert!(after.get::<_, i64>(0) > before.get(0), "blocks of the table");
    assert_eq!(after.get::<_, i64>(1), before.get::<_, i64>(1), "blocks of its TOAST table");
}

#[tokio::test]
async fn of_a_table_above_the_limit_a_sample_is_measured_and_that_is_said() {
    let [from, to] = pair().await;
    let create = "CREATE TABLE t AS SELECT i, repeat('x', 500) AS body FROM generate_series(1, 3000) AS i";
    from.client().await.batch_execute(create).await.unwrap();
    let limits = Limits { scan_bytes: 200_000, ..Limits::default() };
    let report = run_with(&from, &to, &limits).await;
    assert_eq!(report.measurements.sampled, [table("t")]);
    assert_eq!(subjects(&report, Topic::WideColumns), ["public.t"]);
}

#[tokio::test]
async fn what_is_outside_of_tables_or_of_the_log_is_found() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    owner
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE a_full (id int PRIMARY KEY); \
             INSERT INTO a_full VALUES (1); CREATE UNLOGGED TABLE b_empty (id int PRIMARY KEY); SELECT lo_create(0)",
        )
        .await
        .unwrap();
    let role = from.role("only_source").await;
    let settings =
        format!("GRANT SELECT ON t TO {role}; ALTER ROLE {role} IN DATABASE {} SET search_path = elsewhere", from.name);
    owner.batch_execute(&settings).await.unwrap();
    to.client().await.batch_execute("CREATE TABLE t AS SELECT 1::bigint AS id").await.unwrap();
    let report = run(&from, &to).await;
    let unlogged = about(&report, Topic::UnloggedTables);
    assert_eq!((unlogged[0].0, unlogged[0].1), (Verdict::Fail, "public.a_full"));
    assert_eq!((unlogged[1].0, unlogged[1].1), (Verdict::Warn, "public.b_empty"));
    assert_eq!(about(&report, Topic::LargeObjects)[0].2, "1 large objects, which are not replicated");
    assert_eq!(subjects(&report, Topic::Roles), [role.as_str()]);
    assert_eq!(subjects(&report, Topic::RoleSettings), [role.as_str()]);
    assert_eq!(subjects(&report, Topic::TargetRows), ["public.t"]);
    let different = (Verdict::Fail, "public.t.id", "integer on the source, bigint here");
    assert_eq!(about(&report, Topic::Types), [different]);
}

#[tokio::test]
async fn an_identity_that_refuses_values_fails_where_it_would_be_written() {
    let [from, to] = pair().await;
    let create = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)";
    for database in [&from, &to] {
        database.client().await.batch_execute(create).await.unwrap();
    }
    assert_eq!(about(&run(&from, &to).await, Topic::IdentityColumns)[0].0, Verdict::Fail);
    let change = "ALTER TABLE t ALTER id SET GENERATED BY DEFAULT";
    to.client().await.batch_execute(change).await.unwrap();
    // The switchover makes the source accept values.
    assert_eq!(about(&run(&from, &to).await, Topic::IdentityColumns), []);
}

#[tokio::test]
async fn rights_that_are_missing_are_found() {
    let [from, to] = pair().await;
    let owner = from.client().await;
    let (role, secret) = (from.role("replication").await, unique("secret"));
    let create = format!(
        "CREATE TABLE {secret} (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY); \
         ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; GRANT SELECT ON hidden TO {role}"
    );
    owner.batch_execute(&create).await.unwrap();
    let other = to.role("replication").await;
    let (old, new) = (from.client_as(&role, "dms").await, to.client_as(&other, "dms").await);
    let sides = (Database::new("source", &old), Database::new("target", &new));
    let report = check::run(sides.0, sides.1, &Limits::default()).await.unwrap();
    let hidden = format!("public.{secret}");
    let expected = ["public.hidden", &hidden, &role, &other, "session_replication_role"];
    let mut found = subjects(&report, Topic::Rights);
    found.sort_by_key(|subject| expected.iter().position(|one| one == subject));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn transactions_that_delay_a_slot_and_the_settings_of_both_servers_are_found() {
    let [from, to] = pair().await;
    from.client().await.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    // On the target, because other tests create slots on the source.
    let elsewhere = target().database().await;
    let busy = elsewhere.client_as("master", "report").await;
    busy.batch_execute("CREATE TABLE t ()").await.unwrap();
    busy.batch_execute("BEGIN; INSERT INTO t DEFAULT VALUES; PREPARE TRANSACTION 'left-over'").await.unwrap();
    busy.batch_execute("BEGIN; INSERT INTO t DEFAULT VALUES").await.unwrap();
    let limits =
        Limits { long_transaction: std::time::Duration::ZERO, free_slots: 1000, keep_bytes: 1, ..Limits::default() };
    let report = run_with(&from, &to, &limits).await;
    let transactions = about(&report, Topic::Transactions);
    assert!(transactions.iter().any(|(_, _, what)| what.contains("`report`")), "{transactions:?}");
    assert!(subjects(&report, Topic::PreparedTransactions).contains(&"left-over"));
    assert_eq!(subjects(&report, Topic::Slots), ["max_replication_slots"; 2]);
    assert_eq!(subjects(&report, Topic::Senders), ["max_wal_senders"; 2]);
    // -1 on both servers
    assert_eq!(about(&report, Topic::KeepSize), [(Verdict::Warn, "max_slot_wal_keep_size", "no limit"); 2]);
    assert_eq!(about(&report, Topic::WalLevel), []);
    assert_eq!(about(&report, Topic::SenderTimeout), []);
    busy.batch_execute("ROLLBACK").await.unwrap();
    busy.batch_execute("ROLLBACK PREPARED 'left-over'").await.unwrap();
}

#[tokio::test]
async fn encodings_collations_and_extensions_are_compared() {
    let from = super::server::source().database().await;
    let to = target().latin_database().await;
    let owner = from.client().await;
    owner.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    let trusted = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')";
    let has_modules: bool = owner.query_one(trusted, &[]).await.unwrap().get(0);
    if has_modules {
        owner.batch_execute("CREATE EXTENSION pg_trgm").await.unwrap();
    }
    let report = run(&from, &to).await;
    let what = "UTF8 on the source, LATIN1 here: not every character exists";
    assert_eq!(about(&report, Topic::Encoding), [(Verdict::Fail, "database", what)]);
    assert!(about(&report, Topic::Collation)[0].2.starts_with("collation `C.UTF-8` on the source, `C` here"));
    let extensions = report.findings.iter().filter(|finding| finding.topic == Topic::Extensions);
    assert_eq!(extensions.filter(|finding| finding.what.contains("pg_trgm")).count(), usize::from(has_modules));
}
