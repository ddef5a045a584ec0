//! The phases of a replication on real databases: the target needs nothing beforehand, and can be loaded again.

use migrate_infra::events::Events;
use migrate_infra::migration::phase::{Phase, StartRecord};
use migrate_infra::migration::replication::StartOptions;
use migrate_infra::migration::topology::Topology;
use migrate_infra::sandbox::world::dms::{Task, TaskState};
use migrate_infra::workflow::replication_start::{Procedure, StartError, StartRequest, Started};
use migrate_infra::workflow::{Session, unattended};
use tokio_postgres::Client;

use super::stack::{Stack, until};

/// Rows of the child come to the target before those of their parent: `children` is loaded first.
const SCHEMA: &str = "CREATE TABLE parents (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE TABLE children (id int PRIMARY KEY, parent int NOT NULL REFERENCES parents (id), note text NOT NULL,
        twice int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE INDEX children_by_parent ON children (parent);
    CREATE TABLE log (at timestamptz DEFAULT clock_timestamp(), what text);
    CREATE FUNCTION write_log() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log (what) VALUES (NEW.note); RETURN NULL; END $$;
    CREATE TRIGGER logs AFTER INSERT ON children FOR EACH ROW EXECUTE FUNCTION write_log();
    CREATE MATERIALIZED VIEW totals AS SELECT parent, count(*) FROM children GROUP BY 1;
    INSERT INTO parents (name) SELECT 'p' || i FROM generate_series(1, 20) i;
    INSERT INTO children SELECT i, 1 + i % 20, repeat('x', i) FROM generate_series(1, 200) i";
const OBJECTS: &str = "SELECT string_agg(name, ' ' ORDER BY name) FROM (SELECT conname::text AS name FROM pg_constraint
    WHERE conrelid IN ('parents'::regclass, 'children'::regclass) UNION SELECT indexname FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'totals'
    UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal) o";

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.map_or_else(|error| format!("{error:?}"), |row| row.get(0))
}

async fn rows(client: &Client) -> String {
    let all = "SELECT concat_ws(' ', (SELECT count(*) FROM parents), (SELECT count(*) FROM children), \
         (SELECT sum(twice) FROM children), (SELECT count(*) FROM log))";
    text(client, all).await
}

async fn start(stack: &Stack, reload: bool, only: Option<Phase>) -> Result<Started, StartError> {
    let session = Session::open(&stack.workspace, "replication start", Events::nowhere()).await;
    let session = session.expect("a session");
    let options = StartOptions { reload, allow_full_load: true, follow_load: true };
    let request = StartRequest { options, only, urls: None };
    let replication = session.context.journal.read(Topology::of).replications.remove(0);
    let started = Procedure::new(&stack.workspace, &session.context, &request).start(&replication).await;
    session.close().await;
    started
}

/// Reads something of the task.
fn task<T>(stack: &Stack, read: impl Fn(&Task) -> T) -> T {
    stack.world(|world| {
        let mut all = world.regions.values().flat_map(|region| region.dms.tasks.values());
        read(all.find(|task| task.migration_type == "full-load-and-cdc").expect("the task"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_target_gets_everything_and_is_loaded_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = tokio::task::block_in_place(|| Stack::new(&directory));
    unattended::up(&stack.workspace, Events::nowhere()).await.expect("the stack comes up");
    let [old, new] = ["source", "target"].map(|side| stack.connection(side).with_application_name("migrate-infra"));
    let (old, new) = (old.connect().await.expect("a connection"), new.connect().await.expect("a connection"));
    old.batch_execute(SCHEMA).await.expect("a schema");

    for phase in [Phase::Schema, Phase::Load] {
        start(&stack, false, Some(phase)).await.unwrap_or_else(|error| panic!("{phase}: {error:?}"));
    }
    assert_eq!(task(&stack, |task| task.state), TaskState::Stopped, "it stopped after its load");
    assert_eq!(text(&new, OBJECTS).await, "children_pkey parents_pkey", "the keys are there, and nothing else");
    // Nothing is lost meanwhile.
    old.batch_execute("INSERT INTO parents (name) VALUES ('late'); INSERT INTO children VALUES (201, 21, 'late')")
        .await
        .unwrap();
    let started = start(&stack, false, None).await.expect("it goes on");
    assert_eq!((started.done.as_slice(), started.next), (&[Phase::Indexes, Phase::Changes][..], None));
    let expected = text(&old, OBJECTS).await;
    assert!(expected.contains("children_parent_fkey") && expected.contains("logs"), "{expected}");
    assert_eq!(text(&new, OBJECTS).await, expected);
    let all = rows(&old).await;
    until("the changes", async || rows(&new).await == all).await;
    assert_eq!(text(&new, "SELECT count(*)::text FROM totals").await, "20", "as of the phase `indexes`");
    let settings = task(&stack, |task| task.table_mappings.to_string());
    assert!(settings.contains("remove-column") && settings.contains("twice"), "{settings}");

    // Again, with foreign keys, which `TRUNCATE` refuses.
    let refused = start(&stack, true, None).await.expect_err("it runs");
    assert!(matches!(&refused, StartError::Aws(_)), "{refused:?}");
    unattended::stop_replication(&stack.workspace, Events::nowhere()).await.expect("it stops");
    old.batch_execute("DELETE FROM children WHERE id <= 100; INSERT INTO children VALUES (300, 5, 'new')")
        .await
        .unwrap();
    new.batch_execute("CREATE TABLE own (id int REFERENCES parents (id))").await.unwrap();
    let refused = start(&stack, true, None).await.expect_err("the target has a foreign key of its own");
    assert!(matches!(&refused, StartError::Schema { phase: Phase::Schema, .. }), "{refused:?}");
    new.batch_execute("DROP TABLE own").await.unwrap();
    // The reload was recorded, so the command without `--reload` completes it.
    let started = start(&stack, false, None).await.expect("it loads again");
    assert_eq!((started.done.as_slice(), started.next), (&Phase::ALL[..], None));
    let all = rows(&old).await;
    until("the changes", async || rows(&new).await == all).await;
    assert_eq!(text(&new, OBJECTS).await, expected);
    let state = stack.workspace.read_state().await.expect("the state");
    let address = Topology::of(&state).replications.remove(0).address;
    let record = StartRecord::of(&state, &address).expect("it can be read").expect("a record");
    assert!(record.reload && record.measured.is_some(), "{record:?}");
    // `up` has nothing to change.
    unattended::up(&stack.workspace, Events::nowhere()).await.expect("nothing to do");
    assert_eq!(task(&stack, |task| task.state), TaskState::Running);

    // A conflict stops the task, and is not only logged.
    new.batch_execute("INSERT INTO children VALUES (900, 5, 'theirs')").await.unwrap();
    old.batch_execute("INSERT INTO children VALUES (900, 5, 'ours')").await.unwrap();
    until("the task stops", async || task(&stack, |task| task.state) == TaskState::Failed).await;
    let resumed = start(&stack, false, None).await;
    until("the task stops again", async || task(&stack, |task| task.state) == TaskState::Failed).await;
    new.batch_execute("DELETE FROM children WHERE id = 900; DELETE FROM log WHERE what = 'theirs'").await.unwrap();
    drop(resumed);
    start(&stack, false, None).await.expect("it goes on");
    let all = rows(&old).await;
    until("the changes", async || rows(&new).await == all).await;
}
