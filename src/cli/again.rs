//! The command line that a hint offers: the same command with the options that choose what it works on. A hint copied from the
//! sandbox must not lead to AWS.

use super::args::{Chosen, Globals};

/// Returns the command with the options that were given.
pub(super) fn again(globals: &Globals, verb: &str, chosen: &Chosen) -> String {
    let mut words = vec!["migrate-infra".to_owned(), verb.to_owned()];
    words.extend(chosen.environments.iter().map(|environment| format!("--env {environment}")));
    words.extend(chosen.targets.iter().map(|target| format!("--target '{target}'")));
    words.extend(chosen.replace.iter().map(|address| format!("--replace '{address}'")));
    words.extend(chosen.delete.iter().map(|address| format!("--delete '{address}'")));
    if globals.sandbox {
        words.push("--sandbox".to_owned());
    }
    if globals.config.as_os_str() != "config/migration.toml" {
        words.push(format!("--config {}", globals.config.display()));
    }
    if globals.state_dir.as_os_str() != ".migrate-infra" {
        words.push(format!("--state-dir {}", globals.state_dir.display()));
    }
    words.extend(globals.suffix.iter().map(|suffix| format!("--suffix {suffix}")));
    words.extend(globals.endpoint_url.iter().map(|url| format!("--endpoint-url {url}")));
    words.extend(globals.sets.iter().map(|set| format!("--set '{set}'")));
    words.join(" ")
}
