//! The integration tests. All of them are modules of one binary, because linking the SDK takes longer than running
//! them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod architecture;
mod cli;
mod compare;
mod cutover;
mod engine;
mod environments;
mod fuzz;
mod harness;
mod hostile;
mod kinds;
mod permissions;
mod plan;
mod rehearsal;
mod replication;
mod sandbox;
mod schemas;
mod state;

/// Tests start in the order of their names, so this one starts first. It installs what the tests need and this machine
/// does not have, and names what it cannot install.
#[test]
fn all_prerequisites_are_installed() {
    use std::io::Write as _;
    harness::matrix::announce();
    let postgres = harness::postgres::programs().err().map(str::to_owned);
    let missing: Vec<String> = [harness::emulator::python().err(), postgres].into_iter().flatten().collect();
    // The output of tests is captured until they end; this line is not.
    if !missing.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "the tests cannot run completely:\n{}", missing.join("\n"));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// A module that is not declared is not tested.
#[test]
fn all_files_are_modules() {
    use std::fs;
    use std::path::Path;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let names = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
        let mut names: Vec<String> = entries
            .filter(|path| path.join("mod.rs").exists() || path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().expect("a name").to_str().expect("text").to_owned())
            .filter(|name| name != "mod" && name != "main")
            .collect();
        names.sort();
        names
    };
    let declared = |file: &Path| -> Vec<String> {
        let text = fs::read_to_string(file).expect("a module");
        let lines = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
        let mut names: Vec<String> = lines.filter_map(|line| Some(line.strip_suffix(';')?.to_owned())).collect();
        names.sort();
        names
    };
    assert_eq!(names(&root), declared(&root.join("main.rs")));
    for folder in names(&root) {
        assert_eq!(names(&root.join(&folder)), declared(&root.join(&folder).join("mod.rs")), "in {folder}");
    }
}
