//! `completions`: the script that makes a shell complete commands, options and addresses.

use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::error::{CliError, Exit};
use crate::cli::ui::stdout;

/// The variable with which a shell asks this program for completions.
pub(in crate::cli) const VARIABLE: &str = "MIGRATE_INFRA_COMPLETE";

/// Write the script that makes a shell complete commands, options and addresses.
///
/// The script asks this program each time. Load it when the shell starts, so that it fits the installed version.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  source <(migrate-infra completions bash)\n  \
                        migrate-infra completions fish > ~/.config/fish/completions/migrate-infra.fish")]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

pub(in crate::cli) fn run(args: &CompletionsArgs) -> Result<u8, CliError> {
    stdout(script(args.shell)?.trim_end());
    Ok(0)
}

fn script(shell: Shell) -> Result<String, CliError> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Elvish => &Elvish,
        Shell::Powershell => &Powershell,
    };
    let name = env!("CARGO_PKG_NAME");
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, name, name, name, &mut script)
        .map_err(|error| CliError::new(Exit::Failed, "cannot write the script").because(&error))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_a_script_that_asks_the_program() {
        for shell in Shell::value_variants() {
            let script = script(*shell).expect("it is written to memory");
            assert!(script.contains("migrate-infra") && script.contains(VARIABLE), "{shell:?}: {script}");
        }
    }
}
