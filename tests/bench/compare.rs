//! Measures the time and the memory of the comparison of a large table. Run with `cargo bench --bench compare`; nothing
//! here is a test.
//!
//! `COMPARE_ROWS` sets the number of rows; the default is a million. Both servers run on this machine and share its
//! processors.
#![expect(clippy::panic, reason = "a server that does not start ends the benchmark")]

use std::time::Instant;

use migrate_infra::migration::compare::{Options, compare};

#[path = "../it/harness/postgres.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod postgres;

use postgres::{ADMIN, Pair};

#[tokio::main]
async fn main() {
    let rows: u64 = std::env::var("COMPARE_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let columns = "customer uuid NOT NULL, amount numeric(12, 2) NOT NULL, currency char(3), at timestamptz, state \
        text, note text";
    let values = "md5(n::text)::uuid, n % 100000 / 100.0, 'EUR', '2024-01-01'::timestamptz + n * interval '1 second', \
        'settled', repeat('n', n::int % 60)";
    let fill = |key: &str, table: &str| {
        format!("INSERT INTO {table} SELECT {key}, {values} FROM generate_series(1, {rows}) AS n;")
    };
    let numbered = format!("CREATE TABLE payments (id bigint PRIMARY KEY, {columns}); {}", fill("n", "payments"));
    let named =
        format!("CREATE TABLE payments (id text PRIMARY KEY, {columns}); {}", fill("'payment-' || n", "payments"));
    let change = "UPDATE payments SET note = 'other' WHERE at = (SELECT max(at) FROM payments)";
    for (what, sql) in [("bigint key, by ranges", numbered), ("text key in another collation, by blocks", named)] {
        let pair = Pair::new(&format!("{sql} ANALYZE;"), "", "").await;
        measure(&format!("{what}, {rows} rows, equal"), &pair).await;
        pair.clients[1].batch_execute(change).await.expect("a change");
        measure(&format!("{what}, {rows} rows, one value differs"), &pair).await;
    }
}

async fn measure(what: &str, pair: &Pair) {
    let [source, target] = pair.endpoints(ADMIN);
    let (before, began) = (peak_kib(), Instant::now());
    let comparison = compare(&source, &target, &Options::default(), &|_| ()).await.expect("a comparison");
    let (took, table) = (began.elapsed(), &comparison.tables[0]);
    println!("{what}: {:.2} s, peak memory {} KiB (before: {before} KiB): {table}", took.as_secs_f64(), peak_kib());
}

/// Returns the peak memory of this process, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
