"""S3: LocalStack's provider, repaired."""

from __future__ import annotations

from localstack.services.s3.models import s3_stores

from .serving import Call, Dict, Repairs

repair = Repairs()


@repair("PutBucketReplication")
def replicate(call: Call) -> Dict:
    """The destination can be in another account ("Configuring permissions when source and destination buckets are owned
    by different accounts", Amazon S3 User Guide). LocalStack looks for it in the account of the source only."""
    ours = s3_stores[call.account][call.region]
    foreign = {}
    for rule in call.request["ReplicationConfiguration"].get("Rules") or []:
        name = rule.get("Destination", {}).get("Bucket", "").rpartition(":")[2]
        owner = ours.global_bucket_map.get(name)
        if owner and owner != call.account:
            bucket = s3_stores[owner][call.region].buckets.get(name)
            if bucket:
                foreign[name] = bucket
    # Only one call to S3 runs at a time, so no other one sees these buckets here.
    ours.buckets.update(foreign)
    try:
        return call.forward()
    finally:
        for name in foreign:
            del ours.buckets[name]
