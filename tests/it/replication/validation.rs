//! `replication validate` as a user runs it, on two real PostgreSQL servers: the results of DMS, and an independent
//! comparison.

use crate::harness::backend::Backend;
use crate::harness::postgres::{ADMIN, PASSWORD, Pair, servers};
use crate::harness::workspace::Workspace;

/// The tables that DMS replicates in the sandbox: one that it cannot validate.
const TABLES: &str =
    "[[tables]]\nname = \"payments\"\nrows = 100\n[[tables]]\nname = \"events\"\nrows = 100\nprimary_key = false\n";
const ROWS: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, note text); INSERT INTO payments SELECT n, n::text \
    FROM generate_series(1, 100) AS n;";
const EVENTS: &str =
    "CREATE TABLE events (note text); INSERT INTO events SELECT n::text FROM generate_series(1, 100) AS n;";

fn pair(both: &str, target: &str) -> Pair {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Pair::new(both, "", target))
}

/// Returns the output and the exit code for a pair of databases.
fn validated(workspace: &Workspace, pair: &Pair) -> String {
    let url = |port: u16| {
        format!(
            "postgres://{ADMIN}:{}@127.0.0.1:{port}/{}",
            PASSWORD.replace('/', "%2F").replace('@', "%40"),
            pair.name
        )
    };
    let mut command = workspace.command("replication validate --sandbox");
    let [source, target] = servers().ports.map(url);
    command.env("MIGRATE_INFRA_SOURCE_URL", source).env("MIGRATE_INFRA_TARGET_URL", target);
    let transcript = workspace.format_output(&command.output().expect("the program runs"), "replication validate");
    assert!(!transcript.contains(PASSWORD), "{transcript}");
    transcript
}

#[test]
fn an_independent_comparison_proves_what_dms_cannot() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    std::fs::write(workspace.path().join("tables.toml"), TABLES).expect("a file");
    run("up -y --sandbox-script tables.toml");
    run("replication start -y");
    let alone = workspace.transcript("replication validate --wait --dms-only --sandbox");
    assert!(alone.contains("[exit 1]") && alone.contains("public.events: No primary key"), "{alone}");
    let equal = validated(&workspace, &pair(&format!("{ROWS}{EVENTS}"), ""));
    assert!(
        equal.contains("[exit 0]")
            && equal.contains("public.events: equal, 100 rows")
            && equal.contains("all data has arrived"),
        "{equal}"
    );
    let differs = validated(&workspace, &pair(&format!("{ROWS}{EVENTS}"), "DELETE FROM events WHERE note = '7'"));
    assert!(differs.contains("[exit 4]"), "{differs}");
    // Other databases are another comparison.
    let others = validated(&workspace, &pair(ROWS, ""));
    assert!(others.contains("[exit 1]") && others.contains("public.events: DMS replicates it"), "{others}");
    run("down -y");
}
