//! Validates `[service]`.

use super::validator::Validator;
use crate::model::EnvironmentConfig;

/// "Valid values" of `retentionInDays` (CloudWatch Logs, PutRetentionPolicy).
const RETENTION_DAYS: &[i32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// CPU units with the minimum and maximum memory in MiB, and the increment ("Task CPU and memory", Amazon ECS developer
/// guide).
const FARGATE: &[(i32, i32, i32, i32)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

impl Validator<'_> {
    /// Validates the settings of the service.
    pub(super) fn service(&mut self, environment: &EnvironmentConfig) {
        let service = &environment.service;
        let mut report =
            |key: &str, message: String, help: &str| self.section(environment, "service", key, message, help);
        match FARGATE.iter().find(|(cpu, ..)| *cpu == service.cpu) {
            None => report(
                "cpu",
                format!("Fargate does not support {} CPU units", service.cpu),
                "use 256, 512, 1024, 2048, 4096, 8192 or 16384",
            ),
            // "256 (.25 vCPU): 512 MiB, 1 GB, 2 GB" in the same table.
            Some((256, ..)) if service.memory == 1536 => {
                let message = format!("Fargate does not support {} MiB with 256 CPU units", service.memory);
                report("memory", message, "with 256 CPU units, use 512, 1024 or 2048 MiB");
            }
            Some((cpu, minimum, maximum, step))
                if service.memory < *minimum || service.memory > *maximum || service.memory % step != 0 =>
            {
                let help = format!("with {cpu} CPU units, use {minimum} to {maximum} MiB in steps of {step}");
                let message = format!("Fargate does not support {} MiB with {cpu} CPU units", service.memory);
                report("memory", message, &help);
            }
            Some(_) => {}
        }
        if service.min_count > service.max_count {
            report(
                "min_count",
                format!("min_count {} is more than max_count {}", service.min_count, service.max_count),
                "use at most max_count",
            );
        } else if !(service.min_count..=service.max_count).contains(&service.desired_count) {
            report(
                "desired_count",
                format!("desired_count {} is not between min_count and max_count", service.desired_count),
                "use a number between them",
            );
        }
        // "HealthCheckPath: minimum length of 1, maximum length of 1024" (Elastic Load Balancing, CreateTargetGroup).
        let path = service.health_check_path.as_str();
        if !path.starts_with('/') || path.len() > 1024 || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            report(
                "health_check_path",
                format!("`{path}` is not a path"),
                "a path starts with `/`, and has at most 1024 characters without spaces",
            );
        }
        if !RETENTION_DAYS.contains(&service.log_retention_days) {
            let days: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            report(
                "log_retention_days",
                format!("CloudWatch Logs does not support a retention of {} days", service.log_retention_days),
                &format!("use one of {}", days.join(", ")),
            );
        }
        // "Up to 255 letters (uppercase and lowercase), numbers, hyphens, underscores, colons, periods, forward
        // slashes, and number signs are allowed"; a digest has an `@` (ECS, `image` of ContainerDefinition).
        let is_allowed = |one: char| one.is_ascii_alphanumeric() || "-_:./#@".contains(one);
        if service.image.is_empty() {
            report("image", "the image is empty".to_owned(), "set the name of a container image");
        } else if service.image.len() > 255 || !service.image.chars().all(is_allowed) {
            report(
                "image",
                format!("`{}` is not the name of a container image", service.image),
                "use at most 255 letters, digits and - _ : . / # @, without spaces",
            );
        }
        let certificate = service.certificate_arn.as_str();
        let prefix = format!("arn:{}:acm:{}:", environment.region.partition(), environment.region);
        let is_certificate = certificate.starts_with(&prefix) && certificate.contains(":certificate/");
        if !certificate.is_empty() && !is_certificate {
            report(
                "certificate_arn",
                format!("`{certificate}` is not the ARN of a certificate in {}", environment.region),
                &format!("for example {prefix}111122223333:certificate/1234abcd-…"),
            );
        }
    }
}
