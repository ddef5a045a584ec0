//! Where the programs of PostgreSQL are.

use std::fs;
use std::path::PathBuf;

/// Returns the directory with the programs of PostgreSQL: the one that the first of these environment variables names
/// that is set, otherwise the newest that is installed.
///
/// # Panics
/// There is none.
pub fn programs(variables: &[&str]) -> PathBuf {
    if let Some(named) = variables.iter().find_map(std::env::var_os) {
        return named.into();
    }
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|directory| directory.join("initdb").exists())
        .collect();
    found.sort();
    let newest = found.pop();
    assert!(newest.is_some(), "PostgreSQL is missing: install it, or set {variables:?}");
    newest.unwrap_or_default()
}
