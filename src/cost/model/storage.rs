//! Amazon S3.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::{Price, Usage};
use crate::resource::Resource;

/// Requests that have one price.
const REQUESTS: i64 = 1000;

/// What a bucket stores, and the requests to it.
pub(super) fn bucket(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.used("objects", Price::S3StorageGb, Usage::BucketGb, Quantity::ONE);
    bill.used("writes", Price::S3Writes, Usage::BucketWrites, Quantity::fraction(1, REQUESTS));
    bill.used("reads", Price::S3Reads, Usage::BucketReads, Quantity::fraction(1, REQUESTS));
}

/// What a replication copies, with replication time control. Copies to another region are transfer, too. The copies
/// themselves are objects of the other bucket.
pub(super) fn replication(resource: &Resource<'_>, all: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.used("replication time control", Price::S3ReplicationTimeGb, Usage::ReplicatedGb, Quantity::ONE);
    let buckets = resource.needs.iter().filter_map(|address| all.get(address)).filter(|one| one.kind == "s3.bucket");
    if buckets.into_iter().any(|bucket| bucket.region != resource.region) {
        bill.used("transfer between regions", Price::RegionTransferGb, Usage::ReplicatedGb, Quantity::ONE);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{amounts, bill};

    #[test]
    fn a_bucket_is_paid_by_use() {
        assert_eq!(amounts(&bill("s3.bucket", json!({}))), ("0.00".into(), "0.03–7.70".into()));
        assert_eq!(amounts(&bill("s3.bucket_replication", json!({}))).1, "0.02–1.50");
    }
}
