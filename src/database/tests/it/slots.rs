use infra_database::slots::{self, Dropped};
use infra_database::{Database, marker};

use super::server::{ADMIN, source, unique};

/// What DMS creates ("Migrating an Amazon RDS for PostgreSQL database without using the master user account", AWS DMS
/// user guide; "Control table task settings").
const OBJECTS: &str = "CREATE TABLE awsdms_ddl_audit (c_key bigserial PRIMARY KEY); \
     CREATE TABLE awsdms_apply_exceptions (); CREATE SCHEMA control; CREATE TABLE control.awsdms_status (); \
     CREATE FUNCTION awsdms_intercept_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end'; \
     CREATE EVENT TRIGGER awsdms_intercept_ddl ON ddl_command_end EXECUTE FUNCTION awsdms_intercept_ddl(); \
     CREATE PUBLICATION awsdms_publication; CREATE TABLE payments (); CREATE TABLE \"awsdmsx\" ()";

#[tokio::test]
async fn what_a_migration_leaves_is_found_and_removed() {
    let test = source().database().await;
    // On RDS, `rds_superuser` can create event triggers; elsewhere, superusers can.
    let admin = test.client_as(ADMIN, "test").await;
    let database = Database::new("source", &admin);
    assert_eq!(slots::verify_clean(database).await.unwrap(), []);
    admin.batch_execute(OBJECTS).await.unwrap();
    marker::prepare(database).await.unwrap();
    let slot = unique("dms");
    let create = format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')");
    admin.batch_execute(&create).await.unwrap();
    let found: Vec<String> = slots::verify_clean(database).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "event trigger \"awsdms_intercept_ddl\"".to_owned(),
            "function \"public\".\"awsdms_intercept_ddl\"()".to_owned(),
            "table \"control\".\"awsdms_status\"".to_owned(),
            "table \"public\".\"awsdms_apply_exceptions\"".to_owned(),
            "table \"public\".\"awsdms_ddl_audit\"".to_owned(),
            "publication \"awsdms_publication\"".to_owned(),
            format!("replication slot {slot}"),
            "schema migrate_infra".to_owned(),
        ]
    );
    assert_eq!(slots::remove_leftovers(database).await.unwrap().len(), 6);
    assert_eq!(slots::remove_leftovers(database).await.unwrap(), []);
    assert_eq!(slots::drop(database, &slot).await.unwrap(), Dropped::Dropped);
    marker::remove(database).await.unwrap();
    assert_eq!(slots::verify_clean(database).await.unwrap(), []);
    admin.batch_execute("DROP TABLE payments, \"awsdmsx\"").await.expect("other objects stay");
}

#[tokio::test]
async fn an_idle_slot_falls_behind_and_keeps_the_log() {
    let test = source().database().await;
    let client = test.client().await;
    let slot = unique("idle");
    let create = format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')");
    client.batch_execute(&create).await.unwrap();
    let other = source().database().await.client().await;
    assert_eq!(slots::list(Database::new("source", &other)).await.unwrap(), [], "it belongs to another database");
    let database = Database::new("source", &client);
    let before = slots::list(database).await.unwrap().remove(0);
    client.batch_execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i").await.unwrap();
    let after = slots::list(database).await.unwrap().remove(0);
    assert_eq!((after.name.as_str(), after.plugin.as_str(), after.active_pid), (slot.as_str(), "test_decoding", None));
    assert!(after.lag_bytes > before.lag_bytes && after.retained_bytes > before.retained_bytes);
    assert!(after.lag_bytes > Some(50_000) && after.retained_bytes >= after.lag_bytes);
    assert_eq!(slots::drop(Database::new("source", &other), &slot).await.unwrap(), Dropped::Absent);
    assert_eq!(slots::drop(database, &slot).await.unwrap(), Dropped::Dropped);
}

#[tokio::test]
async fn a_new_slot_has_what_is_committed_later_and_replaces_an_earlier_one() {
    let test = source().database().await;
    let client = test.client().await;
    let database = Database::new("new", &client);
    let name = unique("fallback");
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    let first = slots::create(database, &name).await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    let second = slots::create(database, &name).await.unwrap();
    assert!(second > first);
    let all = slots::list(database).await.unwrap();
    let [slot] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((slot.name.as_str(), slot.plugin.as_str()), (name.as_str(), slots::PLUGIN));
    assert_eq!(slot.confirmed, Some(second));
    client.batch_execute("INSERT INTO t VALUES (2)").await.unwrap();
    let read = format!("SELECT data FROM pg_logical_slot_peek_changes('{name}', NULL, NULL) WHERE data LIKE 'table%'");
    let changes = client.query(&read, &[]).await.unwrap();
    assert_eq!(changes.len(), 1, "what was committed before is not repeated");
    assert!(changes[0].get::<_, &str>(0).contains("id[integer]:2"));
    assert_eq!(slots::drop(database, &name).await.unwrap(), Dropped::Dropped);
}
