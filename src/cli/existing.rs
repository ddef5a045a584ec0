//! What exists, for a shell that completes a command.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap_complete::engine::CompletionCandidate;
use infra_base::address::Address;
use infra_workflow::from_state::local_states;

use super::runs::Runs;

/// The directory of the states, if no option and no variable names one.
pub(super) const DEFAULT_STATE_DIR: &str = ".migrate-infra";
/// The variable that names it.
pub(super) const STATE_DIR_VARIABLE: &str = "MIGRATE_INFRA_STATE_DIR";

/// Returns the addresses in the local states.
pub(super) fn addresses() -> Vec<CompletionCandidate> {
    known(|address| address.as_str().to_owned())
}

/// Returns the environments in the local states.
pub(super) fn environments() -> Vec<CompletionCandidate> {
    known(|address| address.environment().to_owned())
}

/// Returns the stored runs, newest first.
pub(super) fn runs() -> Vec<CompletionCandidate> {
    let stacks = roots().into_iter().filter_map(|root| std::fs::read_dir(root).ok()).flatten().flatten();
    let ids = stacks.flat_map(|stack| Runs::of(&stack.path()).ids().unwrap_or_default());
    let mut ids: Vec<_> = ids.collect();
    ids.sort_by(|one, other| other.cmp(one));
    ids.into_iter().map(|id| CompletionCandidate::new(id.as_str())).collect()
}

/// Returns the directories that have the states of stacks.
fn roots() -> [PathBuf; 2] {
    let directory = state_directory(std::env::args_os());
    // Whoever completes an option may write `--sandbox` after it.
    [directory.clone(), directory.join("sandbox")]
}

fn known(part: impl Fn(&Address) -> String) -> Vec<CompletionCandidate> {
    // Nothing is completed if anything is wrong: a shell has no place for a message.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let roots = roots();
    let states = roots.iter().flat_map(|root| runtime.block_on(local_states(root)));
    let found: BTreeSet<String> = states.flat_map(|state| state.resources.into_keys()).map(|one| part(&one)).collect();
    found.into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the directory of the states that the words so far name.
fn state_directory(words: impl Iterator<Item = OsString>) -> PathBuf {
    let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
    let joined = words.iter().find_map(|word| word.strip_prefix("--state-dir=").map(str::to_owned));
    let separate = || words.windows(2).find(|pair| pair[0] == "--state-dir").map(|pair| pair[1].clone());
    let variable = || std::env::var(STATE_DIR_VARIABLE).ok();
    joined.or_else(separate).or_else(variable).unwrap_or_else(|| DEFAULT_STATE_DIR.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_words_so_far_name_the_directory() {
        let directory = |words: &[&str]| state_directory(words.iter().map(OsString::from));
        assert_eq!(directory(&["migrate-infra", "forget", "--state-dir", "here"]), Path::new("here"));
        assert_eq!(directory(&["migrate-infra", "--state-dir=there", "forget"]), Path::new("there"));
        assert_eq!(directory(&["migrate-infra", "--state-dir"]), Path::new(DEFAULT_STATE_DIR));
    }
}
