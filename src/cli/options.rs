//! Options that several commands share. The doc comments are the help texts.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use infra_config::Overrides;
use infra_sandbox::Disk;
use infra_sandbox::world::real_data::DataSource;
use infra_workflow::Selection;

use super::existing::{DEFAULT_STATE_DIR, STATE_DIR_VARIABLE, addresses, environments};

/// The configuration, if no option and no variable names one.
pub(in crate::cli) const DEFAULT_CONFIG: &str = "config/migration.toml";

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// Configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_CONFIG,
        env = "MIGRATE_INFRA_CONFIG"
    )]
    pub config: PathBuf,
    /// Overrides one value of the configuration, for example `--set database.multi_az=true`. Can be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Overrides the suffix that distinguishes copies of the stack.
    #[arg(long, global = true, env = "MIGRATE_INFRA_SUFFIX")]
    pub suffix: Option<String>,
    /// Directory of the state.
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_STATE_DIR, env = STATE_DIR_VARIABLE)]
    pub state_dir: PathBuf,
    /// Sends every call to this URL instead of AWS, as `AWS_ENDPOINT_URL` does; `AWS_ENDPOINT_URL_<SERVICE>` does so
    /// for one service.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "sandbox")]
    pub endpoint_url: Option<String>,
    /// Uses the simulated AWS inside this program: no account, no network. It is kept in the state directory between
    /// commands.
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// Speed of the sandbox [default: fast on a terminal, otherwise instant].
    #[arg(long, global = true, value_enum)]
    pub sandbox_timing: Option<Timing>,
    /// Data of the databases in the sandbox. `postgres` runs a PostgreSQL server for each DB instance; see
    /// docs/rehearsal.md. The sandbox remembers it.
    #[arg(long, global = true, value_enum, env = "MIGRATE_INFRA_SANDBOX_DATA")]
    pub sandbox_data: Option<SandboxData>,
    /// Events in the sandbox that no command causes; see docs/sandbox-script.md. Later commands continue the script.
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub sandbox_script: Option<PathBuf>,
    /// Maximum number of resources that are processed at the same time.
    #[arg(
        long,
        global = true,
        value_name = "N",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=512)
    )]
    pub parallelism: u16,
    /// `json` writes one event per line to standard output; see docs/events.md.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Disables colours, as the variable `NO_COLOR` does. `CLICOLOR_FORCE=1` enables them without a terminal.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Appends what the command does to a file, with every API call and the time.
    #[arg(long, global = true, value_name = "FILE", env = "MIGRATE_INFRA_LOG_FILE")]
    pub log_file: Option<PathBuf>,
    /// Shows every API call; twice shows what the SDK does.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl GlobalOptions {
    /// Returns whether the command writes JSON.
    pub fn is_json(&self) -> bool {
        self.output == OutputFormat::Json
    }

    /// Returns the values that the options and the environment set.
    pub fn overrides(&self) -> Overrides {
        Overrides { sets: self.sets.clone(), suffix: self.suffix.clone(), ..Overrides::default() }.with_environment()
    }

    /// Returns whether the runtime must start with paused time: minutes of the sandbox pass in milliseconds.
    pub fn needs_paused_time(&self) -> bool {
        self.sandbox && self.timing() == Timing::Instant
    }

    /// Returns the speed of the sandbox.
    pub fn timing(&self) -> Timing {
        self.sandbox_timing.unwrap_or_else(|| {
            let on_terminal = std::io::stderr().is_terminal() && !self.is_json();
            // Servers work in real time.
            if on_terminal || self.has_real_data() { Timing::Fast } else { Timing::Instant }
        })
    }

    /// Returns whether the databases of the sandbox are real: this command says so, or the sandbox remembers it.
    pub fn has_real_data(&self) -> bool {
        let remembered = || Disk::data_source(&self.state_root()) == DataSource::Postgres;
        self.sandbox && self.sandbox_data.map_or_else(remembered, |data| data == SandboxData::Postgres)
    }

    /// Returns the directory of all local states. Those of the sandbox are separate from those of AWS.
    pub fn state_root(&self) -> PathBuf {
        if self.sandbox { self.state_dir.join("sandbox") } else { self.state_dir.clone() }
    }

    /// Returns the place of the resources, as the end of a question.
    pub fn place(&self) -> &'static str {
        if self.sandbox { "the sandbox" } else { "AWS" }
    }
}

/// Format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Speed of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timing {
    /// Without waiting: its minutes pass in milliseconds.
    Instant,
    /// Sixty times as fast as AWS, so that there is something to watch.
    Fast,
    /// As slow as AWS typically is.
    Real,
}

/// Data of the databases in the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxData {
    /// No data: numbers of rows that always arrive.
    Modelled,
    /// One PostgreSQL server for each DB instance.
    Postgres,
}

impl SandboxData {
    /// Returns the value that the world of the sandbox remembers.
    pub fn source(self) -> DataSource {
        match self {
            Self::Modelled => DataSource::Modelled,
            Self::Postgres => DataSource::Postgres,
        }
    }
}

/// The environments that a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct EnvironmentArgs {
    /// Only this environment; can be repeated [default: all of them, in one graph].
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(environments))]
    environments: Vec<String>,
}

impl EnvironmentArgs {
    /// Returns the selection.
    pub fn selection(&self) -> Selection {
        Selection { environments: self.environments.clone(), ..Selection::default() }
    }
}

/// Single resources that a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Only this resource and its dependencies; `down`: and its dependents. Supports `*` wildcards; can be repeated.
    #[arg(long = "target", value_name = "ADDRESS", add = ArgValueCandidates::new(addresses))]
    addresses: Vec<String>,
}

impl TargetArgs {
    /// Narrows a selection to these resources.
    pub fn narrow(&self, selection: Selection) -> Selection {
        Selection { targets: self.addresses.clone(), ..selection }
    }
}

/// Resources to replace although they hold data, or although nothing requires it.
#[derive(Clone, Debug, Default, Args)]
pub struct ReplaceArgs {
    /// Replace this resource, although nothing requires it, or although it holds data. Supports `*` wildcards; can be
    /// repeated.
    #[arg(long = "replace", value_name = "ADDRESS", add = ArgValueCandidates::new(addresses))]
    replaced: Vec<String>,
}

impl ReplaceArgs {
    /// Adds these replacements to a selection.
    pub fn extend(&self, selection: Selection) -> Selection {
        Selection { replace: self.replaced.clone(), ..selection }
    }
}

/// Resources to delete although they hold data.
#[derive(Clone, Debug, Default, Args)]
pub struct DeleteArgs {
    /// Delete this resource, which the configuration no longer contains, although it holds data. Supports `*`
    /// wildcards; can be repeated.
    #[arg(long = "delete", value_name = "ADDRESS", add = ArgValueCandidates::new(addresses))]
    deleted: Vec<String>,
}

impl DeleteArgs {
    /// Adds these deletions to a selection.
    pub fn extend(&self, selection: Selection) -> Selection {
        Selection { delete: self.deleted.clone(), ..selection }
    }
}
