//! What a comparison can read, what it never writes or prints, and how it connects.

use std::time::Duration;

use migrate_infra::migration::compare::{
    CompareError, Comparison, Endpoint, Options, SequenceDifference, Side, Verdict, compare,
};

use crate::compare::concurrency::until;
use crate::compare::two_databases::{PAYMENTS, as_user, compared, small, table};
use crate::harness::postgres::{ADMIN, PASSWORD, Pair, client, servers};

const READER: &str = "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'Gehe1m/7@x'; EXCEPTION WHEN duplicate_object OR \
    unique_violation THEN NULL; END $$;";

#[tokio::test]
async fn a_table_without_read_permission_is_incomplete_and_never_equal() {
    let both = format!(
        "{READER} CREATE TABLE open (id int PRIMARY KEY); INSERT INTO open VALUES (1); GRANT SELECT ON open TO reader;
        CREATE TABLE closed (id int PRIMARY KEY); CREATE SEQUENCE numbers; CREATE TABLE policed (id int PRIMARY KEY); \
        GRANT SELECT ON policed TO reader;
        CREATE SCHEMA vault; CREATE TABLE vault.t (id int PRIMARY KEY); GRANT SELECT ON vault.t TO reader;"
    );
    let pair =
        Pair::new(&both, "GRANT SELECT ON closed TO reader", "ALTER TABLE policed ENABLE ROW LEVEL SECURITY").await;
    let comparison = as_user(&pair, "reader", &small()).await;
    // A privilege and a policy differ too, which outweighs what is unknown.
    assert_eq!((comparison.verdict, comparison.data), (Verdict::Different, Verdict::Incomplete), "{comparison:#?}");
    assert_eq!(table(&comparison, "open").verdict, Verdict::Equal);
    for name in ["closed", "policed", "t"] {
        assert_eq!(table(&comparison, name).verdict, Verdict::Incomplete, "{name}");
    }
    let reason =
        "the user `reader` is not allowed to read it on the target: grant USAGE on the schema and SELECT on the table";
    assert_eq!(table(&comparison, "closed").incomplete, [reason]);
    assert_eq!(table(&comparison, "t").incomplete.len(), 2);
    let policed = table(&comparison, "policed").to_string();
    assert!(
        policed.contains(
            "on the target: query would be affected by row-level security policy for table \"policed\" (SQLSTATE 42501)"
        ),
        "{policed}"
    );
    assert!(
        matches!(&comparison.sequences[..], [SequenceDifference::Unreadable { side: Side::Source, .. }]),
        "{:?}",
        comparison.sequences
    );
}

#[tokio::test]
async fn a_read_only_user_suffices_and_nothing_is_written() {
    let grant = format!(
        "{READER} {PAYMENTS} CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1); GRANT SELECT ON ALL TABLES \
            IN SCHEMA public TO reader;"
    );
    let pair = Pair::new(&grant, "", "UPDATE payments SET note = 'z' WHERE id = 5; ANALYZE").await;
    let counters = async || {
        let mut seen = Vec::new();
        for side in 0..2 {
            let query = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int8, (SELECT count(*) || ' ' || \
                md5(string_agg(c::text, ',' ORDER BY c.oid)) FROM pg_class AS c) \
                FROM pg_stat_user_tables";
            // A separate session, because a session caches statistics.
            let row = client(side, &pair.name).await.query_one(query, &[]).await.unwrap();
            seen.push((row.get::<_, i64>(0), row.get::<_, String>(1)));
        }
        seen
    };
    // Statistics are sent when a session ends or is idle for a while.
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
async fn keys_are_printed_only_on_request_and_values_never() {
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
async fn a_value_that_the_server_rejects_is_not_printed() {
    // Invalid bytes: the server repeats them in its error.
    let ascii = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    let tables = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x');";
    let pair = Pair::with(["", ascii], tables, "", "").await;
    assert_eq!(compared(&pair).await.verdict, Verdict::Equal);
    pair.clients[1].batch_execute(r"INSERT INTO t VALUES (2, E'hush\xe9\x74')").await.unwrap();
    let comparison = compared(&pair).await;
    let reason = "on the target: the message of the server is omitted because it can contain values of rows; see the \
        log of the server (SQLSTATE 22021)";
    assert_eq!(
        (comparison.verdict, &table(&comparison, "t").incomplete[..]),
        (Verdict::Incomplete, &[reason.to_owned()][..])
    );
}

async fn refused(source: &Endpoint, target: &Endpoint) -> CompareError {
    compare(source, target, &small(), &|_| ()).await.unwrap_err()
}

/// Formats an error as people and programs see it.
fn whole(error: &CompareError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}; {}; {error:?}", error.hint())
}

#[tokio::test]
async fn connection_errors_explain_the_cause_without_the_password() {
    let pair = Pair::new("", "", "").await;
    let [good, other] = pair.endpoints(ADMIN);
    let port = servers().ports[1];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = pair.name.as_str();
    let mut impatient = Endpoint::new("127.0.0.1", silent.local_addr().unwrap().port(), ADMIN, "hush7", name);
    impatient.connect_timeout = Duration::from_millis(300);
    let wrong: [(Endpoint, &[&str]); 7] = [
        (
            Endpoint::new("127.0.0.1", port, ADMIN, "hush7", name),
            &["password authentication failed", "check user and password"],
        ),
        (
            Endpoint::new("127.0.0.1", port, ADMIN, PASSWORD, "nowhere"),
            &["database \"nowhere\" does not exist", "the URL must end with the name of an existing database"],
        ),
        (
            Endpoint::new("127.0.0.1", closed, ADMIN, "hush7", name),
            &["Connection refused", "no server listens on this port", "tunnel", "--target-url"],
        ),
        (
            Endpoint::new("no.such.host.invalid", 5432, ADMIN, "hush7", name),
            &["its host name cannot be resolved", "check the host name", "tunnel"],
        ),
        (impatient, &["no response within 0.3 s", "private subnet"]),
        (
            Endpoint::parse(&format!("postgres://tls_only:hush7@127.0.0.1:{port}/{name}?sslmode=disable")).unwrap(),
            &["pg_hba.conf", "sslmode=require"],
        ),
        (
            Endpoint::parse(&format!(
                "postgres://a:hush7@127.0.0.1:{port}/{name}?sslmode=verify-full&sslrootcert=/no/file"
            ))
            .unwrap(),
            &["/no/file"],
        ),
    ];
    for (target, expected) in wrong {
        let text = whole(&refused(&good, &target).await);
        assert!(
            text.starts_with(&format!("could not connect to the target database at {}:{}", target.host, target.port)),
            "{text}"
        );
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in {text}");
        assert!(!text.contains("hush7") && !text.contains(PASSWORD), "{text}");
        assert!(!format!("{target:?}").contains("hush7"));
    }
    let error = refused(&Endpoint::new("127.0.0.1", closed, ADMIN, "hush7", name), &other).await;
    assert!(
        whole(&error).starts_with("could not connect to the source database at")
            && error.hint().contains("--source-url"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_is_not_compared_with_itself() {
    let pair = Pair::new(PAYMENTS, "", "").await;
    let [source, _] = pair.endpoints(ADMIN);
    let other =
        Endpoint::parse(&format!("postgres://{ADMIN}:Gehe1m%2F7%40x@localhost:{}/{}", source.port, pair.name)).unwrap();
    let error = refused(&source, &other).await;
    assert!(matches!(error, CompareError::Same) && error.hint().contains("--target-url"));
}

#[tokio::test]
async fn tls_follows_the_mode() {
    let role = "DO $$ BEGIN CREATE ROLE tls_only LOGIN PASSWORD 'Gehe1m/7@x'; EXCEPTION WHEN duplicate_object OR \
        unique_violation THEN NULL; END $$;
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); GRANT SELECT ON t TO tls_only";
    let pair = Pair::new(role, "", "").await;
    let [good, _] = pair.endpoints(ADMIN);
    let directory = &servers().directory;
    let try_it = async |side: usize, host: &str, mode: &str, root: &str| {
        let root =
            if root.is_empty() { String::new() } else { format!("&sslrootcert={}", directory.join(root).display()) };
        let url = format!(
            "postgres://tls_only:Gehe1m%2F7%40x@{host}:{}/{}?sslmode={mode}{root}",
            servers().ports[side],
            pair.name
        );
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
    // The target accepts this user only with TLS.
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
    // The source has no TLS, and its access rules reject this user without TLS.
    assert!(try_it(0, "127.0.0.1", "require", "").await.contains("server does not support TLS"));
    assert!(try_it(0, "127.0.0.1", "prefer", "").await.contains("pg_hba.conf rejects connection"));
}
