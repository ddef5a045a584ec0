//! Validates `[replication]`, and the replications between environments.

use infra_base::postgres_words::is_reserved_word;

use super::engine::{is_class, is_number};
use super::validator::Validator;
use crate::model::{Config, EnvironmentConfig, ReplicationLink, SchemaSource, TablePreparation};

impl Validator<'_> {
    /// Validates the replications into an environment.
    pub(super) fn links(&mut self, config: &Config, environment: &EnvironmentConfig) {
        if let Some(link) = &environment.replicates.database {
            self.link(config, environment, link, "database", |one| &one.databases);
            self.vpc_ranges(config, environment, link);
        }
        if let Some(link) = &environment.replicates.bucket {
            self.link(config, environment, link, "bucket", |one| &one.buckets);
            self.replica_key(config, environment, link);
        }
    }

    /// Validates that source and target exist, and are different.
    fn link(
        &mut self,
        config: &Config,
        environment: &EnvironmentConfig,
        link: &ReplicationLink,
        what: &str,
        roles: fn(&EnvironmentConfig) -> &Vec<String>,
    ) {
        let name = environment.name.as_str();
        let from_path = ["environments", name, "replicates", what, "from"];
        match config.environment(&link.from_environment) {
            None => {
                let message = format!(
                    "the environment `{}`, from which a {what} is replicated, does not exist",
                    link.from_environment
                );
                self.report(
                    &from_path,
                    message,
                    "use `role` for a role of this environment, and `environment/role` for a role of another one",
                );
            }
            Some(from) if !roles(from).contains(&link.from) => {
                let message = format!("the environment `{}` has no {what} `{}`", from.name, link.from);
                self.report(
                    &from_path,
                    message,
                    format!("add it to `environments.{}.{what}s`, or replicate another {what}", from.name),
                );
            }
            Some(_) => {}
        }
        if !roles(environment).contains(&link.to) {
            let message = format!("the environment `{name}` has no {what} `{}`", link.to);
            let help = format!("add it to `environments.{name}.{what}s`, or replicate into another {what}");
            self.report(&["environments", name, "replicates", what, "to"], message, help);
        } else if link.from_environment == environment.name && link.from == link.to {
            let help = format!("use another {what}");
            self.report(&from_path, format!("a {what} cannot be replicated into itself"), help);
        }
    }

    /// "You cannot create a VPC peering connection between VPCs that have matching or overlapping IPv4 CIDR blocks"
    /// (Amazon VPC peering guide).
    fn vpc_ranges(&mut self, config: &Config, environment: &EnvironmentConfig, link: &ReplicationLink) {
        let Some(other) = config.environment(&link.from_environment).filter(|other| other.name != environment.name)
        else {
            return;
        };
        let (a, b) = (environment.vpc_cidr, other.vpc_cidr);
        if a.contains(&b) || b.contains(&a) {
            let message = format!("the range {a} of `{}` overlaps {b} of `{}`", environment.name, other.name);
            self.report(
                &["environments", &environment.name, "vpc_cidr"],
                message,
                "the two VPCs are peered, so their ranges must not overlap",
            );
        }
    }

    /// The replica of an object that is encrypted with a customer managed key requires such a key, too ("Replicating
    /// encrypted objects").
    fn replica_key(&mut self, config: &Config, environment: &EnvironmentConfig, link: &ReplicationLink) {
        let Some(from) = config.environment(&link.from_environment) else { return };
        if from.encryption.key().is_some() && environment.encryption.key().is_none() {
            let message = format!(
                "the bucket `{}/{}` is encrypted with a customer managed KMS key, but its replica in `{}` is not",
                from.name, link.from, environment.name
            );
            let path = ["environments", environment.name.as_str(), "encryption", "kms_key_arn"];
            self.report(&path, message, format!("set a key in {} for `{}`", environment.region, environment.name));
        }
    }

    /// Validates the settings of the replication.
    pub(super) fn replication(&mut self, environment: &EnvironmentConfig) {
        let replication = &environment.replication;
        let mut report =
            |key: &str, message: String, help: &str| self.section(environment, "replication", key, message, help);
        if replication.engine_version.split('.').count() != 3 || !replication.engine_version.split('.').all(is_number) {
            report(
                "engine_version",
                format!("`{}` is not a version of the replication engine", replication.engine_version),
                "for example \"3.6.1\"",
            );
        }
        // "AWS DMS supports confused deputy options starting from the 3.4.7 version" ("Cross-service confused deputy
        // prevention"): with an older one, its roles could not be assumed.
        let parts = || replication.engine_version.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
        if parts().lt([3, 4, 7]) {
            report(
                "engine_version",
                format!("the replication engine {} is too old for the roles of this stack", replication.engine_version),
                "use \"3.4.7\" or a later version",
            );
        }
        if !is_class(&replication.instance_class, "dms") {
            report(
                "instance_class",
                format!("`{}` is not a class of a replication instance", replication.instance_class),
                "for example \"dms.c5.large\"",
            );
        }
        if replication.tables.is_empty() {
            report("tables", "no tables would be replicated".to_owned(), "for example [\"public.%\"]");
        }
        for (key, tables) in [("tables", &replication.tables), ("excluded_tables", &replication.excluded_tables)] {
            for table in tables {
                let fits = table.split_once('.').is_some_and(|(schema, table)| !schema.is_empty() && !table.is_empty());
                if !fits {
                    report(key, format!("`{table}` is not a table"), "use `schema.table`; `%` is a wildcard");
                }
            }
        }
        if replication.batch_apply_least_seconds > replication.batch_apply_most_seconds {
            let message = format!(
                "batch_apply_least_seconds {} is more than batch_apply_most_seconds {}",
                replication.batch_apply_least_seconds, replication.batch_apply_most_seconds
            );
            report("batch_apply_least_seconds", message, "use at most batch_apply_most_seconds");
        }
        if (replication.schema, replication.table_preparation)
            == (SchemaSource::Transfer, TablePreparation::DropAndCreate)
        {
            report(
                "table_preparation",
                "`drop-and-create` drops the tables of the schema that `schema = \"transfer\"` has created: DMS would \
                 create bare tables in their place"
                    .to_owned(),
                "use `truncate`; or set `schema = \"existing\"` to let DMS create the tables",
            );
        }
        let schema = &replication.control_schema;
        let fits = schema.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
            && schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && schema.len() <= 63;
        // "The name cannot begin with pg_, as such names are reserved for system schemas" (PostgreSQL, CREATE SCHEMA).
        if !fits || schema.starts_with("pg_") || is_reserved_word(schema) {
            report(
                "control_schema",
                format!("`{schema}` is not a valid schema name"),
                "use a lower-case letter, followed by lower-case letters, digits and underscores; PostgreSQL reserves \
                 its key words and names with `pg_`",
            );
        }
    }
}
