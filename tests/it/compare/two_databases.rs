//! Comparing two databases, on two real PostgreSQL servers.

use std::sync::Mutex;

use migrate_infra::migration::compare::{
    Comparison, Options, Progress, RowDifferences, RowKey, TableResult, Verdict, compare,
};

use crate::harness::postgres::{ADMIN, Pair, client};

/// Options that divide even small tables into chunks, and show keys.
pub fn small() -> Options {
    Options { chunk_rows: 100, keys: true, connections: 3, ..Options::default() }
}

pub async fn as_user(pair: &Pair, user: &str, options: &Options) -> Comparison {
    let [source, target] = pair.endpoints(user);
    compare(&source, &target, options, &|_| ()).await.unwrap()
}

pub async fn compared(pair: &Pair) -> Comparison {
    as_user(pair, ADMIN, &small()).await
}

pub fn table<'a>(comparison: &'a Comparison, name: &str) -> &'a TableResult {
    comparison
        .tables
        .iter()
        .find(|table| table.table == name)
        .unwrap_or_else(|| panic!("no table {name} in {comparison:#?}"))
}

pub fn keys(list: &[&[&str]]) -> Vec<RowKey> {
    list.iter().map(|key| RowKey(key.iter().map(|part| (*part).to_owned()).collect())).collect()
}

/// Returns the differences, without the key columns and the number of chunks.
pub fn found(rows: &RowDifferences) -> (&[RowKey], &[RowKey], &[RowKey]) {
    assert!(!rows.more, "{rows:#?}");
    let counts = [rows.missing, rows.additional, rows.differing];
    let lengths = [&rows.missing_keys, &rows.additional_keys, &rows.differing_keys].map(|keys| keys.len() as u64);
    assert_eq!(counts, lengths);
    (&rows.missing_keys, &rows.additional_keys, &rows.differing_keys)
}

pub const PAYMENTS: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, at timestamptz, amount numeric(12, 2), rate \
    float8, note text);
    INSERT INTO payments SELECT n, '2024-01-01'::timestamptz + n * interval '1 minute', n / 7.0, n / 3.0::float8, \
    repeat('x', n % 50) \
    FROM generate_series(1, 5000) AS n;";

#[tokio::test]
async fn equal_databases_are_equal_for_all_types() {
    let types = "CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE things (id uuid PRIMARY KEY, a bytea, b jsonb, c text[], d interval, e mood, f inet, g money, h \
        float4, i date, j boolean, k json, l xml);
        INSERT INTO things SELECT md5(n::text)::uuid, decode(md5(n::text), 'hex'), jsonb_build_object('n', n), \
        ARRAY[NULL, '', n::text], n * interval '1 hour', \
        'ok', '10.0.0.1', n, n / 3.0, '2024-02-29', NULL, '{\"a\" :1}', '<a/>' FROM generate_series(1, 1000) AS n;";
    // Output settings of a server must not matter.
    let taste = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database());
        EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German''', current_database());
        EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
        EXECUTE format('ALTER DATABASE %I SET IntervalStyle = ''iso_8601''', current_database());
        EXECUTE format('ALTER DATABASE %I SET search_path = ''nowhere''', current_database());
        EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -5', current_database()); END $$";
    let pair = Pair::new(&format!("{PAYMENTS}{types}"), "", taste).await;
    let reports = Mutex::new(Vec::<Progress>::new());
    let [source, target] = pair.endpoints(ADMIN);
    let comparison =
        compare(&source, &target, &small(), &|progress| reports.lock().unwrap().push(progress.clone())).await.unwrap();
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Equal, Verdict::Equal), "{comparison:#?}");
    assert_eq!(table(&comparison, "payments").source_rows, Some(5000));
    assert_eq!(table(&comparison, "payments").to_string(), "public.payments: equal, 5000 rows");
    let reports = reports.into_inner().unwrap();
    let of_payments: Vec<&Progress> = reports.iter().filter(|report| report.table == "public.payments").collect();
    assert_eq!(of_payments.len(), 52, "50 full pieces, one that is open at its end, and the end of the table");
    assert!(
        of_payments
            .windows(2)
            .all(|pair| pair[0].rows_done <= pair[1].rows_done && pair[0].rows_expected >= pair[0].rows_done)
    );
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
    assert_eq!(payments.to_string(), "public.payments: different, 5000 rows; 1 with different values");
}

#[tokio::test]
async fn the_physical_order_of_rows_does_not_matter() {
    let tables = "CREATE TABLE numbered (id int PRIMARY KEY, v text); CREATE TABLE named (name text PRIMARY KEY); \
        CREATE TABLE keyless (a int, b text);";
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
async fn null_empty_and_separators_are_not_confused() {
    let tables = "CREATE TABLE t (id int PRIMARY KEY, a text, b text)";
    let source = "INSERT INTO t VALUES (1, NULL, 'x'), (2, 'a,b', 'c'), (3, '\"', NULL), (4, 'NULL', NULL), (5, ')', \
        '('), (6, 'same', '')";
    let target = "INSERT INTO t VALUES (1, '', 'x'), (2, 'a', 'b,c'), (3, NULL, '\"'), (4, NULL, NULL), (5, ') ', \
        '('), (6, 'same', '')";
    let pair = Pair::new(tables, source, target).await;
    let comparison = compared(&pair).await;
    assert_eq!(
        found(&table(&comparison, "t").rows),
        (&[][..], &[][..], &keys(&[&["1"], &["2"], &["3"], &["4"], &["5"]])[..])
    );
}

#[tokio::test]
async fn a_table_without_a_key_is_compared_as_a_multiset() {
    let tables = "CREATE TABLE same (a int, b text); CREATE TABLE twice (a int, b text); CREATE TABLE other (a int, b \
        text);
        INSERT INTO same SELECT n % 10, 'x' FROM generate_series(1, 1000) AS n; INSERT INTO twice VALUES (1, 'x'), \
        (1, 'x'), (2, 'y');";
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
    assert!(
        other.rows.key_columns.is_empty()
            && other.to_string().ends_with("without a primary key on both sides, they cannot be identified"),
        "{other}"
    );
}

#[tokio::test]
async fn a_table_without_a_key_is_read_in_ranges_of_blocks() {
    let tables =
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 3000) AS n;";
    // The target has gaps, and moved rows at its end.
    let pair = Pair::new(
        tables,
        "",
        "UPDATE t SET a = a WHERE a < 1000; DELETE FROM t WHERE a = 1500; INSERT INTO t VALUES \
            (1500, repeat('x', 200))",
    )
    .await;
    let pieces = Mutex::new(0);
    let [source, target] = pair.endpoints(ADMIN);
    let comparison =
        compare(&source, &target, &small(), &|progress| *pieces.lock().unwrap() = progress.chunks).await.unwrap();
    assert_eq!(
        (comparison.verdict, table(&comparison, "t").source_rows, table(&comparison, "t").target_rows),
        (Verdict::Equal, Some(3000), Some(3000))
    );
    assert!(*pieces.lock().unwrap() > 20, "{pieces:?}");
}

/// Returns a collation that is not the one of bytes: the English one, or one without ICU, which the pinned wheel lacks.
async fn other_collation() -> &'static str {
    let known = "SELECT FROM pg_collation WHERE collname = 'en-x-icu'";
    if client(1, "postgres").await.query_opt(known, &[]).await.unwrap().is_some() {
        return "en-x-icu";
    }
    eprintln!("this PostgreSQL has no ICU: the order of the keys is tested with `pg_c_utf8` instead of `en-x-icu`");
    "pg_c_utf8"
}

#[tokio::test]
async fn keys_of_all_types_are_found() {
    let both = r#"
        CREATE TABLE composite ("the ""id" int, part text COLLATE "C", PRIMARY KEY (part, "the ""id"), v int);
        INSERT INTO composite SELECT n, 'p' || n % 7, 0 FROM generate_series(1, 3000) AS n;
        CREATE TABLE ids (id uuid PRIMARY KEY, v int);
        INSERT INTO ids SELECT md5(n::text)::uuid, 0 FROM generate_series(1, 3000) AS n;
        CREATE TABLE money (amount numeric, at timestamptz, PRIMARY KEY (at, amount), v int);
        INSERT INTO money SELECT n / 8.0, '2024-01-01'::timestamptz + n % 5 * interval '0.000001 s', 0
        FROM generate_series(1, 3000) AS n;"#;
    let text = |collation: &str| {
        format!(
            r#"CREATE TABLE texts (name text COLLATE "{collation}" PRIMARY KEY, v int);
            INSERT INTO texts SELECT chr(32 + n % 90) || n, 0 FROM generate_series(1, 3000) AS n;
            INSERT INTO texts VALUES ('', 0), (' ', 0), ('O''Brien', 0), (E'a\\b', 0), (E'line\nfeed', 0), ('a,b', 0),
            ('"quoted"', 0), ('Ä', 0), ('ä', 0), ('z', 0),
            ('𝄞', 0), ('NULL', 0), ('%', 0), ('$1', 0);"#
        )
    };
    let change = r#"UPDATE composite SET v = 1 WHERE part = 'p3' AND "the ""id" IN (3, 1508);
        DELETE FROM ids WHERE id = md5('1234')::uuid; UPDATE money SET v = NULL WHERE amount = 100.125;
        UPDATE texts SET v = 1 WHERE name IN ('', 'O''Brien', E'a\\b', E'line\nfeed', '𝄞');
        DELETE FROM texts WHERE name = 'Ä'; INSERT INTO texts VALUES ('é', 0);"#;
    let collation = other_collation().await;
    let pair = Pair::new(both, &text("C"), &format!("{}{change}", text(collation))).await;
    let comparison = compared(&pair).await;
    let of = |name: &str| &table(&comparison, name).rows;
    assert_eq!(of("composite").key_columns, ["part", "the \"id"]);
    assert_eq!(found(of("composite")), (&[][..], &[][..], &keys(&[&["p3", "1508"], &["p3", "3"]])[..]));
    assert_eq!(found(of("ids")), (&keys(&[&["81dc9bdb-52d0-4dc2-0036-dbd8313ed055"]])[..], &[][..], &[][..]));
    assert_eq!(
        found(of("money")),
        (&[][..], &[][..], &keys(&[&["2024-01-01 00:00:00.000001+00", "100.1250000000000000"]])[..])
    );
    let differing = keys(&[&[""], &["O'Brien"], &["a\\b"], &["line\nfeed"], &["𝄞"]]);
    assert_eq!(found(of("texts")), (&keys(&[&["Ä"]])[..], &keys(&[&["é"]])[..], &differing[..]));
}

#[tokio::test]
async fn text_keys_in_byte_order_are_compared_in_ranges() {
    let names = "CREATE TABLE names (name varchar(40) PRIMARY KEY, v int); INSERT INTO names SELECT chr(33 + n % 90) \
        || n, 0 FROM generate_series(1, 2000) AS n;";
    let bytes = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let pair = Pair::with([bytes, bytes], names, "", "UPDATE names SET v = 2 WHERE name LIKE '%1234'").await;
    let rows = &table(&compared(&pair).await, "names").rows.clone();
    assert_eq!((rows.chunks, found(rows)), (1, (&[][..], &[][..], &keys(&[&["a1234"]])[..])));
}

#[tokio::test]
async fn a_different_encoding_is_not_a_difference() {
    let tables = "CREATE TABLE t (name text PRIMARY KEY, v text); INSERT INTO t SELECT chr(160 + n % 90) || n, 'é' \
        FROM generate_series(1, 1500) AS n;";
    let latin = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let pair = Pair::with(["", latin], tables, "", "").await;
    assert_eq!(compared(&pair).await.verdict, Verdict::Equal);
    pair.clients[1].batch_execute("UPDATE t SET v = 'è' WHERE name LIKE '%777'").await.unwrap();
    assert_eq!(found(&table(&compared(&pair).await, "t").rows), (&[][..], &[][..], &keys(&[&["Ù777"]])[..]));
}

#[tokio::test]
async fn keys_of_different_types_are_comparable() {
    let fill = "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n;";
    let source = format!("CREATE TABLE t (id int PRIMARY KEY, v text); {fill}");
    let target = format!("CREATE TABLE t (id bigint PRIMARY KEY, v text); {fill} UPDATE t SET v = 'y' WHERE id = 1999");
    let comparison = compared(&Pair::new("", &source, &target).await).await;
    assert_eq!(found(&table(&comparison, "t").rows), (&[][..], &[][..], &keys(&[&["1999"]])[..]));
}

#[tokio::test]
async fn a_target_without_the_primary_key_can_have_duplicate_rows_and_null_keys() {
    let source =
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n";
    let target = "CREATE TABLE t (id int, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3000) AS n; \
        INSERT INTO t VALUES (5, 'x'), (NULL, 'x')";
    let pair = Pair::new("", source, target).await;
    let comparison = compared(&pair).await;
    let rows = &table(&comparison, "t").rows;
    assert_eq!((rows.missing, rows.additional, rows.differing, rows.more), (0, 2, 0, false));
    assert_eq!(rows.additional_keys, keys(&[&["5"]]));
    // More rows with one key than are read: the search ends anyway.
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
