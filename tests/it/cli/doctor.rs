//! `doctor`: what its file contains, and what it never contains.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::postgres::{PASSWORD, password_in_urls};
use crate::harness::workspace::Workspace;

/// Secrets in the environment, and what names the stack there.
const IN_ENVIRONMENT: [(&str, &str); 7] = [
    ("AWS_ACCESS_KEY_ID", "AKIAPLANTEDKEY00000"),
    ("AWS_SECRET_ACCESS_KEY", "planted-secret-key"),
    ("AWS_SESSION_TOKEN", "planted-session-token"),
    ("AWS_PROFILE", "planted-profile"),
    ("MIGRATE_INFRA_TARGET_URL", "postgres://user:planted-url-password@host/db"),
    ("DATABASE_PASSWORD", "planted-database-password"),
    ("HTTPS_PROXY", "http://user:planted-proxy-password@proxy"),
];

/// Changes of the configuration that plant secrets: a text, and what replaces it.
const IN_CONFIGURATION: [(&str, &str); 5] = [
    ("MigrationPhase = \"setup\"", "MigrationPhase = \"planted-tag\"\nregion = \"planted-tag-region\""),
    ("quiesce_command = []", "quiesce_command = [\"./stop\", \"--token=planted-token\"]"),
    ("via = []", "via = [\"./tunnel\", \"planted-tunnel-password\"]"),
    ("permissions_boundary = \"\"", "permissions_boundary = \"arn:aws:iam::444455556666:policy/planted-boundary\""),
    ("[notify]\n", "[notify]\npass_environment = [\"PLANTED_VARIABLE\"]\n"),
];

/// Collects the passwords in the world of the sandbox.
fn passwords(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner.as_str() {
                    Some(text) if key.contains("password") && text.len() > 6 => found.push(text.to_owned()),
                    _ => passwords(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| passwords(item, found)),
        _ => {}
    }
}

/// Reads a file. Its documents are stored without compression, so it can be searched.
fn bundle(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("the file")).into_owned()
}

#[test]
fn the_file_has_no_secret_and_does_not_name_the_stack() {
    let workspace = Workspace::new();
    let up = workspace.transcript("up --env source --sandbox -y");
    assert!(up.contains("[exit 0]"), "{up}");
    let path = workspace.path().join("config/migration.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let planted = IN_CONFIGURATION.iter().fold(text.replace("\npass_environment = []", ""), |text, (from, to)| {
        assert!(text.contains(from), "the configuration has no `{from}`");
        text.replacen(from, to, 1)
    });
    std::fs::write(&path, planted).expect("the configuration");
    let mut command = workspace.command("doctor --sandbox --out report.zip");
    command.envs(IN_ENVIRONMENT).env("MIGRATE_INFRA_SOURCE_URL", format!("postgres://u:{}@h/d", password_in_urls()));
    command.env("AWS_REGION", "eu-west-1");
    let output = command.output().expect("it runs");
    let shown = workspace.format_output(&output, "doctor");
    assert!(output.status.success(), "{shown}");
    let report = workspace.path().join("report.zip");
    assert_eq!(std::fs::metadata(&report).expect("the file").permissions().mode() & 0o777, 0o600);
    let all = bundle(&report);
    let world = std::fs::read(workspace.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    let mut secrets: Vec<String> = vec![PASSWORD.to_owned(), password_in_urls()];
    passwords(&serde_json::from_slice(&world).expect("JSON"), &mut secrets);
    assert!(secrets.len() > 2, "the sandbox has a password of a database");
    secrets.extend(IN_ENVIRONMENT.map(|(_, value)| value.to_owned()));
    secrets.extend(["planted", "PLANTED", "111122223333", "444455556666"].map(str::to_owned));
    for secret in &secrets {
        assert!(!all.contains(secret.as_str()), "the file contains `{secret}`");
        assert!(!shown.contains(secret.as_str()), "`{secret}` was shown: {shown}");
    }
    for name in ["payment-migration", "dev-001", "vpc-", "arn:"] {
        assert!(!all.contains(name), "the file contains `{name}`");
    }
    // What it is for.
    for fact in ["AWS_SECRET_ACCESS_KEY", "eu-west-1", "ec2.vpc", "compute-first", "\"last_run\"", "(14 characters)"] {
        assert!(all.contains(fact), "the file has no `{fact}`");
    }
    for name in ["about", "checks", "configuration", "state", "journal", "environment"] {
        let name = format!("{name}.json");
        assert!(all.contains(&name) && shown.contains(&name), "{name}: {shown}");
    }
    let again = workspace.transcript("doctor --sandbox --out report.zip");
    assert!(again.contains("[exit 1]") && again.contains("cannot write report.zip"), "{again}");
}

#[test]
fn a_configuration_and_a_state_that_are_damaged_are_reported() {
    let workspace = Workspace::new();
    assert!(workspace.transcript("up --env source --sandbox -y").contains("[exit 0]"));
    std::fs::write(workspace.state().join("state.json"), "{ planted").expect("a snapshot");
    let damaged = workspace.transcript("doctor --sandbox --out one.zip");
    assert!(damaged.contains("[exit 0]") && damaged.contains("problem  it is damaged"), "{damaged}");
    workspace.edit("vpc_cidr = \"10.0.0.0/16\"", "vpc_cidr = \"planted\"");
    let broken = workspace.transcript("doctor --sandbox --out two.zip");
    assert!(broken.contains("[exit 0]") && broken.contains("the configuration has 3 mistakes"), "{broken}");
    std::fs::remove_file(workspace.path().join("config/migration.toml")).expect("it was there");
    let missing = workspace.transcript("doctor --sandbox --out three.zip");
    assert!(missing.contains("[exit 0]") && missing.contains("it cannot be read"), "{missing}");
    for name in ["one.zip", "two.zip", "three.zip"] {
        assert!(!bundle(&workspace.path().join(name)).contains("planted"), "{name}");
    }
}

#[test]
fn aws_is_called_only_on_request() {
    let workspace = Workspace::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it does not wait");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let run = |arguments: &str| {
        let mut command = workspace.command(arguments);
        command.env("AWS_ENDPOINT_URL", &url).env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        workspace.format_output(&command.output().expect("it runs"), arguments)
    };
    let offline = run("doctor --out one.zip");
    assert!(offline.contains("[exit 0]") && offline.contains("environment variables, long-lived"), "{offline}");
    assert_eq!(listener.accept().expect_err("nobody connects").kind(), ErrorKind::WouldBlock);
    drop(listener);
    let online = run("doctor --online --out two.zip");
    assert!(online.contains("[exit 0]") && online.contains("problem  it cannot be used (exit code 7)"), "{online}");
}
