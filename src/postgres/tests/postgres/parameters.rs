//! Parameters of the parameter group.

use infra_base::postgres_parameters::{Values, parameter};
use infra_postgres::PostgresError;

use super::harness::{Place, map};

async fn shown(client: &tokio_postgres::Client, name: &str) -> String {
    client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn static_parameters_wait_for_a_restart_and_dynamic_ones_do_not() {
    let place = Place::open();
    let server = place.create(&[("log_min_duration_statement", "500"), ("max_connections", "60")]).await;
    let running = server.start().await.unwrap();
    let client = running.superuser_client("postgres").await.unwrap();
    assert_eq!(shown(&client, "wal_level").await, "replica");
    assert_eq!(shown(&client, "max_connections").await, "60");
    assert_eq!(shown(&client, "shared_buffers").await, "32MB");
    assert_eq!(shown(&client, "log_min_duration_statement").await, "500ms");
    assert_eq!(shown(&client, "synchronous_commit").await, "on");
    assert_eq!(shown(&client, "full_page_writes").await, "on");

    let wanted = map(&[
        ("rds.logical_replication", "1"),
        ("log_min_duration_statement", "-1"),
        ("max_connections", "70"),
        ("synchronous_commit", "off"),
        ("shared_buffers", "{DBInstanceClassMemory/32768}"),
        ("shared_preload_libraries", "pg_stat_statements,rdsutils"),
        ("rds.extensions", "hstore"),
        ("no_such_parameter", "1"),
        ("fsync", "1"),
        ("application_name", "it's C:\\new"),
    ]);
    let applied = running.set_parameters(wanted).await.unwrap();
    assert_eq!(applied.pending_restart, ["max_connections", "shared_buffers", "shared_preload_libraries", "wal_level"]);
    let notes = applied.notes.join("\n");
    for part in ["`rdsutils` is not", "`rds.extensions` has", "`no_such_parameter` has", "`fsync` has"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let client = running.superuser_client("postgres").await.unwrap();
    assert_eq!(shown(&client, "wal_level").await, "replica");
    assert_eq!(shown(&client, "log_min_duration_statement").await, "-1");
    assert_eq!(shown(&client, "synchronous_commit").await, "off");

    // A start is no reboot of the instance.
    server.stop().await.unwrap();
    let running = server.start().await.unwrap();
    let client = running.superuser_client("postgres").await.unwrap();
    assert_eq!(shown(&client, "wal_level").await, "replica");
    assert_eq!(server.parameters().await.unwrap().pending_restart, applied.pending_restart);

    running.restart().await.unwrap();
    assert!(client.query_one("SELECT 1", &[]).await.is_err(), "the connections are lost");
    let client = running.superuser_client("postgres").await.unwrap();
    assert_eq!(shown(&client, "wal_level").await, "logical");
    assert_eq!(shown(&client, "max_connections").await, "70");
    assert_eq!(shown(&client, "shared_buffers").await, "128MB");
    assert_eq!(shown(&client, "shared_preload_libraries").await, "pg_stat_statements");
    assert!(server.parameters().await.unwrap().pending_restart.is_empty());
    let file = "SELECT setting FROM pg_file_settings WHERE name = 'application_name' AND error IS NULL";
    let text: String = client.query_one(file, &[]).await.unwrap().get(0);
    assert_eq!(text, "it's C:\\new");

    // Refused values change nothing.
    let refused = running.set_parameters(map(&[("work_mem", "lots"), ("max_connections", "80")])).await.unwrap_err();
    assert!(matches!(&refused, PostgresError::Parameters(text) if text.contains("work_mem")), "{refused}");
    assert!(running.set_parameters(map(&[("work_mem", "{DBInstanceClassMemory/}")])).await.is_err());
    assert!(server.parameters().await.unwrap().pending_restart.is_empty());
    running.restart().await.unwrap();
}

/// A value that the server accepts must not be refused before the first call.
#[tokio::test(flavor = "multi_thread")]
async fn the_known_values_of_parameters_contain_those_of_the_server() {
    let place = Place::open();
    let running = place.create(&[]).await.start().await.unwrap();
    let client = running.superuser_client("postgres").await.unwrap();
    let settings = "SELECT lower(name), vartype, coalesce(min_val, ''), coalesce(max_val, ''), \
         coalesce(enumvals, '{}') FROM pg_settings WHERE context <> 'internal' AND strpos(name, '.') = 0";
    let mut compared = 0;
    for row in client.query(settings, &[]).await.unwrap() {
        let [name, kind, least, most] = [0, 1, 2, 3].map(|column| row.get::<_, String>(column));
        let known = parameter(&name).unwrap_or_else(|| panic!("{name} is not known"));
        let values = match (known.values, kind.as_str()) {
            (Values::Integer(..), "integer") | (Values::Real(..), "real") => vec![least, most],
            (Values::Word(_), "enum") => row.get(4),
            (Values::Boolean, "bool") | (Values::Any, _) => Vec::new(),
            (values, kind) => panic!("{name} is {kind}, not {values:?}"),
        };
        // A configuration cannot contain an empty value.
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            assert!(known.values.allow(&value), "{name} = {value}");
        }
        compared += 1;
    }
    assert!(compared > 250, "{compared}");
}
