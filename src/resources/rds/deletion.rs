//! The deletion of a database: never against its protection, with a final snapshot if the configuration wants one, and only when RDS
//! takes the order.

use super::db_instance::{BUSY_SECONDS, DbInstance, DbInstanceAttrs, FinalSnapshot};
use super::shown::{Standing, wait_gone, wait_settled};
use crate::resource::{Cx, Error, Result, settled};

/// How many names are tried for a final snapshot.
const SNAPSHOT_NAMES: u32 = 9;

/// Deletes a database and waits until it is gone.
pub(super) async fn delete(cx: &Cx, spec: &DbInstance, attrs: &DbInstanceAttrs) -> Result<()> {
    if attrs.deletion_protection && spec.deletion_protection {
        return Err(Error::Refused(format!(
            "the database {} is protected from deletion; set `database.deletion_protection = false` in the configuration",
            attrs.identifier
        )));
    }
    let settled = wait_settled(cx, &attrs.identifier).await?;
    let Some(shown) = settled.filter(|shown| shown.attrs.resource_id == attrs.resource_id) else { return Ok(()) };
    let standing = shown.standing();
    if standing == Standing::Lost && spec.final_snapshot == FinalSnapshot::Take {
        return Err(Error::Refused(format!(
            "the database {} is in status `{}`, in which AWS takes no final snapshot; set `database.final_snapshot = false` to delete it without",
            attrs.identifier, shown.status
        )));
    }
    if standing != Standing::Leaving {
        if shown.attrs.deletion_protection {
            if !was_set_by_us(cx) {
                return Err(Error::Refused(format!(
                    "somebody has turned deletion protection on for the database {}; this tool did not, so it does not turn it off: do so in RDS when it may go",
                    attrs.identifier
                )));
            }
            spec.send(cx, DbInstance::modification(cx, &attrs.identifier).deletion_protection(false)).await?;
        }
        order(cx, spec.final_snapshot, &attrs.identifier).await?;
    }
    wait_gone(cx, &attrs.identifier, &attrs.resource_id).await
}

/// Whether the database was last brought to a specification with protection.
fn was_set_by_us(cx: &Cx) -> bool {
    let spec = cx.brought_to.as_ref().and_then(|spec| spec.get("deletion_protection"));
    spec.and_then(serde_json::Value::as_bool) == Some(true)
}

async fn order(cx: &Cx, data: FinalSnapshot, identifier: &str) -> Result<()> {
    for attempt in 1..=SNAPSHOT_NAMES {
        let snapshot = match data {
            FinalSnapshot::Skip => None,
            FinalSnapshot::Take => Some(snapshot_name(identifier, &cx.identity.token, attempt)),
        };
        let call = || {
            let call = cx.aws.rds.delete_db_instance().db_instance_identifier(identifier).skip_final_snapshot(snapshot.is_none());
            call.set_final_db_snapshot_identifier(snapshot.clone()).delete_automated_backups(true).send()
        };
        let order = || async { settled(cx.mutate("rds:DeleteDBInstance", call).await, &["DBInstanceNotFound"]).map(drop) };
        match cx.retry("the database to be deletable", &["InvalidDBInstanceState"], BUSY_SECONDS, order).await {
            // An earlier deletion took the snapshot and failed afterwards; the data may have changed since.
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

/// The token belongs to one creation, so that no other database's snapshot has this name.
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
