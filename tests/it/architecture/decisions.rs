//! What the decisions in `docs/adr` say about the source.

use std::fs;
use std::path::Path;

use super::layers::{files, without_tests};

/// Returns the files below these folders whose text, without unit tests, contains one of the words.
fn with_words(folders: &[&str], words: &[&str]) -> Vec<String> {
    let all = folders.iter().flat_map(|folder| files(folder, &["rs"]));
    let named = all.filter(|file| {
        let text = without_tests(file);
        words.iter().any(|word| text.contains(word))
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    named.map(|file| file.strip_prefix(root).unwrap_or(&file).display().to_string()).collect()
}

/// ADR 1: it is documented as internal to the SDK, so a new version can change it.
#[test]
fn one_file_gives_answers_in_place_of_the_sdk() {
    assert_eq!(with_words(&["src"], &["set_output_or_error"]), ["src/sandbox/interceptor.rs"]);
}

/// ADR 1: the sandbox has the codes of errors, and not their types.
#[test]
fn errors_are_told_apart_by_their_codes() {
    let layers = ["src/core", "src/kinds", "src/migration", "src/workflow"];
    let typed = with_words(&layers, &["as_service_error", "into_service_error", "Exception(_)"]);
    assert_eq!(typed, [""; 0], "compare codes (`Error::is_code`, `ignore_codes`)");
}

/// ADR 4: otherwise a wait would not take AWS seconds.
#[test]
fn waits_for_aws_go_through_the_clock() {
    let layers = ["src/core/engine", "src/core/plan", "src/core/resource", "src/kinds", "src/sandbox"];
    let waits = with_words(&layers, &["time::sleep(", "thread::sleep("]);
    assert_eq!(waits, [""; 0], "wait with `StepContext::wait`, `StepContext::pause` or `Clock::sleep`");
}

/// ADR 11: a dependency that is declared twice can have two sets of features.
#[test]
fn dependencies_are_declared_once() {
    let mut declared = Vec::new();
    for file in files("src", &["toml"]) {
        let text = fs::read_to_string(&file).expect("a manifest");
        let mut is_list = false;
        for line in text.lines() {
            if line.starts_with('[') {
                is_list = line.ends_with("dependencies]");
            } else if is_list && line.contains('=') && !line.starts_with('#') && !line.contains("workspace") {
                declared.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert_eq!(declared, [""; 0], "declare it in `[workspace.dependencies]`");
}
