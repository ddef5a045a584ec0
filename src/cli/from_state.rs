//! What `down` does when the configuration is missing or broken.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use infra_base::address::Region;
use infra_config::{BackendKind, Config, Overrides, Side, load, of_existing};
use infra_core::state::State;
use infra_workflow::Workspace;
use infra_workflow::from_state::{config_of, local_states};

use super::error::{CliError, Exit};
use super::explain::Failure;
use super::options::{DEFAULT_CONFIG, GlobalOptions};
use super::ui::stderr;

/// Returns a configuration of what the only local state contains, or that of a stack in a bucket that the options name,
/// and says what it lacks. `error` is why the file cannot be used, and `open` returns the workspace of a configuration.
///
/// # Errors
/// That error, if the file itself is usable, or no state is found; several states are found, or the file seems to
/// protect something. A bucket cannot be read.
pub(super) async fn without_file(
    options: &GlobalOptions,
    error: CliError,
    open: impl FnOnce(Config) -> Workspace,
) -> Result<Config, Failure> {
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
    if let Some(shared) = in_bucket(options)? {
        let (backend, stack) = (shared.state.clone(), shared.stack.id());
        let state = open(shared).read_state().await?;
        if state.resources.is_empty() {
            let empty = format!("the bucket `{}` has no resources of `{stack}`", backend.bucket);
            return Err(error.because_text(empty).hint(SELECT).into());
        }
        tell(&error, &state);
        return Ok(Config { state: backend, ..config_of(&state)? });
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
                .hint(SELECT)
                .into());
        }
    };
    tell(&error, state);
    Ok(config_of(state)?)
}

/// How to say which stack is meant.
const SELECT: &str = "select one with `--set stack.name=NAME` and `--suffix SUFFIX`";

fn tell(error: &CliError, state: &State) {
    stderr(&format!(
        "note: {}. `{}` is deleted as its state describes it: no protection, no renaming and no command of a \
         configuration applies, and the default credentials are used",
        error.what, state.stack
    ));
}

/// Returns the stack whose state is in a bucket, if the options or the environment name one.
fn in_bucket(options: &GlobalOptions) -> Result<Option<Config>, Failure> {
    let named = load(None, &options.overrides().of_sections(&["stack", "state"])).map_err(CliError::from)?;
    if options.sandbox || named.state.backend != BackendKind::S3 {
        return Ok(None);
    }
    if named.state.region.is_empty() {
        let what = format!("the region of the bucket `{}` is not known", named.state.bucket);
        return Err(CliError::new(Exit::Usage, what)
            .because_text("without a configuration, only the options say where the state is")
            .nothing_changed()
            .hint("name it with `--set state.region=REGION`")
            .into());
    }
    let environments = BTreeMap::from([(Side::Source.as_str().to_owned(), Region::from(named.state.region.as_str()))]);
    let config = of_existing(&named.stack.name, &named.stack.suffix, &environments).map_err(CliError::from)?;
    Ok(Some(Config { state: named.state, ..config }))
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
