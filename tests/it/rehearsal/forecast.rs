//! The forecast of a switchover beside what it took, with seconds of AWS that are seconds.

use migrate_infra::events::Events;
use migrate_infra::switchover::Row;
use migrate_infra::switchover::machine::Outcome;
use migrate_infra::workflow::unattended::{self, CutoverEnd};

use super::stack::{ONE_STEP, Stack, rows, until};

const TABLES: &str = "CREATE TABLE payments (id bigserial PRIMARY KEY, note text)";
const CONTENT: &str = "INSERT INTO payments (note) SELECT repeat('x', 100) FROM generate_series(1, 20000)";

/// The number of random numbers to skip.
const SKIPPED: &str = "MIGRATE_INFRA_FORECAST_SKIP";

/// `just forecast`. The steps are fast; the switchover takes as long as on AWS, as far as the sandbox knows.
#[test]
#[ignore = "it takes minutes: `just forecast`"]
fn a_forecast_is_near_what_it_took() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let impatient = [ONE_STEP, &["cutover.drain_seconds=0"]].concat();
    let stack = Stack::with(&directory, &impatient);
    runtime.block_on(async {
        stack.replicate(TABLES, CONTENT).await;
        let target = stack.connection("target");
        until("the load", async || rows(&target, "payments").await == 20000).await;
        // Its transaction is in the way, so that only the steps are done.
        let client = stack.connection("source").connect().await.expect("a connection");
        client.batch_execute("BEGIN; INSERT INTO payments (note) VALUES ('open')").await.expect("a transaction");
        let ended = unattended::cutover(&stack.workspace, Events::nowhere()).await.expect("it ends");
        assert!(!ended.is_complete());
    });
    drop(stack);
    let stack = Stack::at_speed(&directory, ONE_STEP, 1.0);
    // How long AWS takes is drawn from numbers that are the same in each run. Others come after skipping some.
    let skipped: u32 = std::env::var(SKIPPED).map_or(0, |text| text.parse().expect("a number"));
    stack.sandbox.mutate_out_of_band(|world| (0..skipped).for_each(|_| drop(world.random_hex())));
    let ended = runtime.block_on(async {
        match Box::pin(unattended::cutover(&stack.workspace, Events::nowhere())).await.expect("it ends") {
            CutoverEnd::Switchover(ended) => *ended,
            CutoverEnd::Steps(outcome) => panic!("{outcome:?}"),
        }
    });
    assert_eq!(ended.outcome, Outcome::Completed, "{:?}", ended.reasons);
    let progress = &ended.record.progress;
    let forecast = progress.evidence.before.as_ref().and_then(|before| before.forecast.as_ref()).expect("a forecast");
    for row in forecast.compare(&progress.durations_ms) {
        println!("{row}");
    }
    let closed: f64 = Row::ALL
        .iter()
        .filter(|row| **row >= Row::Fence)
        .filter_map(|row| progress.duration(*row))
        .map(|time| time.as_secs_f64())
        .sum();
    let expected = forecast.without_writes().as_secs_f64();
    println!("closed: forecast {expected:.1} s, measured {closed:.1} s, {:+.0} %", (closed / expected - 1.0) * 100.0);
    assert!((closed / expected - 1.0).abs() <= 0.3, "the forecast is off by more than 30 %");
}
