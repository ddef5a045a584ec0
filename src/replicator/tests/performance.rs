//! How long a large load takes. Run it with `cargo test --release -p infra-replicator million -- --ignored
//! --nocapture`.

use std::time::Instant;

use serde_json::json;

use super::server::{Pair, value};
use super::world::{definition, run};
use crate::{MigrationType, StopReason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long; it prints times"]
async fn a_million_rows() {
    let pair = Pair::new(
        "CREATE TABLE t (id bigint PRIMARY KEY, account uuid NOT NULL, amount numeric(12,2) NOT NULL,
             made timestamptz NOT NULL, state varchar(20) NOT NULL, note text);
         INSERT INTO t SELECT n, gen_random_uuid(), n / 7.0, now(), 'settled', 'a note of payment ' || n
         FROM generate_series(1, 1000000) n; ANALYZE t",
    )
    .await;
    let began = Instant::now();
    let (ended, end) = run(definition(&pair, MigrationType::FullLoad, &json!({}))).await;
    assert_eq!(end.reason, StopReason::FullLoadOnlyFinished, "{end:?}");
    assert_eq!(ended.table("t").full_load_rows, 1_000_000);
    println!("a million rows: {:?}, resident {}", began.elapsed(), resident());
    assert_eq!(value(&pair.on_target, "SELECT count(*) FROM t").await, "1000000");
    let began = Instant::now();
    let settings = json!({"ValidationSettings": {"EnableValidation": true},
        "FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"}});
    let (ended, _) = run(definition(&pair, MigrationType::FullLoad, &settings)).await;
    println!("with validation: {:?} ({})", began.elapsed(), ended.table("t").validation.as_str());
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}
