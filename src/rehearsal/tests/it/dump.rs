//! Dumps of a user, in every format.

use std::path::Path;
use std::process::Command;

use infra_rehearsal::{Application, DumpFormat, Error, Programs, dump_format, load_dump, load_schema};

use super::generator::payments;
use super::server::{client, database, programs};

fn found() -> Programs {
    Programs { psql: programs().join("psql"), pg_restore: programs().join("pg_restore") }
}

/// Dumps a database.
fn dump(of: &infra_rehearsal::Database, format: &str, file: &Path) {
    let connection = &of.connection;
    let output = Command::new(programs().join("pg_dump"))
        .args(["--format", format, "--host", &connection.host, "--port", &connection.port.to_string()])
        .args(["--username", &connection.user, "--dbname", &connection.database, "--file"])
        .arg(file)
        .env("PGPASSWORD", connection.password.reveal())
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn dumps_of_every_format_are_restored() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = payments(60, 31).await;
    for (format, expected) in [
        ("custom", DumpFormat::Custom),
        ("directory", DumpFormat::Directory),
        ("tar", DumpFormat::Tar),
        ("plain", DumpFormat::Plain),
    ] {
        let file = directory.path().join(format);
        dump(&source, format, &file);
        let target = database().await;
        let loaded = load_dump(&target.connection, &found(), &file).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded, expected);
        let sql = "SELECT (SELECT count(*) FROM payments), (SELECT count(*) FROM audit_log)";
        let row = client(&target).await.query_one(sql, &[]).await.expect("the tables");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (60, 60), "{format}");
        // A dump is a schema of the user: its tables are written to without knowing them.
        let application = Application::rows(&target.connection, 1).await.expect("tables to write to");
        assert!(application.skipped().iter().all(|skipped| skipped.table != "public.customers"));
    }
}

#[tokio::test]
async fn errors_show_what_the_program_said_and_no_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("broken.sql");
    std::fs::write(&file, "CREATE TABLE t (a integer);\nCREATE TABLE t (b integer);\n").expect("a file");
    let target = database().await;
    let error = load_schema(&target.connection, &found(), &file).await.expect_err("the schema is broken");
    let text = format!("{error} {error:?}");
    assert!(text.contains("broken.sql:2") && text.contains("already exists"), "{text}");
    assert!(!text.contains(target.connection.password.reveal()), "{text}");
    // All of it, or nothing.
    let sql = "SELECT to_regclass('t') IS NULL";
    assert!(client(&target).await.query_one(sql, &[]).await.expect("a row").get::<_, bool>(0));
    let missing = Programs { psql: "/nowhere/psql".into(), ..found() };
    let error = load_schema(&target.connection, &missing, &file).await.expect_err("no such program");
    assert!(matches!(error, Error::Start { .. }), "{error}");
}

#[test]
fn files_that_are_no_dumps_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let reason = |name: &str, bytes: &[u8]| {
        let file = directory.path().join(name);
        std::fs::write(&file, bytes).expect("a file");
        dump_format(&file).expect_err("it is no dump").to_string()
    };
    assert!(reason("empty", b"").contains("is empty"));
    assert!(reason("gz", &[0x1f, 0x8b, 8, 0]).contains("gzip"));
    assert!(reason("binary", &[1, 0, 2]).contains("binary"));
    assert!(dump_format(directory.path()).expect_err("no dump").to_string().contains("toc.dat"));
    assert!(matches!(dump_format(&directory.path().join("absent")), Err(Error::File { .. })));
}
