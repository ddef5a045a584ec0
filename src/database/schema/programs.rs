//! The programs of PostgreSQL, and how they are run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::access::Access;
use super::error::SchemaError;
use crate::database::Database;
use crate::error::Error;

/// Where the programs are. The caller knows the installations of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// `pg_dump`.
    pub pg_dump: PathBuf,
    /// `pg_restore`, of the same version.
    pub pg_restore: PathBuf,
}

impl Programs {
    /// Returns the programs in a directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self { pg_dump: directory.join("pg_dump"), pg_restore: directory.join("pg_restore") }
    }

    /// Checks that both programs are at least as new as the servers. Returns the major versions of the servers.
    ///
    /// # Errors
    /// [`SchemaError::ProgramTooOld`], or a program cannot be run.
    pub async fn check<const N: usize>(&self, databases: [Database<'_>; N]) -> Result<[u32; N], SchemaError> {
        let mut needed = [0; N];
        for (database, needed) in databases.iter().zip(&mut needed) {
            *needed = server_version(*database).await?;
        }
        for program in [&self.pg_dump, &self.pg_restore] {
            let found = major_version(program).await?;
            for (database, needed) in databases.iter().zip(needed) {
                if found < needed {
                    let (program, side) = (program.clone(), database.label().to_owned());
                    return Err(SchemaError::ProgramTooOld { program, found, needed, side });
                }
            }
        }
        Ok(needed)
    }
}

/// Returns the major version of a server.
///
/// # Errors
/// The server cannot be asked.
pub async fn server_version(database: Database<'_>) -> Result<u32, Error> {
    // "server_version_num: Reports the version number of the server as an integer", for example 150018.
    let sql = "SELECT current_setting('server_version_num')::int8 / 10000";
    let row = database.query_one("read the version of the server", sql, &[]).await?;
    Ok(u32::try_from(row.number(0)?).unwrap_or(u32::MAX))
}

/// Reads the answer to `--version`, such as `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
async fn major_version(program: &Path) -> Result<u32, SchemaError> {
    let output = run(command(program, &Access::new(), ["--version"]), program).await?;
    let text = output.split_once("(PostgreSQL)").map(|(_, version)| version.trim_start()).unwrap_or_default();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let what = "`--version` does not name a version of PostgreSQL".to_owned();
    digits.parse().map_err(|_| SchemaError::Output { program: program.to_owned(), what })
}

/// Prepares a program. Settings of the user's shell must not lead to another database.
pub(super) fn command<'a>(program: &Path, access: &Access, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("PG") {
            command.env_remove(variable);
        }
    }
    command.envs(access.variables()).env("LC_ALL", "C").args(arguments);
    // Ctrl-C and the end of a terminal do not reach it: the run that waits for it decides.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
    command
}

/// Runs a program, and returns its output.
pub(super) async fn run(mut command: Command, program: &Path) -> Result<String, SchemaError> {
    let program = program.to_owned();
    let output = match command.output().await {
        Ok(output) => output,
        Err(source) => return Err(SchemaError::Start { program, source }),
    };
    if !output.status.success() {
        let cause = first_cause(&String::from_utf8_lossy(&output.stderr));
        return Err(SchemaError::Program { program, status: output.status.to_string(), cause });
    }
    let what = "it is not UTF-8".to_owned();
    String::from_utf8(output.stdout).map_err(|_| SchemaError::Output { program, what })
}

/// Returns the first error of an output. Lines that follow it, such as details, are left out.
fn first_cause(stderr: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.contains("error:") || line.contains("FATAL:")).or_else(|| lines().next_back());
    line.unwrap_or("it reported nothing").to_owned()
}
