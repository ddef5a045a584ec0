//! The deletion of a database: never against its deletion protection, with a final snapshot if the configuration asks
//! for one, and only when RDS accepts the request.

use std::collections::BTreeSet;

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use serde::{Deserialize, Serialize};

use super::attributes::DbInstanceAttrs;
use super::describe::{Phase, wait_gone, wait_settled, wait_usable};
use super::modify::{BUSY_SECONDS, modification, modify};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// The number of names that are tried for a final snapshot.
const SNAPSHOT_NAMES: u32 = 9;

/// What happens to the data when the database is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSnapshot {
    /// AWS deletes it.
    Skip,
    /// AWS keeps it in a snapshot named `{identifier}-final-{part of the token}`.
    Take,
}

/// Deletes a database and waits until it no longer exists.
pub(super) async fn delete(
    cx: &StepContext,
    attrs: &DbInstanceAttrs,
    keep_protection: bool,
    final_snapshot: FinalSnapshot,
) -> Result<()> {
    if attrs.deletion_protection && keep_protection {
        return Err(Error::Refused(format!(
            "the database {} is protected from deletion; set `database.deletion_protection = false` in the \
             configuration",
            attrs.identifier
        )));
    }
    let current = wait_settled(cx, &attrs.identifier).await?;
    let Some(current) = current.filter(|current| current.attrs.resource_id == attrs.resource_id) else { return Ok(()) };
    let phase = current.phase();
    if phase == Phase::NoData && final_snapshot == FinalSnapshot::Take {
        return Err(Error::Refused(format!(
            "the database {} is in status `{}`, in which AWS creates no final snapshot; set \
             `database.final_snapshot = false` to delete it without one",
            attrs.identifier, current.status
        )));
    }
    if phase != Phase::Deleting {
        let is_protected = current.attrs.deletion_protection;
        if is_protected && !was_set_by_us(cx) {
            return Err(Error::Refused(format!(
                "deletion protection of the database {} was turned on outside of this tool, so this tool does not turn \
                 it off; turn it off in RDS to delete the database",
                attrs.identifier
            )));
        }
        // The last entries of an export arrive after the deletion, and create their log group again
        // (hashicorp/terraform-provider-aws#42858).
        let exports = Some(&current.attrs.log_exports).filter(|logs| phase == Phase::Usable && !logs.is_empty());
        if is_protected || exports.is_some() {
            let request = modification(cx, &attrs.identifier);
            let request = request.set_deletion_protection(is_protected.then_some(false));
            modify(cx, request.set_cloudwatch_logs_export_configuration(exports.map(without_logs))).await?;
            if exports.is_some() {
                wait_usable(cx, &attrs.identifier, true).await?;
            }
        }
        request(cx, final_snapshot, &attrs.identifier).await?;
    }
    wait_gone(cx, &attrs.identifier, &attrs.resource_id).await
}

fn without_logs(logs: &BTreeSet<String>) -> CloudwatchLogsExportConfiguration {
    CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(logs.iter().cloned().collect())).build()
}

/// Returns whether the specification that was last applied has deletion protection.
fn was_set_by_us(cx: &StepContext) -> bool {
    let spec = cx.last_applied.as_ref().and_then(|spec| spec.get("deletion_protection"));
    spec.and_then(serde_json::Value::as_bool) == Some(true)
}

async fn request(cx: &StepContext, data: FinalSnapshot, identifier: &str) -> Result<()> {
    for attempt in 1..=SNAPSHOT_NAMES {
        let snapshot = match data {
            FinalSnapshot::Skip => None,
            FinalSnapshot::Take => Some(snapshot_name(identifier, &cx.identity.token, attempt)),
        };
        let call = || {
            let call = cx
                .aws
                .rds
                .delete_db_instance()
                .db_instance_identifier(identifier)
                .skip_final_snapshot(snapshot.is_none());
            call.set_final_db_snapshot_identifier(snapshot.clone()).delete_automated_backups(true).send()
        };
        let delete =
            || async { ignore_codes(cx.mutate("rds:DeleteDBInstance", call).await, &["DBInstanceNotFound"]).map(drop) };
        match cx.retry("the database to be deletable", &["InvalidDBInstanceState"], BUSY_SECONDS, delete).await {
            // An earlier deletion created the snapshot and failed afterwards; the data may have changed since.
            Err(error) if error.is_code("DBSnapshotAlreadyExists") && attempt < SNAPSHOT_NAMES => {}
            other => {
                if let (Ok(()), Some(snapshot)) = (&other, &snapshot) {
                    cx.notice(format!("the data is kept in the snapshot {snapshot}"));
                }
                return other;
            }
        }
    }
    Ok(())
}

/// Returns the name of the final snapshot. The token belongs to one creation, so no snapshot of another database has
/// this name.
fn snapshot_name(identifier: &str, token: &str, attempt: u32) -> String {
    let token = token.get(..8).unwrap_or(token);
    match attempt {
        1 => format!("{identifier}-final-{token}"),
        _ => format!("{identifier}-final-{token}-{attempt}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_after_the_creation_that_it_belongs_to() {
        assert_eq!(snapshot_name("db", "0123456789abcdef", 1), "db-final-01234567");
        assert_eq!(snapshot_name("db", "0123456789abcdef", 2), "db-final-01234567-2");
    }
}
