//! What the replication needs of the database that it writes.

use tokio_postgres::error::SqlState;

use super::catalog::Table;
use super::finding::{Findings, Topic};
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(target: Database<'_>, tables: &[Table], findings: &mut Findings) -> Result<(), Error> {
    // Statements without `BEGIN` are one transaction, so that the setting ends with it.
    const REPLICA: &str = "SELECT set_config('session_replication_role', 'replica', true)";
    let side = target.label();
    for table in tables.iter().filter(|table| table.bytes > 0) {
        let action = "make sure that nobody needs these rows: the load removes them or collides with them";
        findings.warn(Topic::TargetRows, side, &table.name, "the table has rows already", action);
    }
    match target.run("disable triggers", REPLICA).await {
        Ok(()) => findings.pass(Topic::Rights, side, "the user can disable triggers and foreign keys for its session"),
        Err(error) if error.state() == Some(SqlState::INSUFFICIENT_PRIVILEGE) => {
            let action = "grant `rds_superuser` to the user of the replication, or GRANT SET ON PARAMETER \
                 session_replication_role";
            let what = "the user must not set it: triggers would write a second time, and foreign keys refuse rows";
            findings.fail(Topic::Rights, side, "session_replication_role", what, action);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
