use infra_database::schema::{self, Options, Programs, Schema, SchemaError, Section, Transferred};
use infra_database::{Database, HELPER_SCHEMA, identity, marker};

use infra_test_server::{Cut, When, sampled};
use tokio_postgres::Client;

use super::server::{ADMIN, TestDatabase, pair, source, target, unique};

const PAYMENTS: &str = include_str!("../../../../config/payment-schema.sql");

fn programs() -> Programs {
    // Programs can be newer than both servers.
    let named = std::env::var_os("MIGRATE_INFRA_TEST_PROGRAMS").map(std::path::PathBuf::from);
    Programs::in_directory(named.as_deref().unwrap_or(target().programs()))
}

async fn read(database: &TestDatabase, directory: &tempfile::TempDir) -> Schema {
    let client = database.client().await;
    let source = Database::new(database.server.label, &client);
    let (options, access) = (Options::default(), database.access());
    schema::read(&programs(), source, &access, &options, directory.path()).await.expect("the schema is read")
}

async fn transfer(section: Section, source: &Schema, to: &TestDatabase) -> Result<Transferred, SchemaError> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut client = to.client().await;
    let target = ("target", &mut client, &to.access());
    schema::transfer(section, source, &programs(), target, &Options::default(), directory.path()).await
}

/// Returns what `pg_dump` writes, without comments, the version and the random keys of `\restrict`.
async fn dump(database: &TestDatabase) -> String {
    let mut command = tokio::process::Command::new(programs().pg_dump);
    let output = command.args(["--schema-only"]).envs(database.variables()).output().await.expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().filter(|line| !line.starts_with("--") && !line.starts_with('\\') && !line.is_empty()).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        },
    )
}

#[tokio::test]
async fn the_payment_schema_is_equal_after_all_sections_and_a_repetition_changes_nothing() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let owner = from.client().await;
    owner.batch_execute(PAYMENTS).await.unwrap();
    marker::prepare(Database::new("source", &owner)).await.unwrap();
    let of_dms = "CREATE TABLE awsdms_ddl_audit (id int); CREATE FUNCTION awsdms_f() RETURNS int LANGUAGE sql \
         AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION awsdms_f() FROM PUBLIC; COMMENT ON FUNCTION awsdms_f() IS 'it'";
    owner.batch_execute(of_dms).await.unwrap();
    let schema = read(&from, &directory).await;
    let has = |name: &str| schema.section(Section::PreData).iter().any(|one| one.to_string().contains(name));
    assert!(has("TABLE public.payment notes") && !has(HELPER_SCHEMA) && !has("awsdms_"));

    let refused = transfer(Section::PostData, &schema, &to).await.unwrap_err();
    assert!(matches!(refused, SchemaError::Incomplete { missing_section: Section::PreData, .. }), "{refused}");
    let pre = transfer(Section::PreData, &schema, &to).await.unwrap();
    assert_eq!((pre.created.len(), pre.skipped), (schema.section(Section::PreData).len(), 0));
    let again = transfer(Section::PreData, &schema, &to).await.unwrap();
    assert_eq!((again.created.as_slice(), again.skipped), ([].as_slice(), pre.created.len()));
    let refused = transfer(Section::PostData, &schema, &to).await.unwrap_err();
    assert!(matches!(refused, SchemaError::Incomplete { missing_section: Section::Keys, .. }), "{refused}");
    let keys = transfer(Section::Keys, &schema, &to).await.unwrap();
    assert_eq!((keys.created.len(), keys.skipped), (schema.section(Section::Keys).len(), 0));
    // The load happens here: there are keys, and neither secondary indexes nor triggers.
    let client = to.client().await;
    let indexes = "SELECT count(*) FILTER (WHERE indisprimary), count(*) FROM pg_index WHERE indrelid >= 16384 \
         AND indrelid::regclass::text !~ '^pg_'";
    let indexes = client.query_one(indexes, &[]).await.unwrap();
    assert_eq!((indexes.get::<_, i64>(0), indexes.get::<_, i64>(1)), (11, 11));

    let post = transfer(Section::PostData, &schema, &to).await.unwrap();
    assert_eq!((post.created.len(), post.skipped), (schema.section(Section::PostData).len(), 0));
    let again = transfer(Section::PostData, &schema, &to).await.unwrap();
    assert_eq!((again.created.as_slice(), again.skipped), ([].as_slice(), post.created.len()));
    owner.batch_execute("DROP TABLE awsdms_ddl_audit; DROP FUNCTION awsdms_f()").await.unwrap();
    marker::remove(Database::new("source", &owner)).await.unwrap();
    let (source, target) = (dump(&from).await, dump(&to).await);
    for unproven in pre.unproven.iter().chain(&again.unproven) {
        println!("unproven: {unproven}");
    }
    assert!(source.contains("CREATE TRIGGER") && source.lines().count() > 200);
    let difference = source.lines().zip(target.lines()).find(|(source, target)| source != target);
    assert_eq!(difference, None);
    assert_eq!(source, target);
}

#[tokio::test]
async fn post_data_that_was_interrupted_is_completed() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    from.client().await.batch_execute(PAYMENTS).await.unwrap();
    let schema = read(&from, &directory).await;
    transfer(Section::PreData, &schema, &to).await.unwrap();
    transfer(Section::Keys, &schema, &to).await.unwrap();
    let all = transfer(Section::PostData, &schema, &to).await.unwrap().created.len();
    let client = to.client().await;
    client
        .batch_execute(
            "DROP TRIGGER audit ON payments; DROP INDEX customers_by_name; \
             ALTER TABLE refunds DROP CONSTRAINT refunds_payment_id_fkey",
        )
        .await
        .unwrap();
    let rest = transfer(Section::PostData, &schema, &to).await.unwrap();
    assert_eq!((rest.created.len(), rest.skipped), (3, all - 3), "{:?}", rest.created);
    assert_eq!(dump(&from).await, dump(&to).await);
}

#[tokio::test]
async fn a_transfer_that_is_killed_at_any_time_is_completed_by_its_repetition() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    from.client().await.batch_execute(PAYMENTS).await.unwrap();
    let schema = read(&from, &directory).await;
    let mut killed = 0;
    for section in [Section::PreData, Section::Keys, Section::PostData] {
        let mut limit = std::time::Duration::from_millis(40);
        // Each attempt has a connection of its own, which is closed with it.
        loop {
            if let Ok(done) = tokio::time::timeout(limit, transfer(section, &schema, &to)).await {
                done.unwrap();
                break;
            }
            killed += 1;
            limit += std::time::Duration::from_millis(15);
        }
    }
    assert!(killed >= 6, "{killed} attempts were killed");
    assert_eq!(dump(&from).await, dump(&to).await);
}

#[tokio::test]
async fn what_differs_is_named_and_nothing_is_created() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let create = "CREATE TABLE a_first (i int); CREATE TABLE payments (id bigint NOT NULL, amount numeric(14,2))";
    from.client().await.batch_execute(create).await.unwrap();
    // As DMS creates it.
    let client = to.client().await;
    client.batch_execute("CREATE TABLE payments (id bigint NOT NULL, amount numeric(28,6))").await.unwrap();
    let schema = read(&from, &directory).await;
    let error = transfer(Section::PreData, &schema, &to).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 object of the target database differ, the first is TABLE public.payments: `amount numeric(14,2)` on the \
         source, `amount numeric(28,6)` on the target"
    );
    client.batch_execute("SELECT FROM a_first").await.expect_err("nothing was created");
}

#[tokio::test]
async fn a_refused_statement_is_named_without_values_and_what_was_before_it_stays() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let create = "CREATE TABLE t (id serial PRIMARY KEY, a int, secret text); CREATE INDEX a_index ON t (a); \
         CREATE UNIQUE INDEX b_unique ON t (secret); CREATE INDEX c_number ON t ((secret::int))";
    from.client().await.batch_execute(create).await.unwrap();
    let schema = read(&from, &directory).await;
    transfer(Section::PreData, &schema, &to).await.unwrap();
    transfer(Section::Keys, &schema, &to).await.unwrap();
    let client = to.client().await;
    client.batch_execute("INSERT INTO t (secret) VALUES ('card 4711'), ('card 4711')").await.unwrap();
    let error = transfer(Section::PostData, &schema, &to).await.unwrap_err();
    let SchemaError::Statement { object, statement, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(object, "INDEX public.b_unique");
    assert_eq!(statement, "CREATE UNIQUE INDEX b_unique ON public.t USING btree (secret);");
    // 23505 `unique_violation`
    assert_eq!(source.code.as_deref(), Some("23505"));
    assert!(!format!("{error:?} {error} {source}").contains("4711"));
    client.batch_execute("UPDATE t SET secret = ctid::text").await.unwrap();
    let error = transfer(Section::PostData, &schema, &to).await.unwrap_err();
    // 22P02 `invalid_text_representation`: the message of the server contains the value.
    let SchemaError::Statement { object, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((object.as_str(), source.code.as_deref()), ("INDEX public.c_number", Some("22P02")));
    assert!(!source.to_string().contains("(0,"), "{source}");
    // Not `DELETE`: an index is also built of deleted rows that another session, such as autovacuum, may still see.
    client.batch_execute("TRUNCATE t; INSERT INTO t (secret) VALUES ('7')").await.unwrap();
    assert_eq!(transfer(Section::PostData, &schema, &to).await.unwrap().created, ["INDEX public.c_number"]);
}

#[tokio::test]
async fn privileges_are_kept_where_roles_exist() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let (both, only_source) = (unique("odd role"), from.role("only_source").await);
    for database in [&from, &to] {
        database.client().await.batch_execute(&format!("CREATE ROLE \"{both}\"")).await.unwrap();
    }
    let create = format!(
        "CREATE TABLE t (a int, b int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         GRANT SELECT ON t TO \"{both}\", {only_source}; GRANT UPDATE (b) ON t TO \"{both}\" WITH GRANT OPTION; \
         REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC; \
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO \"{both}\"; COMMENT ON TABLE t IS 'about t'"
    );
    from.client().await.batch_execute(&create).await.unwrap();
    let schema = read(&from, &directory).await;
    let done = transfer(Section::PreData, &schema, &to).await.unwrap();
    let skipped: Vec<&str> = done.skipped_privileges.iter().map(|one| one.role.as_str()).collect();
    assert_eq!(skipped, [only_source.as_str()]);
    // Default privileges are post-data (`dumpDefaultACL` in `pg_dump.c`), so that they do not change the grants of what
    // is created.
    transfer(Section::PostData, &schema, &to).await.unwrap();
    let client = to.client().await;
    let sql = format!(
        "SELECT has_table_privilege('{both}', 't', 'SELECT'), \
         has_column_privilege('{both}', 't', 'b', 'UPDATE WITH GRANT OPTION'), \
         has_column_privilege('{both}', 't', 'a', 'UPDATE'), has_function_privilege('{both}', 'f()', 'EXECUTE'), \
         (SELECT count(*) FROM pg_default_acl), obj_description('t'::regclass)"
    );
    let row = client.query_one(&sql, &[]).await.unwrap();
    let rights: Vec<bool> = (0..4).map(|at| row.get(at)).collect();
    assert_eq!(rights, [true, true, false, false]);
    assert_eq!((row.get::<_, i64>(4), row.get::<_, &str>(5)), (1, "about t"));
}

#[tokio::test]
async fn extensions_are_created_unless_they_are_excluded() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let client = from.client().await;
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'pgcrypto')";
    if client.query_one(available, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        // A PostgreSQL without its contributed modules has nothing to show.
        return;
    }
    // Both are trusted: the owner of a database can create them.
    client.batch_execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION pgcrypto").await.unwrap();
    let options = Options { excluded_extensions: vec!["pgcrypto".into()], ..Options::default() };
    let source = Database::new("source", &client);
    let schema = schema::read(&programs(), source, &from.access(), &options, directory.path()).await.unwrap();
    let done = transfer(Section::PreData, &schema, &to).await.unwrap();
    assert_eq!(done.created, ["EXTENSION pg_trgm"]);
}

#[tokio::test]
async fn a_program_that_is_too_old_is_a_typed_error() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("pg_dump");
    std::fs::write(&old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.4 (Debian)'\n").unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let database = target().database().await;
    let client = database.client().await;
    let programs = Programs { pg_dump: old, ..programs() };
    let error = programs.check([Database::new("target", &client)]).await.unwrap_err();
    assert!(matches!(&error, SchemaError::ProgramTooOld { found: 13, side, .. } if side == "target"), "{error}");
    let missing = Programs { pg_dump: "/nowhere/pg_dump".into(), ..programs };
    let error = missing.check([Database::new("target", &client)]).await.unwrap_err();
    assert!(matches!(error, SchemaError::Start { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_password_is_in_no_error() {
    let [from, _] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    let client = from.client_as(ADMIN, "test").await;
    let access = from.access().set("PGPASSWORD", "wr0ng-passw0rd");
    assert!(!format!("{access:?}").contains("wr0ng"));
    let source = Database::new("source", &client);
    let error = schema::read(&programs(), source, &access, &Options::default(), directory.path()).await.unwrap_err();
    let SchemaError::Program { cause, .. } = &error else { panic!("{error}") };
    assert!(cause.contains("password authentication failed"), "{cause}");
    assert!(!format!("{error:?}").contains("wr0ng"));
}

/// Runs statements as DMS does.
async fn as_replication(database: &TestDatabase, statements: &str) -> Result<(), tokio_postgres::Error> {
    let client = database.client().await;
    let role = "SET session_replication_role = 'replica'";
    // The master user of the test may set it, as `rds_superuser` may.
    client.batch_execute(role).await.ok();
    client.batch_execute(statements).await
}

#[tokio::test]
async fn a_target_with_the_whole_schema_is_loaded_again() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    from.client()
        .await
        .batch_execute(&format!(
            "{PAYMENTS}; CREATE TABLE unkeyed (reference text NOT NULL UNIQUE); \
             CREATE UNIQUE INDEX one_open ON payments (customer_id) WHERE status = 'failed'"
        ))
        .await
        .unwrap();
    let schema = read(&from, &directory).await;
    for section in [Section::PreData, Section::Keys, Section::PostData] {
        transfer(section, &schema, &to).await.unwrap();
    }
    let complete = dump(&to).await;
    let truncate = "TRUNCATE TABLE customers";
    let refused = as_replication(&to, truncate).await.expect_err("foreign keys reference the table");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("0A000"));

    let own = "CREATE TABLE own (id uuid REFERENCES payments (id)); CREATE UNIQUE INDEX own_index ON refunds (reason)";
    to.client().await.batch_execute(own).await.unwrap();
    let there = read(&to, &directory).await;
    let client = to.client().await;
    let target = Database::new("target", &client);
    let refused = schema::prepare_reload(&schema, &there, target).await.unwrap_err();
    assert!(matches!(&refused, SchemaError::ForeignKeys { names, .. } if names.len() == 1), "{refused}");
    assert!(dump(&to).await.contains("one_open"), "nothing was dropped");

    client.batch_execute("DROP TABLE own").await.unwrap();
    let there = read(&to, &directory).await;
    let dropped = schema::prepare_reload(&schema, &there, target).await.unwrap();
    assert!(dropped.contains(&"INDEX public.one_open".to_owned()), "{dropped:?}");
    assert!(dropped.contains(&"CONSTRAINT public.customers customers_email_key".to_owned()), "{dropped:?}");
    assert!(!dropped.iter().any(|name| name.contains("unkeyed") || name.contains("own_index")), "{dropped:?}");
    let again = schema::prepare_reload(&schema, &there, target).await.unwrap();
    assert!(again.is_empty(), "a repetition drops nothing: {again:?}");
    as_replication(&to, truncate).await.expect("nothing references the table");

    for section in [Section::PreData, Section::Keys, Section::PostData] {
        transfer(section, &schema, &to).await.unwrap();
    }
    client.batch_execute("DROP INDEX own_index").await.unwrap();
    let (now, complete) = (sorted(&dump(&to).await), sorted(&complete));
    assert_eq!(now, complete);
}

/// The order of what was created at another time can differ.
fn sorted(dump: &str) -> Vec<String> {
    let mut lines: Vec<String> = dump.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn identity_columns_of_a_target_accept_the_values_of_the_replication() {
    let [from, to] = pair().await;
    let directory = tempfile::tempdir().unwrap();
    from.client().await.batch_execute(PAYMENTS).await.unwrap();
    let insert = "INSERT INTO customers (id, email, full_name) VALUES (7, 'a@b', 'A')";
    from.client().await.batch_execute(insert).await.expect_err("the source refuses values");
    let options = Options { identity_by_default: true, ..Options::default() };
    let owner = from.client().await;
    let source = Database::new("source", &owner);
    let schema = schema::read(&programs(), source, &from.access(), &options, directory.path()).await.unwrap();
    let mut client = to.client().await;
    let access = to.access();
    for section in [Section::PreData, Section::Keys, Section::PostData, Section::PreData] {
        let target = ("target", &mut client, &access);
        schema::transfer(section, &schema, &programs(), target, &options, directory.path()).await.unwrap();
    }
    client.batch_execute(insert).await.expect("the target accepts values");
    // A target that somebody has prepared refuses them until it is changed.
    client.batch_execute("ALTER TABLE customers ALTER COLUMN id SET GENERATED ALWAYS").await.unwrap();
    let insert = insert.replace("7, 'a@b'", "8, 'c@d'");
    client.batch_execute(&insert).await.expect_err("the target refuses values");
    let changed = identity::accept_values(Database::new("target", &client)).await.unwrap();
    assert_eq!(changed, ["public.customers.id"]);
    assert!(identity::accept_values(Database::new("target", &client)).await.unwrap().is_empty());
    client.batch_execute(&insert).await.expect("the target accepts values");
    let target = ("target", &mut client, &access);
    schema::transfer(Section::PreData, &schema, &programs(), target, &options, directory.path()).await.unwrap();
}

#[tokio::test]
async fn materialized_views_are_refreshed_in_the_order_of_their_creation() {
    let [database, _] = pair().await;
    let client = database.client().await;
    client
        .batch_execute(
            "CREATE TABLE t (id int); CREATE MATERIALIZED VIEW \"z view\" AS SELECT id FROM t WITH NO DATA; \
             CREATE MATERIALIZED VIEW a_view AS SELECT id FROM \"z view\" WITH NO DATA; \
             CREATE MATERIALIZED VIEW fails AS SELECT 1 / id AS x FROM t WITH NO DATA; INSERT INTO t VALUES (0), (3)",
        )
        .await
        .unwrap();
    let (refreshed, left) = schema::refresh(Database::new("target", &client)).await.unwrap();
    assert_eq!(refreshed, ["public.z view", "public.a_view"]);
    assert_eq!(left.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), ["public.fails"]);
    // 22012 `division_by_zero`
    assert!(left[0].reason.contains("22012"), "{left:?}");
    let rows = client.query_one("SELECT count(*) FROM a_view", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 2);
}

/// A connection breaks at one of so many statements.
const ONE_OF: u32 = 24;

async fn all_sections(source: &Schema, to: &TestDatabase, client: &mut Client) -> Result<(), SchemaError> {
    let directory = tempfile::tempdir().expect("a directory");
    for section in [Section::PreData, Section::Keys, Section::PostData] {
        let target = ("target", &mut *client, &to.access());
        schema::transfer(section, source, &programs(), target, &Options::default(), directory.path()).await?;
    }
    Ok(())
}

/// The connection breaks at a statement, before or after its effect. Repeated, the transfer is complete.
#[tokio::test]
async fn a_transfer_whose_connection_breaks_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let from = source().database().await;
    from.client().await.batch_execute(PAYMENTS).await.unwrap();
    let schema = read(&from, &directory).await;
    let expected = sorted(&dump(&from).await);
    let (first, step) = sampled(ONE_OF);
    for when in [When::BeforeItsEffect, When::AfterItsEffect] {
        let mut at = first;
        loop {
            let to = target().database().await;
            let cut = Cut::new(when, at);
            let result = all_sections(&schema, &to, &mut to.client_through(&cut).await).await;
            if !cut.has_happened() {
                result.unwrap();
                break;
            }
            let repeated = all_sections(&schema, &to, &mut to.client().await).await;
            repeated.unwrap_or_else(|error| panic!("{when:?} {at}: {error:?}"));
            assert_eq!(sorted(&dump(&to).await), expected, "{when:?} {at}");
            at += step;
        }
        assert!(at > 40, "a transfer has more statements: {at}");
        println!("broken at {} statements, {when:?}", (at - first) / step);
    }
}
