//! Transactions that the creation of a slot waits for. They are those of the whole server: a slot becomes consistent
//! when all transactions that were running have ended ("SnapBuildFindSnapshot" in `snapbuild.c`).

use super::finding::{Findings, Topic};
use super::limits::Limits;
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(database: Database<'_>, limits: &Limits, findings: &mut Findings) -> Result<(), Error> {
    const LONG: &str = "SELECT pid, coalesce(usename::text, 'unknown'), coalesce(application_name, ''), \
         extract(epoch FROM clock_timestamp() - xact_start)::int8 FROM pg_catalog.pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \
         AND extract(epoch FROM clock_timestamp() - xact_start)::float8 > $1 ORDER BY xact_start";
    const PREPARED: &str = "SELECT gid, owner::text, database::text, \
         extract(epoch FROM clock_timestamp() - prepared)::int8 FROM pg_catalog.pg_prepared_xacts ORDER BY prepared";
    let side = database.label();
    let limit = limits.long_transaction.as_secs_f64();
    for row in database.query("read the transactions", LONG, &[&limit]).await? {
        let (pid, user, application): (i32, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let what = format!("the transaction of `{user}` (`{application}`) has been open for {} s", row.number(3)?);
        let action = "let it end, or end the session: the load starts only when all transactions have ended";
        findings.warn(Topic::Transactions, side, format!("process {pid}"), what, action);
    }
    for row in database.query("read the prepared transactions", PREPARED, &[]).await? {
        let (gid, owner, name): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let what = format!("prepared by `{owner}` in the database `{name}` {} s ago", row.number(3)?);
        let action = "COMMIT PREPARED or ROLLBACK PREPARED: the load does not start before, and the fence waits for it";
        findings.fail(Topic::PreparedTransactions, side, gid, what, action);
    }
    Ok(())
}
