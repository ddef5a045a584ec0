//! Values that mean the same are the same on both sides, and others are found.

use infra_compare::{Options, Verdict};

use crate::pair::{Pair, small, table};

#[tokio::test]
async fn numbers_that_mean_the_same_are_equal() {
    // A computed NaN has another sign than one that was read from text.
    let both = "CREATE DOMAIN rate AS float8; CREATE TABLE r (id int PRIMARY KEY, f float8, g float4, d rate, \
        a float8[], p point, t timestamptz); CREATE TABLE keyless (f float8);";
    let row = |nan: &str, zero: &str, time: &str| {
        format!(
            "INSERT INTO r SELECT n, {nan}, ({nan})::float4, {nan}, ARRAY[[{nan}, {zero}], [NULL, 0.1]], \
             point({zero}, 1e-7), '{time}' FROM generate_series(1, 300) AS n; \
             INSERT INTO keyless VALUES ({nan}), ({zero})"
        )
    };
    let source = row("'inf'::float8 - 'inf'::float8", "'-0'::float8", "2024-03-31 01:30:00+00");
    let target = format!(
        "{}; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -5', current_database()); \
         EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database()); END $$",
        row("'NaN'::float8", "0::float8", "2024-03-31 10:30:00+09")
    );
    let pair = Pair::new(both, &source, &target).await;
    let comparison = pair.compared().await;
    assert_eq!(comparison.verdict, Verdict::Equal, "{comparison:#?}");
    let changes = "UPDATE r SET a = ARRAY[[0.1, 0], [NULL, 0.1]] WHERE id = 7; UPDATE r SET f = 1e-300 WHERE id = 8; \
        UPDATE r SET a = '[0:1][1:2]={{NaN,0},{NULL,0.1}}' WHERE id = 9; UPDATE r SET d = 5 WHERE id = 10; \
        UPDATE r SET p = point(1, 0) WHERE id = 11; UPDATE r SET a = NULL WHERE id = 12; \
        UPDATE r SET a = '{}' WHERE id = 13";
    pair.run(1, changes).await;
    let comparison = pair.compared().await;
    assert_eq!(table(&comparison, "r").rows.differing, 7, "{comparison:#?}");
}

#[tokio::test]
async fn texts_of_hundreds_of_megabytes_are_compared() {
    let both = "CREATE TABLE big (id int PRIMARY KEY, t text, b bytea);
        INSERT INTO big SELECT n, repeat(md5(n::text), 9000000), convert_to(repeat(md5(n::text), 9000000), 'UTF8') \
        FROM generate_series(1, 1) AS n;";
    let pair = Pair::new(both, "", "").await;
    let comparison = pair.compared_with(&Options { connections: 1, ..small() }).await.unwrap();
    assert_eq!(comparison.verdict, Verdict::Equal, "{comparison:#?}");
    pair.run(1, "UPDATE big SET t = t || 'x'").await;
    let comparison = pair.compared_with(&Options { connections: 1, ..small() }).await.unwrap();
    assert_eq!(table(&comparison, "big").rows.differing, 1, "{comparison:#?}");
}

#[tokio::test]
async fn large_objects_are_data() {
    let both = "CREATE TABLE doc (id int PRIMARY KEY, body oid); INSERT INTO doc VALUES (1, 4711)";
    let pair = Pair::new(both, "SELECT lo_from_bytea(4711, 'hello')", "").await;
    let comparison = pair.compared().await;
    let objects = comparison.large_objects.as_ref().unwrap();
    assert_eq!((comparison.verdict, comparison.data, objects.missing), (Verdict::Different, Verdict::Different, 1));
    assert_eq!(objects.to_string(), "large objects: different, 1 on the source, 0 on the target; 1 missing");
    // More than one range, one object in parts, and another content.
    pair.run(1, "SELECT lo_from_bytea(4711, 'hello')").await;
    let numbers = "SELECT lo_from_bytea((10000 + n)::oid, ('x' || n)::bytea) FROM generate_series(1, 450) AS n; \
        SELECT lo_create(77); SELECT lo_put(77, 70000000, 'end')";
    for side in [0, 1] {
        pair.run(side, numbers).await;
    }
    assert_eq!(pair.compared().await.verdict, Verdict::Equal);
    pair.run(1, "SELECT lo_put(10300, 0, 'y'), lo_put(77, 70000000, 'END'), lo_unlink(10301)").await;
    let comparison = pair.compared().await;
    let objects = comparison.large_objects.unwrap();
    assert_eq!((objects.missing, objects.differing, objects.source), (1, 2, 452));
}

#[tokio::test]
async fn a_renamed_table_and_another_encoding_are_clear() {
    let latin = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let both = "CREATE TABLE \"größe\" (name text PRIMARY KEY, v jsonb, w text[]);
        INSERT INTO \"größe\" SELECT 'é' || n, '{\"ä\": 1}', ARRAY['ö'] FROM generate_series(1, 300) AS n;";
    let pair = Pair::with(["", latin], both, "", "").await;
    assert_eq!(pair.compared().await.verdict, Verdict::Equal);
    pair.run(1, "ALTER TABLE \"größe\" RENAME TO \"länge\"").await;
    let comparison = pair.compared().await;
    let texts: Vec<String> = comparison.tables.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("the target has no such table") && texts[0].contains("public.größe"), "{texts:?}");
    assert!(texts[1].contains("only the target has this table"), "{texts:?}");
}
