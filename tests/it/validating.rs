//! `replication validate` as a user runs it, on two real PostgreSQL servers: what DMS has found, and the comparison of its own.

use crate::cli::Place;
use crate::lane::Lane;
use crate::postgres::{ADMIN, PASSWORD, Pair, servers};

/// What DMS replicates in the sandbox: one table that it can not validate.
const TABLES: &str = "[[tables]]\nname = \"payments\"\nrows = 100\n[[tables]]\nname = \"events\"\nrows = 100\nprimary_key = false\n";
const ROWS: &str =
    "CREATE TABLE payments (id bigint PRIMARY KEY, note text); INSERT INTO payments SELECT n, n::text FROM generate_series(1, 100) AS n;";
const EVENTS: &str = "CREATE TABLE events (note text); INSERT INTO events SELECT n::text FROM generate_series(1, 100) AS n;";

fn pair(both: &str, target: &str) -> Pair {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Pair::new(both, "", target))
}

/// What it says of a pair, and how it exits.
fn validated(place: &Place, pair: &Pair) -> String {
    let url = |port: u16| format!("postgres://{ADMIN}:{}@127.0.0.1:{port}/{}", PASSWORD.replace('/', "%2F").replace('@', "%40"), pair.name);
    let mut command = place.command("replication validate --sandbox");
    let [source, target] = servers().ports.map(url);
    command.env("MIGRATE_INFRA_SOURCE_URL", source).env("MIGRATE_INFRA_TARGET_URL", target);
    let told = place.tell(&command.output().expect("the program runs"), "replication validate");
    assert!(!told.contains(PASSWORD), "{told}");
    told
}

#[test]
fn a_comparison_of_its_own_proves_what_dms_can_not() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    std::fs::write(place.path().join("tables.toml"), TABLES).expect("a file");
    run("up -y --sandbox-script tables.toml");
    run("replication start -y");
    let alone = place.told("replication validate --wait --dms-only --sandbox");
    assert!(alone.contains("[exit 1]") && alone.contains("public.events: No primary key"), "{alone}");
    let equal = validated(&place, &pair(&format!("{ROWS}{EVENTS}"), ""));
    assert!(equal.contains("[exit 0]") && equal.contains("public.events: equal, 100 rows") && equal.contains("everything has arrived"), "{equal}");
    let differs = validated(&place, &pair(&format!("{ROWS}{EVENTS}"), "DELETE FROM events WHERE note = '7'"));
    assert!(differs.contains("[exit 4]"), "{differs}");
    // Whoever names other databases has compared something else.
    let others = validated(&place, &pair(ROWS, ""));
    assert!(others.contains("[exit 1]") && others.contains("public.events: DMS replicates it"), "{others}");
    run("down -y");
}
