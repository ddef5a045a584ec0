//! `init`: a configuration to start from.

use clap::Args;

use crate::cli::error::{CliError, Exit};
use crate::cli::options::GlobalOptions;
use crate::cli::ui::stdout;
use infra_base::file::{self, Access};
use infra_config::{Layout, template};

/// Write a commented configuration to start from.
///
/// It contains every default. `config schema` prints its JSON schema. An existing file is not changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra init --config staging.toml")]
pub struct InitArgs {
    /// Write to standard output instead.
    #[arg(long)]
    pub stdout: bool,
    /// Distribution of databases and buckets over the environments.
    #[arg(long, value_enum, default_value_t = Layout::Paired)]
    pub layout: Layout,
}

pub(in crate::cli) fn run(options: &GlobalOptions, args: &InitArgs) -> Result<u8, CliError> {
    if args.stdout {
        stdout(template(args.layout).trim_end());
        return Ok(0);
    }
    let path = &options.config;
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Usage, format!("cannot write {}", path.display())).because_text(error.to_string())
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    match file::create_new(path, template(args.layout), Access::Umask) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::new(Exit::Refused, format!("{} already exists", path.display()))
                .unchanged("the file was not changed")
                .hint("`migrate-infra config check` checks it; `--config FILE` selects another"));
        }
        other => other.map_err(failed)?,
    }
    stdout(&format!("wrote {}", path.display()));
    stdout("next: `migrate-infra config check`, then `migrate-infra plan --env source`");
    Ok(0)
}
