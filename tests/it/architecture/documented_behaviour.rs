//! Every test that `docs/aws-behaviour.md`, `docs/promises.md` and `docs/security.md` name exists, and every decision
//! has its promises.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the tests in backticks in the last column of the tables, with the crate before them, if one is named.
fn named_tests(document: &str) -> Vec<(Option<String>, String)> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let mut found = Vec::new();
    for cell in last {
        let mut of_crate = None;
        for name in cell.split('`').skip(1).step_by(2) {
            if name.starts_with("infra-") || name == "migrate-infra" {
                of_crate = Some(name.to_owned());
            } else if name.contains("::") {
                found.push((of_crate.clone(), name.to_owned()));
            }
        }
    }
    found
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

/// Returns whether a file below `root` has the test: its path has the modules, and it has a function of that name, or
/// the name is that of a module.
fn exists(root: &Path, test: &str) -> bool {
    let parts: Vec<&str> = test.split("::").filter(|part| *part != "tests").collect();
    let mut files = Vec::new();
    sources(root, &mut files);
    let names = |path: &Path| -> Vec<String> {
        let relative = path.strip_prefix(root).unwrap_or(path).with_extension("");
        relative
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .filter(|part| part != "mod" && part != "tests")
            .collect()
    };
    files.iter().any(|file| {
        let module = names(file);
        let (last, modules) = parts.split_last().expect("a name");
        let ends_with =
            |parts: &[&str]| parts.iter().rev().zip(module.iter().rev()).filter(|(a, b)| **a == **b).count();
        let is_module = |parts: &[&str]| !parts.is_empty() && ends_with(parts) == parts.len();
        let contains = |word: &str| fs::read_to_string(file).is_ok_and(|text| text.contains(word));
        (is_module(modules) && contains(&format!("fn {last}(")))
            || (is_module(&parts) && (contains("#[test]") || contains("#[tokio::test")))
    })
}

/// Checks that a page names at least this many tests, and that all of them exist.
fn names_existing_tests(page: &str, at_least: usize) {
    let named = named_tests(&fs::read_to_string(page).expect("a page"));
    assert!(named.len() > at_least, "{page} names {} tests", named.len());
    let missing: Vec<_> = named
        .iter()
        .filter(|(of_crate, test)| {
            let root = match of_crate {
                Some(of_crate) if of_crate == "migrate-infra" => PathBuf::from("src"),
                Some(of_crate) => Path::new("src").join(of_crate.trim_start_matches("infra-").replace('-', "_")),
                None => PathBuf::from("tests/it"),
            };
            !exists(&root, test)
        })
        .collect();
    assert!(missing.is_empty(), "{page} names tests that do not exist: {missing:#?}");
}

#[test]
fn each_test_that_the_table_of_behaviour_names_exists() {
    names_existing_tests("docs/aws-behaviour.md", 50);
}

#[test]
fn each_test_that_the_table_of_promises_names_exists() {
    names_existing_tests("docs/promises.md", 150);
}

#[test]
fn each_test_that_the_threat_model_names_exists() {
    names_existing_tests("docs/security.md", 25);
}

/// The rows of each table name a test, too.
#[test]
fn each_decision_has_a_table_of_promises() {
    let page = fs::read_to_string("docs/promises.md").expect("the page");
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    let mut without = Vec::new();
    for decision in fs::read_dir("docs/adr").expect("the decisions").flatten() {
        let link = format!("(adr/{})", decision.file_name().to_string_lossy());
        let is_linked = |section: &&&str| section.lines().next().is_some_and(|heading| heading.contains(&link));
        let rows = sections.iter().find(is_linked).map(|section| {
            let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise |"));
            rows.collect::<Vec<_>>()
        });
        match rows {
            Some(rows) if !rows.is_empty() => without.extend(
                rows.into_iter().filter(|row| named_tests(row).is_empty()).map(|row| format!("no test: {row}")),
            ),
            _ => without.push(format!("no table: {link}")),
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}
