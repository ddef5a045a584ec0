//! The configuration files of a server.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::PostgresError;
use super::files;
use super::formula::InstanceSize;
use super::layout::StoredParameters;
use super::owner::Owner;
use super::parameters::{Known, Translation, file_text, translate};
use super::programs::Installation;
use super::roles::SUPERUSER;

/// The file with the settings, which `postgresql.conf` includes.
const SETTINGS: &str = "sandbox.conf";

/// What a change of parameters means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Settings that have their new value only after the next restart.
    pub pending_restart: Vec<String>,
    /// What is different from RDS, for a person.
    pub notes: Vec<String>,
}

/// The configuration that parameters lead to: the dynamic ones as wanted, the static ones as of the last restart.
///
/// "AWS DMS ignores changes to their entries in the DB parameter group until you restart the server", says the DMS
/// guide about static parameters. The server itself is started far more often than the instance reboots, so the two
/// sets are kept apart.
#[derive(Debug)]
pub(super) struct Configuration {
    settings: BTreeMap<String, String>,
    forces_tls: bool,
    pub(super) applied: Applied,
}

impl Configuration {
    /// Computes the configuration.
    pub(super) fn of(
        parameters: &StoredParameters,
        size: &InstanceSize,
        server: &Installation,
    ) -> Result<Self, PostgresError> {
        let known = Known::of(server)?;
        let wanted = translate(&parameters.wanted, size, server, &known)?;
        let started = translate(&parameters.started, size, server, &known)?;
        Ok(Self::merge(wanted, &started, &known))
    }

    fn merge(wanted: Translation, started: &Translation, known: &Known) -> Self {
        let Translation { mut settings, forces_tls, notes } = wanted;
        let names: Vec<String> = settings.keys().chain(started.settings.keys()).cloned().collect();
        let mut pending_restart = Vec::new();
        for name in names.into_iter().filter(|name| known.is_static(name)) {
            let value = started.settings.get(&name);
            if settings.get(&name) != value {
                match value {
                    Some(value) => settings.insert(name.clone(), value.clone()),
                    None => settings.remove(&name),
                };
                pending_restart.push(name);
            }
        }
        pending_restart.sort();
        pending_restart.dedup();
        Self { settings, forces_tls, applied: Applied { pending_restart, notes } }
    }

    /// Writes the files into a data directory, after the server's program has accepted the values.
    ///
    /// *Guarantees*: If the values are refused, the files stay as they were.
    pub(super) fn write(&self, server: &Installation, data: &Path) -> Result<(), PostgresError> {
        let owner = Owner::current();
        let mut settings = self.settings.clone();
        settings.insert("ssl".to_owned(), if server.offers_tls { "on" } else { "off" }.to_owned());
        if server.offers_tls {
            // "Relative paths are relative to the data directory" ("Connections and Authentication"), so that the
            // directory can be moved.
            for (name, file) in [("ssl_cert_file", "../tls/server.crt"), ("ssl_key_file", "../tls/server.key")] {
                settings.insert(name.to_owned(), file.to_owned());
            }
        }
        let put = |name: &str, text: &str| {
            let path = data.join(name);
            files::write(&path, text, 0o600)?;
            owner.give(&path)
        };
        let text = file_text(&settings);
        let trial = "sandbox.conf.trial";
        put(trial, &text)?;
        // `-C` reads the configuration and prints a value; it refuses what the server would refuse.
        let mut command = owner.command(&server.program("postgres"));
        let trial = data.join(trial);
        command.args(["-C", "port", "-D"]).arg(data).arg("-c").arg(format!("config_file={}", trial.display()));
        let output = command.output().map_err(PostgresError::io("run", &server.program("postgres")))?;
        files::remove(&trial)?;
        if !output.status.success() {
            let trial = trial.display().to_string();
            return Err(PostgresError::Parameters(refusal(&String::from_utf8_lossy(&output.stderr), &trial)));
        }
        put("postgresql.conf", &format!("include '{SETTINGS}'\n"))?;
        put("pg_hba.conf", &access_rules(self.forces_tls))?;
        put(SETTINGS, &text)
    }
}

/// Returns what the server says about values, without its words about the file.
fn refusal(output: &str, trial: &str) -> String {
    let lines = output.lines().filter_map(|line| {
        let (_, message) = ["LOG:  ", "FATAL:  ", "ERROR:  "].iter().find_map(|level| line.split_once(level))?;
        let about_file = message.contains("contains errors") || message.contains("skipping missing");
        (!about_file).then(|| message.replace(&format!(" in file \"{trial}\""), ""))
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// Returns the rules for connections. With `rds.force_ssl=1`, RDS changes the type of its rule to `hostssl`, so that a
/// connection without TLS matches no rule: "no pg_hba.conf entry for host [...], no encryption". The superuser belongs
/// to this program, which connects on this machine without TLS.
fn access_rules(forces_tls: bool) -> String {
    let kind = if forces_tls { "hostssl" } else { "host" };
    format!(
        "host all {SUPERUSER} 127.0.0.1/32 scram-sha-256\n\
         {kind} all all 127.0.0.1/32 scram-sha-256\n\
         {kind} replication all 127.0.0.1/32 scram-sha-256\n"
    )
}
