//! Commands that a hint suggests. They contain the options of the current command, so that a hint copied from the
//! sandbox does not change AWS.

use infra_base::address::Address;
use infra_base::shell::quote;
use infra_workflow::Selection;

use super::options::{DEFAULT_CONFIG, GlobalOptions};

/// Returns the command for a selection, with the options of the current command.
pub(super) fn rerun_command(options: &GlobalOptions, command: &str, selection: &Selection) -> String {
    let mut words = vec!["migrate-infra".to_owned(), command.to_owned()];
    words.extend(selection.environments.iter().map(|environment| format!("--env {}", quote(environment))));
    words.extend(selection.targets.iter().map(|target| format!("--target {}", quote(target))));
    words.extend(selection.replace.iter().map(|address| format!("--replace {}", quote(address))));
    words.extend(selection.delete.iter().map(|address| format!("--delete {}", quote(address))));
    if options.sandbox {
        words.push("--sandbox".to_owned());
    }
    if options.config.as_os_str() != DEFAULT_CONFIG {
        words.push(format!("--config {}", quote(&options.config.display().to_string())));
    }
    if options.state_dir.as_os_str() != ".migrate-infra" {
        words.push(format!("--state-dir {}", quote(&options.state_dir.display().to_string())));
    }
    words.extend(options.suffix.iter().map(|suffix| format!("--suffix {}", quote(suffix))));
    words.extend(options.endpoint_url.iter().map(|url| format!("--endpoint-url {}", quote(url))));
    words.extend(options.sets.iter().map(|set| format!("--set {}", quote(set))));
    words.join(" ")
}

/// Returns the command for everything.
pub(super) fn command(options: &GlobalOptions, command: &str) -> String {
    rerun_command(options, command, &Selection::default())
}

/// Returns a hint to run a command for other environments first, for both together, or for everything.
pub(super) fn order_hint(options: &GlobalOptions, command: &str, others: &[&str], selection: &Selection) -> String {
    let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
    let together = Selection { environments: [&others[..], &selection.environments].concat(), ..Selection::default() };
    let rerun = |selection: &Selection| rerun_command(options, command, selection);
    format!(
        "run `{}` first, `{}` for these together, or `{}` for everything",
        rerun(&Selection { environments: others, ..Selection::default() }),
        rerun(&together),
        rerun(&Selection::default())
    )
}

/// Returns what to do about a foreign resource that has the name of `address`. What the state contains has to be
/// forgotten before it can be adopted.
pub(super) fn ownership_resolution(options: &GlobalOptions, address: &Address, id: &str, in_state: bool) -> String {
    let named = quote(address.as_str());
    let adopt = command(options, &format!("adopt {named} {}", quote(id)));
    let forget = command(options, &format!("forget {named}"));
    match in_state {
        true => format!(
            "if `{id}` has only lost its tags, `{forget}` and then `{adopt}` restore them; \
             otherwise delete or rename it"
        ),
        false => format!(
            "choose another --suffix, delete or rename `{id}`, which this stack did not create, \
             or import it with `{adopt}`"
        ),
    }
}
