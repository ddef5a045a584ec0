//! Definitions that mean the same are the same, whatever route they came by; others are told.

use infra_compare::{Options, SchemaDifference, Side, Verdict};

use crate::pair::{Pair, small, table};

/// A schema with what an application depends on.
pub const WHOLE: &str = r#"
    CREATE TYPE mood AS ENUM ('new', 'paid', 'it''s back');
    CREATE DOMAIN positive AS numeric(12, 2) DEFAULT 1 CHECK (VALUE > 0);
    CREATE TYPE pair AS (a int, b text);
    CREATE SEQUENCE tickets INCREMENT 5 START 100;
    SELECT nextval('tickets');
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
    CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner varchar(20) NOT NULL,
        code text COLLATE "C" UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO account (owner, code) SELECT 'o' || n, 'c' || n FROM generate_series(1, 20) AS n;
    CREATE FUNCTION latest() RETURNS text LANGUAGE sql STABLE AS 'SELECT max(code) FROM public.account';
    CREATE FUNCTION small(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 < 100';
    CREATE TABLE pay (id serial PRIMARY KEY, account bigint REFERENCES account ON DELETE CASCADE,
        status varchar(20) DEFAULT 'new' CHECK (status IN ('new', 'paid')), mood mood DEFAULT 'new', amount positive,
        x int CHECK (x BETWEEN 1 AND 9 AND amount > 0), at timestamptz DEFAULT now(), pair pair,
        total numeric GENERATED ALWAYS AS (x * 2) STORED, "odd ""name" text DEFAULT E'back\\slash');
    INSERT INTO pay (account, x, amount, at) SELECT n, 1 + n % 9, n, '2024-01-01' FROM generate_series(1, 20) AS n;
    CREATE INDEX ON pay (id) WHERE status IN ('new', 'failed');
    CREATE INDEX ON pay (lower(status), x DESC);
    CREATE TRIGGER stamp BEFORE UPDATE ON pay FOR EACH ROW WHEN (OLD.status IN ('a', 'b')) EXECUTE FUNCTION stamp();
    CREATE TRIGGER off BEFORE INSERT ON pay FOR EACH ROW EXECUTE FUNCTION stamp();
    ALTER TABLE pay DISABLE TRIGGER off;
    CREATE VIEW open_pay AS SELECT id, amount FROM pay WHERE status IN ('new', 'failed') AND x BETWEEN 2 AND 5;
    CREATE VIEW a_view_of_a_view AS SELECT id FROM open_pay; ALTER TABLE pay ADD CHECK (small(x));
    CREATE MATERIALIZED VIEW sums AS SELECT account, sum(amount) AS sum FROM pay GROUP BY account;
    CREATE UNIQUE INDEX ON sums (account);
    ALTER TABLE pay ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON pay FOR SELECT TO PUBLIC USING (status = ANY (ARRAY['new', 'paid']) AND x > 0);
    CREATE TABLE event (id int, d date, v int DEFAULT 3, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
    CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
    CREATE UNIQUE INDEX ON event_1 (v); ALTER TABLE event_1 ADD CHECK (v > 0);
    ALTER TABLE event_1 ALTER v SET DEFAULT 7;
    CREATE INDEX ON event (v); INSERT INTO event VALUES (1, '2024-02-02', 5);
    GRANT SELECT, INSERT ON pay TO PUBLIC; GRANT SELECT (owner) ON account TO PUBLIC;
    REVOKE EXECUTE ON FUNCTION stamp() FROM PUBLIC; ANALYZE;
"#;

#[tokio::test]
async fn a_copy_by_dump_and_restore_is_equal() {
    let pair = Pair::copied(WHOLE).await;
    let comparison = pair.compared().await;
    let notes_only = comparison.objects.iter().all(|object| object.note);
    assert!(comparison.verdict == Verdict::Equal && notes_only, "{comparison:#?}");
    pair.run(1, "ALTER TABLE pay DROP CONSTRAINT pay_status_check; ALTER TABLE pay ADD CHECK (status IN ('new'))")
        .await;
    let comparison = pair.compared().await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal));
    let sides: Vec<_> = comparison.indexes.iter().map(|index| index.only_on).collect();
    assert_eq!(sides, [Side::Source, Side::Target], "{comparison:#?}");
}

#[tokio::test]
async fn the_statements_of_a_comparison_mend_bare_tables() {
    // The tables as DMS creates them: columns and primary keys, with types of this schema as text.
    let bare = r#"
        CREATE TABLE account (id bigint PRIMARY KEY, owner varchar(20) NOT NULL, code text);
        INSERT INTO account SELECT n, 'o' || n, 'c' || n FROM generate_series(1, 20) AS n;
        CREATE TABLE pay (id int PRIMARY KEY, account bigint, status varchar(20), mood text, amount numeric(12, 2),
            x int, at timestamptz, pair text, total numeric, "odd ""name" text);
        INSERT INTO pay SELECT n, n, 'new', 'new', n, 1 + n % 9, '2024-01-01', NULL, 2 * (1 + n % 9), E'back\\slash'
            FROM generate_series(1, 20) AS n;
        CREATE TABLE event (id int, d date, v int, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
        CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        INSERT INTO event VALUES (1, '2024-02-02', 5);"#;
    let pair = Pair::new("", WHOLE, bare).await;
    let comparison = pair.compared().await;
    assert_eq!(comparison.verdict, Verdict::Different);
    for repair in &comparison.repairs {
        for statement in &repair.statements {
            pair.run(1, statement).await;
        }
    }
    // Columns that were created again come last, which no statement mends.
    let again = pair.compared().await;
    let left: Vec<String> =
        again.tables.iter().flat_map(|table| &table.schema_differences).map(ToString::to_string).collect();
    assert!(left.iter().all(|text| text.starts_with("the column order is")), "{left:#?}");
    let objects: Vec<_> = again.objects.iter().filter(|object| !object.note).collect();
    assert!(again.sequences.is_empty() && again.indexes.is_empty() && objects.is_empty(), "{again:#?}");
    assert!(again.tables.iter().all(|table| !table.rows.any()), "{again:#?}");
}

#[tokio::test]
async fn what_the_first_insert_trips_over_is_a_difference() {
    let source = "CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int); \
        INSERT INTO a (v) SELECT generate_series(1, 9);
        CREATE TABLE g (id int PRIMARY KEY, v int, total int GENERATED ALWAYS AS (v * 2) STORED); \
        INSERT INTO g SELECT n, n FROM generate_series(1, 9) AS n;
        CREATE TABLE d (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
        INSERT INTO d VALUES (1, '2024-01-01'); CREATE TABLE c (id int PRIMARY KEY, s text COLLATE \"C\"); \
        INSERT INTO c VALUES (1, 'x')";
    let target = "CREATE SEQUENCE a_id_seq START 10; CREATE TABLE a (id bigint PRIMARY KEY, v int); \
        INSERT INTO a SELECT n, n FROM generate_series(1, 9) AS n;
        CREATE TABLE g (id int PRIMARY KEY, v int, total int); \
        INSERT INTO g SELECT n, n, n * 2 FROM generate_series(1, 9) AS n;
        CREATE TABLE d (id int PRIMARY KEY, at timestamptz NOT NULL); INSERT INTO d VALUES (1, '2024-01-01');
        CREATE TABLE c (id int PRIMARY KEY, s text); INSERT INTO c VALUES (1, 'x')";
    let pair = Pair::new("", source, target).await;
    let comparison = pair.compared().await;
    let of = |name: &str| &table(&comparison, name).schema_differences[..];
    assert!(matches!(of("a"), [SchemaDifference::Identity { target: None, .. }]), "{:?}", of("a"));
    assert!(table(&comparison, "a").to_string().contains("identity"));
    assert!(matches!(of("g"), [SchemaDifference::Generated { target: None, .. }]), "{:?}", of("g"));
    assert!(matches!(of("d"), [SchemaDifference::Default { target: None, .. }]), "{:?}", of("d"));
    assert!(matches!(of("c"), [SchemaDifference::Collation { target: None, .. }]), "{:?}", of("c"));
    for repair in &comparison.repairs {
        for statement in &repair.statements {
            pair.run(1, statement).await;
        }
    }
    pair.run(1, "INSERT INTO a (v) VALUES (10); INSERT INTO d (id) VALUES (2)").await;
    assert!(table(&pair.compared().await, "g").schema_differences.is_empty());
}

/// Compares two schemas and returns the differences that are not about tables, without notes.
async fn found(both: &str, source: &str, target: &str) -> Vec<String> {
    let pair = Pair::new(both, source, target).await;
    let comparison = pair.compared_with(&Options { keys: false, ..small() }).await.expect("a comparison");
    assert_eq!(comparison.incomplete, []);
    let objects = comparison.objects.iter().filter(|object| !object.note).map(ToString::to_string);
    let indexes = comparison.indexes.iter().filter(|index| !index.is_note()).map(ToString::to_string);
    let found: Vec<String> = objects.chain(indexes).collect();
    assert_eq!(comparison.verdict == Verdict::Different, !found.is_empty(), "{comparison:#?}");
    found
}

#[tokio::test]
async fn every_kind_of_object_is_compared() {
    let table = "CREATE TABLE a (id int PRIMARY KEY, s int); INSERT INTO a VALUES (1, 1); \
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';";
    let trigger = "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();";
    let cases: &[(&str, &str, &str)] = &[
        ("CREATE TYPE m AS ENUM ('new', 'paid', 'refunded')", "CREATE TYPE m AS ENUM ('new', 'paid')", "enum public.m"),
        ("CREATE TYPE m AS ENUM ('new', 'paid')", "CREATE TYPE m AS ENUM ('paid', 'new')", "enum public.m"),
        ("CREATE DOMAIN p AS int CHECK (VALUE > 0)", "CREATE DOMAIN p AS int", "domain public.p"),
        ("CREATE TYPE c AS (a int, b int)", "CREATE TYPE c AS (a int)", "composite type public.c"),
        ("CREATE SCHEMA vault", "", "schema vault"),
        ("CREATE SEQUENCE q MAXVALUE 9", "CREATE SEQUENCE q", "sequence public.q"),
        ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", "", "function public.g()"),
        (
            "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "function public.g(): the definitions differ",
        ),
        (
            "CREATE VIEW v AS SELECT id FROM a WHERE s > 1",
            "CREATE VIEW v AS SELECT id FROM a WHERE s > 2",
            "view public.v",
        ),
        (trigger, "", "trigger t on public.a: the target does not have it"),
        ("", trigger, "trigger t on public.a: only the target has it"),
        (
            trigger,
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE a DISABLE TRIGGER t",
            "(disabled)",
        ),
        ("ALTER TABLE a ENABLE ROW LEVEL SECURITY", "", "row security of public.a"),
        ("CREATE POLICY p ON a USING (s > 0)", "CREATE POLICY p ON a USING (s > 1)", "policy p on public.a"),
        ("GRANT DELETE ON a TO PUBLIC", "", "privilege DELETE ON TABLE public.a TO PUBLIC"),
        ("ALTER TABLE a ADD UNIQUE (s) DEFERRABLE", "ALTER TABLE a ADD UNIQUE (s)", "DEFERRABLE"),
        ("", "CREATE UNIQUE INDEX ON a (s)", "only the target has the index `UNIQUE"),
        ("ALTER TABLE a ADD CHECK (s > 0)", "ALTER TABLE a ADD CHECK (s > 0) NOT VALID", "NOT VALID"),
        ("ALTER TABLE a ADD CHECK (s > 0)", "", "CHECK ((s > 0))"),
    ];
    // Each case has a schema of its own, which is faster than databases of their own.
    let script = |side: usize| {
        let cases = cases.iter().enumerate().map(|(at, (source, target, _))| {
            let own = if side == 0 { source } else { target };
            format!("CREATE SCHEMA case_{at}; SET search_path = case_{at}; {table} {own};")
        });
        cases.collect::<String>()
    };
    let all = found("", &script(0), &script(1)).await;
    for (at, (source, target, expected)) in cases.iter().enumerate() {
        let expected = expected.replace("public.", &format!("case_{at}."));
        let is_its = |text: &&String| text.contains(&format!("case_{at}.")) || text.starts_with("schema vault");
        assert!(all.iter().filter(is_its).any(|text| text.contains(&expected)), "{source} | {target}: {all:#?}");
    }
    let harmless = "CREATE INDEX ON a (s); CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    assert_eq!(found(table, "", harmless).await, [""; 0], "the target may have more");
}

#[tokio::test]
async fn what_partitions_have_of_their_own_is_compared() {
    let both = "CREATE TABLE p (id int, d date, v int) PARTITION BY RANGE (d);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        INSERT INTO p VALUES (1, '2024-02-02', 1);";
    let source =
        "CREATE UNIQUE INDEX ON p1 (v); ALTER TABLE p1 ADD CHECK (v > 0); ALTER TABLE p1 ALTER v SET DEFAULT 4;
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')";
    let found = found(both, source, "").await;
    let expected = [
        "partition public.p1: the default of `v` is `4` on the source, none on the target",
        "partition public.p2: the target does not have it",
        "public.p1: only the source has the index `UNIQUE USING btree (v)`",
        "public.p1: only the source has the constraint `CHECK ((v > 0))`",
    ];
    assert_eq!(found, expected);
}
