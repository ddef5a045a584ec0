//! A connection is what its endpoint says, and ends with its handle.

use std::time::Duration;

use infra_connect::{Connection, open};
use infra_test_server::ADMIN;

use crate::server::{ENCODED, admin, connect, parse, server, until};

async fn value(connection: &Connection, query: &str) -> String {
    connection.client().query_one(query, &[]).await.expect("a row").get(0)
}

async fn pid(connection: &Connection) -> i32 {
    connection.client().query_one("SELECT pg_backend_pid()", &[]).await.expect("a row").get(0)
}

async fn exists(watcher: &Connection, pid: i32) -> bool {
    let query = "SELECT FROM pg_stat_activity WHERE pid = $1";
    !watcher.client().query(query, &[&pid]).await.expect("rows").is_empty()
}

#[tokio::test]
async fn the_parameters_of_a_url_are_those_of_the_session() {
    let port = server().port;
    let url = format!(
        "{ADMIN}:{ENCODED}@no.such.host.invalid:{port}/postgres?hostaddr=127.0.0.1&application_name=one\
         &options=-c%20statement_timeout%3D77s&target_session_attrs=read-write"
    );
    let connection = open(&parse(&url), "source").await.unwrap();
    assert_eq!(value(&connection, "SHOW application_name").await, "one");
    assert_eq!(value(&connection, "SHOW statement_timeout").await, "77s");
    assert_eq!(connection.server_version(), Some(value(&connection, "SHOW server_version").await.as_str()));
    let endpoint = parse(&url).with_application_name("two");
    assert_eq!(endpoint.application_name(), "two");
    assert_eq!(value(&open(&endpoint, "source").await.unwrap(), "SHOW application_name").await, "two");
    assert_eq!(value(&connect().await, "SHOW application_name").await, "migrate-infra");
}

#[tokio::test]
async fn a_connection_ends_when_it_is_dropped() {
    let watcher = connect().await;
    let connection = connect().await;
    let (pid, end) = (pid(&connection).await, connection.end());
    assert!(exists(&watcher, pid).await);
    drop(connection);
    until("its process has ended", async || !exists(&watcher, pid).await).await;
    assert_eq!(end.cause(), None, "nobody else ended it");
}

#[tokio::test]
async fn a_dropped_connection_cancels_its_query() {
    let watcher = connect().await;
    watcher.client().batch_execute("CREATE TABLE cancelled (v int)").await.unwrap();
    for mode in ["prefer", "disable"] {
        let url = format!("{ADMIN}:{ENCODED}@127.0.0.1:{}/postgres?sslmode={mode}", server().port);
        let connection = open(&parse(&url), "source").await.unwrap();
        let pid = pid(&connection).await;
        // One statement is a transaction of its own: without a cancel request it would be committed.
        let query = "INSERT INTO cancelled SELECT 1 FROM pg_sleep(2)";
        let answer = tokio::time::timeout(Duration::from_millis(300), connection.client().batch_execute(query)).await;
        assert!(answer.is_err(), "it still runs");
        drop(connection);
        until("its process has ended", async || !exists(&watcher, pid).await).await;
    }
    let count: i64 = watcher.client().query_one("SELECT count(*) FROM cancelled", &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}

#[tokio::test]
async fn the_end_of_a_connection_has_a_cause() {
    let connection = connect().await;
    let pid = pid(&connection).await;
    // The client closes the statement of the query afterwards, and would take the end for the answer to that.
    connection.client().batch_execute("").await.unwrap();
    let terminate = "SELECT pg_terminate_backend($1)";
    connect().await.client().query(terminate, &[&pid]).await.unwrap();
    let end = connection.end();
    until("the client knows it", async || end.cause().is_some()).await;
    assert_eq!(end.cause().unwrap().code.as_deref(), Some("57P01"));
}

#[tokio::test]
async fn a_client_can_have_transactions() {
    let mut connection = open(&admin(), "target").await.unwrap();
    let transaction = connection.client_mut().transaction().await.unwrap();
    transaction.batch_execute("CREATE TABLE gone (v int)").await.unwrap();
    transaction.rollback().await.unwrap();
    let found = connection.client().query("SELECT FROM pg_class WHERE relname = 'gone'", &[]).await.unwrap();
    assert!(found.is_empty());
}
