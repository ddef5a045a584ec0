//! Translates the parameters of an RDS parameter group into settings of PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::PostgresError;
use super::formula::{InstanceSize, evaluate, is_formula};
use super::owner::Owner;
use super::programs::Installation;

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;

/// Settings with the size of memory that the server or each session reserves: the unit of a number without one, and the
/// most that a server of the sandbox gets. RDS sizes them for a machine that runs nothing else; here several servers
/// share a developer's machine. Results do not depend on them, only times do.
const MEMORY: [(&str, u64, u64); 9] = [
    ("autovacuum_work_mem", KB, 64 * MB),
    ("logical_decoding_work_mem", KB, 64 * MB),
    ("maintenance_work_mem", KB, 128 * MB),
    ("min_dynamic_shared_memory", MB, 16 * MB),
    ("shared_buffers", 8 * KB, 128 * MB),
    ("temp_buffers", 8 * KB, 64 * MB),
    ("vacuum_buffer_usage_limit", KB, 16 * MB),
    ("wal_buffers", 8 * KB, 16 * MB),
    ("work_mem", KB, 64 * MB),
];
/// The most connections, for the same reason: the formula of RDS gives up to 5000.
const MOST_CONNECTIONS: i64 = 1000;

/// What a small server gets unless the parameters say something else.
const DEFAULTS: [(&str, &str); 5] = [
    ("shared_buffers", "32MB"),
    ("max_wal_size", "256MB"),
    ("min_wal_size", "32MB"),
    ("max_connections", "200"),
    ("wal_level", "replica"),
];

/// Settings that belong to this crate, whatever the parameters say.
///
/// `fsync=off`: "this ensures that the database cluster can recover to a consistent state after an operating system or
/// hardware crash" (`fsync`, "Write Ahead Log"). The witness kills processes; what a process has written before is in
/// the memory of the operating system and stays there. A commit is acknowledged only after its WAL was written, which
/// `synchronous_commit` decides, and that stays as the parameters say. So nothing is lost that RDS would keep, except
/// in a power cut of this machine. With 16 clients that insert single rows, a server made 3.6 times as many commits on
/// the developer's machine where this was measured (26,500 instead of 7,300 per second).
///
/// `full_page_writes=on`, although the documentation says that it is about the same crashes: Linux writes a block of
/// PostgreSQL (8 KB) page by page (4 KB) into its memory, and a process that is killed in between leaves half of it.
/// The images in the WAL repair that. RDS has it on as well.
const FIXED: [(&str, &str); 12] = [
    ("fsync", "off"),
    ("full_page_writes", "on"),
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("huge_pages", "off"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] %u@%d: "),
    ("lc_messages", "C"),
    ("archive_mode", "off"),
    ("restart_after_crash", "on"),
    ("password_encryption", "scram-sha-256"),
];
/// Further settings that the parameters cannot change: this crate or the command line sets them.
const OWNED: [&str; 21] = [
    "archive_command",
    "archive_library",
    "config_file",
    "data_directory",
    "dynamic_library_path",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "krb_server_keyfile",
    "local_preload_libraries",
    "log_directory",
    "log_filename",
    "port",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_crl_file",
    "ssl_key_file",
    "stats_temp_directory",
    "unix_socket_group",
    "wal_level",
];

/// The parameters of an instance in PostgreSQL's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Translation {
    /// The settings by name.
    pub(super) settings: BTreeMap<String, String>,
    /// Whether connections without TLS are refused.
    pub(super) forces_tls: bool,
    /// What is different from RDS, for a person.
    pub(super) notes: Vec<String>,
}

/// Translates parameters for a server.
pub(super) fn translate(
    parameters: &BTreeMap<String, String>,
    size: &InstanceSize,
    server: &Installation,
    known: &Known,
) -> Result<Translation, PostgresError> {
    let mut settings: BTreeMap<String, String> = own(&DEFAULTS);
    let mut notes = Vec::new();
    // The default of `rds.force_ssl` is 0 before version 15, and 1 from 15 on ("Updating applications to connect to
    // PostgreSQL DB instances using new SSL/TLS certificates").
    let mut forces_tls = server.version.major >= 15;
    for (name, value) in parameters {
        let name = name.to_ascii_lowercase();
        // A formula of a parameter without effect is not evaluated: it can be of a kind that is not known here.
        let value = || match is_formula(value) {
            true => evaluate(value, size).map(|number| number.to_string()),
            false => Ok(value.trim().to_owned()),
        };
        match name.as_str() {
            // "To turn on logical replication [...] set the rds.logical_replication parameter in your DB parameter
            // group to 1. This static parameter requires a reboot" ("Using a PostgreSQL database as a target for
            // homogeneous data migrations in AWS DMS"). It stands for `wal_level=logical`, which cannot be set itself.
            "rds.logical_replication" => {
                if is_on(&value()?) {
                    settings.insert("wal_level".to_owned(), "logical".to_owned());
                }
            }
            "rds.force_ssl" => forces_tls = is_on(&value()?),
            _ if name.starts_with("rds.") || name.starts_with("apg_") => {
                notes.push(format!("`{name}` has no effect: it is a feature of RDS"));
            }
            _ if OWNED.contains(&name.as_str()) || FIXED.iter().any(|(fixed, _)| *fixed == name) => {
                notes.push(format!("`{name}` has no effect: the sandbox sets it"));
            }
            "shared_preload_libraries" => {
                let value = value()?;
                let (present, absent): (Vec<_>, Vec<_>) =
                    value.split(',').map(str::trim).filter(|l| !l.is_empty()).partition(|l| known.has_library(l));
                notes.extend(absent.iter().map(|library| format!("the library `{library}` is not installed here")));
                settings.insert(name, present.join(","));
            }
            _ if !known.is_setting(server, &name) => {
                notes.push(format!("`{name}` has no effect: PostgreSQL {} has no such parameter", server.version));
            }
            _ => {
                let value = value()?;
                let usable = limited(&name, &value);
                if usable != value {
                    notes.push(format!("`{name}` is {usable} instead of {value}: this machine is shared"));
                }
                settings.insert(name, usable);
            }
        }
    }
    if forces_tls && !server.offers_tls {
        notes.push(format!("connections are not encrypted: {} was built without TLS", server.directory.display()));
        forces_tls = false;
    }
    settings.extend(own(&FIXED));
    Ok(Translation { settings, forces_tls, notes })
}

fn own(table: &[(&str, &str)]) -> BTreeMap<String, String> {
    table.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Reads a boolean in the forms of PostgreSQL: on, off, true, false, yes, no, 1, 0.
fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "on" | "true" | "yes")
}

/// Returns the value, or the most that a server of the sandbox gets.
fn limited(name: &str, value: &str) -> String {
    if name == "max_connections" {
        return value.parse().map_or_else(|_| value.to_owned(), |count: i64| count.min(MOST_CONNECTIONS).to_string());
    }
    let Some((_, unit, most)) = MEMORY.iter().find(|(memory, ..)| *memory == name) else { return value.to_owned() };
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, suffix) = value.split_at(digits);
    // The units, which are case-sensitive, and their multiplier 1024 are those of "Setting Parameters".
    let unit = match suffix.trim() {
        "" => *unit,
        "B" => 1,
        "kB" => KB,
        "MB" => MB,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        // PostgreSQL decides about other values, such as -1.
        _ => return value.to_owned(),
    };
    match number.parse::<u64>() {
        Ok(number) if number.saturating_mul(unit) > *most => format!("{}kB", most / KB),
        _ => value.to_owned(),
    }
}

/// What a server knows: its settings and libraries.
#[derive(Debug)]
pub(super) struct Known {
    settings: BTreeSet<String>,
    /// Settings that need a restart.
    static_settings: BTreeSet<String>,
    libraries: Vec<PathBuf>,
}

impl Known {
    /// Asks a server. `--describe-config` lists the settings of a configuration file with the moment at which a change
    /// has effect: `postmaster` is the start of the server.
    pub(super) fn of(server: &Installation) -> Result<Self, PostgresError> {
        let program = server.program("postgres");
        let mut command = Owner::current().command(&program);
        let output = command.arg("--describe-config").output().map_err(PostgresError::io("run", &program))?;
        let (mut settings, mut static_settings) = (BTreeSet::new(), BTreeSet::new());
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let mut fields = line.split('\t');
            let (Some(name), Some(context)) = (fields.next(), fields.next()) else { continue };
            settings.insert(name.to_ascii_lowercase());
            if context == "postmaster" {
                static_settings.insert(name.to_ascii_lowercase());
            }
        }
        Ok(Self { settings, static_settings, libraries: library_directories(server) })
    }

    /// Returns whether a change of a setting has effect only when the server starts.
    pub(super) fn is_static(&self, name: &str) -> bool {
        self.static_settings.contains(name)
    }

    /// Returns whether a setting exists. Names with a dot belong to extensions: PostgreSQL accepts all of them.
    fn is_setting(&self, server: &Installation, name: &str) -> bool {
        // Settings for developers are not in the list, so the server is asked for each name that is not there.
        name.contains('.') || self.settings.contains(name) || {
            let mut command = Owner::current().command(&server.program("postgres"));
            command.args(["-C", name, "-D", "/", "-c", "config_file=/dev/null"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        }
    }

    fn has_library(&self, name: &str) -> bool {
        let name = name.trim_start_matches("$libdir/");
        let files = [".so", ".dylib"].map(|suffix| format!("{name}{suffix}"));
        self.libraries.iter().any(|directory| files.iter().any(|file| directory.join(file).exists()))
    }
}

/// Returns where the libraries of an installation can be.
fn library_directories(server: &Installation) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let Ok(output) = Owner::current().command(&server.program("pg_config")).arg("--pkglibdir").output() {
        directories.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let root = server.directory.parent().unwrap_or(Path::new("/"));
    directories.extend(["lib", "lib/postgresql", "lib64/postgresql"].map(|below| root.join(below)));
    directories.retain(|directory| directory.is_dir());
    directories
}

/// Returns the text of a configuration file with settings.
pub(super) fn file_text(settings: &BTreeMap<String, String>) -> String {
    let mut text = "# Written by the sandbox. Changes are lost.\n".to_owned();
    for (name, value) in settings {
        // A quote in a quoted value is doubled ("Setting Parameters"), a backslash begins an escape, and a line break
        // ends the value.
        let value = value.replace('\\', "\\\\").replace('\'', "''").replace(['\n', '\r'], " ");
        text.push_str(&format!("{name} = '{value}'\n"));
    }
    text
}

#[cfg(test)]
#[path = "tests/unit/parameters.rs"]
mod tests;
