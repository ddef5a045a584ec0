//! What can be ordered: the zones that offer an instance class.

use aws_sdk_rds::operation::describe_orderable_db_instance_options::{
    DescribeOrderableDBInstanceOptionsError, DescribeOrderableDbInstanceOptionsInput,
    DescribeOrderableDbInstanceOptionsOutput,
};
use aws_sdk_rds::types::{AvailabilityZone, OrderableDbInstanceOption};

use super::validation;
use crate::registry::{Call, Registry, Rejection};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "rds",
        "DescribeOrderableDBInstanceOptions",
        &["engine", "db_instance_class", "vpc"],
        DescribeOrderableDBInstanceOptionsError::generic,
        describe,
    );
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeOrderableDbInstanceOptionsInput,
) -> Result<DescribeOrderableDbInstanceOptionsOutput, Rejection> {
    let class = input.db_instance_class().unwrap_or_default();
    let zones: Vec<AvailabilityZone> = call
        .world
        .zones_with_class(call.region.as_str(), class)
        .into_iter()
        .map(|name| AvailabilityZone::builder().name(name).build())
        .collect();
    let option = |version: String| {
        OrderableDbInstanceOption::builder()
            .engine("postgres")
            .engine_version(version)
            .db_instance_class(class)
            .set_availability_zones(Some(zones.clone()))
            .vpc(true)
            .build()
    };
    let versions = if zones.is_empty() { Vec::new() } else { validation::versions() };
    let options = versions.into_iter().map(option).collect();
    Ok(DescribeOrderableDbInstanceOptionsOutput::builder().set_orderable_db_instance_options(Some(options)).build())
}
