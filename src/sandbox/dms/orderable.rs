//! What can be ordered: the zones that offer a class of replication instances.

use aws_sdk_databasemigration::operation::describe_orderable_replication_instances::{
    DescribeOrderableReplicationInstancesError, DescribeOrderableReplicationInstancesInput,
    DescribeOrderableReplicationInstancesOutput,
};
use aws_sdk_databasemigration::types::OrderableReplicationInstance;

use crate::registry::{Call, Registry, Rejection};

/// Classes of the current generations ("Choosing the right AWS DMS replication instance").
const FAMILIES: &[&str] = &["dms.t3", "dms.c5", "dms.c6i", "dms.r5", "dms.r6i"];
const SIZES: &[&str] = &["micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"];

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "dms",
        "DescribeOrderableReplicationInstances",
        &[],
        DescribeOrderableReplicationInstancesError::generic,
        describe,
    );
}

fn describe(
    call: &mut Call<'_>,
    _input: &DescribeOrderableReplicationInstancesInput,
) -> Result<DescribeOrderableReplicationInstancesOutput, Rejection> {
    let mut all = Vec::new();
    for class in FAMILIES.iter().flat_map(|family| SIZES.iter().map(move |size| format!("{family}.{size}"))) {
        let zones = call.world.zones_with_class(call.region.as_str(), &class);
        if !zones.is_empty() {
            let one = OrderableReplicationInstance::builder().engine_version("3.6.1").replication_instance_class(class);
            all.push(one.set_availability_zones(Some(zones)).build());
        }
    }
    Ok(DescribeOrderableReplicationInstancesOutput::builder().set_orderable_replication_instances(Some(all)).build())
}
