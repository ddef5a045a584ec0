use infra_database::guard::{self, Report};
use infra_database::{Database, Error};
use tokio_postgres::Client;

use super::server::{TestDatabase, source};

const INSERT: &str = "INSERT INTO payments VALUES (1)";

/// Creates a role and a table that it can write to. Returns the role, and a client of the master user.
async fn payments_of_a_service(test: &TestDatabase) -> (String, Client) {
    let role = test.role("service").await;
    let master = test.client().await;
    master
        .batch_execute(&format!("CREATE TABLE payments (id int); GRANT ALL ON payments TO {role}"))
        .await
        .expect("a table");
    (role, master)
}

#[tokio::test]
async fn a_guarded_database_refuses_writes_of_the_role_until_it_is_opened() {
    let test = source().database().await;
    let (role, master) = payments_of_a_service(&test).await;
    let database = Database::new("source", &master);
    let before = test.client_as(&role, "payments-api").await;
    let excluded = test.client_as(&role, "dms").await;
    before.batch_execute(INSERT).await.unwrap();
    assert!(!guard::is_guarded(database, &role).await.unwrap());

    let report = guard::close(database, &role, &["dms"]).await.unwrap();
    assert_eq!((report.ended.len(), report.remaining.len()), (1, 0));
    assert!(guard::is_guarded(database, &role).await.unwrap());
    assert!(before.batch_execute(INSERT).await.is_err(), "the session was ended");
    excluded.batch_execute(INSERT).await.expect("the session of the replication was not");

    // 25006 `read_only_sql_transaction`
    let after = test.client_as(&role, "payments-api").await;
    assert_eq!(after.batch_execute(INSERT).await.unwrap_err().code().unwrap().code(), "25006");
    // The documented limit: the session itself can override the default.
    after.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    after.batch_execute(INSERT).await.expect("a session can override the default");
    master.batch_execute(INSERT).await.expect("another role is not guarded");
    let elsewhere = source().database().await;
    let other_database = elsewhere.client_as(&role, "payments-api").await;
    let setting = other_database.query_one("SHOW default_transaction_read_only", &[]).await.unwrap();
    assert_eq!(setting.get::<_, String>(0), "off");

    guard::open(database, &role, &["dms"]).await.unwrap();
    assert!(!guard::is_guarded(database, &role).await.unwrap());
    assert!(after.is_closed() || after.batch_execute("SELECT 1").await.is_err(), "its default was that of the guard");
    let new = test.client_as(&role, "payments-api").await;
    new.batch_execute(INSERT).await.expect("a new session can write");
    // Its end takes a moment on a busy machine, and until then it can be taken for one from before.
    drop(new);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND application_name = 'payments-api' \
         AND datname = current_database()";
    while master.query_one(left, &[&role]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(guard::open(database, &role, &["dms"]).await.unwrap(), Report::default());
}

#[tokio::test]
async fn sessions_from_before_can_be_given_time() {
    let test = source().database().await;
    let (role, master) = payments_of_a_service(&test).await;
    let database = Database::new("source", &master);
    let before = test.client_as(&role, "payments-api").await;
    before.batch_execute("BEGIN").await.unwrap();
    guard::close_for_new_sessions(database, &role).await.unwrap();
    assert!(test.client_as(&role, "payments-api").await.batch_execute(INSERT).await.is_err());
    before.batch_execute(INSERT).await.expect("it was not ended");
    before.batch_execute("COMMIT").await.unwrap();
    assert!(guard::close(database, &role, &[]).await.unwrap().remaining.is_empty());
    assert!(before.batch_execute(INSERT).await.is_err());
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_a_typed_error() {
    let test = source().database().await;
    let master = test.client().await;
    let error = guard::close(Database::new("old", &master), "no\"body", &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Missing { kind: "role", .. }));
    assert_eq!(error.to_string(), "the old database has no role `no\"body`");
}

#[tokio::test]
async fn after_a_database_is_guarded_no_session_writes_however_it_raced() {
    let test = source().database().await;
    let role = test.role("service").await;
    let master = test.client().await;
    let create = format!("CREATE TABLE payments (id int); GRANT ALL ON payments TO {role}");
    master.batch_execute(&create).await.unwrap();
    let mut writers = Vec::new();
    for number in 0..4 {
        let (test, role) = (test.clone(), role.clone());
        writers.push(tokio::spawn(async move {
            loop {
                // Half of them connect for each write, half of them keep their connection as long as it works.
                let client = test.client_as(&role, "payments-api").await;
                while client.batch_execute(INSERT).await.is_ok() && number % 2 == 0 {}
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }));
    }
    let count = async || -> i64 { master.query_one("SELECT count(*) FROM payments", &[]).await.unwrap().get(0) };
    while count().await < 20 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let report = guard::close(Database::new("source", &master), &role, &[]).await.unwrap();
    let written = count().await;
    assert_eq!(report.remaining, []);
    assert!(!report.ended.is_empty());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(count().await, written);
    for writer in writers {
        writer.abort();
    }
}
