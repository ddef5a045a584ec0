//! General layers know no resource kind, and all text fits the line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use migrate_infra::resources::KINDS;

/// The longest line, in characters.
const LINE: usize = 120;

pub fn files(below: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    let mut found = Vec::new();
    while let Some(place) = open.pop() {
        if place.is_dir() {
            open.extend(fs::read_dir(place).expect("a directory").flatten().map(|entry| entry.path()));
        } else if place.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one)) {
            found.push(place);
        }
    }
    assert!(!found.is_empty(), "no files below {below}");
    found.sort();
    found
}

/// The text of a file without its unit tests, which may name kinds.
pub(super) fn without_tests(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file");
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

#[test]
fn general_layers_name_no_kind() {
    let mut named = Vec::new();
    for layer in ["src/base", "src/aws", "src/core", "src/cli", "src/workflow"] {
        for file in files(layer, &["rs"]) {
            let text = without_tests(&file);
            let kinds = KINDS.iter().filter(|kind| text.contains(&format!("\"{}\"", kind.name())));
            named.extend(kinds.map(|kind| format!("{} names {kind}", file.display())));
        }
    }
    assert!(named.is_empty(), "a kind describes itself (`KindSchema`, `Resource`):\n{}", named.join("\n"));
}

#[test]
fn general_layers_name_no_operation_of_a_kind() {
    let operations: BTreeSet<&str> = KINDS.iter().flat_map(|kind| kind.schema().operations).copied().collect();
    let mut named = Vec::new();
    for layer in ["src/base", "src/core", "src/cli", "src/workflow"] {
        for file in files(layer, &["rs"]) {
            let text = without_tests(&file);
            let found = operations.iter().filter(|operation| text.contains(&format!("\"{operation}\"")));
            named.extend(found.map(|operation| format!("{} names {operation}", file.display())));
        }
    }
    assert!(named.is_empty(), "a kind declares its operations (`#[kind]`, `#[update]`):\n{}", named.join("\n"));
}

#[test]
fn lines_fit() {
    let sources = ["src", "tests/it", "tests/bench"].into_iter().flat_map(|below| files(below, &["rs"]));
    let pages = ["docs", "README.md", "CHANGELOG.md"].into_iter().flat_map(|below| files(below, &["md"]));
    let mut long = Vec::new();
    for file in sources.chain(pages) {
        let text = fs::read_to_string(&file).expect("a text");
        // Rows of tables and links cannot be wrapped.
        let wraps = |line: &&str| !line.trim_start().starts_with('|') && !line.contains("://");
        let lines = text.lines().enumerate().filter(|(_, line)| line.chars().count() > LINE && wraps(line));
        long.extend(lines.map(|(at, _)| format!("{}:{}", file.display(), at + 1)));
    }
    assert!(long.is_empty(), "{} lines have more than {LINE} characters:\n{}", long.len(), long.join("\n"));
}
