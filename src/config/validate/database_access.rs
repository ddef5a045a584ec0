//! Validates `[databases]`.

use super::validator::Validator;
use crate::model::Config;

impl Validator<'_> {
    /// Validates the command that opens a tunnel to a database.
    pub(super) fn database_access(&mut self, config: &Config) {
        let via = &config.databases.via;
        let tunnel = "specify the program and its arguments, for example [\"./tunnel\", \"{host}\", \"{port}\"]";
        self.command("databases", "via", via, tunnel);
        self.passed_variables("databases", &config.databases.pass_environment);
    }
}
