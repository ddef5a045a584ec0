use infra_database::schema::{self, Options, Programs, Schema, SchemaError, Section, Transferred};
use infra_database::{Database, HELPER_SCHEMA, marker};

use super::server::{ADMIN, TestDatabase, pair, target, unique};

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
async fn the_payment_schema_is_equal_after_both_sections_and_a_repetition_changes_nothing() {
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
    // The load happens here: there are neither secondary indexes nor triggers.
    let client = to.client().await;
    let indexes = client.query_one("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'", &[]).await.unwrap();
    assert_eq!(indexes.get::<_, i64>(0), 0);

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
    for section in [Section::PreData, Section::PostData] {
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
    let create = "CREATE TABLE t (a int, secret text); CREATE INDEX a_index ON t (a); \
         CREATE UNIQUE INDEX b_unique ON t (secret); CREATE INDEX c_number ON t ((secret::int))";
    from.client().await.batch_execute(create).await.unwrap();
    let schema = read(&from, &directory).await;
    transfer(Section::PreData, &schema, &to).await.unwrap();
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
    client
        .batch_execute(
            "UPDATE t SET secret = '7' WHERE ctid = (SELECT max(ctid) FROM t); DELETE FROM t WHERE secret <> '7'",
        )
        .await
        .unwrap();
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
    let options = Options { excluded_extensions: vec!["pgcrypto".into()] };
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
