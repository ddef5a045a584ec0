//! What must fit where one thing is replicated into another.

use super::model::{Config, EnvironmentConfig, Link};
use super::validate::Validator;

impl Validator<'_> {
    /// Checks what is replicated into an environment.
    pub(super) fn links(&mut self, config: &Config, environment: &EnvironmentConfig) {
        if let Some(link) = &environment.replicates.database {
            self.link(config, environment, link, "database", |one| &one.databases);
            self.apart(config, environment, link);
        }
        if let Some(link) = &environment.replicates.bucket {
            self.link(config, environment, link, "bucket", |one| &one.buckets);
            self.keys(config, environment, link);
        }
    }

    /// Both ends exist, and are two.
    fn link(&mut self, config: &Config, environment: &EnvironmentConfig, link: &Link, what: &str, roles: fn(&EnvironmentConfig) -> &Vec<String>) {
        let name = environment.name.as_str();
        let from_path = ["environments", name, "replicates", what, "from"];
        match config.environment(&link.from_environment) {
            None => {
                let message = format!("there is no environment `{}` to replicate a {what} from", link.from_environment);
                self.report(&from_path, message, "write `role` for one of this environment, `environment/role` for one of another");
            }
            Some(from) if !roles(from).contains(&link.from) => {
                let message = format!("the environment `{}` has no {what} `{}`", from.name, link.from);
                self.report(&from_path, message, format!("add it to `environments.{}.{what}s`, or replicate another one", from.name));
            }
            Some(_) => {}
        }
        if !roles(environment).contains(&link.to) {
            let message = format!("the environment `{name}` has no {what} `{}`", link.to);
            let help = format!("add it to `environments.{name}.{what}s`, or replicate into another one");
            self.report(&["environments", name, "replicates", what, "to"], message, help);
        } else if link.from_environment == environment.name && link.from == link.to {
            self.report(&from_path, format!("a {what} can not be replicated into itself"), "name another one");
        }
    }

    /// "You cannot create a VPC peering connection between VPCs that have matching or overlapping IPv4 CIDR blocks" (Amazon VPC
    /// peering guide).
    fn apart(&mut self, config: &Config, environment: &EnvironmentConfig, link: &Link) {
        let Some(other) = config.environment(&link.from_environment).filter(|other| other.name != environment.name) else { return };
        let (a, b) = (environment.vpc_cidr, other.vpc_cidr);
        if a.contains(&b) || b.contains(&a) {
            let message = format!("the range {a} of `{}` overlaps {b} of `{}`", environment.name, other.name);
            self.report(&["environments", &environment.name, "vpc_cidr"], message, "the two VPCs will be peered, so their ranges must be apart");
        }
    }

    /// A replica of an object that is encrypted by a customer's key needs such a key, too ("Replicating encrypted objects").
    fn keys(&mut self, config: &Config, environment: &EnvironmentConfig, link: &Link) {
        let Some(from) = config.environment(&link.from_environment) else { return };
        if from.encryption.key().is_some() && environment.encryption.key().is_none() {
            let message =
                format!("the bucket `{}/{}` is encrypted by a KMS key of yours, its replica in `{}` is not", from.name, link.from, environment.name);
            let path = ["environments", environment.name.as_str(), "encryption", "kms_key_arn"];
            self.report(&path, message, format!("name a key in {} for `{}`, too", environment.region, environment.name));
        }
    }

    /// Checks the settings of the replication itself.
    pub(super) fn replication(&mut self, environment: &EnvironmentConfig) {
        let replication = &environment.replication;
        let mut report = |key: &str, message: String, help: &str| self.section(environment, "replication", key, message, help);
        if replication.engine_version.split('.').count() != 3 || !replication.engine_version.split('.').all(|part| part.parse::<u32>().is_ok()) {
            report("engine_version", format!("`{}` is not a version of the replication engine", replication.engine_version), "for example \"3.6.1\"");
        }
        if !replication.instance_class.starts_with("dms.") || replication.instance_class.split('.').count() != 3 {
            report(
                "instance_class",
                format!("`{}` is not a class of replication instances", replication.instance_class),
                "for example \"dms.c5.large\"",
            );
        }
        if replication.tables.is_empty() {
            report("tables", "no table would be replicated".to_owned(), "for example [\"public.%\"]");
        }
        for (key, tables) in [("tables", &replication.tables), ("excluded_tables", &replication.excluded_tables)] {
            for table in tables {
                let fits = table.split_once('.').is_some_and(|(schema, table)| !schema.is_empty() && !table.is_empty());
                if !fits {
                    report(key, format!("`{table}` is not a table"), "write `schema.table`; `%` stands for any text");
                }
            }
        }
        if replication.batch_apply_least_seconds > replication.batch_apply_most_seconds {
            let message = format!(
                "batch_apply_least_seconds {} is more than batch_apply_most_seconds {}",
                replication.batch_apply_least_seconds, replication.batch_apply_most_seconds
            );
            report("batch_apply_least_seconds", message, "it may be at most batch_apply_most_seconds");
        }
        let schema = &replication.control_schema;
        let fits = schema.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
            && schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && schema.len() <= 63;
        if !fits {
            report(
                "control_schema",
                format!("`{schema}` can not be the name of a schema"),
                "a lower-case letter, then letters, digits and underscores",
            );
        }
    }
}
