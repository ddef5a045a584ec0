//! Measures the time and the memory of the comparison of a large table. Run with `cargo bench --bench compare`; nothing
//! here is a test.
//!
//! `COMPARE_ROWS` sets the number of rows; the default is a million. Both servers run on this machine and share its
//! processors. If `reladiff` is installed (PyPI), it compares the same tables in the same run.
#![expect(clippy::panic, reason = "a server that does not start ends the benchmark")]

use std::process::Command;
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
        let what = format!("{what}, {rows} rows, one value differs");
        measure(&what, &pair).await;
        measure_peer(&what, &pair);
    }
}

async fn measure(what: &str, pair: &Pair) {
    let [source, target] = pair.endpoints(ADMIN);
    let (before, began, cpu) = (peak_kib(), Instant::now(), Cpu::now());
    let comparison = compare(&source, &target, &Options::default(), &|_| ()).await.expect("a comparison");
    let (took, table) = (began.elapsed(), &comparison.tables[0]);
    let cpu = cpu.spent();
    println!(
        "{what}: {:.2} s, CPU of this process {:.2} s and of all {:.2} s, peak memory {} KiB (before: {before} KiB): \
         {table}",
        took.as_secs_f64(),
        cpu.own,
        cpu.all,
        peak_kib()
    );
}

/// Compares the same tables with reladiff, if it is installed.
fn measure_peer(what: &str, pair: &Pair) {
    let [source, target] = pair.urls().map(|url| url.replace("postgres://", "postgresql://"));
    let arguments = ["-k", "id", "-c", "%", "--stats"];
    let (began, cpu) = (Instant::now(), Cpu::now());
    let ran = Command::new("reladiff").args([&source, "payments", &target, "payments"]).args(arguments).output();
    match ran {
        Ok(ran) if ran.status.success() => {
            let (took, all) = (began.elapsed().as_secs_f64(), cpu.spent().all);
            println!("  reladiff, {what}: {took:.2} s, CPU of all {all:.2} s");
        }
        Ok(ran) => println!("  reladiff failed: {}", String::from_utf8_lossy(&ran.stderr).trim()),
        Err(error) => println!("  reladiff was not measured: {error}"),
    }
}

/// CPU seconds of this process, and of the whole machine: nothing else should run on it.
struct Cpu {
    own: f64,
    all: f64,
}

impl Cpu {
    /// Reads both (proc(5): hundredths of seconds).
    fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).expect("the kernel tells");
        let sum = |fields: &mut dyn Iterator<Item = &str>| -> f64 {
            fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
        };
        let (process, machine) = (read("/proc/self/stat"), read("/proc/stat"));
        let (_, fields) = process.rsplit_once(')').expect("a name");
        let own = sum(&mut fields.split_whitespace().skip(11).take(2));
        // user, nice, system
        let all = sum(&mut machine.split_whitespace().skip(1).take(3));
        Self { own, all }
    }

    /// Returns what was spent since.
    fn spent(&self) -> Self {
        let now = Self::now();
        Self { own: now.own - self.own, all: now.all - self.all }
    }
}

/// Returns the peak memory of this process, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
