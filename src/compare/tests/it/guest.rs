//! A comparison is a guest on the servers.

use infra_compare::{CompareError, Endpoint, Options, Verdict, compare};

use crate::pair::{Pair, small, table, whole};
use crate::proxy::Pooler;
use crate::server::sides;

const NUMBERS: &str = "CREATE TABLE numbers (id int PRIMARY KEY); INSERT INTO numbers SELECT generate_series(1, 1000);";

#[tokio::test]
async fn a_pooler_that_refuses_or_ignores_options_is_refused_by_name() {
    let pair = Pair::new(NUMBERS, "", "").await;
    let [source, target] = pair.endpoints("admin");
    for pooler in [Pooler::Refuses, Pooler::Ignores] {
        let port = pooler.before(sides()[0].port).await;
        let through = Endpoint::new("127.0.0.1", port, "admin", "", &pair.name);
        let error = compare(&through, &target, &small(), &|_| ()).await.unwrap_err();
        let text = whole(&error);
        assert!(matches!(error, CompareError::Pooler { .. }), "{text}");
        assert!(text.contains("a connection pooler") && text.contains("--source-url"), "{text}");
        let error = compare(&source, &through, &small(), &|_| ()).await.unwrap_err();
        assert!(error.to_string().contains("the target database"), "{error}");
    }
}

#[tokio::test]
async fn a_user_with_few_connections_is_compared_with_fewer_sessions() {
    let pair = Pair::new(&format!("{NUMBERS} CREATE TABLE other (id int PRIMARY KEY);"), "", "").await;
    for (limit, side) in [(1, 0), (2, 1), (3, 1)] {
        let role = format!("few_{}_{limit}", pair.name);
        for (at, client) in pair.clients.iter().enumerate() {
            let limit = if at == side { limit } else { -1 };
            let sql = format!(
                "CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}; \
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
            );
            client.batch_execute(&sql).await.unwrap();
        }
        let [source, target] = pair.endpoints(&role);
        let options = Options { connections: 4, chunk_rows: 50, ..small() };
        let comparison = compare(&source, &target, &options, &|_| ()).await.unwrap();
        assert_eq!(table(&comparison, "numbers").verdict, Verdict::Equal, "{limit}: {comparison:#?}");
    }
}

#[tokio::test]
async fn nothing_remains_on_a_connection_that_is_used_again() {
    // Settings of the transaction, and no prepared statements: what a pooler would hand on.
    let pair = Pair::new(NUMBERS, "", "").await;
    let [source, target] = pair.endpoints("admin");
    let seen = std::sync::Mutex::new(Vec::new());
    let name = pair.name.clone();
    let look = |_: &infra_compare::Progress| {
        let name = name.clone();
        let look = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let sql = "SELECT count(*) FILTER (WHERE state = 'idle' AND query <> ''), count(*), \
                           string_agg(query, '; ') \
                           FROM pg_stat_activity WHERE application_name = 'migrate-infra' AND datname = $1";
                let row = sides()[0].client("postgres").await.query_one(sql, &[&name]).await.unwrap();
                (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, String>(2))
            })
        });
        seen.lock().unwrap().push(look.join().unwrap());
    };
    compare(&source, &target, &small(), &look).await.unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(!seen.is_empty());
    for (outside, sessions, queries) in seen {
        assert!(outside == 0 && sessions > 0, "every session is one transaction: {queries}");
    }
}
