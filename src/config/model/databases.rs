//! `[databases]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How this program reaches the databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseAccess {
    /// Command that opens a tunnel to a database that cannot be reached from here: the program and its arguments,
    /// without a shell. `{host}`, `{port}`, `{region}` and `{environment}` are replaced with those of the database; the
    /// variables `MIGRATE_INFRA_DATABASE_HOST`, `_PORT`, `_REGION` and `_ENVIRONMENT` have them, too. It prints the
    /// address to connect to, as `127.0.0.1:5432` or with the words of the Session Manager plugin (`Port 5432 opened
    /// for …`), and runs until the command that needs it ends.
    pub via: Vec<String>,
    /// Environment variables of this program that the command gets: tunnels need credentials and agents. A name can
    /// contain `*`. It always gets `PATH`, `HOME`, `USER`, `LOGNAME`, `LANG`, `LC_*`, `TMPDIR` and `TZ`, and no other
    /// variables.
    pub pass_environment: Vec<String>,
    /// Time limit in seconds for that command to print the address.
    #[schemars(range(min = 1, max = 600))]
    pub via_timeout_seconds: u32,
    /// File of trusted certificates in PEM format. Empty: those of RDS that this program contains, for all regions of
    /// AWS that opened before August 2023, without GovCloud and China. The certificate of a database must be issued by
    /// one of them, for the name of its endpoint.
    pub root_certificates: String,
}

impl Default for DatabaseAccess {
    fn default() -> Self {
        let passed =
            ["AWS_*", "SSH_*", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"];
        Self {
            via: Vec::new(),
            pass_environment: passed.map(str::to_owned).to_vec(),
            via_timeout_seconds: 60,
            root_certificates: String::new(),
        }
    }
}
