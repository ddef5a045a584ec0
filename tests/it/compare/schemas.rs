//! Comparing the schemas of two databases: tables, types, sequences, indexes and constraints.

use migrate_infra::migration::compare::{IndexKind, Options, SchemaDifference, Side, Verdict};

use crate::compare::two_databases::{as_user, compared, found, keys, small, table};
use crate::harness::postgres::{ADMIN, Pair};

#[tokio::test]
async fn different_schemas_are_distinguished() {
    let source = "CREATE TABLE a (id int PRIMARY KEY, v int, w text DEFAULT 'x'); INSERT INTO a VALUES (1, 2, 'x');
        CREATE TABLE b (id int PRIMARY KEY, gone text); INSERT INTO b VALUES (1, 'g'); CREATE TABLE only_here (id \
        int); CREATE TABLE c (x int PRIMARY KEY, y int)";
    let target = "CREATE TABLE a (id int PRIMARY KEY, v bigint, w text); INSERT INTO a VALUES (1, 2, 'x');
        CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1); CREATE TABLE only_there (id int); CREATE TABLE \
        c (y int, x int)";
    let pair = Pair::new("", source, target).await;
    let comparison = compared(&pair).await;
    let texts =
        |name: &str| table(&comparison, name).schema_differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts("a"),
        [
            "`v` is integer on the source, bigint on the target",
            "the default of `w` is `'x'::text` on the source, none on the target"
        ]
    );
    assert_eq!(texts("b"), ["the target has no column `gone`"]);
    assert_eq!(table(&comparison, "only_here").schema_differences, [SchemaDifference::TableMissing]);
    assert_eq!(table(&comparison, "only_there").schema_differences, [SchemaDifference::TableAdditional]);
    let expected = [
        "`x` allows NULL on the target, but not on the source",
        "the column order is (x, y) on the source, (y, x) on the target",
        "the primary key is (x) on the source, none on the target",
    ];
    assert_eq!(texts("c"), expected);
    assert!(comparison.tables.iter().all(|table| table.verdict == Verdict::Different), "{comparison:#?}");
    assert!(comparison.tables.iter().all(|table| !table.rows.any()), "what both sides have is the same");
}

#[tokio::test]
async fn two_databases_without_tables_are_not_equal() {
    let nothing = Pair::new("", "", "").await;
    assert_eq!(compared(&nothing).await.verdict, Verdict::Empty);
    let empty = Pair::new("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (x text)", "", "").await;
    let comparison = compared(&empty).await;
    assert_eq!((comparison.verdict, comparison.data, comparison.tables.len()), (Verdict::Empty, Verdict::Empty, 2));
    let half =
        Pair::new("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (x text); INSERT INTO b VALUES ('x')", "", "")
            .await;
    let comparison = compared(&half).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").verdict), (Verdict::Equal, Verdict::Empty));
    let gone =
        Pair::new("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a SELECT generate_series(1, 250)", "").await;
    let comparison = compared(&gone).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").rows.chunks), (Verdict::Different, 3));
    assert!(table(&comparison, "a").rows.missing >= 20);
    let came =
        Pair::new("CREATE TABLE a (id int PRIMARY KEY)", "", "INSERT INTO a SELECT generate_series(1, 250)").await;
    let comparison = compared(&came).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").target_rows), (Verdict::Different, Some(250)));
}

#[tokio::test]
async fn sequences_that_lag_behind_are_found() {
    let both =
        "CREATE SEQUENCE ahead; CREATE SEQUENCE same; CREATE SEQUENCE behind; CREATE SEQUENCE down INCREMENT -1; \
            CREATE SEQUENCE stepped INCREMENT 2;
        CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); CREATE TABLE tmp_t (id serial PRIMARY KEY);";
    let source = "CREATE SEQUENCE missing; SELECT nextval('behind'), nextval('same'); SELECT setval('down', -9); \
        INSERT INTO t DEFAULT VALUES; INSERT INTO tmp_t DEFAULT VALUES;
        INSERT INTO t DEFAULT VALUES";
    let target = "SELECT nextval('same'); SELECT setval('ahead', 100); ALTER SEQUENCE stepped INCREMENT 3; INSERT \
        INTO t OVERRIDING SYSTEM VALUE VALUES (1), (2);
        CREATE SEQUENCE extra";
    let pair = Pair::new(both, source, target).await;
    let options = Options { exclude: vec!["public.tmp[_]%".parse().unwrap()], ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal));
    let texts: Vec<String> = comparison.sequences.iter().map(ToString::to_string).collect();
    let expected = [
        "public.behind: the next value is 1 on the target, 2 on the source; set it before the target is written to",
        "public.down: the next value is -1 on the target, -10 on the source; set it before the target is written to",
        "public.missing: the target has no such sequence; the next value on the source is 1",
        "public.stepped: the increment is 2 on the source, 3 on the target",
        "public.t_id_seq: the next value is 1 on the target, 3 on the source; set it before the target is written to",
    ];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn missing_indexes_and_constraints_are_found_by_their_definition() {
    let both = "CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o VALUES (1);
        CREATE TABLE t (id int PRIMARY KEY, a int, b text, o int); INSERT INTO t VALUES (1, 1, 'x', 1);";
    let source = "CREATE INDEX one_name ON t (a); CREATE INDEX only_here ON t (lower(b)) WHERE a > 0; ALTER TABLE t \
        ADD UNIQUE (b); ALTER TABLE t ADD CHECK (a > 0);
        ALTER TABLE t ADD CONSTRAINT o FOREIGN KEY (o) REFERENCES o";
    let target = "CREATE INDEX another_name ON t (a); ALTER TABLE t ADD CONSTRAINT other FOREIGN KEY (o) REFERENCES \
        o; CREATE INDEX ON t (o)";
    let pair = Pair::new(both, source, target).await;
    let comparison = compared(&pair).await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal));
    let found: Vec<_> = comparison.indexes.iter().map(|one| (one.kind, one.definition.as_str(), one.only_on)).collect();
    let expected = [
        (IndexKind::Index, "UNIQUE USING btree (b)", Side::Source),
        (IndexKind::Index, "USING btree (lower(b)) WHERE (a > 0)", Side::Source),
        (IndexKind::Constraint, "CHECK ((a > 0))", Side::Source),
        (IndexKind::Index, "USING btree (o)", Side::Target),
    ];
    assert_eq!(found, expected);
    let more = Pair::new(both, "", "CREATE INDEX ON t (o)").await;
    assert_eq!(compared(&more).await.verdict, Verdict::Equal, "more indexes on the target do no harm");
}

#[tokio::test]
async fn partitions_are_compared_with_their_table() {
    let both = "CREATE TABLE events (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES \
        (1); INSERT INTO child VALUES (2);";
    let fill = "INSERT INTO events SELECT n, '2024-01-01'::date + n % 300, 'x' FROM generate_series(1, 1000) AS n;";
    let source = format!(
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-06-01');
        CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-06-01') TO ('2025-01-01'); {fill}"
    );
    let target = format!("CREATE TABLE whole PARTITION OF events DEFAULT; {fill}");
    let pair = Pair::new(both, &source, &target).await;
    let comparison = compared(&pair).await;
    let seen: Vec<_> = comparison.tables.iter().map(|table| (table.table.as_str(), table.source_rows)).collect();
    assert_eq!(seen, [("child", Some(1)), ("events", Some(1000)), ("parent", Some(1))]);
    assert_eq!(comparison.data, Verdict::Equal, "{comparison:#?}");
    pair.clients[1].batch_execute("UPDATE events SET v = 'y' WHERE id = 500").await.unwrap();
    assert_eq!(found(&table(&compared(&pair).await, "events").rows).2, keys(&[&["500", "2024-07-19"]]));
}

#[tokio::test]
async fn the_tables_of_dms_are_excluded() {
    let source = "CREATE TABLE awsdms_ddl_audit (id int); INSERT INTO awsdms_ddl_audit VALUES (1); CREATE TABLE t (id \
        int PRIMARY KEY); INSERT INTO t VALUES (1)";
    let target = "CREATE SCHEMA dms_control; CREATE TABLE dms_control.awsdms_history (id int); CREATE TABLE \
        dms_control.other (id int);
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT 1; CREATE TABLE tmp \
        (id int)";
    let pair = Pair::new("", source, target).await;
    let options =
        Options { control_schema: Some("dms_control".into()), exclude: vec!["%.tmp".parse().unwrap()], ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, comparison.tables.len()), (Verdict::Equal, 1), "{comparison:#?}");
}
