//! What a schema cannot say: values that must fit each other, or fit AWS.

use super::check::suggest;
use super::model::{Config, EnvironmentConfig};
use super::problem::Problem;
use super::source::{Part, Source};
use crate::aws::{OWNER_ADDRESS, OWNER_STACK};
use crate::naming::{Names, Parts};

/// Regions of the commercial, Chinese and US government partitions ("AWS Regions", as of 2026).
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

const ENVIRONMENTS: &[&str] = &["source", "target"];
const ROLES: &[&str] = &["source", "target"];

/// "Valid values" of `retentionInDays` (CloudWatch Logs, PutRetentionPolicy).
const RETENTION_DAYS: &[i32] = &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// CPU units with the least and largest memory, and the step ("Task CPU and memory", Amazon ECS developer guide).
const FARGATE: &[(i32, i32, i32, i32)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// Returns everything that is wrong with a configuration whose shape is right.
pub(super) fn validate(config: &Config, source: &Source) -> Vec<Problem> {
    let mut validator = Validator { source, problems: Vec::new() };
    validator.stack(config);
    for environment in &config.environments {
        validator.environment(environment, &config.stack.suffix);
    }
    for environment in &config.environments {
        validator.links(config, environment);
    }
    validator.routing(config);
    validator.policy(config);
    validator.keeping(config);
    validator.changes(config);
    validator.cutover(config);
    validator.gates(config);
    validator.problems
}

pub(super) struct Validator<'a> {
    pub(super) source: &'a Source,
    problems: Vec<Problem>,
}

impl Validator<'_> {
    /// Reports a mistake at one key.
    pub(super) fn report(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        self.problems.push(self.source.problem(&path, message, Some(help.into()), Part::Value));
    }

    pub(super) fn region(&mut self, path: &[&str], region: &str) {
        if !REGIONS.contains(&region) {
            self.report(path, format!("there is no region `{region}`"), suggest(region, REGIONS));
        }
    }

    /// Reports a mistake in a section, at the environment's own key when it has one, else at the global one.
    pub(super) fn section(&mut self, environment: &EnvironmentConfig, section: &str, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let path = [section.to_owned(), key.to_owned()];
        let own = [&["environments".to_owned(), environment.name.clone()], &path[..]].concat();
        let message = message.into();
        let help = help.into();
        let problem = self.source.problem(&own, message.clone(), Some(help.clone()), Part::Value);
        let global = self.source.problem(&path, message, Some(help), Part::Value);
        let problem = if self.source.has(&own) { problem } else { global };
        // The same global mistake counts once, not once for each environment.
        if !self.problems.iter().any(|before| before.message == problem.message && before.span == problem.span) {
            self.problems.push(problem);
        }
    }

    fn stack(&mut self, config: &Config) {
        for (key, value) in [("name", &config.stack.name), ("suffix", &config.stack.suffix)] {
            let fits = value.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            if !fits {
                self.report(
                    &["stack", key],
                    format!("`{value}` can not be the {key} of a stack"),
                    "lower-case letters and digits, in words joined by single hyphens",
                );
            }
        }
        for (key, value) in &config.tags {
            // "Tag naming limits and requirements" (Tagging AWS Resources user guide).
            if key.is_empty() || key.len() > 128 || key.starts_with("aws:") {
                self.report(&["tags", key], format!("`{key}` can not be the key of a tag"), "1 to 128 characters, not beginning with `aws:`");
            }
            if [OWNER_STACK, OWNER_ADDRESS, "Environment", "Name"].contains(&key.as_str()) {
                self.report(&["tags", key], format!("the tag `{key}` is set by the tool itself"), "choose another key");
            }
            if value.len() > 256 {
                self.report(&["tags", key], format!("the value of the tag `{key}` has {} characters", value.len()), "AWS allows 256");
            }
        }
        if config.environments.is_empty() && self.problems.is_empty() {
            self.report(&["environments"], "there is no environment", "write at least `[environments.source]`");
        }
    }

    fn environment(&mut self, environment: &EnvironmentConfig, suffix: &str) {
        let name = environment.name.as_str();
        if !ENVIRONMENTS.contains(&name) {
            self.report(
                &["environments", name],
                format!("an environment can not be called `{name}`"),
                "the environments are `source` and `target`; `routing` has a section of its own",
            );
        }
        let region = environment.region.as_str();
        self.region(&["environments", name, "region"], region);
        let cidr = environment.vpc_cidr;
        if !(16..=20).contains(&cidr.prefix_len()) || cidr.trunc() != cidr {
            let help = format!(
                "a range of /16 to /20 that begins at its first address, for example {}",
                ipnet::Ipv4Net::new(cidr.trunc().addr(), 16).map_or_else(|_| "10.0.0.0/16".to_owned(), |net| net.trunc().to_string())
            );
            self.report(&["environments", name, "vpc_cidr"], format!("`{cidr}` can not be the range of this VPC"), help);
        }
        for (key, roles) in [("databases", &environment.databases), ("buckets", &environment.buckets)] {
            for (index, role) in roles.iter().enumerate() {
                let at = index.to_string();
                if !ROLES.contains(&role.as_str()) {
                    self.report(&["environments", name, key, &at], format!("`{role}` is not a role"), "the roles are `source` and `target`");
                } else if roles[..index].contains(role) {
                    self.report(&["environments", name, key, &at], format!("`{role}` is listed twice"), "remove one");
                }
            }
        }
        let parts = Parts {
            databases: &environment.databases,
            buckets: &environment.buckets,
            region,
            replicates_database: environment.replicates.database.is_some(),
            replicates_bucket: environment.replicates.bucket.is_some(),
        };
        for limited in Names::new(name, suffix).limited(&parts) {
            let length = limited.name.chars().count();
            if length > limited.limit {
                let message = format!("{} would be `{}`, which has {length} characters; AWS allows {}", limited.what, limited.name, limited.limit);
                self.report(&["stack", "suffix"], message, format!("shorten the suffix by {} characters or more", length - limited.limit));
            }
        }
        self.database(environment);
        self.service(environment);
        self.replication(environment);
        self.rest(environment);
    }

    fn database(&mut self, environment: &EnvironmentConfig) {
        let database = &environment.database;
        let mut report = |key: &str, message: String, help: &str| self.section(environment, "database", key, message, help);
        let version_fits = database.engine_version.split('.').all(|part| part.parse::<u32>().is_ok());
        if !version_fits || database.engine_version.split('.').count() > 2 {
            report("engine_version", format!("`{}` is not a PostgreSQL version", database.engine_version), "for example \"16\" or \"16.4\"");
        }
        if !database.instance_class.starts_with("db.") || database.instance_class.split('.').count() != 3 {
            report("instance_class", format!("`{}` is not an instance class", database.instance_class), "for example \"db.r5.large\"");
        }
        if !["gp2", "gp3"].contains(&database.storage_type.as_str()) {
            report("storage_type", format!("`{}` is not a storage type", database.storage_type), "gp2 or gp3");
        }
        for (key, value) in [("name", &database.name), ("username", &database.username)] {
            let fits = value.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && value.len() <= 63;
            if !fits {
                report(key, format!("`{value}` can not be the {key} in PostgreSQL"), "a letter, then letters, digits and underscores, at most 63");
            }
        }
        // "Reserved words" of CreateDBInstance for PostgreSQL.
        if ["rdsadmin", "admin", "postgres", "rds_superuser"].contains(&database.username.as_str()) {
            report("username", format!("RDS reserves the user name `{}`", database.username), "choose another one, for example dbadmin");
        }
        let days = database.performance_insights_days;
        let may_be = [0, 7, 731].contains(&days) || days % 31 == 0;
        if !may_be {
            report(
                "performance_insights_days",
                format!("Performance Insights can not keep its data for {days} days"),
                "0, 7, a multiple of 31, or 731",
            );
        }
        if let Some(log) = database.log_exports.iter().find(|log| !["postgresql", "upgrade", "iam-db-auth-error"].contains(&log.as_str())) {
            report("log_exports", format!("PostgreSQL has no log `{log}`"), "the logs are postgresql, upgrade and iam-db-auth-error");
        }
        for range in &database.allowed_cidrs {
            if range.parse::<ipnet::Ipv4Net>().map_or(true, |net| net.trunc() != net) {
                report("allowed_cidrs", format!("`{range}` is not an IPv4 address range"), "for example 10.8.0.0/24");
            }
        }
        let window = environment.secrets.recovery_window_days;
        if (1..7).contains(&window) {
            self.section(environment, "secrets", "recovery_window_days", format!("a secret can not be restored for {window} days"), "0, or 7 to 30");
        }
    }

    fn service(&mut self, environment: &EnvironmentConfig) {
        let service = &environment.service;
        let mut report = |key: &str, message: String, help: &str| self.section(environment, "service", key, message, help);
        match FARGATE.iter().find(|(cpu, ..)| *cpu == service.cpu) {
            None => report("cpu", format!("Fargate has no size with {} CPU units", service.cpu), "256, 512, 1024, 2048, 4096, 8192 or 16384"),
            Some((cpu, least, most, step)) if service.memory < *least || service.memory > *most || service.memory % step != 0 => {
                let help = format!("with {cpu} CPU units it may be {least} to {most} MiB in steps of {step}");
                report("memory", format!("Fargate has no size with {cpu} CPU units and {} MiB", service.memory), &help);
            }
            Some(_) => {}
        }
        if service.min_count > service.max_count {
            report(
                "min_count",
                format!("min_count {} is more than max_count {}", service.min_count, service.max_count),
                "it may be at most max_count",
            );
        } else if !(service.min_count..=service.max_count).contains(&service.desired_count) {
            report(
                "desired_count",
                format!("desired_count {} is not between min_count and max_count", service.desired_count),
                "choose a number between them",
            );
        }
        if !service.health_check_path.starts_with('/') {
            report("health_check_path", format!("`{}` is not a path", service.health_check_path), "it begins with `/`");
        }
        if !RETENTION_DAYS.contains(&service.log_retention_days) {
            let days: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            report(
                "log_retention_days",
                format!("CloudWatch Logs can not keep logs for {} days", service.log_retention_days),
                &format!("one of {}", days.join(", ")),
            );
        }
        if service.image.trim().is_empty() {
            report("image", "the image is empty".to_owned(), "the name of a container image");
        }
        let certificate = service.certificate_arn.as_str();
        let prefix = format!("arn:{}:acm:{}:", crate::aws::partition(&environment.region), environment.region);
        if !certificate.is_empty() && !certificate.starts_with(&prefix) {
            report(
                "certificate_arn",
                format!("`{certificate}` is not the ARN of a certificate in {}", environment.region),
                &format!("it begins with {prefix}"),
            );
        }
    }

    fn rest(&mut self, environment: &EnvironmentConfig) {
        let storage = &environment.storage;
        if storage.noncurrent_to_glacier_days >= storage.noncurrent_expire_days {
            let message = format!(
                "old versions would go to Glacier after {} days and be deleted after {}",
                storage.noncurrent_to_glacier_days, storage.noncurrent_expire_days
            );
            self.section(environment, "storage", "noncurrent_to_glacier_days", message, "it must be less than noncurrent_expire_days");
        }
        // An alarm tells topics of its own region only ("PutMetricAlarm", AlarmActions); keys are used in their region.
        let region = environment.region.as_str();
        let prefix = |service: &str| format!("arn:{}:{service}:{region}:", crate::aws::partition(&environment.region));
        let topic = &environment.monitoring.alarm_topic_arn;
        if !topic.is_empty() && !topic.starts_with(&prefix("sns")) {
            let help = format!("for example {}111122223333:alarms", prefix("sns"));
            self.section(environment, "monitoring", "alarm_topic_arn", format!("`{topic}` is not the ARN of an SNS topic in {region}"), help);
        }
        let key = &environment.encryption.kms_key_arn;
        let fits = key.is_empty() || (key.starts_with(&prefix("kms")) && key.contains(":key/"));
        if !fits {
            let help = format!("for example {}111122223333:key/1234abcd-…", prefix("kms"));
            self.section(environment, "encryption", "kms_key_arn", format!("`{key}` is not the ARN of a KMS key in {region}"), help);
        }
    }
}
