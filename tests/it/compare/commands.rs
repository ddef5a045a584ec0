//! `compare` and `replication check` as a user runs them, on two real PostgreSQL servers.

use serde_json::Value;

use crate::harness::backend::Backend;
use crate::harness::postgres::Pair;
use crate::harness::workspace::Workspace;

const TABLES: &str = "CREATE TABLE payments (id bigint PRIMARY KEY, note text NOT NULL); \
    CREATE TABLE audit (note text); INSERT INTO payments SELECT n, n::text FROM generate_series(1, 100) AS n;";

#[test]
fn two_databases_are_compared_without_a_stack_and_a_configuration() {
    let workspace = Workspace::new();
    std::fs::remove_dir_all(workspace.path().join("config")).expect("there was a configuration");
    let equal = workspace.transcript_with(&Pair::blocking(TABLES, "", ""), "compare");
    assert!(equal.contains("[exit 0]") && equal.contains("public.payments: equal, 100 rows"), "{equal}");
    let differing =
        Pair::blocking(TABLES, "", "DELETE FROM payments WHERE id = 7; ALTER TABLE payments ALTER note DROP NOT NULL");
    let differs =
        workspace.transcript_with(&differing, "compare --keys --statement-timeout 60 --silence 5 --max-rows 10");
    assert!(differs.contains("[exit 4]") && differs.contains("missing: id = 7"), "{differs}");
    assert!(differs.contains("ALTER COLUMN \"note\" SET NOT NULL;"), "{differs}");
    let other = workspace.transcript_with(&differing, "compare --table public.audit");
    assert!(other.contains("both databases are empty") && other.contains("[exit 1]"), "{other}");
    let json = workspace.transcript_with(&differing, "compare --exclude public.audit --output json");
    let result = json.lines().find(|line| line.starts_with("{\"verdict\"")).expect("a result");
    let result: Value = serde_json::from_str(result).expect("it is JSON");
    crate::schemas::check("compare", &result);
    assert_eq!((&result["verdict"], result["tables"].as_array().map(Vec::len)), (&"different".into(), Some(1)));
    let wrong = workspace.transcript("compare --source-url postgres://a@b/c?colour=red --target-url postgres://a@b/d");
    assert!(wrong.contains("[exit 2]") && wrong.contains("--source-url") && wrong.contains("colour"), "{wrong}");
    let neither = workspace.transcript("compare");
    assert!(neither.contains("[exit 2]") && neither.contains("--source-url"), "{neither}");
}

#[test]
fn a_check_finds_what_the_replication_would_lose() {
    let workspace = Workspace::new();
    let up = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    up("up -y");
    let modelled = workspace.transcript("replication check --sandbox");
    assert!(modelled.contains("[exit 1]") && modelled.contains("--source-url"), "{modelled}");
    let schema = "CREATE TABLE events (note text); INSERT INTO events VALUES ('x'); \
        CREATE TABLE documents (id bigint PRIMARY KEY, body text); \
        INSERT INTO documents VALUES (1, repeat('x', 200000));";
    let source = Pair::blocking("", schema, "");
    let pair = Pair::blocking("", "", "");
    let found = workspace.transcript_with(&source, "replication check --sandbox");
    assert!(found.contains("[exit 3]") && found.contains("public.events") && found.contains("primary key"), "{found}");
    assert!(found.contains("LobMaxSize = ") && found.contains("batch apply: off"), "{found}");
    let json = workspace.transcript_with(&source, "replication check --sandbox --output json");
    let result = json.lines().find(|line| line.starts_with("[{")).expect("a result");
    let result: Value = serde_json::from_str(result).expect("it is JSON");
    crate::schemas::check("replication-check", &result);
    assert_eq!((&result[0]["verdict"], &result[0]["measurements"]["tables"]), (&"fail".into(), &2.into()));
    assert!(workspace.transcript_with(&pair, "replication check --sandbox --all").contains("wal_level"));
}
