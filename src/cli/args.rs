//! Arguments. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::config::ConfigCommand;
use super::state::StateCommand;

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    something failed; run the same command again to go on
  2    wrong usage or configuration; nothing was changed
  3    refused; nothing was changed
  4    `plan --exit-code`: there are changes; `drift`: something was changed outside of this tool
  5    `rollback`: something can not be undone or is lost, the rest was undone; `cutover`: traffic is not back on the source
  6    the state can not be used; nothing was changed
  7    AWS can not be used: no credentials, or nothing answers; nothing was changed
  8    `cutover`: it was rolled back, all traffic goes to the source
  9    `cutover`: it stopped where it was, and a person has to decide
  130  stopped by Ctrl-C; run the same command again to go on

Try it without an AWS account:
  migrate-infra up --env source --sandbox -y
  migrate-infra status --sandbox
  migrate-infra down --sandbox -y";

/// Stands up two payment environments on AWS by direct API calls, and takes them down again.
///
/// What is created is remembered in a local state, so that a run that was killed goes on where it stopped, and `down`
/// deletes all that the stack created, and nothing else.
#[derive(Debug, Parser)]
#[command(name = "migrate-infra", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = "config/migration.toml", env = "MIGRATE_INFRA_CONFIG")]
    pub config: PathBuf,
    /// Overrides one value of the configuration, for example `--set database.multi_az=true`. Can be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Overrides the suffix that tells copies of the stack apart.
    #[arg(long, global = true, env = "MIGRATE_INFRA_SUFFIX")]
    pub suffix: Option<String>,
    /// Directory of the state.
    #[arg(long, global = true, value_name = "DIR", default_value = ".migrate-infra", env = "MIGRATE_INFRA_STATE_DIR")]
    pub state_dir: PathBuf,
    /// Sends every call to this URL instead of AWS, as `AWS_ENDPOINT_URL` does; `AWS_ENDPOINT_URL_<SERVICE>` does so for one service.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "sandbox")]
    pub endpoint_url: Option<String>,
    /// Uses the AWS inside this program: no account, no network. It is kept in the state directory between commands.
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// How fast the sandbox's AWS is [default: fast on a terminal, else instant].
    #[arg(long, global = true, value_enum)]
    pub sandbox_timing: Option<Timing>,
    /// What happens in the sandbox's AWS besides what is done to it; see docs/sandbox-script.md. Later commands go on with it.
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub sandbox_script: Option<PathBuf>,
    /// How many resources are worked on at the same time.
    #[arg(long, global = true, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub parallelism: u16,
    /// `json` writes one event a line to standard output; see docs/events.md.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// No colours.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Shows every API call; twice shows what the SDK does.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How fast the sandbox's AWS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timing {
    /// No waiting at all: its minutes pass in milliseconds.
    Instant,
    /// Sixty times as fast as AWS, so that there is something to watch.
    Fast,
    /// As long as AWS typically takes.
    Real,
}

/// The commands, in the order in which one comes to need them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented configuration to start from.
    Init(super::init::InitArgs),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what `up` would do: every change with its reason, and how long it will take.
    Plan(super::plan::PlanArgs),
    /// Create or change until the cloud matches the configuration; goes on where a killed run stopped.
    Up(super::up::UpArgs),
    /// Compare what exists with what was left, without changing anything.
    Drift(super::drift::DriftArgs),
    /// Undo what the last failed or interrupted `up` did.
    Rollback(super::rollback::RollbackArgs),
    /// Show what exists, and what is unfinished.
    Status(super::status::StatusArgs),
    /// Show ids, endpoints and URLs of what exists.
    Outputs(super::outputs::OutputsArgs),
    /// Draw the resources and what waits for what: DOT, Mermaid, SVG or JSON.
    Graph(super::graph::GraphArgs),
    /// Start, stop and watch the replication of the databases, and compare them.
    #[command(subcommand)]
    Replication(super::replication::ReplicationCommand),
    /// Show where traffic goes, shift it, or bring it back.
    #[command(subcommand)]
    Traffic(super::traffic::TrafficCommand),
    /// Shift all traffic to the target, step by step, behind gates, and back when something fails.
    Cutover(super::cutover::CutoverArgs),
    /// Show traffic, lag, health and gates as they are, until you have seen enough.
    Watch(super::watch::WatchArgs),
    /// Write the runbook of the migration, with this stack's ids and how far it is.
    Runbook(super::runbook::RunbookArgs),
    /// Delete all that this stack created, and nothing else.
    Down(super::down::DownArgs),
    /// Show, adopt or delete what carries this stack's tags and is not in its state.
    Orphans(super::orphans::OrphansArgs),
    /// Take a thing that exists into the state.
    Adopt(super::adopt::AdoptArgs),
    /// Drop resources from the state without deleting them.
    Forget(super::forget::ForgetArgs),
    /// Show who holds the lock of the state, and take it away from a run that is stuck.
    Unlock(super::unlock::UnlockArgs),
    /// Look into the state, move it, or make it anew.
    #[command(subcommand)]
    State(StateCommand),
}

/// Which environments a command works on.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
pub struct Chosen {
    /// Only this environment; can be repeated [default: all of them, in one graph].
    #[arg(long = "env", value_name = "ENV")]
    pub environments: Vec<String>,
    /// Only resources with these addresses, and what has to be done with them.
    #[arg(skip)]
    pub targets: Vec<String>,
    /// What is made anew, also when nothing forces it.
    #[arg(skip)]
    pub replace: Vec<String>,
    /// What is deleted although it holds data, when the configuration no longer has it.
    #[arg(skip)]
    #[serde(default)]
    pub delete: Vec<String>,
}

/// Single resources that a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct Targets {
    /// Only this resource, and what it depends on; `down`: and what depends on it. `*` stands for any text; can be repeated.
    #[arg(long = "target", value_name = "ADDRESS")]
    addresses: Vec<String>,
}

/// Resources that may be replaced although they hold data, or that are to be replaced although nothing forces it.
#[derive(Clone, Debug, Default, Args)]
pub struct Replacements {
    /// Replace this resource: make it anew although nothing forces it, or although it holds data. `*` stands for any text; can be repeated.
    #[arg(long = "replace", value_name = "ADDRESS")]
    replaced: Vec<String>,
}

impl Replacements {
    /// The choice of environments and resources, with these replacements.
    pub fn of(&self, chosen: Chosen) -> Chosen {
        Chosen { replace: self.replaced.clone(), ..chosen }
    }
}

/// Resources that the configuration no longer has, and that may be deleted although they hold data.
#[derive(Clone, Debug, Default, Args)]
pub struct Deletions {
    /// Delete this resource, which the configuration no longer has, although it holds data. `*` stands for any text; can be repeated.
    #[arg(long = "delete", value_name = "ADDRESS")]
    deleted: Vec<String>,
}

impl Deletions {
    /// The choice of environments and resources, with these deletions.
    pub fn of(&self, chosen: Chosen) -> Chosen {
        Chosen { delete: self.deleted.clone(), ..chosen }
    }
}

impl Targets {
    /// The choice of environments, narrowed to these resources.
    pub fn of(&self, chosen: &Chosen) -> Chosen {
        Chosen { targets: self.addresses.clone(), ..chosen.clone() }
    }
}

impl Chosen {
    /// Returns whether an address is among the targets.
    pub fn targets(&self, address: &crate::address::Address) -> bool {
        self.targets.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an address is to be replaced.
    pub fn replaces(&self, address: &crate::address::Address) -> bool {
        self.replace.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an address may be deleted although it holds data.
    pub fn deletes(&self, address: &crate::address::Address) -> bool {
        self.delete.iter().any(|pattern| address.matches(pattern))
    }

    /// Returns whether an environment was chosen.
    pub fn includes(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|one| one == environment)
    }
}
