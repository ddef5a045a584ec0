//! Comparing two databases, on two real PostgreSQL servers.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use migrate_infra::migration::compare::{
    CompareError, Comparison, Endpoint, ExtraKind, Options, Progress, RowFindings, RowKey, SchemaFinding, SequenceFinding, Side, TableResult,
    Verdict, compare,
};

use super::postgres::{ADMIN, PASSWORD, Pair, client, servers};

/// Options that cut even small tables into pieces, and show keys.
fn small() -> Options {
    Options { chunk_rows: 100, keys: true, connections: 3, ..Options::default() }
}

async fn as_user(pair: &Pair, user: &str, options: &Options) -> Comparison {
    let [source, target] = pair.endpoints(user);
    compare(&source, &target, options, &|_| ()).await.unwrap()
}

async fn compared(pair: &Pair) -> Comparison {
    as_user(pair, ADMIN, &small()).await
}

fn table<'a>(comparison: &'a Comparison, name: &str) -> &'a TableResult {
    comparison.tables.iter().find(|table| table.table == name).unwrap_or_else(|| panic!("no table {name} in {comparison:#?}"))
}

fn keys(list: &[&[&str]]) -> Vec<RowKey> {
    list.iter().map(|key| RowKey(key.iter().map(|part| (*part).to_owned()).collect())).collect()
}

/// What was found, without the keys' columns and the number of pieces.
fn found(rows: &RowFindings) -> (&[RowKey], &[RowKey], &[RowKey]) {
    assert!(!rows.more, "{rows:#?}");
    let counts = [rows.missing, rows.additional, rows.differing];
    let lengths = [&rows.missing_keys, &rows.additional_keys, &rows.differing_keys].map(|keys| keys.len() as u64);
    assert_eq!(counts, lengths);
    (&rows.missing_keys, &rows.additional_keys, &rows.differing_keys)
}

const PAYMENTS: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, at timestamptz, amount numeric(12, 2), rate float8, note text);
    INSERT INTO payments SELECT n, '2024-01-01'::timestamptz + n * interval '1 minute', n / 7.0, n / 3.0::float8, repeat('x', n % 50) \
    FROM generate_series(1, 5000) AS n;";

#[tokio::test]
async fn equal_databases_are_equal_whatever_types_they_hold() {
    let types = "CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE things (id uuid PRIMARY KEY, a bytea, b jsonb, c text[], d interval, e mood, f inet, g money, h float4, i date, j boolean, k json, l xml);
        INSERT INTO things SELECT md5(n::text)::uuid, decode(md5(n::text), 'hex'), jsonb_build_object('n', n), ARRAY[NULL, '', n::text], n * interval '1 hour', \
        'ok', '10.0.0.1', n, n / 3.0, '2024-02-29', NULL, '{\"a\" :1}', '<a/>' FROM generate_series(1, 1000) AS n;";
    // What a server says of its own taste must not matter.
    let taste = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database());
        EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German''', current_database());
        EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
        EXECUTE format('ALTER DATABASE %I SET IntervalStyle = ''iso_8601''', current_database());
        EXECUTE format('ALTER DATABASE %I SET search_path = ''nowhere''', current_database());
        EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -5', current_database()); END $$";
    let pair = Pair::new(&format!("{PAYMENTS}{types}"), "", taste).await;
    let reports = Mutex::new(Vec::<Progress>::new());
    let [source, target] = pair.endpoints(ADMIN);
    let comparison = compare(&source, &target, &small(), &|progress| reports.lock().unwrap().push(progress.clone())).await.unwrap();
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Equal, Verdict::Equal), "{comparison:#?}");
    assert_eq!(table(&comparison, "payments").source_rows, Some(5000));
    assert_eq!(table(&comparison, "payments").to_string(), "public.payments: equal, 5000 rows");
    let reports = reports.into_inner().unwrap();
    let of_payments: Vec<&Progress> = reports.iter().filter(|report| report.table == "public.payments").collect();
    assert_eq!(of_payments.len(), 52, "50 full pieces, one that is open at its end, and the end of the table");
    assert!(of_payments.windows(2).all(|pair| pair[0].rows_done <= pair[1].rows_done && pair[0].rows_expected >= pair[0].rows_done));
    let last = reports.last().unwrap();
    assert_eq!((last.done, last.tables_done, last.tables), (true, 2, 2));
}

#[tokio::test]
async fn one_missing_row_is_found_by_its_key() {
    let pair = Pair::new(PAYMENTS, "", "DELETE FROM payments WHERE id = 777").await;
    let comparison = compared(&pair).await;
    let payments = table(&comparison, "payments");
    assert_eq!((comparison.verdict, payments.verdict), (Verdict::Different, Verdict::Different));
    assert_eq!((payments.source_rows, payments.target_rows, payments.rows.chunks), (Some(5000), Some(4999), 1));
    assert_eq!(found(&payments.rows), (&keys(&[&["777"]])[..], &[][..], &[][..]));
}

#[tokio::test]
async fn additional_rows_are_found_below_between_and_above() {
    let more = "INSERT INTO payments VALUES (-7), (9999999); UPDATE payments SET id = 6001 WHERE id = 2500";
    let pair = Pair::new(PAYMENTS, "", more).await;
    let comparison = compared(&pair).await;
    let rows = &table(&comparison, "payments").rows;
    assert_eq!(found(rows), (&keys(&[&["2500"]])[..], &keys(&[&["-7"], &["6001"], &["9999999"]])[..], &[][..]));
}

#[tokio::test]
async fn one_value_in_the_last_column_of_the_last_row_is_found() {
    let pair = Pair::new(PAYMENTS, "", "UPDATE payments SET note = 'y' || substr(note, 2) WHERE id = 4999").await;
    let comparison = as_user(&pair, ADMIN, &Options { keys: true, ..Options::default() }).await;
    let payments = table(&comparison, "payments");
    assert_eq!(found(&payments.rows), (&[][..], &[][..], &keys(&[&["4999"]])[..]));
    assert_eq!(payments.to_string(), "public.payments: different, 5000 rows; 1 with other values");
}

#[tokio::test]
async fn the_order_in_which_rows_lie_does_not_matter() {
    let tables =
        "CREATE TABLE numbered (id int PRIMARY KEY, v text); CREATE TABLE named (name text PRIMARY KEY); CREATE TABLE keyless (a int, b text);";
    let fill = |order: &str| {
        format!(
            "INSERT INTO numbered SELECT n.n, n.n::text FROM generate_series(1, 900) AS n(n) ORDER BY {order};
             INSERT INTO named SELECT 'n' || n.n FROM generate_series(1, 900) AS n(n) ORDER BY {order};
             INSERT INTO keyless SELECT n.n % 3, NULL FROM generate_series(1, 900) AS n(n) ORDER BY {order}"
        )
    };
    let pair = Pair::new(tables, &fill("n.n"), &fill("md5(n.n::text)")).await;
    let comparison = compared(&pair).await;
    assert_eq!(comparison.verdict, Verdict::Equal, "{comparison:#?}");
    assert!(comparison.tables.iter().all(|table| table.source_rows == Some(900)));
}

#[tokio::test]
async fn different_schemas_are_told_apart() {
    let source = "CREATE TABLE a (id int PRIMARY KEY, v int, w text DEFAULT 'x'); INSERT INTO a VALUES (1, 2, 'x');
        CREATE TABLE b (id int PRIMARY KEY, gone text); INSERT INTO b VALUES (1, 'g'); CREATE TABLE only_here (id int); CREATE TABLE c (x int PRIMARY KEY, y int)";
    let target = "CREATE TABLE a (id int PRIMARY KEY, v bigint, w text); INSERT INTO a VALUES (1, 2, 'x');
        CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1); CREATE TABLE only_there (id int); CREATE TABLE c (y int, x int)";
    let pair = Pair::new("", source, target).await;
    let comparison = compared(&pair).await;
    let texts = |name: &str| table(&comparison, name).schema_findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts("a"),
        ["`v` is integer on the source, bigint on the target", "the default of `w` is `'x'::text` on the source, none on the target"]
    );
    assert_eq!(texts("b"), ["the target has no column `gone`"]);
    assert_eq!(table(&comparison, "only_here").schema_findings, [SchemaFinding::TableMissing]);
    assert_eq!(table(&comparison, "only_there").schema_findings, [SchemaFinding::TableAdditional]);
    let expected = [
        "`x` may be null on the target, but not on the source",
        "the columns are in the order (x, y) on the source, (y, x) on the target",
        "the primary key is (x) on the source, nothing on the target",
    ];
    assert_eq!(texts("c"), expected);
    assert!(comparison.tables.iter().all(|table| table.verdict == Verdict::Different), "{comparison:#?}");
    assert!(comparison.tables.iter().all(|table| !table.rows.any()), "what both sides have is the same");
}

#[tokio::test]
async fn nothing_on_both_sides_is_not_equal() {
    let nothing = Pair::new("", "", "").await;
    assert_eq!(compared(&nothing).await.verdict, Verdict::Empty);
    let empty = Pair::new("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (x text)", "", "").await;
    let comparison = compared(&empty).await;
    assert_eq!((comparison.verdict, comparison.data, comparison.tables.len()), (Verdict::Empty, Verdict::Empty, 2));
    let half = Pair::new("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (x text); INSERT INTO b VALUES ('x')", "", "").await;
    let comparison = compared(&half).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").verdict), (Verdict::Equal, Verdict::Empty));
    let gone = Pair::new("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a SELECT generate_series(1, 250)", "").await;
    let comparison = compared(&gone).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").rows.chunks), (Verdict::Different, 3));
    assert!(table(&comparison, "a").rows.missing >= 20);
    let came = Pair::new("CREATE TABLE a (id int PRIMARY KEY)", "", "INSERT INTO a SELECT generate_series(1, 250)").await;
    let comparison = compared(&came).await;
    assert_eq!((comparison.verdict, table(&comparison, "a").target_rows), (Verdict::Different, Some(250)));
}

#[tokio::test]
async fn null_empty_and_separators_are_not_confused() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, a text, b text)";
    let source = "INSERT INTO t VALUES (1, NULL, 'x'), (2, 'a,b', 'c'), (3, '\"', NULL), (4, 'NULL', NULL), (5, ')', '('), (6, 'same', '')";
    let target = "INSERT INTO t VALUES (1, '', 'x'), (2, 'a', 'b,c'), (3, NULL, '\"'), (4, NULL, NULL), (5, ') ', '('), (6, 'same', '')";
    let pair = Pair::new(tables, source, target).await;
    let comparison = compared(&pair).await;
    assert_eq!(found(&table(&comparison, "t").rows), (&[][..], &[][..], &keys(&[&["1"], &["2"], &["3"], &["4"], &["5"]])[..]));
}

#[tokio::test]
async fn a_table_without_a_key_is_compared_as_a_multiset() {
    let tables = "CREATE TABLE same (a int, b text); CREATE TABLE twice (a int, b text); CREATE TABLE other (a int, b text);
        INSERT INTO same SELECT n % 10, 'x' FROM generate_series(1, 1000) AS n; INSERT INTO twice VALUES (1, 'x'), (1, 'x'), (2, 'y');";
    let pair = Pair::new(
        tables,
        "INSERT INTO other VALUES (1, 'a'), (1, 'a'), (2, 'b')",
        "INSERT INTO twice VALUES (1, 'x'); INSERT INTO other VALUES (1, 'a'), (2, 'b'), (2, 'b')",
    )
    .await;
    let comparison = compared(&pair).await;
    assert_eq!(table(&comparison, "same").verdict, Verdict::Equal);
    let twice = table(&comparison, "twice");
    assert_eq!((twice.verdict, twice.source_rows, twice.target_rows), (Verdict::Different, Some(3), Some(4)));
    let other = table(&comparison, "other");
    assert_eq!((other.verdict, other.source_rows, other.target_rows), (Verdict::Different, Some(3), Some(3)));
    assert!(other.rows.key_columns.is_empty() && other.to_string().ends_with("without a primary key on both sides nobody can tell which"), "{other}");
}

#[tokio::test]
async fn a_table_without_a_key_is_read_some_blocks_at_a_time() {
    let tables = "CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 3000) AS n;";
    // The target has holes, and rows at its end that were elsewhere.
    let pair =
        Pair::new(tables, "", "UPDATE t SET a = a WHERE a < 1000; DELETE FROM t WHERE a = 1500; INSERT INTO t VALUES (1500, repeat('x', 200))").await;
    let pieces = Mutex::new(0);
    let [source, target] = pair.endpoints(ADMIN);
    let comparison = compare(&source, &target, &small(), &|progress| *pieces.lock().unwrap() = progress.chunks).await.unwrap();
    assert_eq!(
        (comparison.verdict, table(&comparison, "t").source_rows, table(&comparison, "t").target_rows),
        (Verdict::Equal, Some(3000), Some(3000))
    );
    assert!(*pieces.lock().unwrap() > 20, "{pieces:?}");
}

#[tokio::test]
async fn keys_of_every_sort_are_found() {
    let both = r#"
        CREATE TABLE composite ("the ""id" int, part text COLLATE "C", PRIMARY KEY (part, "the ""id"), v int);
        INSERT INTO composite SELECT n, 'p' || n % 7, 0 FROM generate_series(1, 3000) AS n;
        CREATE TABLE ids (id uuid PRIMARY KEY, v int);
        INSERT INTO ids SELECT md5(n::text)::uuid, 0 FROM generate_series(1, 3000) AS n;
        CREATE TABLE money (amount numeric, at timestamptz, PRIMARY KEY (at, amount), v int);
        INSERT INTO money SELECT n / 8.0, '2024-01-01'::timestamptz + n % 5 * interval '0.000001 s', 0 FROM generate_series(1, 3000) AS n;"#;
    let text = |collation: &str| {
        format!(
            r#"CREATE TABLE texts (name text COLLATE "{collation}" PRIMARY KEY, v int);
            INSERT INTO texts SELECT chr(32 + n % 90) || n, 0 FROM generate_series(1, 3000) AS n;
            INSERT INTO texts VALUES ('', 0), (' ', 0), ('O''Brien', 0), (E'a\\b', 0), (E'line\nfeed', 0), ('a,b', 0), ('"quoted"', 0), ('Ä', 0), ('ä', 0), ('z', 0),
            ('𝄞', 0), ('NULL', 0), ('%', 0), ('$1', 0);"#
        )
    };
    let change = r#"UPDATE composite SET v = 1 WHERE part = 'p3' AND "the ""id" IN (3, 1508);
        DELETE FROM ids WHERE id = md5('1234')::uuid; UPDATE money SET v = NULL WHERE amount = 100.125;
        UPDATE texts SET v = 1 WHERE name IN ('', 'O''Brien', E'a\\b', E'line\nfeed', '𝄞'); DELETE FROM texts WHERE name = 'Ä'; INSERT INTO texts VALUES ('é', 0);"#;
    let pair = Pair::new(both, &text("C"), &format!("{}{change}", text("en-x-icu"))).await;
    let comparison = compared(&pair).await;
    let of = |name: &str| &table(&comparison, name).rows;
    assert_eq!(of("composite").key_columns, ["part", "the \"id"]);
    assert_eq!(found(of("composite")), (&[][..], &[][..], &keys(&[&["p3", "1508"], &["p3", "3"]])[..]));
    assert_eq!(found(of("ids")), (&keys(&[&["81dc9bdb-52d0-4dc2-0036-dbd8313ed055"]])[..], &[][..], &[][..]));
    assert_eq!(found(of("money")), (&[][..], &[][..], &keys(&[&["2024-01-01 00:00:00.000001+00", "100.1250000000000000"]])[..]));
    let differing = keys(&[&[""], &["O'Brien"], &["a\\b"], &["line\nfeed"], &["𝄞"]]);
    assert_eq!(found(of("texts")), (&keys(&[&["Ä"]])[..], &keys(&[&["é"]])[..], &differing[..]));
}

#[tokio::test]
async fn text_keys_of_a_database_that_orders_by_bytes_are_cut_into_ranges() {
    let names = "CREATE TABLE names (name varchar(40) PRIMARY KEY, v int); INSERT INTO names SELECT chr(33 + n % 90) || n, 0 FROM generate_series(1, 2000) AS n;";
    let bytes = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let pair = Pair::with([bytes, bytes], names, "", "UPDATE names SET v = 2 WHERE name LIKE '%1234'").await;
    let rows = &table(&compared(&pair).await, "names").rows.clone();
    assert_eq!((rows.chunks, found(rows)), (1, (&[][..], &[][..], &keys(&[&["a1234"]])[..])));
}

#[tokio::test]
async fn another_encoding_is_no_difference() {
    let tables =
        "CREATE TABLE t (name text PRIMARY KEY, v text); INSERT INTO t SELECT chr(160 + n % 90) || n, 'é' FROM generate_series(1, 1500) AS n;";
    let latin = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let pair = Pair::with(["", latin], tables, "", "").await;
    assert_eq!(compared(&pair).await.verdict, Verdict::Equal);
    pair.clients[1].batch_execute("UPDATE t SET v = 'è' WHERE name LIKE '%777'").await.unwrap();
    assert_eq!(found(&table(&compared(&pair).await, "t").rows), (&[][..], &[][..], &keys(&[&["Ù777"]])[..]));
}

#[tokio::test]
async fn a_key_of_another_type_is_still_a_key() {
    let fill = "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n;";
    let source = format!("CREATE TABLE t (id int PRIMARY KEY, v text); {fill}");
    let target = format!("CREATE TABLE t (id bigint PRIMARY KEY, v text); {fill} UPDATE t SET v = 'y' WHERE id = 1999");
    let comparison = compared(&Pair::new("", &source, &target).await).await;
    assert_eq!(found(&table(&comparison, "t").rows), (&[][..], &[][..], &keys(&[&["1999"]])[..]));
}

#[tokio::test]
async fn a_target_without_the_primary_key_can_have_a_row_twice_or_without_key() {
    let source = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n";
    let target =
        "CREATE TABLE t (id int, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n; INSERT INTO t VALUES (5, 'x'), (NULL, 'x')";
    let pair = Pair::new("", source, target).await;
    let comparison = compared(&pair).await;
    let rows = &table(&comparison, "t").rows;
    assert_eq!((rows.missing, rows.additional, rows.differing, rows.more), (0, 2, 0, false));
    assert_eq!(rows.additional_keys, keys(&[&["5"]]));
    // More rows of one key than are looked at: the search ends all the same.
    pair.clients[1].batch_execute("INSERT INTO t SELECT 7, 'x' FROM generate_series(1, 2500)").await.unwrap();
    let comparison = compared(&pair).await;
    let rows = &table(&comparison, "t").rows;
    assert!(rows.more && rows.additional >= 20, "{rows:#?}");
}

#[tokio::test]
async fn the_search_ends_when_everything_differs() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, v int);";
    let fill = |v: u8| format!("INSERT INTO t SELECT n, {v} FROM generate_series(1, 30000) AS n");
    let pair = Pair::new(tables, &fill(1), &fill(2)).await;
    let comparison = as_user(&pair, ADMIN, &Options { keys: true, chunk_rows: 5000, ..Options::default() }).await;
    let rows = &table(&comparison, "t").rows;
    assert_eq!((rows.chunks, rows.differing_keys.len(), rows.more), (6, 20, true));
    assert!(rows.differing < 30_000 && table(&comparison, "t").to_string().contains("; at least "));
}

#[tokio::test]
async fn sequences_that_are_behind_are_found() {
    let both =
        "CREATE SEQUENCE ahead; CREATE SEQUENCE same; CREATE SEQUENCE behind; CREATE SEQUENCE down INCREMENT -1; CREATE SEQUENCE stepped INCREMENT 2;
        CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); CREATE TABLE tmp_t (id serial PRIMARY KEY);";
    let source = "CREATE SEQUENCE missing; SELECT nextval('behind'), nextval('same'); SELECT setval('down', -9); INSERT INTO t DEFAULT VALUES; INSERT INTO tmp_t DEFAULT VALUES;
        INSERT INTO t DEFAULT VALUES";
    let target = "SELECT nextval('same'); SELECT setval('ahead', 100); ALTER SEQUENCE stepped INCREMENT 3; INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1), (2);
        CREATE SEQUENCE extra";
    let pair = Pair::new(both, source, target).await;
    let options = Options { exclude: vec!["public.tmp[_]%".parse().unwrap()], ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal));
    let texts: Vec<String> = comparison.sequences.iter().map(ToString::to_string).collect();
    let expected = [
        "public.behind: the target goes on with 1, the source with 2; set it before the target is written to",
        "public.down: the target goes on with -1, the source with -10; set it before the target is written to",
        "public.missing: the target has no such sequence; the source goes on with 1",
        "public.stepped: the step is 2 on the source, 3 on the target",
        "public.t_id_seq: the target goes on with 1, the source with 3; set it before the target is written to",
    ];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn missing_indexes_and_constraints_are_found_by_what_they_do() {
    let both = "CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o VALUES (1);
        CREATE TABLE t (id int PRIMARY KEY, a int, b text, o int); INSERT INTO t VALUES (1, 1, 'x', 1);";
    let source = "CREATE INDEX one_name ON t (a); CREATE INDEX only_here ON t (lower(b)) WHERE a > 0; ALTER TABLE t ADD UNIQUE (b); ALTER TABLE t ADD CHECK (a > 0);
        ALTER TABLE t ADD CONSTRAINT o FOREIGN KEY (o) REFERENCES o";
    let target = "CREATE INDEX another_name ON t (a); ALTER TABLE t ADD CONSTRAINT other FOREIGN KEY (o) REFERENCES o; CREATE INDEX ON t (o)";
    let pair = Pair::new(both, source, target).await;
    let comparison = compared(&pair).await;
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Equal));
    let found: Vec<_> = comparison.indexes.iter().map(|one| (one.kind, one.definition.as_str(), one.only_on)).collect();
    let expected = [
        (ExtraKind::Index, "UNIQUE USING btree (b)", Side::Source),
        (ExtraKind::Index, "USING btree (lower(b)) WHERE (a > 0)", Side::Source),
        (ExtraKind::Constraint, "CHECK ((a > 0))", Side::Source),
        (ExtraKind::Index, "USING btree (o)", Side::Target),
    ];
    assert_eq!(found, expected);
    let more = Pair::new(both, "", "CREATE INDEX ON t (o)").await;
    assert_eq!(compared(&more).await.verdict, Verdict::Equal, "more indexes on the target do no harm");
}

const READER: &str =
    "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'Gehe1m/7@x'; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;";

#[tokio::test]
async fn what_may_not_be_read_is_incomplete_and_never_equal() {
    let both = format!(
        "{READER} CREATE TABLE open (id int PRIMARY KEY); INSERT INTO open VALUES (1); GRANT SELECT ON open TO reader;
        CREATE TABLE closed (id int PRIMARY KEY); CREATE SEQUENCE numbers; CREATE TABLE policed (id int PRIMARY KEY); GRANT SELECT ON policed TO reader;
        CREATE SCHEMA vault; CREATE TABLE vault.t (id int PRIMARY KEY); GRANT SELECT ON vault.t TO reader;"
    );
    let pair = Pair::new(&both, "GRANT SELECT ON closed TO reader", "ALTER TABLE policed ENABLE ROW LEVEL SECURITY").await;
    let comparison = as_user(&pair, "reader", &small()).await;
    assert_eq!(comparison.verdict, Verdict::Incomplete, "{comparison:#?}");
    assert_eq!(table(&comparison, "open").verdict, Verdict::Equal);
    for name in ["closed", "policed", "t"] {
        assert_eq!(table(&comparison, name).verdict, Verdict::Incomplete, "{name}");
    }
    let reason = "the user `reader` may not read it on the target: it needs USAGE on the schema and SELECT on the table";
    assert_eq!(table(&comparison, "closed").incomplete, [reason]);
    assert_eq!(table(&comparison, "t").incomplete.len(), 2);
    let policed = table(&comparison, "policed").to_string();
    assert!(
        policed.contains("on the target: query would be affected by row-level security policy for table \"policed\" (SQLSTATE 42501)"),
        "{policed}"
    );
    assert!(matches!(&comparison.sequences[..], [SequenceFinding::Unreadable { side: Side::Source, .. }]), "{:?}", comparison.sequences);
}

#[tokio::test]
async fn a_locked_table_is_incomplete_and_the_others_are_compared() {
    let pair = Pair::new(&format!("{PAYMENTS} CREATE TABLE locked (id int PRIMARY KEY); INSERT INTO locked VALUES (1);"), "", "").await;
    pair.clients[1].batch_execute("BEGIN; LOCK TABLE locked").await.unwrap();
    let options = Options { lock_timeout: Some(Duration::from_millis(100)), ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, table(&comparison, "payments").verdict), (Verdict::Incomplete, Verdict::Equal));
    assert_eq!(table(&comparison, "locked").incomplete, ["on the target: canceling statement due to lock timeout (SQLSTATE 55P03)"]);
}

/// Queries of comparisons that wait for a lock in a database.
async fn waiting(pair: &Pair, side: usize) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrate-infra' AND wait_event_type = 'Lock' AND datname = $1";
    let watcher = client(side, "postgres").await;
    watcher.query_one(query, &[&pair.name]).await.unwrap().get(0)
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two databases, and a comparison that waits for ever on one side.
async fn endless(side: usize) -> (Pair, impl Future<Output = ()> + Send + use<>) {
    let pair = Pair::new("CREATE TABLE slow (id int PRIMARY KEY); INSERT INTO slow VALUES (1);", "", "").await;
    pair.clients[side].batch_execute("BEGIN; LOCK TABLE slow").await.unwrap();
    let [source, target] = pair.endpoints(ADMIN);
    let options = Options { lock_timeout: None, statement_timeout: None, ..small() };
    (pair, async move { drop(compare(&source, &target, &options, &|_| ()).await) })
}

#[tokio::test]
async fn dropping_the_comparison_stops_the_queries() {
    for (side, name) in ["source", "target"].into_iter().enumerate() {
        let (pair, comparison) = endless(side).await;
        let task = tokio::spawn(comparison);
        until("a query waits", async || waiting(&pair, side).await > 0).await;
        task.abort();
        until("no query waits any more", async || waiting(&pair, side).await == 0).await;
        // It was asked to stop, and the server has not only seen after a while that its client has gone.
        let log = std::fs::read_to_string(servers().place.join(format!("{name}.log"))).unwrap();
        assert!(log.contains(&format!("{}: ERROR:  canceling statement due to user request", pair.name)), "{log}");
    }
}

#[tokio::test]
async fn the_servers_stop_by_themselves_when_the_program_has_gone() {
    let (pair, comparison) = endless(1).await;
    // A runtime that ends has no time to say good-bye.
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    other.spawn(comparison);
    until("a query waits", async || waiting(&pair, 1).await > 0).await;
    other.shutdown_background();
    until("no query waits any more", async || waiting(&pair, 1).await == 0).await;
}

#[tokio::test]
async fn each_side_is_seen_as_of_one_instant() {
    // The missing table is the largest, so it is reported first, before the sessions are opened that read the other one.
    let larger = "CREATE TABLE larger (id int); INSERT INTO larger SELECT generate_series(1, 6000); ANALYZE";
    let pair = Pair::new(PAYMENTS, larger, "").await;
    let [source, target] = pair.endpoints(ADMIN);
    let (name, times) = (pair.name.clone(), Mutex::new(0));
    let change = |progress: &Progress| {
        let mut times = times.lock().unwrap();
        *times += 1;
        // At first, and somewhere in the middle.
        if [1, 20].contains(&*times) {
            assert_eq!(*times == 1, progress.table == "public.larger");
            let (name, new) = (name.clone(), 8000 + *times);
            let other = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let change = format!("INSERT INTO payments VALUES ({new}); UPDATE payments SET rate = {new} WHERE id > 4000; DELETE FROM payments WHERE id = {new} - 5000");
                    client(0, &name).await.batch_execute(&change).await.unwrap();
                });
            });
            other.join().unwrap();
        }
    };
    let comparison = compare(&source, &target, &small(), &change).await.unwrap();
    assert_eq!((table(&comparison, "payments").verdict, table(&comparison, "payments").source_rows), (Verdict::Equal, Some(5000)));
    let next = compared(&pair).await;
    assert_eq!(table(&next, "payments").verdict, Verdict::Different, "the next one sees the changes");
}

#[tokio::test]
async fn nothing_is_written_and_a_reader_is_enough() {
    let grant = format!(
        "{READER} {PAYMENTS} CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1); GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;"
    );
    let pair = Pair::new(&grant, "", "UPDATE payments SET note = 'z' WHERE id = 5; ANALYZE").await;
    let counters = async || {
        let mut seen = Vec::new();
        for side in 0..2 {
            let query = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int8, (SELECT count(*) || ' ' || md5(string_agg(c::text, ',' ORDER BY c.oid)) FROM pg_class AS c) \
                FROM pg_stat_user_tables";
            // A session of its own: a session sees old statistics again.
            let row = client(side, &pair.name).await.query_one(query, &[]).await.unwrap();
            seen.push((row.get::<_, i64>(0), row.get::<_, String>(1)));
        }
        seen
    };
    // Statistics are told when a session ends or is idle for a while.
    for client in &pair.clients {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    }
    let before = counters().await;
    assert!(before[0].0 >= 5000, "{before:?}");
    let comparison = as_user(&pair, "reader", &small()).await;
    assert_eq!(table(&comparison, "payments").rows.differing, 1);
    until("the sessions of the comparison have ended", async || {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrate-infra' AND datname = $1";
        client(1, "postgres").await.query_one(query, &[&pair.name]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    assert_eq!(counters().await, before);
}

#[tokio::test]
async fn partitions_are_compared_with_their_table() {
    let both = "CREATE TABLE events (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);";
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
async fn the_tables_of_dms_are_left_out() {
    let source = "CREATE TABLE awsdms_ddl_audit (id int); INSERT INTO awsdms_ddl_audit VALUES (1); CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)";
    let target = "CREATE SCHEMA dms_control; CREATE TABLE dms_control.awsdms_history (id int); CREATE TABLE dms_control.other (id int);
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT 1; CREATE TABLE tmp (id int)";
    let pair = Pair::new("", source, target).await;
    let options = Options { control_schema: Some("dms_control".into()), exclude: vec!["%.tmp".parse().unwrap()], ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, comparison.tables.len()), (Verdict::Equal, 1), "{comparison:#?}");
}

#[tokio::test]
async fn keys_are_shown_only_when_asked_for_and_values_never() {
    let tables = "CREATE TABLE t (id text PRIMARY KEY, v text, n int);";
    let pair = Pair::new(
        tables,
        "INSERT INTO t VALUES ('key-4711', 'secret-a', 1), ('key-1', 'x', 1)",
        "INSERT INTO t VALUES ('key-4711', 'secret-b', 1), ('key-2', 'x', 1)",
    )
    .await;
    for (keys, shown) in [(false, 0), (true, 1)] {
        let comparison = as_user(&pair, ADMIN, &Options { keys, ..small() }).await;
        let rows = &table(&comparison, "t").rows;
        assert_eq!((rows.missing, rows.additional, rows.differing, rows.differing_keys.len()), (1, 1, 1, shown));
        let text = format!("{}{}{comparison:?}", serde_json::to_string(&comparison).unwrap(), table(&comparison, "t"));
        assert!(!text.contains("secret-") && text.contains("key-4711") == keys, "{text}");
        let read: Comparison = serde_json::from_str(&serde_json::to_string(&comparison).unwrap()).unwrap();
        assert_eq!(read, comparison);
    }
}

#[tokio::test]
async fn a_value_that_the_server_chokes_on_is_not_repeated() {
    // Bytes that are no text: the server would repeat them in its error.
    let ascii = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    let tables = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x');";
    let pair = Pair::with(["", ascii], tables, "", "").await;
    assert_eq!(compared(&pair).await.verdict, Verdict::Equal);
    pair.clients[1].batch_execute(r"INSERT INTO t VALUES (2, E'hush\xe9\x74')").await.unwrap();
    let comparison = compared(&pair).await;
    let reason = "on the target: the server failed in words that may repeat values of rows, so they are left out; its log has them (SQLSTATE 22021)";
    assert_eq!((comparison.verdict, &table(&comparison, "t").incomplete[..]), (Verdict::Incomplete, &[reason.to_owned()][..]));
}

async fn refused(source: &Endpoint, target: &Endpoint) -> CompareError {
    compare(source, target, &small(), &|_| ()).await.unwrap_err()
}

/// An error as people and programs see it.
fn whole(error: &CompareError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}; {}; {error:?}", error.hint())
}

#[tokio::test]
async fn why_a_database_can_not_be_used_is_told_without_the_password() {
    let pair = Pair::new("", "", "").await;
    let [good, other] = pair.endpoints(ADMIN);
    let port = servers().ports[1];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = pair.name.as_str();
    let mut impatient = Endpoint::new("127.0.0.1", silent.local_addr().unwrap().port(), ADMIN, "hush7", name);
    impatient.connect_timeout = Duration::from_millis(300);
    let wrong: [(Endpoint, &[&str]); 7] = [
        (Endpoint::new("127.0.0.1", port, ADMIN, "hush7", name), &["password authentication failed", "check user and password"]),
        (Endpoint::new("127.0.0.1", port, ADMIN, PASSWORD, "nowhere"), &["database \"nowhere\" does not exist", "name an existing database"]),
        (Endpoint::new("127.0.0.1", closed, ADMIN, "hush7", name), &["Connection refused", "nothing listens there", "tunnel", "--target-url"]),
        (Endpoint::new("no.such.host.invalid", 5432, ADMIN, "hush7", name), &["its name is not known here", "check the name", "tunnel"]),
        (impatient, &["no answer within 0.3 s", "private subnet"]),
        (
            Endpoint::parse(&format!("postgres://tls_only:hush7@127.0.0.1:{port}/{name}?sslmode=disable")).unwrap(),
            &["pg_hba.conf", "sslmode=require"],
        ),
        (Endpoint::parse(&format!("postgres://a:hush7@127.0.0.1:{port}/{name}?sslmode=verify-full&sslrootcert=/no/file")).unwrap(), &["/no/file"]),
    ];
    for (target, expected) in wrong {
        let text = whole(&refused(&good, &target).await);
        assert!(text.starts_with(&format!("the target database at {}:{} can not be used", target.host, target.port)), "{text}");
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in {text}");
        assert!(!text.contains("hush7") && !text.contains(PASSWORD), "{text}");
        assert!(!format!("{target:?}").contains("hush7"));
    }
    let error = refused(&Endpoint::new("127.0.0.1", closed, ADMIN, "hush7", name), &other).await;
    assert!(whole(&error).starts_with("the source database at") && error.hint().contains("--source-url"), "{error:?}");
}

#[tokio::test]
async fn a_database_is_not_compared_with_itself() {
    let pair = Pair::new(PAYMENTS, "", "").await;
    let [source, _] = pair.endpoints(ADMIN);
    let other = Endpoint::parse(&format!("postgres://{ADMIN}:Gehe1m%2F7%40x@localhost:{}/{}", source.port, pair.name)).unwrap();
    let error = refused(&source, &other).await;
    assert!(matches!(error, CompareError::Same) && error.hint().contains("--target-url"));
}

#[tokio::test]
async fn tls_is_what_the_mode_asks_for() {
    let role = "DO $$ BEGIN CREATE ROLE tls_only LOGIN PASSWORD 'Gehe1m/7@x'; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); GRANT SELECT ON t TO tls_only";
    let pair = Pair::new(role, "", "").await;
    let [good, _] = pair.endpoints(ADMIN);
    let place = &servers().place;
    let try_it = async |side: usize, host: &str, mode: &str, root: &str| {
        let root = if root.is_empty() { String::new() } else { format!("&sslrootcert={}", place.join(root).display()) };
        let url = format!("postgres://tls_only:Gehe1m%2F7%40x@{host}:{}/{}?sslmode={mode}{root}", servers().ports[side], pair.name);
        let (plain, other) = (good.clone(), Endpoint::parse(&url).unwrap());
        match compare(
            &if side == 1 { plain } else { other.clone() },
            &if side == 1 { other } else { pair.endpoints(ADMIN)[1].clone() },
            &small(),
            &|_| (),
        )
        .await
        {
            Ok(comparison) => comparison.verdict.to_string(),
            Err(error) => whole(&error),
        }
    };
    // The target lets this user in only with TLS.
    for (host, mode, root) in [
        ("127.0.0.1", "prefer", ""),
        ("127.0.0.1", "require", ""),
        ("127.0.0.1", "require", "ca.crt"),
        ("127.0.0.1", "verify-ca", "ca.crt"),
        ("127.0.0.1", "verify-ca", "server.crt"),
        ("localhost", "verify-full", "ca.crt"),
        ("localhost", "verify-full", "server.crt"),
    ] {
        assert_eq!(try_it(1, host, mode, root).await, "equal", "{host} {mode} {root}");
    }
    for (host, mode, root, expected) in [
        ("127.0.0.1", "disable", "", "pg_hba.conf rejects connection"),
        ("127.0.0.1", "require", "other.crt", "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", "verify-ca", "other.crt", "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", "verify-full", "ca.crt", "not valid for name"),
        ("127.0.0.1", "verify-full", "server.crt", "not valid for name"),
        ("localhost", "verify-full", "other.crt", "invalid peer certificate: UnknownIssuer"),
    ] {
        let text = try_it(1, host, mode, root).await;
        assert!(text.contains(expected), "{host} {mode} {root}: {text}");
    }
    // The source has no TLS: the rules of its access file keep this user out without it.
    assert!(try_it(0, "127.0.0.1", "require", "").await.contains("server does not support TLS"));
    assert!(try_it(0, "127.0.0.1", "prefer", "").await.contains("pg_hba.conf rejects connection"));
}
