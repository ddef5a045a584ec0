//! Replication configuration of buckets. Objects are not copied.

use aws_sdk_s3::operation::delete_bucket_replication::{
    DeleteBucketReplicationError, DeleteBucketReplicationInput, DeleteBucketReplicationOutput,
};
use aws_sdk_s3::operation::get_bucket_replication::{
    GetBucketReplicationError, GetBucketReplicationInput, GetBucketReplicationOutput,
};
use aws_sdk_s3::operation::put_bucket_replication::{
    PutBucketReplicationError, PutBucketReplicationInput, PutBucketReplicationOutput,
};
use aws_sdk_s3::types::{
    DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, EncryptionConfiguration, Metrics,
    MetricsStatus, ReplicationConfiguration, ReplicationRuleFilter, ReplicationRuleStatus, ReplicationTime,
    ReplicationTimeStatus, ReplicationTimeValue, SourceSelectionCriteria, SseKmsEncryptedObjects,
    SseKmsEncryptedObjectsStatus,
};

use super::lookup::find;
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::s3::{Replication, ReplicationRule};

pub(super) fn register(registry: &mut Registry) {
    let bucket_fields = &["bucket", "expected_bucket_owner"];
    registry.on("s3", "GetBucketReplication", bucket_fields, GetBucketReplicationError::generic, get);
    let fields = &["bucket", "expected_bucket_owner", "replication_configuration"];
    registry.on("s3", "PutBucketReplication", fields, PutBucketReplicationError::generic, put);
    registry.on("s3", "DeleteBucketReplication", bucket_fields, DeleteBucketReplicationError::generic, delete);
}

fn get(call: &mut Call<'_>, input: &GetBucketReplicationInput) -> Result<GetBucketReplicationOutput, Rejection> {
    let Some(replication) = find(call, input.bucket(), input.expected_bucket_owner())?.replication.clone() else {
        return refuse("ReplicationConfigurationNotFoundError", "The replication configuration was not found");
    };
    let rules = replication.rules.iter().map(to_sdk).collect::<Result<Vec<_>, _>>()?;
    let described = built(ReplicationConfiguration::builder().role(&replication.role).set_rules(Some(rules)).build())?;
    Ok(GetBucketReplicationOutput::builder().replication_configuration(described).build())
}

fn to_sdk(rule: &ReplicationRule) -> Result<aws_sdk_s3::types::ReplicationRule, Rejection> {
    let markers = if rule.delete_markers {
        DeleteMarkerReplicationStatus::Enabled
    } else {
        DeleteMarkerReplicationStatus::Disabled
    };
    let mut destination = Destination::builder().bucket(&rule.destination);
    if let Some(minutes) = rule.time_control_minutes {
        let limit = ReplicationTimeValue::builder().minutes(minutes).build();
        let time = built(ReplicationTime::builder().status(ReplicationTimeStatus::Enabled).time(limit).build())?;
        destination = destination.replication_time(time);
    }
    if let Some(minutes) = rule.metrics_minutes {
        let limit = ReplicationTimeValue::builder().minutes(minutes).build();
        destination = destination
            .metrics(built(Metrics::builder().status(MetricsStatus::Enabled).event_threshold(limit).build())?);
    }
    let mut described = aws_sdk_s3::types::ReplicationRule::builder().id(&rule.id).priority(rule.priority);
    if let Some(key) = &rule.replica_key {
        destination =
            destination.encryption_configuration(EncryptionConfiguration::builder().replica_kms_key_id(key).build());
        let encrypted = built(SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build())?;
        described = described
            .source_selection_criteria(SourceSelectionCriteria::builder().sse_kms_encrypted_objects(encrypted).build());
    }
    let status = if rule.enabled { ReplicationRuleStatus::Enabled } else { ReplicationRuleStatus::Disabled };
    let described = described.status(status).filter(ReplicationRuleFilter::builder().prefix(&rule.prefix).build());
    let described = described.delete_marker_replication(DeleteMarkerReplication::builder().status(markers).build());
    built(described.destination(built(destination.build())?).build())
}

fn put(call: &mut Call<'_>, input: &PutBucketReplicationInput) -> Result<PutBucketReplicationOutput, Rejection> {
    let Some(configuration) = input.replication_configuration() else {
        return refuse("MalformedXML", "a configuration is required");
    };
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let name = bucket.name.clone();
    // "Both source and destination buckets must have versioning enabled" ("Requirements for replication").
    if bucket.versioning.as_deref() != Some("Enabled") {
        return refuse(
            "InvalidRequest",
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        );
    }
    let role = configuration.role().to_owned();
    let role_exists = call.world.iam.roles.values().any(|other| other.arn == role);
    if !role_exists {
        return refuse("InvalidArgument", "Invalid role specified");
    }
    let mut rules: Vec<ReplicationRule> = Vec::new();
    for rule in configuration.rules() {
        let rule = read(rule)?;
        if rules.iter().any(|other| other.id == rule.id || other.priority == rule.priority) {
            return refuse("InvalidRequest", "Rule ids and priorities must be unique");
        }
        let to = rule.destination.rsplit(":::").next().unwrap_or_default();
        if to == name {
            return refuse("InvalidRequest", "Destination bucket cannot be the same as the source bucket.");
        }
        match call.world.s3.buckets.get(to) {
            None => return refuse("InvalidRequest", "Destination bucket must exist."),
            Some(to) if to.versioning.as_deref() != Some("Enabled") => {
                return refuse("InvalidRequest", "Destination bucket must have versioning enabled.");
            }
            Some(_) => rules.push(rule),
        }
    }
    if rules.is_empty() {
        return refuse(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        );
    }
    find(call, input.bucket(), input.expected_bucket_owner())?.replication = Some(Replication { role, rules });
    Ok(PutBucketReplicationOutput::builder().build())
}

fn read(rule: &aws_sdk_s3::types::ReplicationRule) -> Result<ReplicationRule, Rejection> {
    let Some(filter) = rule.filter().filter(|filter| filter.tag().is_none() && filter.and().is_none()) else {
        return refuse("SandboxUnknownMember", "the sandbox models only rules with a prefix filter");
    };
    let Some(destination) = rule.destination() else { return refuse("MalformedXML", "a destination is required") };
    // "A rule with a Filter must have DeleteMarkerReplication and Priority" ("Replication configuration file
    // elements").
    let (Some(markers), Some(priority)) = (rule.delete_marker_replication(), rule.priority()) else {
        return refuse(
            "InvalidRequest",
            "DeleteMarkerReplication and Priority must be specified for this version of Cross Region Replication \
             configuration schema",
        );
    };
    let minutes =
        |value: Option<&ReplicationTimeValue>| value.and_then(ReplicationTimeValue::minutes).unwrap_or_default();
    let time = destination
        .replication_time()
        .filter(|time| *time.status() == ReplicationTimeStatus::Enabled)
        .map(|time| minutes(time.time()));
    let metrics = destination
        .metrics()
        .filter(|metrics| *metrics.status() == MetricsStatus::Enabled)
        .map(|metrics| minutes(metrics.event_threshold()));
    // "Valid value: 15", and time control requires metrics ("S3 Replication Time Control").
    if time.is_some_and(|minutes| minutes != 15) || (time.is_some() && metrics != Some(15)) {
        return refuse("InvalidRequest", "Replication time control requires metrics, and 15 minutes for both");
    }
    let selected = rule.source_selection_criteria().and_then(SourceSelectionCriteria::sse_kms_encrypted_objects);
    let replica_key =
        destination.encryption_configuration().and_then(EncryptionConfiguration::replica_kms_key_id).map(str::to_owned);
    // "If SourceSelectionCriteria is specified, this element is required", and vice versa (EncryptionConfiguration).
    if selected.is_some() != replica_key.is_some() {
        return refuse("InvalidRequest", "SseKmsEncryptedObjects and ReplicaKmsKeyID must be specified together.");
    }
    Ok(ReplicationRule {
        id: rule.id().unwrap_or_default().to_owned(),
        priority,
        enabled: *rule.status() == ReplicationRuleStatus::Enabled,
        prefix: filter.prefix().unwrap_or_default().to_owned(),
        delete_markers: markers.status() == Some(&DeleteMarkerReplicationStatus::Enabled),
        destination: destination.bucket().to_owned(),
        time_control_minutes: time,
        metrics_minutes: metrics,
        replica_key,
    })
}

fn delete(
    call: &mut Call<'_>,
    input: &DeleteBucketReplicationInput,
) -> Result<DeleteBucketReplicationOutput, Rejection> {
    find(call, input.bucket(), input.expected_bucket_owner())?.replication = None;
    Ok(DeleteBucketReplicationOutput::builder().build())
}
