//! Modifications and reboots of an instance.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;

use infra_core::resource::{Result, StepContext};

/// How long RDS can refuse a request because of the status of the instance, in seconds.
pub(super) const BUSY_SECONDS: u64 = 30 * 60;

/// Returns a request that applies its changes immediately.
pub(super) fn modification(cx: &StepContext, identifier: &str) -> ModifyDBInstanceFluentBuilder {
    cx.aws.rds.modify_db_instance().db_instance_identifier(identifier).apply_immediately(true)
}

/// Sends a request, and repeats it while the status of the instance does not allow it.
pub(super) async fn modify(cx: &StepContext, request: ModifyDBInstanceFluentBuilder) -> Result<()> {
    cx.retry("the database to accept a change", &["InvalidDBInstanceState"], BUSY_SECONDS, || async {
        cx.mutate("rds:ModifyDBInstance", || request.clone().send()).await.map(drop)
    })
    .await
}

/// Reboots an instance, as soon as its status allows it.
pub(super) async fn reboot(cx: &StepContext, identifier: &str) -> Result<()> {
    let call = || cx.aws.rds.reboot_db_instance().db_instance_identifier(identifier).send();
    cx.retry("the database to accept a reboot", &["InvalidDBInstanceState"], BUSY_SECONDS, || async {
        cx.mutate("rds:RebootDBInstance", call).await.map(drop)
    })
    .await
}
