//! The deletion of a database: never against its deletion protection, with a final snapshot if the configuration asks
//! for one, and only when RDS accepts the request.

use std::collections::BTreeSet;

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use serde::{Deserialize, Serialize};

use super::attributes::DbInstanceAttrs;
use super::describe::{Phase, describe, wait_gone, wait_settled};
use super::modify::{BUSY_SECONDS, modification, modify};
use infra_aws::{ErrorKind, Progress, Wait};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// How long the end of an export can take.
const EXPORT_SECONDS: u64 = 15 * 60;
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
        if is_protected {
            modify(cx, modification(cx, &attrs.identifier).deletion_protection(false)).await?;
        }
        // A change that waits for the maintenance window would be applied with this one.
        if phase == Phase::Usable && !current.changing && !current.attrs.log_exports.is_empty() {
            end_exports(cx, &attrs.identifier, &current.attrs.log_exports).await?;
        }
        request(cx, final_snapshot, &attrs.identifier).await?;
    }
    wait_gone(cx, &attrs.identifier, &attrs.resource_id).await
}

/// Ends the export of logs, whose last entries would arrive after the deletion and create their log group again
/// (hashicorp/terraform-provider-aws#42858). Without it, the database is deleted all the same.
async fn end_exports(cx: &StepContext, identifier: &str, logs: &BTreeSet<String>) -> Result<()> {
    let logs = logs.iter().cloned().collect();
    let without = CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(logs)).build();
    let request = modification(cx, identifier).cloudwatch_logs_export_configuration(without);
    match modify(cx, request).await {
        Err(Error::Aws(error)) if error.kind == ErrorKind::Refused => {
            cx.notice(format!("the export of its logs cannot be ended, so a log group may come back: {error}"));
            return Ok(());
        }
        other => other?,
    }
    cx.wait(Wait::new(format!("the export of logs of {identifier} to end"), 10, EXPORT_SECONDS), || async {
        Ok(match describe(cx, identifier).await? {
            Some(current) if current.phase() == Phase::Transitional || current.changing => {
                Progress::Pending(current.status)
            }
            _ => Progress::Reached(()),
        })
    })
    .await
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
