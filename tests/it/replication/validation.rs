//! `replication validate` as a user runs it, on two real PostgreSQL servers: the results of DMS, and an independent
//! comparison.

use crate::harness::backend::Backend;
use crate::harness::postgres::Pair;
use crate::harness::workspace::Workspace;

/// The tables that DMS replicates in the sandbox: one that it cannot validate.
const TABLES: &str =
    "[[tables]]\nname = \"payments\"\nrows = 100\n[[tables]]\nname = \"events\"\nrows = 100\nprimary_key = false\n";
const ROWS: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, note text); INSERT INTO payments SELECT n, n::text \
    FROM generate_series(1, 100) AS n;";
const EVENTS: &str =
    "CREATE TABLE events (note text); INSERT INTO events SELECT n::text FROM generate_series(1, 100) AS n;";

/// Returns the output and the exit code for a pair of databases.
fn validated(workspace: &Workspace, both: &str, target: &str) -> String {
    let arguments = "replication validate --sandbox --recheck-times 0";
    workspace.transcript_with(&Pair::blocking(both, "", target), arguments)
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
    let equal = validated(&workspace, &format!("{ROWS}{EVENTS}"), "");
    assert!(
        equal.contains("[exit 0]")
            && equal.contains("public.events: equal, 100 rows")
            && equal.contains("all data has arrived"),
        "{equal}"
    );
    let differs = validated(&workspace, &format!("{ROWS}{EVENTS}"), "DELETE FROM events WHERE note = '7'");
    assert!(differs.contains("[exit 4]"), "{differs}");
    // Other databases are another comparison.
    let others = validated(&workspace, ROWS, "");
    assert!(others.contains("[exit 1]") && others.contains("public.events: DMS replicates it"), "{others}");
    run("down -y");
}
