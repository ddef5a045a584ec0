//! `DescribeAccountAttributes` of Amazon RDS and AWS DMS, and `GetAccountSummary` of IAM: quotas, and what is used.

use aws_sdk_databasemigration::operation::describe_account_attributes as dms;
use aws_sdk_databasemigration::types::AccountQuota as DmsQuota;
use aws_sdk_iam::operation::get_account_summary::{
    GetAccountSummaryError, GetAccountSummaryInput, GetAccountSummaryOutput,
};
use aws_sdk_iam::types::SummaryKeyType;
use aws_sdk_rds::operation::describe_account_attributes as rds;
use aws_sdk_rds::types::AccountQuota as RdsQuota;

use super::registry::{Call, Registry, Rejection};

/// "Total storage for all DB instances: 100,000 GiB" (Quotas and constraints for Amazon RDS); "Total storage: 30,000
/// GB" (Quotas for AWS DMS).
const STORAGE: (i64, i64) = (100_000, 30_000);

pub(super) fn register(registry: &mut Registry) {
    registry.on("rds", "DescribeAccountAttributes", &[], rds::DescribeAccountAttributesError::generic, databases);
    registry.on("dms", "DescribeAccountAttributes", &[], dms::DescribeAccountAttributesError::generic, replication);
    registry.on("iam", "GetAccountSummary", &[], GetAccountSummaryError::generic, summary);
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn databases(
    call: &mut Call<'_>,
    _: &rds::DescribeAccountAttributesInput,
) -> Result<rds::DescribeAccountAttributesOutput, Rejection> {
    let instances = &call.region_state().rds.instances;
    let (used, storage) =
        (instances.len(), instances.values().map(|one| i64::from(one.settings.allocated_storage)).sum());
    let quota =
        |name: &str, used: i64, max: i64| RdsQuota::builder().account_quota_name(name).used(used).max(max).build();
    Ok(rds::DescribeAccountAttributesOutput::builder()
        .account_quotas(quota("DBInstances", number(used), number(call.world.quota("db_instances"))))
        .account_quotas(quota("AllocatedStorage", storage, STORAGE.0))
        .build())
}

fn replication(
    call: &mut Call<'_>,
    _: &dms::DescribeAccountAttributesInput,
) -> Result<dms::DescribeAccountAttributesOutput, Rejection> {
    let dms = &call.region_state().dms;
    let (instances, endpoints) = (dms.instances.len(), dms.endpoints.len());
    let storage = dms.instances.values().map(|one| i64::from(one.allocated_storage)).sum();
    let quota =
        |name: &str, used: i64, max: i64| DmsQuota::builder().account_quota_name(name).used(used).max(max).build();
    let max = |key| number(call.world.quota(key));
    Ok(dms::DescribeAccountAttributesOutput::builder()
        .account_quotas(quota("ReplicationInstances", number(instances), max("replication_instances")))
        .account_quotas(quota("Endpoints", number(endpoints), max("replication_endpoints")))
        .account_quotas(quota("AllocatedStorage", storage, STORAGE.1))
        .build())
}

fn summary(call: &mut Call<'_>, _: &GetAccountSummaryInput) -> Result<GetAccountSummaryOutput, Rejection> {
    let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    Ok(GetAccountSummaryOutput::builder()
        .summary_map(SummaryKeyType::Roles, number(call.world.iam.roles.len()))
        .summary_map(SummaryKeyType::RolesQuota, number(call.world.quota("roles")))
        .build())
}
