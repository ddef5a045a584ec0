//! DB instances: reboot.

use aws_sdk_rds::operation::reboot_db_instance::{
    RebootDBInstanceError, RebootDbInstanceInput, RebootDbInstanceOutput,
};

use super::instances::{find, to_sdk};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::rds::Phase;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["db_instance_identifier", "force_failover"];
    registry.on("rds", "RebootDBInstance", fields, RebootDBInstanceError::generic, reboot);
}

fn reboot(call: &mut Call<'_>, input: &RebootDbInstanceInput) -> Result<RebootDbInstanceOutput, Rejection> {
    let now = call.now();
    let mut instance = find(call, input.db_instance_identifier().unwrap_or_default())?.clone();
    // "Your DB instance must be in the `available` state. Your database can be unavailable for several reasons, such as
    // an in-progress backup, a previously requested modification, or a maintenance window operation" ("Rebooting a DB
    // instance", Prerequisites).
    let status = instance.status(now);
    if status != "available" {
        return refuse("InvalidDBInstanceState", format!("Cannot reboot {}: it is {status}.", instance.identifier));
    }
    let forces_failover = input.force_failover() == Some(true);
    // "You can't enable force failover if the instance isn't configured for Multi-AZ" (RebootDBInstance).
    if forces_failover && !instance.settings.multi_az {
        return refuse(
            "InvalidParameterCombination",
            format!("Cannot force a failover of {}: it is not a Multi-AZ instance.", instance.identifier),
        );
    }
    // "Rebooting a DB instance results in a momentary outage, during which the DB instance status is set to rebooting"
    // (RebootDBInstance). "Failover times are typically 60–120 seconds" ("Failing over a Multi-AZ DB instance").
    let until = match forces_failover {
        true => call.completion_time(60.0, 75.0, 120.0),
        false => call.completion_time(10.0, 20.0, 60.0),
    };
    instance.phases = vec![Phase { status: "rebooting".to_owned(), until }];
    instance.restarts();
    let answer = to_sdk(call, &instance);
    call.region_state().rds.instances.insert(instance.identifier.clone(), instance);
    Ok(RebootDbInstanceOutput::builder().db_instance(answer).build())
}
