use std::time::Duration;

use infra_database::Database;
use infra_database::drain::{self, Ended, State};
use infra_database::slots::{self, Dropped};

use super::server::{ADMIN, source, target, unique};

#[tokio::test]
async fn what_is_in_flight_is_listed_with_its_age_and_without_its_text() {
    // Not on the source, where other tests create slots: that waits for all transactions of a server.
    let database = target().database().await;
    let role = database.role("service").await;
    let watcher = database.client().await;
    let own = database.client_as("master", "tool").await;
    own.batch_execute("BEGIN").await.unwrap();
    let idle = database.client_as(&role, "payments-api").await;
    let busy = database.client_as(&role, "payments-job").await;
    busy.batch_execute("BEGIN; SELECT 'a value of a row'").await.unwrap();
    let failed = database.client_as(&role, "payments-retry").await;
    failed.batch_execute("BEGIN; SELECT 1 / 0").await.unwrap_err();
    // The server reports the error before it changes the state of the session.
    let active = "SELECT FROM pg_stat_activity WHERE application_name = 'payments-retry' AND state = 'active'";
    while !watcher.query(active, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    watcher
        .batch_execute("CREATE TABLE t (i int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'two-phase'")
        .await
        .unwrap();
    let found = drain::in_flight(Database::new("target", &watcher), &["tool"]).await.unwrap();
    let sessions: Vec<_> = found
        .sessions
        .iter()
        .map(|one| (one.application.as_str(), one.user.as_str(), one.state, one.transaction_age.is_some()))
        .collect();
    assert_eq!(
        sessions,
        [
            ("payments-job", role.as_str(), State::IdleInTransaction, true),
            ("payments-api", &role, State::Idle, false),
            // A failed transaction has no start any more: `AbortTransaction` calls `pgstat_report_xact_timestamp(0)`.
            ("payments-retry", &role, State::IdleInFailedTransaction, false),
        ]
    );
    assert_eq!(found.transactions().count(), 2);
    assert_eq!(found.sessions[0].address.as_deref(), Some("127.0.0.1"));
    assert_eq!(found.prepared.len(), 1);
    assert_eq!((found.prepared[0].gid.as_str(), found.prepared[0].owner.as_str()), ("two-phase", "master"));
    assert!(!format!("{found:?}").contains("a value of a row"));
    watcher.batch_execute("ROLLBACK PREPARED 'two-phase'").await.unwrap();
    drop((idle, busy, failed));
}

#[tokio::test]
async fn a_user_without_rights_sees_sessions_that_may_have_transactions() {
    let database = source().database().await;
    let (role, other) = (database.role("blind").await, database.role("service").await);
    let service = database.client_as(&other, "payments-api").await;
    let blind = database.client_as(&role, "blind").await;
    let found = drain::in_flight(Database::new("source", &blind), &[]).await.unwrap();
    let service_session: Vec<_> = found.sessions.iter().filter(|one| one.user == other).collect();
    assert_eq!(service_session.len(), 1, "{found:?}");
    assert_eq!(service_session[0].state, State::Hidden);
    assert!(service_session[0].may_have_transaction());
    drop(service);
}

#[tokio::test]
async fn sessions_are_ended_by_their_ids_and_others_are_left_alone() {
    let [database, elsewhere] = [source().database().await, source().database().await];
    let role = database.role("service").await;
    let watcher = database.client().await;
    let service = database.client_as(&role, "payments-api").await;
    let superuser = database.client_as(ADMIN, "provider").await;
    let neighbour = elsewhere.client().await;
    let pid = async |client: &tokio_postgres::Client| -> i32 {
        client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
    };
    let pids = [pid(&service).await, pid(&superuser).await, pid(&neighbour).await, pid(&watcher).await, i32::MAX];
    let results = drain::terminate(Database::new("source", &watcher), &pids).await.unwrap();
    assert_eq!(results[0], (pids[0], Ended::Ended));
    // 42501 `insufficient_privilege`
    assert!(matches!(&results[1].1, Ended::Refused(why) if why.code.as_deref() == Some("42501")), "{results:?}");
    assert_eq!(results[2..].iter().map(|one| &one.1).collect::<Vec<_>>(), [&Ended::Gone; 3]);
    assert!(service.query_one("SELECT 1", &[]).await.is_err());
    assert_eq!(pid(&neighbour).await, pids[2]);
}

#[tokio::test]
async fn walsenders_are_no_clients() {
    let database = source().database().await;
    let watcher = database.client().await;
    let receiver = source().programs().join("pg_recvlogical");
    let slot = unique("walsender");
    let create = format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')");
    watcher.batch_execute(&create).await.unwrap();
    let mut receiver = tokio::process::Command::new(receiver);
    receiver.args(["--start", "--no-loop", "--file=-", "--slot", &slot, "--dbname", &database.name]);
    receiver.envs(database.variables()).kill_on_drop(true);
    receiver.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = receiver.spawn().unwrap();
    let active = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname = $1";
    while watcher.query_one(active, &[&database.name]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the receiver ended");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let found = drain::in_flight(Database::new("source", &watcher), &[]).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
    let database = Database::new("source", &watcher);
    let slots = slots::list(database).await.unwrap();
    assert!(slots[0].active_pid.is_some() && slots[0].is_usable);
    assert_eq!(slots::drop(database, &slot).await.unwrap(), Dropped::Active);
    child.kill().await.unwrap();
    while slots::drop(database, &slot).await.unwrap() == Dropped::Active {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(slots::drop(database, &slot).await.unwrap(), Dropped::Absent);
}
