//! Loads texts.

use std::path::{Path, PathBuf};

use infra_config::{Config, ConfigDiagnostic, ConfigError, Overrides, load};

/// The configurations that are shipped. The price table is not one.
pub fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let files = std::fs::read_dir(folder).expect("config/").map(|entry| entry.expect("a file").path());
    let is_configuration =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("prices.toml");
    let mut found: Vec<PathBuf> = files.filter(is_configuration).collect();
    found.sort();
    assert!(found.len() >= 2, "the configurations were not found");
    found
}

/// Loads the text of a file.
pub fn load_text(text: &str) -> Result<Config, Vec<ConfigDiagnostic>> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("migration.toml");
    std::fs::write(&file, text).expect("a file");
    mistakes(load(Some(&file), &Overrides::default()))
}

/// Loads the defaults with overrides.
pub fn load_set(sets: &[&str]) -> Result<Config, Vec<ConfigDiagnostic>> {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    mistakes(load(None, &Overrides { sets, ..Overrides::default() }))
}

/// Asserts that a value is refused, with a message that contains `why`.
pub fn refused(set: &str, why: &str) {
    let mistakes = load_set(&[set]).expect_err(set);
    let messages: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert!(messages.iter().any(|message| message.contains(why)), "`{set}`: {messages:?} have no `{why}`");
    assert!(mistakes.iter().all(|mistake| mistake.help.is_some()), "`{set}`: {messages:?} without help");
}

/// Asserts that values are accepted together.
pub fn accepted(sets: &[&str]) {
    if let Err(mistakes) = load_set(sets) {
        panic!("{sets:?}: {:?}", mistakes.iter().map(|mistake| &mistake.message).collect::<Vec<_>>());
    }
}

fn mistakes(result: Result<Config, ConfigError>) -> Result<Config, Vec<ConfigDiagnostic>> {
    result.map_err(|error| match error {
        ConfigError::Mistakes(mistakes) => mistakes,
        other @ ConfigError::Read { .. } => panic!("{other}"),
    })
}
