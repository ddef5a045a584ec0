use infra_database::{Database, marker, tables};

use super::server::{pair, source};

#[tokio::test]
async fn a_marker_arrives_when_the_replication_carries_it() {
    let [source, target] = pair().await;
    let (source, target) = (source.client().await, target.client().await);
    let (old, new) = (Database::new("source", &source), Database::new("target", &target));
    for database in [old, new] {
        marker::prepare(database).await.unwrap();
        marker::prepare(database).await.unwrap();
    }
    let id = marker::write(old).await.unwrap();
    assert!(marker::has_arrived(old, &id).await.unwrap());
    assert!(!marker::has_arrived(new, &id).await.unwrap());
    let carried = format!("INSERT INTO migrate_infra.marker (id) VALUES ('{id}')");
    target.batch_execute(&carried).await.unwrap();
    assert!(marker::has_arrived(new, &id).await.unwrap());
    assert_ne!(marker::write(old).await.unwrap(), id);
    for database in [old, new] {
        marker::remove(database).await.unwrap();
        marker::remove(database).await.unwrap();
    }
}

#[tokio::test]
async fn two_sessions_prepare_at_the_same_time() {
    let database = source().database().await;
    let clients = [database.client().await, database.client().await, database.client().await];
    let [a, b, c] = clients.each_ref().map(|client| marker::prepare(Database::new("source", client)));
    let (a, b, c) = tokio::join!(a, b, c);
    a.and(b).and(c).unwrap();
}

#[tokio::test]
async fn without_its_table_a_marker_is_a_typed_error_that_names_the_side() {
    let database = source().database().await;
    let client = database.client().await;
    let error = marker::write(Database::new("old", &client)).await.unwrap_err();
    assert_eq!(error.to_string(), "could not write a marker in the old database");
    // 3F000 `invalid_schema_name` or 42P01 `undefined_table` ("PostgreSQL Error Codes").
    assert_eq!(error.state().unwrap().code(), "42P01");
}

#[tokio::test]
async fn the_schema_is_not_removed_with_objects_of_others() {
    let database = source().database().await;
    let client = database.client().await;
    marker::prepare(Database::new("source", &client)).await.unwrap();
    client.batch_execute("CREATE TABLE migrate_infra.foreign_object ()").await.unwrap();
    let error = marker::remove(Database::new("source", &client)).await.unwrap_err();
    // 2BP01 `dependent_objects_still_exist`
    assert_eq!(error.state().unwrap().code(), "2BP01");
    assert!(marker::write(Database::new("source", &client)).await.is_ok(), "it was one transaction");
}

#[tokio::test]
async fn a_table_that_dms_has_created_takes_markers_too() {
    let database = source().database().await;
    let client = database.client().await;
    // Bare: no default, and a key of another type.
    let bare = "CREATE SCHEMA migrate_infra; CREATE TABLE migrate_infra.marker \
         (id varchar(36) PRIMARY KEY, written_at timestamp NOT NULL)";
    client.batch_execute(bare).await.unwrap();
    let side = Database::new("target", &client);
    marker::prepare(side).await.expect("it exists");
    let id = marker::write(side).await.unwrap();
    assert!(marker::has_arrived(side, &id).await.unwrap());
}

#[tokio::test]
async fn a_table_that_exists_needs_no_right_to_write() {
    let database = source().database().await;
    let client = database.client().await;
    let side = Database::new("target", &client);
    assert!(!marker::exists(side).await.unwrap());
    let guard = "SET default_transaction_read_only = on";
    client.batch_execute(guard).await.unwrap();
    marker::prepare(side).await.expect_err("it cannot be created");
    client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    marker::prepare(side).await.unwrap();
    client.batch_execute(guard).await.unwrap();
    marker::prepare(side).await.unwrap();
    assert!(marker::exists(side).await.unwrap());
}

#[tokio::test]
async fn the_table_of_the_markers_is_no_table_of_the_user() {
    let database = source().database().await;
    let client = database.client().await;
    let side = Database::new("source", &client);
    marker::prepare(side).await.unwrap();
    client.batch_execute("CREATE TABLE awsdms_status (); CREATE VIEW seen AS SELECT 1 AS one").await.unwrap();
    assert!(!tables::any_selected(side, &[("%", "%")]).await.unwrap());
    client.batch_execute("CREATE TABLE payments ()").await.unwrap();
    for (patterns, selected) in [
        (&[("public", "%")][..], true),
        (&[("other", "%"), ("public", "pay%")], true),
        (&[("public", "nosuch"), ("pub%", "payment")], false),
        (&[], false),
    ] {
        assert_eq!(tables::any_selected(side, patterns).await.unwrap(), selected, "{patterns:?}");
    }
}
