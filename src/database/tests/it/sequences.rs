use infra_database::sequences::{self, Problem};
use infra_database::{Database, TableName};
use tokio_postgres::Client;

use super::server::{pair, unique};

const SEQUENCES: &str = "CREATE SEQUENCE up; CREATE SEQUENCE down INCREMENT -1; \
     CREATE SEQUENCE circle MINVALUE 1 MAXVALUE 10 CYCLE; CREATE SEQUENCE untouched START 7; \
     CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, small smallserial, \"odd name\" serial); \
     CREATE SCHEMA \"other schema\"; CREATE SEQUENCE \"other schema\".\"a\"\"b\"";

async fn next(client: &Client, sequence: &str) -> i64 {
    client.query_one(&format!("SELECT nextval('{sequence}')"), &[]).await.expect("a sequence").get(0)
}

#[tokio::test]
async fn all_sequences_are_at_or_past_the_old_positions_and_never_go_back() {
    let [source, target] = pair().await;
    let (source, target) = (source.client().await, target.client().await);
    for client in [&source, &target] {
        client.batch_execute(SEQUENCES).await.unwrap();
    }
    source
        .batch_execute(
            "SELECT setval('up', 41), setval('down', -41), setval('circle', 9), setval('t_small_seq', 32767), \
             setval('\"t_odd name_seq\"', 5, false), nextval('\"other schema\".\"a\"\"b\"'); \
             INSERT INTO t (small, \"odd name\") VALUES (1, 1), (2, 2)",
        )
        .await
        .unwrap();
    target.batch_execute("SELECT setval('t_id_seq', 1000)").await.unwrap();
    let (old, new) = (Database::new("source", &source), Database::new("target", &target));
    let outcome = sequences::advance(old, new).await.unwrap();
    assert!(outcome.is_complete(), "{:?}", outcome.problems);
    let moved: Vec<String> = outcome.advanced.iter().map(|one| one.sequence.name.clone()).collect();
    assert_eq!(moved, ["a\"b", "circle", "down", "t_odd name_seq", "t_small_seq", "up"]);
    assert_eq!(outcome.kept, 2, "the identity that is further, and the one that nobody used");
    assert_eq!(next(&target, "up").await, 42);
    assert_eq!(next(&target, "down").await, -42);
    assert_eq!(next(&target, "untouched").await, 7);
    assert_eq!(next(&target, "\"t_odd name_seq\"").await, 5, "a position that is not called yet");
    assert_eq!(next(&target, "t_id_seq").await, 1001);
    assert_eq!(next(&target, "\"other schema\".\"a\"\"b\"").await, 2);
    assert_eq!(next(&target, "circle").await, 10);
    // The new side has gone on: nothing is moved, except what cycles.
    target.batch_execute("SELECT setval('circle', 9)").await.unwrap();
    let outcome = sequences::advance(old, new).await.unwrap();
    assert_eq!((outcome.advanced.len(), outcome.kept, outcome.is_complete()), (0, 8, true));
}

#[tokio::test]
async fn what_cannot_be_moved_is_reported_and_the_rest_is_moved() {
    let [source, target] = pair().await;
    let role = source.role("reader").await;
    let (owner, new) = (source.client().await, target.client().await);
    owner
        .batch_execute(&format!(
            "CREATE SEQUENCE a_missing; CREATE SEQUENCE b_hidden; CREATE SEQUENCE c_turned; CREATE SEQUENCE d_short; \
             CREATE SEQUENCE e_fine; SELECT setval('d_short', 500), setval('e_fine', 500); \
             GRANT SELECT ON a_missing, c_turned, d_short, e_fine TO {role}"
        ))
        .await
        .unwrap();
    new.batch_execute(
        "CREATE SEQUENCE b_hidden; CREATE SEQUENCE c_turned INCREMENT -1; CREATE SEQUENCE d_short MAXVALUE 100; \
         CREATE SEQUENCE e_fine; CREATE SEQUENCE only_here",
    )
    .await
    .unwrap();
    let reader = source.client_as(&role, &unique("app")).await;
    let (old, new) = (Database::new("source", &reader), Database::new("target", &new));
    let outcome = sequences::advance(old, new).await.unwrap();
    assert!(!outcome.is_complete());
    let kinds: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        kinds,
        [
            "public.a_missing: the target database has no such sequence",
            "public.b_hidden: no permission to read it in the source database; grant SELECT on it",
            "public.c_turned: its direction in the target database differs from that of the old one",
            "public.d_short: the target database refused the position",
        ]
    );
    // 22003 `numeric_value_out_of_range`: the message of the server contains the value and is left out.
    let Problem::Refused { source, .. } = &outcome.problems[3] else { panic!("{:?}", outcome.problems) };
    assert_eq!(source.code.as_deref(), Some("22003"));
    assert!(!source.message.contains("500"));
    assert_eq!(outcome.advanced.len(), 1);
    let positions = sequences::read(new).await.unwrap();
    assert_eq!(positions.get(&TableName::new("public", "e_fine")).unwrap().next(), 501);
}

#[tokio::test]
async fn an_advance_that_is_killed_at_any_time_is_completed_by_its_repetition() {
    let [source, target] = pair().await;
    let source = source.client().await;
    let create = "DO $$ BEGIN FOR i IN 1..250 LOOP EXECUTE format('CREATE SEQUENCE s%s', i); END LOOP; END $$";
    source.batch_execute(create).await.unwrap();
    target.client().await.batch_execute(create).await.unwrap();
    let forward = "SELECT count(setval(oid::regclass, 500)) FROM pg_class WHERE relkind = 'S'";
    source.query_one(forward, &[]).await.unwrap();
    // The advance stops at a sequence that is locked, and is killed there.
    let locker = target.client().await;
    locker.batch_execute("BEGIN; ALTER SEQUENCE s125 OWNED BY NONE").await.unwrap();
    let new = target.client().await;
    let databases = (Database::new("source", &source), Database::new("target", &new));
    let killed =
        tokio::time::timeout(std::time::Duration::from_secs(2), sequences::advance(databases.0, databases.1)).await;
    assert!(killed.is_err(), "it did not wait for the lock");
    drop(new);
    let watcher = target.client().await;
    let positions = sequences::read(Database::new("target", &watcher)).await.unwrap();
    let moved = positions.iter().filter(|(_, at)| at.is_some_and(|at| at.next() == 501)).count();
    assert!(moved > 0 && moved < 250, "{moved} were advanced");
    locker.batch_execute("ROLLBACK").await.unwrap();
    let new = target.client().await;
    let databases = (Database::new("source", &source), Database::new("target", &new));
    let outcome = sequences::advance(databases.0, databases.1).await.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(outcome.advanced.len() + outcome.kept, 250);
    let new = target.client().await;
    let positions = sequences::read(Database::new("target", &new)).await.unwrap();
    assert!(positions.iter().all(|(_, at)| at.is_some_and(|at| at.next() == 501)));
}
