//! `init`: a configuration to start from.

use std::fs::OpenOptions;
use std::io::Write;

use clap::Args;

use super::args::Globals;
use super::failure::{CliError, Exit};
use super::run::line;
use crate::config::{Layout, template};

/// Writes a commented configuration with every default visible. `config schema` prints its JSON schema.
///
/// An existing file is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra init --config staging.toml")]
pub struct InitArgs {
    /// Write to standard output instead.
    #[arg(long)]
    pub stdout: bool,
    /// How databases and buckets are spread over the environments.
    #[arg(long, value_enum, default_value_t = Layout::Paired)]
    pub layout: Layout,
}

pub(super) fn run(globals: &Globals, args: &InitArgs) -> Result<u8, CliError> {
    if args.stdout {
        line(template(args.layout).trim_end());
        return Ok(0);
    }
    let path = &globals.config;
    let failed = |error: std::io::Error| CliError::new(Exit::Usage, format!("{} can not be written", path.display())).because_io(&error);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::new(Exit::Refused, format!("{} exists already", path.display()))
                .remains("it was left as it is")
                .hint("`migrate-infra config check` checks it; `--config FILE` names another place"));
        }
        other => other.map_err(failed)?,
    };
    file.write_all(template(args.layout).as_bytes()).map_err(failed)?;
    line(&format!("wrote {}", path.display()));
    line("next: `migrate-infra config check`, then `migrate-infra plan --env source`");
    Ok(0)
}
