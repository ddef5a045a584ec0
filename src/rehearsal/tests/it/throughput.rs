//! How many payments fit into a second, and how fast a million of them is generated. Run with
//! `cargo test -p infra-rehearsal --release -- --ignored --nocapture --test-threads=1`.

use std::time::{Duration, Instant};

use infra_rehearsal::{
    Application, Fill, Ledger, ServiceOptions, VerifyOptions, WriterOptions, Writers, fill, load_payment_schema, verify,
};

use super::cloud::FakeCloud;
use super::generator::payments;
use super::server::database;

/// The largest amount of memory that this process had, in MiB ("/proc/[pid]/status", `VmHWM`).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("the peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number") / 1024
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn payments_per_second() {
    let (source, target) = (payments(20_000, 1).await, payments(20_000, 1).await);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let application = Application::payments(&source.connection).await.expect("the payment system").into();
    let ledger = Ledger::open(&path).expect("a ledger").into();
    let cloud = std::sync::Arc::new(FakeCloud::new(&source, &source, 0.5));
    let rate = number("RATE", 1_000);
    let options = WriterOptions { rate: rate as f64, ..WriterOptions::default() };
    let began = Instant::now();
    let writers = Writers::start(options, ServiceOptions::default(), application, cloud, ledger).expect("writers");
    tokio::time::sleep(Duration::from_secs(number("SECONDS", 15))).await;
    let live = writers.stop().await.expect("the ledger was written");
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} of {rate} payments/s from 16 writers, {} held back",
        live.acknowledged as f64 / seconds,
        live.held_back
    );
    let began = Instant::now();
    let verdict = verify(&path, &source, &[], &VerifyOptions { balances: true, ..VerifyOptions::default() }).await;
    let verdict = verdict.expect("a verdict");
    println!(
        "{} rows verified in {:.1} s, {} MiB at most",
        verdict.rows_checked,
        began.elapsed().as_secs_f64(),
        peak_memory()
    );
    assert!(verdict.is_clean(), "{verdict:#?}");
    drop(target);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rows_per_second() {
    let rows = number("ROWS", 1_000_000);
    let database = database().await;
    load_payment_schema(&database.connection).await.expect("the schema loads");
    let began = Instant::now();
    let last = std::sync::Mutex::new((String::new(), Instant::now()));
    let progress = |table: &str, count: u64| {
        let mut last = last.lock().expect("no panic");
        if last.0 != table {
            *last = (table.to_owned(), Instant::now());
        }
        if count % 100_000 < 50 {
            println!("{table}: {count} rows in {:.1} s", last.1.elapsed().as_secs_f64());
        }
    };
    fill(&database.connection, &Fill { rows, seed: 1, builtin: true }, &progress).await.expect("rows");
    println!("{rows} payments in {:.1} s, {} MiB at most", began.elapsed().as_secs_f64(), peak_memory());
}
