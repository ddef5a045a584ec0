//! Creation, start, stop, restart and removal.

use std::time::Duration;

use infra_postgres::{PostgresError, Server};

use super::harness::{DATABASE, MASTER, PASSWORD, Place, launcher};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_created_once_keeps_its_data_and_stops_when_it_is_unused() {
    let place = Place::open();
    assert!(matches!(place.open_server(), Err(PostgresError::Missing(_))));
    let directory = place.server();
    let create = || Server::create(&directory, place.spec(&[]), launcher());
    let (first, second) = tokio::join!(create(), create());
    let (server, _) = (first.unwrap().0, second.unwrap());
    assert!(!server.is_answering().await);
    let running = server.start().await.unwrap();
    let port = running.connection(MASTER, PASSWORD, DATABASE).unwrap().port;
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    client.batch_execute("CREATE TABLE t (x int); INSERT INTO t VALUES (7)").await.unwrap();
    drop((client, running));
    place.is_idle().await;

    // The server and its port are still the same in another process of the same program.
    let running = place.open_server().unwrap().start().await.unwrap();
    assert_eq!(running.connection(MASTER, PASSWORD, DATABASE).unwrap().port, port);
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    let x: i32 = client.query_one("SELECT x FROM t", &[]).await.unwrap().get(0);
    assert_eq!(x, 7);

    // Stopped by force, it stays down although it has a user.
    server.stop().await.unwrap();
    assert!(client.query_one("SELECT 1", &[]).await.is_err());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!running.is_answering().await && place.processes().is_empty());
    let again = server.start().await.unwrap();
    assert!(again.is_answering().await && running.is_answering().await);

    // Removed although it is used.
    Server::remove(&place.server()).await.unwrap();
    assert!(!place.server().exists() && place.processes().is_empty());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!place.server().exists(), "who used it does not bring it back");
    assert!(matches!(server.start().await, Err(PostgresError::Missing(_))));
    Server::remove(&place.server()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_replaced() {
    let place = Place::open();
    let server = place.create(&[]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    std::fs::write(place.server().join("port"), port.to_string()).unwrap();
    let running = server.start().await.unwrap();
    let connection = running.connection(MASTER, PASSWORD, DATABASE).unwrap();
    assert_ne!(connection.port, port);
    connection.connect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_closed_to_the_servers_user_is_enough() {
    let place = Place::closed();
    // What an unfinished creation has left.
    std::fs::create_dir_all(place.server().join("data.new/base")).unwrap();
    let server = place.create(&[]).await;
    let running = server.start().await.unwrap();
    running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    drop(running);
    if rustix::process::geteuid().is_root() {
        let elsewhere = place.elsewhere();
        assert!(elsewhere.join("data/base").is_dir());
        // A copy would use the same data.
        let copy = place.server().with_file_name("copy");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(place.server().join("server.json"), copy.join("server.json")).unwrap();
        let refused = Server::open(&copy, launcher()).unwrap_err();
        assert!(matches!(refused, PostgresError::Copied { .. }), "{refused}");
        Server::remove(&place.server()).await.unwrap();
        assert!(!elsewhere.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_says_why() {
    let place = Place::open();
    let server = place.create(&[]).await;
    std::fs::write(place.server().join("data/PG_VERSION"), "3\n").unwrap();
    let error = server.start().await.unwrap_err().to_string();
    assert!(error.contains("database files are incompatible with server"), "{error}");
    assert!(place.processes().is_empty());
}
