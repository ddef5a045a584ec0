//! Comparing databases that others use: locks, snapshots, and comparisons that are stopped.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use migrate_infra::migration::compare::{Options, Progress, Verdict, compare};

use crate::compare::two_databases::{PAYMENTS, as_user, compared, small, table};
use crate::harness::postgres::{ADMIN, Pair, client, servers};

#[tokio::test]
async fn a_locked_table_is_incomplete_and_the_others_are_compared() {
    let pair = Pair::new(
        &format!("{PAYMENTS} CREATE TABLE locked (id int PRIMARY KEY); INSERT INTO locked VALUES (1);"),
        "",
        "",
    )
    .await;
    pair.clients[1].batch_execute("BEGIN; LOCK TABLE locked").await.unwrap();
    let options = Options { lock_timeout: Some(Duration::from_millis(100)), ..small() };
    let comparison = as_user(&pair, ADMIN, &options).await;
    assert_eq!((comparison.verdict, table(&comparison, "payments").verdict), (Verdict::Incomplete, Verdict::Equal));
    assert_eq!(
        table(&comparison, "locked").incomplete,
        ["on the target: canceling statement due to lock timeout (SQLSTATE 55P03)"]
    );
}

/// Counts the queries of comparisons that wait for a lock in a database.
async fn waiting(pair: &Pair, side: usize) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrate-infra' AND wait_event_type = \
        'Lock' AND datname = $1";
    let watcher = client(side, "postgres").await;
    watcher.query_one(query, &[&pair.name]).await.unwrap().get(0)
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns two databases, and a comparison that waits forever on one side.
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
        // The query was cancelled, rather than stopped later because its client had disconnected.
        let log = std::fs::read_to_string(servers().directory.join(format!("{name}.log"))).unwrap();
        assert!(log.contains(&format!("{}: ERROR:  canceling statement due to user request", pair.name)), "{log}");
    }
}

#[tokio::test]
async fn the_servers_stop_their_queries_when_the_program_has_ended() {
    let (pair, comparison) = endless(1).await;
    // A runtime that ends cannot close its connections.
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    other.spawn(comparison);
    until("a query waits", async || waiting(&pair, 1).await > 0).await;
    other.shutdown_background();
    until("no query waits any more", async || waiting(&pair, 1).await == 0).await;
}

#[tokio::test]
async fn each_side_is_read_in_one_snapshot() {
    // The missing table is the largest, so it is reported first, before the sessions open that read the other
    // one.
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
                    let change = format!(
                        "INSERT INTO payments VALUES ({new}); UPDATE payments SET rate = {new} WHERE \
                        id > 4000; DELETE FROM payments WHERE id = {new} - 5000"
                    );
                    client(0, &name).await.batch_execute(&change).await.unwrap();
                });
            });
            other.join().unwrap();
        }
    };
    let comparison = compare(&source, &target, &small(), &change).await.unwrap();
    assert_eq!(
        (table(&comparison, "payments").verdict, table(&comparison, "payments").source_rows),
        (Verdict::Equal, Some(5000))
    );
    let next = compared(&pair).await;
    assert_eq!(table(&next, "payments").verdict, Verdict::Different, "the next one sees the changes");
}
