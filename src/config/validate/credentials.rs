//! Validates `[iam]`, and the credentials of the environments and of the routing.

use super::validator::Validator;
use crate::model::{AssumeRole, Config, EnvironmentConfig};

impl Validator<'_> {
    /// Validates the permissions boundary and the path of roles.
    pub(super) fn iam(&mut self, environment: &EnvironmentConfig) {
        let boundary = environment.iam.permissions_boundary.as_str();
        let partition = environment.region.partition();
        if !boundary.is_empty() && !is_iam_arn(boundary, partition, "policy/", true) {
            self.section(
                environment,
                "iam",
                "permissions_boundary",
                format!("`{boundary}` is not the ARN of a policy in the partition `{partition}`"),
                format!("for example arn:{partition}:iam::111122223333:policy/boundary"),
            );
        }
        let path = environment.iam.path.as_str();
        // "This parameter allows … a string of characters consisting of either a forward slash (/) by itself or a
        // string that must begin and end with forward slashes", 1 to 512 characters (CreateRole, `Path`).
        let fits = path.starts_with('/')
            && path.ends_with('/')
            && path.len() <= 512
            && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits || path.contains("//") {
            self.section(
                environment,
                "iam",
                "path",
                format!("`{path}` is not a path of a role"),
                "use a path that begins and ends with a slash, for example /payments/",
            );
        }
    }

    /// Validates the credentials, and that all regions belong to one partition.
    pub(super) fn credentials(&mut self, config: &Config) {
        for environment in &config.environments {
            let path = ["environments", environment.name.as_str(), "assume_role"];
            let partition = environment.region.partition();
            if let Some(role) = &environment.credentials.assume_role {
                self.assume_role(&path, role, partition);
            }
            let other = config.environments.iter().find(|other| other.region.partition() != partition);
            if let Some(other) = other.filter(|other| other.name < environment.name) {
                let message = format!(
                    "the regions {} and {} belong to two partitions of AWS (`{}` and `{partition}`)",
                    other.region,
                    environment.region,
                    other.region.partition()
                );
                let help = "accounts, networks and replication end at a partition; use regions of one partition";
                self.report(&["environments", &environment.name, "region"], message, help);
            }
        }
        let partition = config.home_region().partition();
        for (account, credentials) in &config.accounts {
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                self.report(
                    &["accounts", account],
                    format!("`{account}` is not the number of an account"),
                    "use twelve digits, for example `[accounts.111122223333]`",
                );
            }
            if let Some(role) = &credentials.assume_role {
                self.assume_role(&["accounts", account, "assume_role"], role, partition);
            }
        }
        if let Some(role) = config.routing.as_ref().and_then(|routing| routing.assume_role.as_ref()) {
            self.assume_role(&["routing", "assume_role"], role, partition);
        }
    }

    fn assume_role(&mut self, path: &[&str], role: &AssumeRole, partition: &str) {
        let at = |key| [path, &[key]].concat();
        if !is_iam_arn(&role.role_arn, partition, "role/", false) {
            self.report(
                &at("role_arn"),
                format!("`{}` is not the ARN of a role in the partition `{partition}`", role.role_arn),
                format!("for example arn:{partition}:iam::444455556666:role/migrate"),
            );
        }
        // "ExternalId: minimum length of 2, maximum length of 1224, [\\w+=,.@:\\/-]*" and "RoleSessionName: 2 to 64,
        // [\\w+=,.@-]*" (AssumeRole, AWS STS API reference).
        let fits = |text: &str, more: &str, longest: usize| {
            (2..=longest).contains(&text.len())
                && text.chars().all(|one| one.is_ascii_alphanumeric() || "_+=,.@-".contains(one) || more.contains(one))
        };
        if let Some(id) = role.external_id.as_deref().filter(|id| !fits(id, ":/", 1224)) {
            self.report(
                &at("external_id"),
                format!("`{id}` is not a valid external id"),
                "use 2 to 1224 letters, digits and _ + = , . @ : / -",
            );
        }
        if !fits(&role.session_name, "", 64) {
            self.report(
                &at("session_name"),
                format!("`{}` is not a valid name of a session", role.session_name),
                "use 2 to 64 letters, digits and _ + = , . @ -",
            );
        }
    }
}

/// Returns whether a text is the ARN of an IAM resource in a partition. With `or_aws`, its account can be `aws`.
fn is_iam_arn(text: &str, partition: &str, prefix: &str, or_aws: bool) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, its_partition, service, region, account, resource] = parts.as_slice() else { return false };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (*arn, *its_partition, *service, *region) == ("arn", partition, "iam", "")
        && (is_account || (or_aws && *account == "aws"))
        && resource.len() > prefix.len()
        && resource.starts_with(prefix)
}
