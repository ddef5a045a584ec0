//! What can be ordered: the zones that offer an instance class.

use aws_sdk_rds::operation::describe_orderable_db_instance_options::{
    DescribeOrderableDBInstanceOptionsError, DescribeOrderableDbInstanceOptionsInput,
    DescribeOrderableDbInstanceOptionsOutput,
};
use aws_sdk_rds::types::{AvailabilityZone, OrderableDbInstanceOption};

use super::validation;
use crate::paging::{RDS, page};
use crate::registry::{Call, Registry, Rejection};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "rds",
        "DescribeOrderableDBInstanceOptions",
        &["engine", "db_instance_class", "vpc", "max_records", "marker"],
        DescribeOrderableDBInstanceOptionsError::generic,
        describe,
    );
}

/// A page has at most 10,000 options, 100 by default ("DescribeOrderableDBInstanceOptions").
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
    let options = if zones.is_empty() { Vec::new() } else { validation::versions().map(option).collect() };
    let (options, next) = page(options, input.marker(), input.max_records(), 20..=10_000, RDS)?;
    Ok(DescribeOrderableDbInstanceOptionsOutput::builder()
        .set_orderable_db_instance_options(Some(options))
        .set_marker(next)
        .build())
}
