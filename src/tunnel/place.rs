//! The database that a command opens the way to.

use std::process::Command;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The region.
    pub region: String,
    /// The environment.
    pub environment: String,
}

impl Place {
    /// Returns the command with its placeholders replaced: `{host}`, `{port}`, `{region}` and `{environment}`. Other
    /// braces stay: the parameters of Session Manager are JSON.
    pub(super) fn fill(&self, command: &[String]) -> Vec<String> {
        let values = self.values();
        let fill = |word: &String| {
            values.iter().fold(word.clone(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
        };
        command.iter().map(fill).collect()
    }

    /// Sets `MIGRATE_INFRA_DATABASE_HOST`, `…_PORT`, `…_REGION` and `…_ENVIRONMENT`.
    pub(super) fn set_variables(&self, command: &mut Command) {
        for (name, value) in self.values() {
            command.env(format!("MIGRATE_INFRA_DATABASE_{}", name.to_uppercase()), value);
        }
    }

    fn values(&self) -> [(&'static str, String); 4] {
        [
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("region", self.region.clone()),
            ("environment", self.environment.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_json_stays() {
        let place = Place {
            host: "db.internal".to_owned(),
            port: 5432,
            region: "us-east-1".to_owned(),
            environment: "source".to_owned(),
        };
        let command = ["aws", "--region", "{region}", "{\"host\":[\"{host}\"],\"portNumber\":[\"{port}\"]}", "{x}"];
        let filled = place.fill(&command.map(str::to_owned));
        let json = "{\"host\":[\"db.internal\"],\"portNumber\":[\"5432\"]}";
        assert_eq!(filled, ["aws", "--region", "us-east-1", json, "{x}"]);
    }
}
