//! Schemas of users, which this program does not know.

use std::sync::Arc;
use std::time::Duration;

use infra_rehearsal::{
    Application, Database, Error, Fill, Ledger, ServiceOptions, VerifyOptions, WriterOptions, Writers, fill, verify,
};

use super::cloud::FakeCloud;
use super::server::{client, database};

/// Tenants: composite foreign keys that share a column, a check of two columns, a join table of foreign keys only.
const TENANTS: &str = "
    CREATE TABLE tenants (code char(4) PRIMARY KEY, name varchar(30) NOT NULL UNIQUE);
    CREATE TABLE customers (tenant char(4) REFERENCES tenants, id integer, 
        vat text CHECK (vat ~ '^[A-Z]{2}[0-9]{8,12}$'),
        PRIMARY KEY (tenant, id));
    CREATE TABLE products (tenant char(4) REFERENCES tenants, sku varchar(8), price numeric(8,3) CHECK (price > 0.5),
        PRIMARY KEY (tenant, sku));
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant char(4) NOT NULL,
        customer integer NOT NULL, sku varchar(8) NOT NULL, starts_at timestamptz NOT NULL,
        ends_at timestamptz, CHECK (ends_at > starts_at),
        FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id),
        FOREIGN KEY (tenant, sku) REFERENCES products (tenant, sku));
    CREATE TABLE favourites (tenant char(4), customer integer, sku varchar(8), PRIMARY KEY (tenant, customer, sku),
        FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id),
        FOREIGN KEY (tenant, sku) REFERENCES products (tenant, sku));
    CREATE TABLE tags (customer_tenant char(4), customer integer, tag smallint CHECK (tag IN (1, 2, 3)),
        PRIMARY KEY (customer_tenant, customer, tag),
        FOREIGN KEY (customer_tenant, customer) REFERENCES customers (tenant, id));";

/// Every type, in keys and beside them; partitions by list and by range; a tree; one row for each row of another table.
const TYPES: &str = "
    CREATE TYPE mood AS ENUM ('good', 'it''s bad', 'ugly, \"really\"');
    CREATE TYPE place AS (street text, number integer, open boolean);
    CREATE DOMAIN percent AS smallint CHECK (VALUE BETWEEN 0 AND 100);
    CREATE DOMAIN nick AS varchar(12) NOT NULL CHECK (length(VALUE) >= 3);
    CREATE TABLE everything (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), nick nick UNIQUE, code bit(20) UNIQUE,
        at timestamp UNIQUE, on_day date,
        b boolean NOT NULL, i2 smallint, i4 integer NOT NULL UNIQUE, i8 bigint, n numeric, n5 numeric(5,0),
        f4 real, f8 float8,
        m money, t text, c char(3), bytes bytea, d date, ti time, tz timetz, ts timestamp,
        tstz timestamptz, iv interval,
        j json, jb jsonb, ip inet, net cidr, mac macaddr, mac8 macaddr8, vb varbit(9), p point, poly polygon,
        tsv tsvector,
        x xml, moods mood[], place place, places place[], pct percent,
        during tstzrange, days datemultirange, nums int4range,
        texts text[], bits varbit, name name, doubled integer GENERATED ALWAYS AS (i4 / 2) STORED, n_1 serial,
        UNIQUE (on_day, b, nick));
    CREATE UNIQUE INDEX ON everything (lower(nick), i8);
    CREATE TABLE by_list (id bigint, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE by_list_1 PARTITION OF by_list FOR VALUES IN ('eu', 'us');
    CREATE TABLE by_list_2 PARTITION OF by_list FOR VALUES IN ('it''s far');
    CREATE TABLE by_range (id integer, day date, v real, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE by_range_1 PARTITION OF by_range FOR VALUES FROM ('2021-01-01') TO ('2021-02-01');
    CREATE TABLE by_range_2 PARTITION OF by_range FOR VALUES FROM ('2021-03-01') TO ('2021-04-01');
    CREATE TABLE tree (id text PRIMARY KEY, parent text NOT NULL REFERENCES tree, label text);
    CREATE TABLE profile (id uuid PRIMARY KEY REFERENCES everything, about text, \"odd name\" int4 DEFAULT 5);
    CREATE TABLE only_serial (id serial PRIMARY KEY);";

/// A cycle, a trigger that refuses some rows, a function in a check, a table that allows few rows, other schemas.
const CYCLE: &str = "
    CREATE SCHEMA \"other schema\";
    CREATE TABLE \"other schema\".teams (id serial PRIMARY KEY, leader integer);
    CREATE TABLE \"other schema\".people (id serial PRIMARY KEY, team integer NOT NULL
        REFERENCES \"other schema\".teams,
        mail text UNIQUE CHECK (mail ~* '^[a-z]+@[a-z]+\\.(?:org)$'));
    ALTER TABLE \"other schema\".teams ADD FOREIGN KEY (leader) REFERENCES \"other schema\".people DEFERRABLE;
    CREATE TABLE settings (enabled boolean PRIMARY KEY, value jsonb);
    CREATE FUNCTION even(v integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v % 2 = 0';
    CREATE TABLE no_key (a integer, b text);";

async fn with_schema(sql: &str) -> Database {
    let database = database().await;
    client(&database).await.batch_execute(sql).await.expect("the schema loads");
    database
}

async fn filled(sql: &str, rows: u64) -> (Database, Vec<infra_rehearsal::FilledTable>) {
    let database = with_schema(sql).await;
    let tables = fill(&database.connection, &Fill { rows, seed: 3, builtin: false }, &|_, _| ()).await;
    let tables = tables.unwrap_or_else(|error| panic!("{error}"));
    for table in &tables {
        let (schema, name) = table.table.split_once('.').expect("a schema");
        let sql = format!("SELECT count(*) FROM \"{schema}\".\"{name}\"");
        let count: i64 = client(&database).await.query_one(&sql, &[]).await.expect("a count").get(0);
        assert_eq!(count.unsigned_abs(), table.rows, "{}", table.table);
    }
    (database, tables)
}

/// Lets writers work for a time; the verdict must be clean.
async fn rehearsed(database: &Database) -> (Application, infra_rehearsal::Verdict) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger");
    let application = Arc::new(Application::rows(&database.connection, 5).await.expect("tables to write to"));
    let ledger = Arc::new(Ledger::open(&path).expect("a ledger"));
    let cloud = Arc::new(FakeCloud::new(database, database, 0.5));
    let options = WriterOptions { writers: 4, rate: 300.0, ..WriterOptions::default() };
    let writers = Writers::start(options, ServiceOptions::default(), Arc::clone(&application), cloud, ledger);
    let writers = writers.expect("writers");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    writers.stop().await.expect("the ledger was written");
    let options = VerifyOptions { rows_in_memory: 200, ..VerifyOptions::default() };
    let verdict = verify(&path, database, &[], &options).await.expect("a verdict");
    (Arc::into_inner(application).expect("the writers have stopped"), verdict)
}

#[tokio::test]
async fn a_schema_of_tenants_is_filled_and_written_to() {
    let (database, tables) = filled(TENANTS, 800).await;
    // Not every tenant has customers and products.
    let is_complete = |table: &infra_rehearsal::FilledTable| match table.table.as_str() {
        "public.favourites" => table.rows > 100 && table.limited_by.is_some(),
        _ => table.rows == 800,
    };
    assert!(tables.iter().all(is_complete), "{tables:?}");
    let (application, verdict) = rehearsed(&database).await;
    assert!(verdict.is_clean() && verdict.acknowledged > 100, "{verdict:#?}");
    let skipped: Vec<&str> = application.skipped().iter().map(|table| table.table.as_str()).collect();
    assert!(!skipped.contains(&"public.orders") && !skipped.contains(&"public.customers"), "{skipped:?}");
}

#[tokio::test]
async fn a_schema_with_every_type_is_filled_and_written_to() {
    let (database, tables) = filled(TYPES, 700).await;
    assert!(tables.iter().all(|table| table.rows == 700), "{tables:?}");
    let (application, verdict) = rehearsed(&database).await;
    assert!(verdict.is_clean() && verdict.acknowledged > 100, "{verdict:#?}");
    let skipped: Vec<&str> = application.skipped().iter().map(|table| table.table.as_str()).collect();
    assert!(!skipped.contains(&"public.everything") && !skipped.contains(&"public.by_list"), "{skipped:?}");
}

#[tokio::test]
async fn a_schema_with_a_cycle_is_filled_as_far_as_its_constraints_allow() {
    let (database, tables) = filled(CYCLE, 500).await;
    let of = |name: &str| tables.iter().find(|table| table.table == name).expect("the table").clone();
    assert_eq!((of("other schema.people").rows, of("public.settings").rows), (500, 2));
    assert_eq!(of("public.settings").limited_by.as_deref(), Some("settings_pkey"));
    let (application, verdict) = rehearsed(&database).await;
    assert!(verdict.is_clean() && verdict.acknowledged > 50, "{verdict:#?}");
    let reasons: Vec<String> =
        application.skipped().iter().map(|table| format!("{}: {}", table.table, table.reason)).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("public.no_key: it has no primary key")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.starts_with("public.settings: the constraint")), "{reasons:?}");
}

#[tokio::test]
async fn what_cannot_be_generated_is_named() {
    let error = |sql: &'static str| async move {
        let database = with_schema(sql).await;
        let failed = fill(&database.connection, &Fill { rows: 50, seed: 3, builtin: false }, &|_, _| ()).await;
        match failed.expect_err("the rows cannot be generated") {
            Error::Generate { table, column, constraint, reason } => (table, column, constraint, reason),
            other => panic!("{other}"),
        }
    };
    let (table, _, constraint, reason) = error(
        "CREATE FUNCTION even(v integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v % 2 = 0';
         CREATE TABLE t (a integer NOT NULL, CONSTRAINT is_even CHECK (even(a)))",
    )
    .await;
    assert_eq!((table.as_str(), constraint.as_deref()), ("public.t", Some("is_even")), "{reason}");
    let (table, column, _, reason) = error("CREATE TABLE t (a pg_snapshot NOT NULL)").await;
    assert_eq!((table.as_str(), column.as_deref()), ("public.t", Some("a")), "{reason}");
    let (table, column, constraint, reason) =
        error("CREATE TABLE t (id serial PRIMARY KEY, parent integer NOT NULL REFERENCES t)").await;
    assert_eq!((table.as_str(), column.as_deref()), ("public.t", Some("parent")), "{reason}");
    assert_eq!(constraint.as_deref(), Some("t_parent_fkey"));
    let (_, _, constraint, reason) = error(
        "CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL);
         CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL
         REFERENCES a); ALTER TABLE a ADD CONSTRAINT to_b FOREIGN KEY (b) REFERENCES b",
    )
    .await;
    assert!(constraint.is_some() && reason.contains("cycle"), "{reason}");
}
