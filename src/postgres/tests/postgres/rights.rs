//! What the master user may do.

use infra_postgres::Password;
use tokio_postgres::error::SqlState;

use super::harness::{DATABASE, MASTER, PASSWORD, Place};

#[tokio::test(flavor = "multi_thread")]
async fn the_master_user_has_the_rights_of_rds() {
    let place = Place::open();
    let server = place.create(&[("rds.logical_replication", "1")]).await;
    let running = server.start().await.unwrap();
    let major = running.version().major;
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();

    let attributes = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles \
                      WHERE rolname = current_user";
    let row = client.query_one(attributes, &[]).await.unwrap();
    let attributes: Vec<bool> = (0..5).map(|index| row.get(index)).collect();
    assert_eq!(attributes, [false, true, true, true, false]);
    for role in ["rds_superuser", "rds_replication", "pg_monitor", "pg_read_all_settings", "pg_signal_backend"] {
        let member = client.query_one("SELECT pg_has_role(current_user, $1, 'USAGE')", &[&role]).await.unwrap();
        assert!(member.get::<_, bool>(0), "{role}");
    }

    // No superuser.
    for forbidden in [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE ROLE other SUPERUSER LOGIN",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER ROLE rdsadmin PASSWORD 'x'",
        "CREATE EXTENSION file_fdw",
    ] {
        let error = client.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}: {error:?}");
    }

    // Replication.
    let slot = "SELECT pg_create_logical_replication_slot('s', 'test_decoding')";
    client.query_one(slot, &[]).await.unwrap();
    client.batch_execute("CREATE TABLE t (x int PRIMARY KEY); INSERT INTO t VALUES (7)").await.unwrap();
    let changes = client.query("SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL)", &[]).await.unwrap();
    let changes: Vec<String> = changes.iter().map(|row| row.get(0)).collect();
    assert!(changes.iter().any(|change| change == "table public.t: INSERT: x[integer]:7"), "{changes:?}");
    client.query_one("SELECT pg_drop_replication_slot('s')", &[]).await.unwrap();
    let replica = client.batch_execute("SET session_replication_role = replica").await;
    match major {
        ..15 => assert_eq!(replica.unwrap_err().code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE)),
        _ => replica.unwrap(),
    }

    // Databases, roles and extensions.
    client.batch_execute("CREATE DATABASE another").await.unwrap();
    client.batch_execute("CREATE EXTENSION citext; CREATE SCHEMA own").await.unwrap();
    client.batch_execute("CREATE ROLE dms LOGIN PASSWORD 'x'; GRANT rds_replication TO dms").await.unwrap();
    client.batch_execute("GRANT pg_monitor TO dms; GRANT rds_superuser TO dms").await.unwrap();
    let dms = running.client("dms", "x", DATABASE).await.unwrap();
    let refused = dms.query_one(slot, &[]).await.expect_err("PostgreSQL asks for the attribute");
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    running.grant_replication().await.unwrap();
    dms.query_one(slot, &[]).await.unwrap();
    dms.query_one("SELECT pg_drop_replication_slot('s')", &[]).await.unwrap();
    client.batch_execute("REVOKE rds_replication, rds_superuser FROM dms").await.unwrap();
    running.grant_replication().await.unwrap();
    assert!(dms.query_one(slot, &[]).await.is_err());
    running.create_extension(DATABASE, "file_fdw").await.unwrap();
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS file_fdw").await.unwrap();
    let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'postgres'";
    assert_eq!(client.query_one(owner, &[]).await.unwrap().get::<_, String>(0), MASTER);

    // The password of the secret is changed by rotation; passwords are in no log.
    let rotated = Password::new("n3w'; DROP TABLE t; --");
    running.set_master_password(&rotated).await.unwrap();
    let old = running.client(MASTER, PASSWORD, DATABASE).await.unwrap_err();
    assert!(
        matches!(&old, infra_postgres::PostgresError::Connect(error)
        if error.sql_state() == Some(&SqlState::INVALID_PASSWORD)),
        "{old:?}"
    );
    running.client(MASTER, rotated.clone(), DATABASE).await.unwrap();
    let log = std::fs::read_to_string(running.log()).unwrap();
    assert!(!log.contains(PASSWORD) && !log.contains("n3w") && log.contains("permission denied"), "{log}");
    assert!(!format!("{:?} {old:?} {:?}", place.spec(&[]), rotated).contains("n3w"));
}
