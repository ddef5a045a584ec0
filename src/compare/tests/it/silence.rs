//! Every wait ends, and says on what.

use std::time::{Duration, Instant};

use infra_compare::{Endpoint, Options, Verdict, compare};

use crate::pair::{Pair, small, table};
use crate::proxy::Tunnel;
use crate::server::sides;

#[tokio::test]
async fn a_tunnel_that_stalls_ends_the_comparison_and_keeps_what_was_compared() {
    let tables = "CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT n, md5(n::text) \
        FROM generate_series(1, 20000) AS n; CREATE TABLE later (id int PRIMARY KEY); ANALYZE;";
    let pair = Pair::new(tables, "", "").await;
    let tunnel = Tunnel::to(sides()[0].port).await;
    let mut source = Endpoint::new("127.0.0.1", tunnel.port, "admin", "", &pair.name);
    source.connect_timeout = Duration::from_secs(1);
    let [_, target] = pair.endpoints("admin");
    let options = Options { silence: Duration::from_millis(500), connections: 1, ..small() };
    let began = Instant::now();
    let stall = |progress: &infra_compare::Progress| {
        if progress.chunks == 20 {
            tunnel.stall();
        }
    };
    let comparison = compare(&source, &target, &options, &stall).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let big = table(&comparison, "big");
    assert_eq!((comparison.verdict, big.verdict), (Verdict::Incomplete, Verdict::Incomplete));
    let text = big.to_string();
    assert!(text.contains("on the source: the server has stopped answering"), "{text}");
}

#[tokio::test]
async fn a_query_that_takes_long_is_not_silence() {
    let pair = Pair::new("CREATE TABLE slow (id int PRIMARY KEY); INSERT INTO slow VALUES (1);", "", "").await;
    pair.run(1, "BEGIN; LOCK TABLE slow").await;
    let options = Options { silence: Duration::from_millis(100), ..small() };
    let free = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        pair.run(1, "COMMIT").await;
    };
    let (comparison, ()) = tokio::join!(pair.compared_with(&options), free);
    assert_eq!(comparison.unwrap().verdict, Verdict::Equal);
}

#[tokio::test]
async fn sessions_that_an_administrator_ends_cost_only_what_was_not_compared() {
    let tables = "CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT n, md5(n::text) \
        FROM generate_series(1, 20000) AS n; CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); ANALYZE;";
    let pair = Pair::new(tables, "", "").await;
    let [source, target] = pair.endpoints("admin");
    let name = pair.name.clone();
    let end = |progress: &infra_compare::Progress| {
        if progress.table == "public.big" && progress.chunks == 100 {
            let name = name.clone();
            let end = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                               WHERE application_name = 'migrate-infra' AND datname = $1";
                    sides()[0].client("postgres").await.query(sql, &[&name]).await.unwrap();
                });
            });
            end.join().unwrap();
        }
    };
    let comparison = compare(&source, &target, &small(), &end).await.unwrap();
    assert_eq!(table(&comparison, "a").verdict, Verdict::Equal, "{comparison:#?}");
    let big = table(&comparison, "big").to_string();
    assert!(big.contains("terminating connection due to administrator command"), "{big}");
    let text = format!("{comparison:?}");
    assert!(!text.contains("22023") && !text.contains("snapshot"), "only the first cause: {text}");
}
