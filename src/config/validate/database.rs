//! Validates `[database]` and `[secrets]`.

use infra_base::postgres_words::is_reserved_word;

use super::engine::{is_class, is_number, mistake_in_parameter};
use super::validator::Validator;
use crate::model::EnvironmentConfig;

/// The rules of the service, the replication and their links from another environment. "Inbound or outbound rules per
/// security group" are 60 ("Amazon VPC quotas").
const OWN_RULES: usize = 5;

impl Validator<'_> {
    /// Validates the settings of the databases and their credentials.
    pub(super) fn database(&mut self, environment: &EnvironmentConfig) {
        let database = &environment.database;
        let mut report =
            |key: &str, message: String, help: &str| self.section(environment, "database", key, message, help);
        let version_fits = database.engine_version.split('.').all(is_number);
        if !version_fits || database.engine_version.split('.').count() > 2 {
            report(
                "engine_version",
                format!("`{}` is not a PostgreSQL version", database.engine_version),
                "for example \"16\" or \"16.4\"",
            );
        }
        if !is_class(&database.instance_class, "db") {
            report(
                "instance_class",
                format!("`{}` is not an instance class", database.instance_class),
                "for example \"db.r5.large\"",
            );
        }
        if !["gp2", "gp3"].contains(&database.storage_type.as_str()) {
            report("storage_type", format!("`{}` is not a storage type", database.storage_type), "use gp2 or gp3");
        }
        for (key, value) in [("name", &database.name), ("username", &database.username)] {
            let fits = value.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && value.len() <= 63;
            if !fits {
                report(
                    key,
                    format!("`{value}` is not a valid {key} in PostgreSQL"),
                    "use a letter, followed by letters, digits and underscores, at most 63 characters",
                );
            }
        }
        // "Can't be a reserved word for the chosen database engine" (CreateDBInstance). PostgreSQL reserves `pg_…`,
        // `public` and `none` ("CREATE ROLE"), and RDS creates roles of its own, `rds_…` ("Understanding PostgreSQL
        // roles and permissions").
        let username = database.username.to_ascii_lowercase();
        if ["rdsadmin", "admin", "rdsrepladmin", "public", "none"].contains(&username.as_str())
            || is_reserved_word(&username)
            || ["pg_", "rds_"].iter().any(|prefix| username.starts_with(prefix))
        {
            report(
                "username",
                format!("RDS reserves the user name `{}`", database.username),
                "use another name, for example dbadmin",
            );
        }
        // `rdsadmin` is the database of RDS itself; the templates are those of PostgreSQL ("Template Databases").
        let name = database.name.to_ascii_lowercase();
        if ["rdsadmin", "template0", "template1"].contains(&name.as_str()) || is_reserved_word(&name) {
            report(
                "name",
                format!("PostgreSQL or RDS reserves the name `{}`", database.name),
                "use another name, for example paymentdb",
            );
        }
        let days = database.performance_insights_days;
        let is_allowed = [0, 7, 731].contains(&days) || days % 31 == 0;
        if !is_allowed {
            report(
                "performance_insights_days",
                format!("Performance Insights does not support a retention of {days} days"),
                "use 0, 7, a multiple of 31, or 731",
            );
        }
        if let Some(log) = database
            .log_exports
            .iter()
            .find(|log| !["postgresql", "upgrade", "iam-db-auth-error"].contains(&log.as_str()))
        {
            report(
                "log_exports",
                format!("PostgreSQL has no log `{log}`"),
                "the logs are postgresql, upgrade and iam-db-auth-error",
            );
        }
        for (index, log) in database.log_exports.iter().enumerate() {
            if database.log_exports[..index].contains(log) {
                report("log_exports", format!("the log `{log}` is listed twice"), "remove one of them");
            }
        }
        for (parameter, value) in &database.parameters {
            if let Some((message, help)) = mistake_in_parameter(&database.engine_version, parameter, value) {
                report("parameters", message, &help);
            }
        }
        let quota = usize::from(environment.network.rules_per_security_group);
        let most = quota.saturating_sub(OWN_RULES);
        if database.allowed_cidrs.len() > most {
            report(
                "allowed_cidrs",
                format!(
                    "{} address ranges are more rules than a security group can have",
                    database.allowed_cidrs.len()
                ),
                &format!(
                    "at most {most}: the quota is {quota} inbound rules, and the service and the replication need \
                     some; combine ranges, or raise the quota L-0EA8095F and set `network.rules_per_security_group`"
                ),
            );
        }
        for (index, range) in database.allowed_cidrs.iter().enumerate() {
            if database.allowed_cidrs[..index].contains(range) {
                report("allowed_cidrs", format!("`{range}` is listed twice"), "remove one of them");
            }
            match range.parse::<ipnet::Ipv4Net>() {
                Ok(net) if net.trunc() == net => {}
                // EC2 would store another range than the one that is written, and each plan would change it back.
                Ok(net) => report(
                    "allowed_cidrs",
                    format!("`{range}` does not start at its first address"),
                    &format!("use {}", net.trunc()),
                ),
                Err(_) => {
                    let message = format!("`{range}` is not an IPv4 address range");
                    report("allowed_cidrs", message, "for example 10.8.0.0/24");
                }
            }
        }
        let window = environment.secrets.recovery_window_days;
        if (1..7).contains(&window) {
            self.section(
                environment,
                "secrets",
                "recovery_window_days",
                format!("Secrets Manager does not support a recovery window of {window} days"),
                "use 0, or 7 to 30",
            );
        }
    }
}
