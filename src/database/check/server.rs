//! What a replication needs of the server that it reads. The target is checked as well, because the fallback
//! replication reads it.

use std::collections::BTreeMap;

use super::finding::{Findings, Topic};
use super::limits::Limits;
use super::size::size;
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(database: Database<'_>, limits: &Limits, findings: &mut Findings) -> Result<(), Error> {
    const SETTINGS: &str = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('wal_level', \
         'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size', 'wal_sender_timeout')";
    let side = database.label();
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    for row in database.query("read the settings of the server", SETTINGS, &[]).await? {
        settings.insert(row.get(0)?, row.get(1)?);
    }
    let number = |name: &str| settings.get(name).and_then(|text| text.parse::<i64>().ok());
    let level = settings.get("wal_level").map_or("unknown", String::as_str);
    if level == "logical" {
        findings.pass(Topic::WalLevel, side, "logical");
    } else {
        // On RDS, `rds.logical_replication` sets it, and is a static parameter.
        let action = "set `rds.logical_replication` to 1 in the parameter group and reboot";
        findings.fail(Topic::WalLevel, side, "wal_level", format!("it is {level}"), action);
    }
    used(database, limits, [number("max_replication_slots"), number("max_wal_senders")], findings).await?;
    keep_size(side, number("max_slot_wal_keep_size"), limits, findings);
    sender_timeout(side, number("wal_sender_timeout"), findings);
    rights(database, findings).await
}

async fn used(
    database: Database<'_>,
    limits: &Limits,
    [slots, senders]: [Option<i64>; 2],
    findings: &mut Findings,
) -> Result<(), Error> {
    const USED: &str = "SELECT (SELECT count(*) FROM pg_catalog.pg_replication_slots), \
         (SELECT count(*) FROM pg_catalog.pg_stat_replication)";
    let row = database.query_one("count replication slots", USED, &[]).await?;
    for (topic, name, all, at) in
        [(Topic::Slots, "max_replication_slots", slots, 0), (Topic::Senders, "max_wal_senders", senders, 1)]
    {
        let (all, used) = (all.unwrap_or(0), row.get::<i64>(at)?);
        let what = format!("{used} of {all} are in use");
        if all - used < i64::from(limits.free_slots) {
            let action = format!("raise `{name}` in the parameter group and reboot, or remove what nobody uses");
            findings.fail(topic, database.label(), name, what, action);
        } else {
            findings.pass(topic, database.label(), what);
        }
    }
    Ok(())
}

/// In megabytes: "If max_slot_wal_keep_size is -1 (the default), replication slots may retain an unlimited amount of
/// WAL files." Otherwise a slot that falls behind by more "may no longer be able to continue replication" ("Sending
/// Servers", PostgreSQL documentation).
fn keep_size(side: &str, megabytes: Option<i64>, limits: &Limits, findings: &mut Findings) {
    let name = "max_slot_wal_keep_size";
    match megabytes.map(u64::try_from) {
        Some(Err(_)) | None => {
            let action = "watch free storage and the lag of the slot: a task that stops fills the disk";
            findings.warn(Topic::KeepSize, side, name, "no limit", action);
        }
        Some(Ok(megabytes)) => {
            let bytes = megabytes.saturating_mul(1 << 20);
            if bytes < limits.keep_bytes {
                let what = format!("{}: a slot that falls behind by more is lost", size(bytes));
                let action =
                    format!("raise it to at least {}, as long as the migration lasts", size(limits.keep_bytes));
                findings.fail(Topic::KeepSize, side, name, what, action);
            } else {
                findings.pass(Topic::KeepSize, side, size(bytes));
            }
        }
    }
}

/// In milliseconds: "a DMS task with CDC requires a minimum of 10000 milliseconds (10 seconds), and fails if the value
/// is less than 10000. Keep the value less than 5 minutes to avoid causing a delay during a Multi-AZ failover of a DMS
/// replication instance" ("Using a PostgreSQL database as an AWS DMS source").
fn sender_timeout(side: &str, milliseconds: Option<i64>, findings: &mut Findings) {
    let name = "wal_sender_timeout";
    match milliseconds {
        Some(1..10_000) => {
            let action = "set it to 60000, or to 0 to switch it off";
            findings.fail(Topic::SenderTimeout, side, name, "less than 10 seconds: tasks fail", action);
        }
        Some(300_000..) => {
            let action = "set it to less than 5 minutes";
            findings.warn(Topic::SenderTimeout, side, name, "a failover of DMS is noticed late", action);
        }
        Some(0) => findings.pass(Topic::SenderTimeout, side, "off"),
        Some(milliseconds) => findings.pass(Topic::SenderTimeout, side, format!("{} s", milliseconds / 1000)),
        None => {
            findings.warn(Topic::SenderTimeout, side, name, "it is hidden from the user", "grant pg_read_all_settings");
        }
    }
}

/// On RDS, members of `rds_replication` can use slots; elsewhere, it is an attribute of the role.
async fn rights(database: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    const MAY: &str = "SELECT rolsuper OR rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_roles g \
         WHERE g.rolname = 'rds_replication' AND pg_has_role(g.oid, 'MEMBER')), rolname::text \
         FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let row = database.query_one("read the rights of the user", MAY, &[]).await?;
    if row.get(0)? {
        findings.pass(Topic::Rights, database.label(), "the user can use replication slots");
    } else {
        let user: String = row.get(1)?;
        let action = "grant `rds_replication` to the user of the replication";
        findings.fail(Topic::Rights, database.label(), user, "the user must not use replication slots", action);
    }
    Ok(())
}
