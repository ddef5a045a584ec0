//! Constraints on names, passwords and settings. Source, unless a rule names another: the constraints of the field in
//! "CreateDBInstance" of the RDS API reference.

use std::collections::BTreeSet;

use infra_base::postgres_words::is_reserved_word;

use crate::registry::{Call, Rejection, refuse};
use crate::world::rds::Settings;

/// The major versions of PostgreSQL, and the minor version that a major version alone selects.
pub(super) const MAJORS: &[&str] = &["13", "14", "15", "16", "17"];
const MINOR: &str = "9";
const LAST_MINOR: u8 = 20;

fn invalid<T>(message: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidParameterValue", message)
}

/// Letters, digits and hyphens. The first character is a letter; no hyphen at the end, and no two consecutive hyphens.
fn is_identifier(name: &str, max_length: usize) -> bool {
    let plain = name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
    let ends = name.starts_with(|first: char| first.is_ascii_alphabetic()) && !name.ends_with('-');
    plain && ends && !name.contains("--") && name.len() <= max_length
}

/// Group names have up to 255 characters; subnet groups can also use periods and underscores.
pub(super) fn group_name(name: &str, message: &str) -> Result<(), Rejection> {
    match is_identifier(&name.replace(['.', '_'], "x"), 255) && name != "default" {
        true => Ok(()),
        false => invalid(message),
    }
}

pub(super) fn instance_name(name: &str) -> Result<(), Rejection> {
    match is_identifier(name, 63) {
        true => Ok(()),
        false => invalid("The parameter DBInstanceIdentifier is not a valid identifier."),
    }
}

pub(super) fn snapshot_name(name: &str) -> Result<(), Rejection> {
    match is_identifier(name, 255) {
        true => Ok(()),
        false => invalid("The parameter FinalDBSnapshotIdentifier is not a valid identifier."),
    }
}

/// The message never contains the password.
pub(super) fn password(password: &str) -> Result<(), Rejection> {
    let printable = password.chars().all(|char| char.is_ascii_graphic() && !"/\"@".contains(char));
    match printable && (8..=128).contains(&password.len()) {
        true => Ok(()),
        false => invalid(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', \
             '@', '\"', ' ' may be used.",
        ),
    }
}

pub(super) fn database_names(user: &str, database: Option<&str>) -> Result<(), Rejection> {
    let word = |text: &str| text.len() <= 63 && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    if !word(user) || !user.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return invalid("The parameter MasterUsername is not a valid identifier.");
    }
    // PostgreSQL reserves `pg_…` ("CREATE ROLE"), and RDS has roles `rds_…` of its own.
    let lower = user.to_ascii_lowercase();
    let is_name = ["admin", "rdsadmin", "rdsrepladmin", "public", "none"].contains(&lower.as_str());
    let has_prefix = ["pg_", "rds_"].iter().any(|prefix| lower.starts_with(prefix));
    if is_name || has_prefix || is_reserved_word(&lower) {
        return invalid(format!("MasterUsername {user} cannot be used as it is a reserved word used by the engine"));
    }
    let is_reserved = |name: &str| {
        let lower = name.to_ascii_lowercase();
        ["rdsadmin", "template0", "template1"].contains(&lower.as_str()) || is_reserved_word(&lower)
    };
    match database {
        Some(name) if is_reserved(name) => {
            invalid(format!("DBName {name} cannot be used as it is a reserved word used by the engine"))
        }
        Some(name) if !word(name) || !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') => {
            invalid("DBName must begin with a letter and contain only alphanumeric characters.")
        }
        _ => Ok(()),
    }
}

/// Returns the requested full version.
pub(super) fn version(engine: &str, wanted: &str) -> Result<String, Rejection> {
    if engine != "postgres" {
        return invalid("Invalid DB engine");
    }
    let (major, minor) = wanted.split_once('.').unwrap_or((wanted, MINOR));
    match MAJORS.contains(&major) && minor.parse::<u8>().is_ok_and(|minor| minor <= LAST_MINOR) {
        true => Ok(format!("{major}.{minor}")),
        false => refuse("InvalidParameterCombination", format!("Cannot find version {wanted} for postgres")),
    }
}

/// Returns all versions.
pub(super) fn versions() -> impl Iterator<Item = String> {
    MAJORS.iter().flat_map(|major| (0..=LAST_MINOR).map(move |minor| format!("{major}.{minor}")))
}

/// Returns whether a full version is an earlier minor version of the same major version. A downgrade is not possible
/// ("Upgrading the minor engine version").
pub(super) fn is_downgrade(wanted: &str, has: &str) -> bool {
    let parts = |version: &str| {
        version.split_once('.').map(|(major, minor)| (major.to_owned(), minor.parse::<u32>().unwrap_or_default()))
    };
    parts(wanted).zip(parts(has)).is_some_and(|(wanted, has)| wanted.0 == has.0 && wanted.1 < has.1)
}

pub(super) fn settings(settings: &Settings) -> Result<(), Rejection> {
    if !settings.class.strip_prefix("db.").is_some_and(|rest| rest.contains('.')) {
        return invalid(format!("Invalid DB Instance class: {}", settings.class));
    }
    if !["gp2", "gp3"].contains(&settings.storage_type.as_str()) {
        return invalid(format!("Invalid storage type: {}", settings.storage_type));
    }
    if !(20..=65_536).contains(&settings.allocated_storage) {
        let (kind, size) = (&settings.storage_type, settings.allocated_storage);
        return refuse(
            "InvalidParameterCombination",
            format!("Invalid storage size for engine name postgres and storage type {kind}: {size}"),
        );
    }
    if !(0..=35).contains(&settings.backup_retention) {
        return invalid(format!(
            "Invalid backup retention period: {}. Retention period must be between 0 and 35.",
            settings.backup_retention
        ));
    }
    // "Publishing PostgreSQL logs to Amazon CloudWatch Logs" (RDS User Guide).
    match settings
        .log_exports
        .iter()
        .find(|log| !["postgresql", "upgrade", "iam-db-auth-error"].contains(&log.as_str()))
    {
        Some(log) => refuse(
            "InvalidParameterCombination",
            format!("You cannot use the log types '{log}' with engine version postgres {}.", settings.engine_version),
        ),
        None => Ok(()),
    }
}

/// "Valid Values: 7, month * 31, where month is a number of months from 1-23, 731".
pub(super) fn insights(days: Option<i32>) -> Result<(), Rejection> {
    match days {
        Some(days) if days != 7 && days != 731 && (days % 31 != 0 || !(31..=713).contains(&days)) => {
            invalid(format!("Invalid Performance Insights retention period: {days}"))
        }
        _ => Ok(()),
    }
}

/// Checks that the groups exist and are in the database's VPC.
pub(super) fn security_groups(
    call: &mut Call<'_>,
    ids: &[String],
    vpc_id: &str,
) -> Result<BTreeSet<String>, Rejection> {
    for id in ids {
        match call.region_state().ec2.security_groups.get(id) {
            None => return invalid(format!("Invalid security group , groupId= {id}, groupName=.")),
            Some(group) if group.vpc_id != vpc_id => {
                let text = format!(
                    "The DB instance and EC2 security group are in different VPCs. The DB instance is in {vpc_id} and \
                     the EC2 security group is in {}",
                    group.vpc_id
                );
                return refuse("InvalidParameterCombination", text);
            }
            Some(_) => {}
        }
    }
    Ok(ids.iter().cloned().collect())
}

/// Checks that a parameter group exists and matches the version.
pub(super) fn parameter_group(call: &mut Call<'_>, name: &str, version: &str) -> Result<(), Rejection> {
    let Some(group) = call.region_state().rds.parameter_groups.get(name) else {
        return refuse("DBParameterGroupNotFound", format!("DBParameterGroup not found: {name}"));
    };
    let major = version.split('.').next().unwrap_or_default();
    match group.family == format!("postgres{major}") {
        true => Ok(()),
        false => refuse(
            "InvalidParameterCombination",
            format!(
                "The parameter group {name} with DBParameterGroupFamily {} can't be used for this instance. Please use \
                 a parameter group with DBParameterGroupFamily postgres{major}",
                group.family
            ),
        ),
    }
}
