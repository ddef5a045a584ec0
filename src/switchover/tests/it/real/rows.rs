//! The rows that are SQL alone, where they refuse.

use std::time::{Duration, Instant};

use infra_base::side::Side;
use infra_database::{Database, guard};
use infra_switchover::sql::{self, Compared, Error, Finish, MarkerWait, OldGuard, Overdue, Patience, Service};
use infra_switchover::{Effect, Failure};
use tokio_postgres::Client;

use super::replication::Replication;
use super::servers::{SWITCHOVER, connect};
use super::stage::Stage;

fn service(stage: &Stage) -> Service<'_> {
    Service { role: &stage.name, excluded_applications: &[] }
}

async fn service_client(stage: &Stage, side: Side) -> Client {
    connect(side, &stage.name, &stage.name, "payments-api").await.unwrap()
}

const fn patience(millis: u64, overdue: Overdue) -> Patience {
    Patience { limit: Duration::from_millis(millis), overdue }
}

#[tokio::test]
async fn a_drain_waits_for_transactions_and_ends_idle_sessions() {
    let stage = Stage::build().await;
    let master = stage.master(Side::Source).await.unwrap();
    let old = Database::new("old", &master);
    let idle = service_client(&stage, Side::Source).await;
    idle.batch_execute("SELECT 1").await.unwrap();
    let busy = service_client(&stage, Side::Source).await;
    busy.batch_execute("BEGIN; INSERT INTO payments (uid, client) VALUES ('a', 'test')").await.unwrap();
    let ends = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        busy.batch_execute("COMMIT").await.expect("it has time to end");
    };
    let began = Instant::now();
    let (drained, ()) = tokio::join!(sql::drain(old, service(&stage), patience(5_000, Overdue::Report), &[]), ends);
    let drained = drained.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!((drained.ended, drained.terminated), (2, vec![]));
    assert!(idle.batch_execute("SELECT 1").await.is_err() && busy.batch_execute("SELECT 1").await.is_err());
    assert!(guard::is_guarded(old, &stage.name).await.unwrap());
}

#[tokio::test]
async fn what_does_not_end_is_reported_or_terminated() {
    let stage = Stage::build().await;
    let master = stage.master(Side::Source).await.unwrap();
    let old = Database::new("old", &master);
    let busy = service_client(&stage, Side::Source).await;
    busy.batch_execute("BEGIN; INSERT INTO payments (uid, client) VALUES ('a', 'test')").await.unwrap();
    let error = sql::drain(old, service(&stage), patience(300, Overdue::Report), &[]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("still in flight in the old database: pid "), "{text}");
    assert!(text.contains(&format!("(payments-api, {}, for 0 s)", stage.name)), "{text}");
    assert!(matches!(Failure::from(error), Failure::Failed { effect: Effect::Unknown, .. }));
    busy.batch_execute("SELECT 1").await.expect("it was only reported");
    let drained = sql::drain(old, service(&stage), patience(300, Overdue::Terminate), &[]).await.unwrap();
    assert_eq!((drained.ended, drained.terminated.len()), (1, 1));
    assert!(busy.batch_execute("COMMIT").await.is_err());
}

#[tokio::test]
async fn a_prepared_transaction_is_never_ended() {
    let stage = Stage::build().await;
    let master = stage.master(Side::Source).await.unwrap();
    let old = Database::new("old", &master);
    let client = service_client(&stage, Side::Source).await;
    let gid = format!("{}-gid", stage.name);
    client.batch_execute("BEGIN; INSERT INTO payments (uid, client) VALUES ('a', 'test')").await.unwrap();
    client.batch_execute(&format!("PREPARE TRANSACTION '{gid}'")).await.unwrap();
    let error = sql::drain(old, service(&stage), patience(200, Overdue::Terminate), &[]).await.unwrap_err();
    assert!(error.to_string().contains("a prepared transaction of"), "{error}");
    drop(client);
    // Its client decides, also while the database is guarded.
    let decides = service_client(&stage, Side::Source).await;
    decides.batch_execute(&format!("COMMIT PREPARED '{gid}'")).await.unwrap();
    sql::drain(old, service(&stage), patience(200, Overdue::Terminate), &[]).await.unwrap();
}

#[tokio::test]
async fn a_database_is_opened_only_if_the_other_is_guarded() {
    let stage = Stage::build().await;
    let [source, target] = [stage.master(Side::Source).await.unwrap(), stage.master(Side::Target).await.unwrap()];
    let (old, new) = (Database::new("old", &source), Database::new("new", &target));
    let error = sql::open_new(old, new, service(&stage)).await.unwrap_err();
    assert!(matches!(error, Error::NotGuarded { .. }), "{error}");
    assert!(guard::is_guarded(new, &stage.name).await.unwrap());
    let patience = patience(1_000, Overdue::Terminate);
    sql::drain(old, service(&stage), patience, &[]).await.unwrap();
    sql::open_new(old, new, service(&stage)).await.unwrap();
    assert!(matches!(sql::reopen_old(old, new, service(&stage)).await, Err(Error::NotGuarded { .. })));
    assert!(matches!(sql::fallback_start(new, service(&stage), &[]).await, Err(Error::NotGuarded { .. })));
    assert!(matches!(sql::prepare(old, new, service(&stage), MarkerWait::default()).await, Err(Error::Guarded { .. })));
    let order = Finish { service: service(&stage), slots: &[], old_guard: OldGuard::Keep };
    assert!(matches!(sql::finish(new, old, order).await, Err(Error::Guarded { .. })), "the wrong way round");
}

#[tokio::test]
async fn a_marker_that_does_not_arrive_is_inconclusive_and_differences_are_found() {
    let stage = Stage::build().await;
    let [source, target] = [stage.master(Side::Source).await.unwrap(), stage.master(Side::Target).await.unwrap()];
    let (old, new) = (Database::new("old", &source), Database::new("new", &target));
    let validated = infra_database::changes::point(old).await.unwrap();
    let compared = Compared { validated: Some(&validated), largest_bytes: u64::MAX, excluded: &[] };
    let wait = MarkerWait { limit: Duration::from_secs(10), ..MarkerWait::default() };
    sql::prepare(old, new, service(&stage), wait).await.unwrap();
    assert_eq!(sql::check(old, new, compared).await.unwrap().equal, 1);

    let replication = Replication::connect(&stage.name, Side::Source).await.unwrap();
    replication.stop().await.unwrap();
    let short = MarkerWait { limit: Duration::from_millis(200), ..wait };
    let error = sql::marker(old, new, short).await.unwrap_err();
    assert_eq!(error.to_string(), "a marker has not arrived within 0.2 s");
    assert!(matches!(Failure::from(error), Failure::Inconclusive { .. }));
    source.batch_execute("INSERT INTO payments (uid, client) VALUES ('a', 'test')").await.unwrap();
    let error = sql::check(old, new, compared).await.unwrap_err();
    assert!(error.to_string().ends_with("(1 rows before, 0 rows now)"), "{error}");
    let excluded = [infra_database::TableName::new("public", "payments")];
    let none = Compared { excluded: &excluded, ..compared };
    assert_eq!(sql::check(old, new, none).await.unwrap().equal, 0);

    target.batch_execute("ALTER SEQUENCE payments_id_seq RENAME TO another").await.unwrap();
    let error = sql::sequences(old, new).await.unwrap_err();
    assert!(matches!(error, Error::Sequences(ref problems) if problems.len() == 1), "{error}");
    replication.remove().await.unwrap();
}

#[tokio::test]
async fn what_was_committed_before_a_marker_has_arrived_with_it() {
    let stage = Stage::build().await;
    let [source, target] = [stage.master(Side::Source).await.unwrap(), stage.master(Side::Target).await.unwrap()];
    let (old, new) = (Database::new("old", &source), Database::new("new", &target));
    let replication = Replication::connect(&stage.name, Side::Source).await.unwrap();
    replication.stop().await.unwrap();
    source.batch_execute("INSERT INTO payments (uid, client) VALUES ('a', 'test')").await.unwrap();
    let began = Instant::now();
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        replication.resume().await.unwrap();
    };
    let (marker, ()) = tokio::join!(sql::marker(old, new, MarkerWait::default()), late);
    marker.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert_eq!(target.query_one("SELECT count(*) FROM payments", &[]).await.unwrap().get::<_, i64>(0), 1);
    replication.remove().await.unwrap();
}

#[tokio::test]
async fn statements_of_a_killed_driver_end_before_the_next_operation() {
    let stage = Stage::build().await;
    let killed = stage.master(Side::Target).await.unwrap();
    let statement = tokio::spawn(async move { killed.batch_execute("SELECT pg_sleep(60)").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let other = connect(Side::Target, &stage.name, super::servers::MASTER, "another").await.unwrap();
    let next = stage.master(Side::Target).await.unwrap();
    sql::end_predecessors(Database::new("new", &next), SWITCHOVER).await.unwrap();
    assert!(statement.await.unwrap().is_err());
    other.batch_execute("SELECT 1").await.expect("it has another name");
}

#[tokio::test]
async fn a_replication_that_is_cut_off_carries_nothing_whatever_it_does() {
    let stage = Stage::build().await;
    let [source, target] = [stage.master(Side::Source).await.unwrap(), stage.master(Side::Target).await.unwrap()];
    let forward = Replication::connect(&stage.name, Side::Source).await.unwrap();
    let admin = connect(Side::Source, &stage.name, infra_test_server::ADMIN, SWITCHOVER).await.unwrap();
    let old = Database::new("old", &admin);
    // It runs, and connects again as soon as its reader is ended.
    sql::cut_off(old, &[forward.slot(), "absent"]).await.unwrap();
    sql::cut_off(old, &[forward.slot()]).await.expect("it can be repeated");
    assert_eq!(infra_database::slots::list(old).await.unwrap(), []);
    source.batch_execute("INSERT INTO payments (uid, client) VALUES ('late', 'test')").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(target.query_one("SELECT count(*) FROM payments", &[]).await.unwrap().get::<_, i64>(0), 0);
    forward.remove().await.unwrap();
}

#[tokio::test]
async fn a_column_that_cannot_be_changed_is_found_before_anything_is_closed() {
    let stage = Stage::build().await;
    let [source, target] = [stage.master(Side::Source).await.unwrap(), stage.master(Side::Target).await.unwrap()];
    let admin = connect(Side::Source, &stage.name, infra_test_server::ADMIN, "test").await.unwrap();
    let theirs = "CREATE TABLE theirs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)";
    admin.batch_execute(theirs).await.unwrap();
    let (old, new) = (Database::new("old", &source), Database::new("new", &target));
    let error = sql::prepare(old, new, service(&stage), MarkerWait::default()).await.unwrap_err();
    assert!(error.to_string().contains("public.theirs.id; grant it the role of the owner"), "{error}");
    let change = "ALTER TABLE theirs ALTER id SET GENERATED BY DEFAULT";
    admin.batch_execute(change).await.unwrap();
    sql::prepare(old, new, service(&stage), MarkerWait::default()).await.unwrap();
}

#[tokio::test]
async fn a_fallback_begins_behind_the_old_replication_and_before_the_first_write() {
    let stage = Stage::build().await;
    let master = stage.master(Side::Target).await.unwrap();
    let (new, slot) = (Database::new("new", &master), format!("{}_back", stage.name));
    infra_database::slots::create(new, &slot).await.unwrap();
    let changes = async || {
        let sql = "SELECT count(*) FROM pg_logical_slot_peek_changes($1, NULL, NULL) WHERE data LIKE '%INSERT%'";
        master.query_one(sql, &[&slot]).await.unwrap().get::<_, i64>(0)
    };
    let insert = |uid: &str| format!("INSERT INTO payments (uid, client) VALUES ('{uid}', 'test')");
    master.batch_execute(&insert("of the old replication")).await.unwrap();
    assert_eq!(changes().await, 1);
    sql::advance_fallback(new, service(&stage), &slot).await.unwrap();
    assert_eq!(changes().await, 0, "it does not go back");
    guard::open(new, &stage.name, &[]).await.unwrap();
    master.batch_execute(&insert("of a client")).await.unwrap();
    // Row `Open` is repeated after a kill.
    sql::advance_fallback(new, service(&stage), &slot).await.unwrap();
    assert_eq!(changes().await, 1, "the first write is not skipped");
    infra_database::slots::drop(new, &slot).await.unwrap();
}
