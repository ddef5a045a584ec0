//! What `down` does when the configuration is missing or broken.

use std::io::ErrorKind;
use std::path::Path;

use infra_config::{Config, Overrides, load};
use infra_core::state::State;
use infra_workflow::from_state::{config_of, local_states};

use super::error::{CliError, Exit};
use super::explain::Failure;
use super::options::{DEFAULT_CONFIG, GlobalOptions};
use super::ui::stderr;

/// Returns a configuration of what the only local state contains, and says what it lacks. `error` is why the file
/// cannot be used.
///
/// # Errors
/// That error, if the file itself is usable, or no state is found; several states are found, or the file seems to
/// protect something.
pub(super) async fn without_file(options: &GlobalOptions, error: CliError) -> Result<Config, Failure> {
    // A mistake in an option is not one of the file.
    if load(Some(&options.config), &Overrides::default()).is_ok() {
        return Err(error.into());
    }
    let text = match infra_base::file::read_input(&options.config) {
        Ok(text) => text,
        // A file that was named may be another one than was meant.
        Err(missing) if missing.kind() == ErrorKind::NotFound && options.config == Path::new(DEFAULT_CONFIG) => {
            String::new()
        }
        Err(_) => return Err(error.into()),
    };
    if protects_something(&text) {
        return Err(error.hint("it protects resources from deletion: correct it first").into());
    }
    let states = local_states(&options.state_root()).await;
    let candidates: Vec<&State> = states.iter().filter(|state| is_selected(state, options)).collect();
    let state = match candidates.as_slice() {
        [] => return Err(error.into()),
        [state] => *state,
        several => {
            let stacks = several.iter().map(|state| format!("`{}`", state.stack)).collect::<Vec<_>>().join(", ");
            let what = format!("the configuration cannot be used, and there are states of several stacks: {stacks}");
            return Err(CliError::new(Exit::Usage, what)
                .because_text(error.what)
                .nothing_changed()
                .hint("select one with `--set stack.name=NAME` and `--suffix SUFFIX`")
                .into());
        }
    };
    stderr(&format!(
        "note: {}. `{}` is deleted as its state describes it: no protection, no renaming and no command of a \
         configuration applies, and the default credentials are used",
        error.what, state.stack
    ));
    Ok(config_of(state)?)
}

/// Whether a state is that of the stack that the options name. What they do not name can be anything.
fn is_selected(state: &State, options: &GlobalOptions) -> bool {
    let (name, suffix) = state.stack.split_once('/').unwrap_or((state.stack.as_str(), ""));
    let set = |key: &str| {
        let value = |set: &String| {
            set.split_once('=').filter(|(name, _)| name.trim() == key).map(|(_, value)| value.to_owned())
        };
        options.sets.iter().rev().find_map(value)
    };
    let suffixes = options.suffix.clone().or_else(|| set("stack.suffix"));
    set("stack.name").is_none_or(|wanted| wanted.trim_matches('"') == name)
        && suffixes.is_none_or(|wanted| wanted.trim_matches('"') == suffix)
}

/// Whether a text that is not TOML seems to protect something from deletion.
fn protects_something(text: &str) -> bool {
    let without_comment = |line: &str| line.split('#').next().unwrap_or_default().replace(char::is_whitespace, "");
    text.lines().any(|line| without_comment(line).replace(['"', '\''], "").contains("protect=true"))
}

#[cfg(test)]
mod tests {
    use super::protects_something;

    #[test]
    fn a_broken_file_that_protects_something_is_not_ignored() {
        assert!(protects_something("[environments.source]\nprotect = true # production\nregion = "));
        assert!(protects_something("[environments.source]\n\"protect\" = true\n["));
        assert!(protects_something("[resources]\n\"source/*\" = { protect=true }\n["));
        assert!(!protects_something("# protect = true\nprotect = false\n["));
        assert!(!protects_something(""));
    }
}
