//! What is rehearsed, and how.

use std::path::PathBuf;

use infra_config::Config;
use infra_postgres::Launcher;
use infra_sandbox::Script;

/// What is rehearsed, and how.
#[derive(Clone)]
pub struct RehearsalOptions {
    /// The configuration of the stack.
    pub config: Config,
    /// The directory of the rehearsal. What an earlier rehearsal left there is deleted.
    pub directory: PathBuf,
    /// How a supervisor of a database server is started.
    pub launcher: Launcher,
    /// The schema and the data of the source database.
    pub schema: SchemaSource,
    /// The number of rows that are generated for each main table. A dump has its own rows.
    pub rows: u64,
    /// The number of clients. Without any, only the load is rehearsed.
    pub writers: usize,
    /// Payments per second, of all writers together, in time of the wall.
    pub rate: f64,
    /// Events that no step causes.
    pub script: Option<Script>,
    /// The seed of the moments at which the driver is killed; `None`: it is not killed.
    pub kill: Option<u64>,
    /// What follows the cutover.
    pub then: Then,
    /// How long the clients make payments after each move of the traffic, in seconds of AWS. It should be longer than
    /// they keep a DNS answer.
    pub soak: f64,
    /// How many seconds of AWS pass in a second.
    pub speed: f64,
    /// The seed of the generated rows and of the choices of the writers.
    pub seed: u64,
    /// How many resources are processed at the same time.
    pub parallelism: usize,
}

/// The schema and the data of the source database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaSource {
    /// The built-in payment schema with generated rows.
    Builtin,
    /// A file of SQL, with generated rows.
    Sql(PathBuf),
    /// A dump of `pg_dump`, with its rows.
    Dump(PathBuf),
}

impl SchemaSource {
    /// Returns a description for the report.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Builtin => "the built-in payment schema".to_owned(),
            Self::Sql(file) => format!("the schema in {}", file.display()),
            Self::Dump(file) => format!("the dump {}", file.display()),
        }
    }
}

/// What follows the cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The migration ends.
    Finish,
    /// Data and traffic go back to the source, then to the target again, and the migration ends.
    Again,
    /// All traffic goes back to the source.
    Rollback,
    /// Nothing.
    Stop,
}

impl RehearsalOptions {
    /// Returns how long a second of AWS lasts.
    pub(crate) fn second(&self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(1.0 / self.speed)
    }

    /// Returns how long a time of AWS lasts.
    pub(crate) fn wall(&self, aws_seconds: f64) -> std::time::Duration {
        std::time::Duration::from_secs_f64(aws_seconds / self.speed)
    }
}
