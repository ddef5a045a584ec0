//! Replicas of secrets in other regions.

use aws_sdk_secretsmanager::operation::remove_regions_from_replication::{
    RemoveRegionsFromReplicationError, RemoveRegionsFromReplicationInput, RemoveRegionsFromReplicationOutput,
};
use aws_sdk_secretsmanager::operation::replicate_secret_to_regions::{
    ReplicateSecretToRegionsError, ReplicateSecretToRegionsInput, ReplicateSecretToRegionsOutput,
};
use aws_sdk_secretsmanager::types::{ReplicationStatusType, StatusType};

use super::lookup::find_active;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::secretsmanager::{Replica, Secret};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["secret_id", "add_replica_regions"];
    registry.on("secretsmanager", "ReplicateSecretToRegions", fields, ReplicateSecretToRegionsError::generic, add);
    let fields = &["secret_id", "remove_replica_regions"];
    registry.on(
        "secretsmanager",
        "RemoveRegionsFromReplication",
        fields,
        RemoveRegionsFromReplicationError::generic,
        remove,
    );
}

/// Returns the replicas as `DescribeSecret` reports them.
pub(super) fn to_sdk(secret: &Secret, now: u64) -> Vec<ReplicationStatusType> {
    let replica = |(region, replica): (&String, &Replica)| {
        let (status, message) = match &replica.failure {
            Some(why) => (StatusType::Failed, Some(why.clone())),
            None if now < replica.in_sync_at => (StatusType::InProgress, None),
            None => (StatusType::InSync, None),
        };
        let described = ReplicationStatusType::builder().region(region).set_kms_key_id(replica.kms_key_id.clone());
        described.status(status).set_status_message(message).build()
    };
    secret.replicas.iter().map(replica).collect()
}

fn add(
    call: &mut Call<'_>,
    input: &ReplicateSecretToRegionsInput,
) -> Result<ReplicateSecretToRegionsOutput, Rejection> {
    let (now, called_region, in_sync_at) = (call.now(), call.region.to_string(), call.completion_time(1.0, 4.0, 20.0));
    let mut secret = find_active(call, input.secret_id().unwrap_or_default())?.clone();
    for wanted in input.add_replica_regions() {
        let region = wanted.region().unwrap_or_default().to_owned();
        if region.is_empty() || region == called_region {
            return refuse("InvalidParameterException", "Invalid replica region.");
        }
        if secret.replicas.contains_key(&region) {
            return refuse("InvalidParameterException", format!("The secret is already replicated to {region}."));
        }
        let target_secrets = &mut call.world.region(&region).secretsmanager.secrets;
        // "Failed: Secret name already exists in the Region" ("Troubleshoot AWS Secrets Manager replication").
        let failure = target_secrets
            .contains_key(&secret.name)
            .then(|| format!("Replication failed: Secret name simple already exists in region {region}."));
        if failure.is_none() {
            let copy = Secret {
                arn: secret.arn.replacen(&format!(":{called_region}:"), &format!(":{region}:"), 1),
                kms_key_id: wanted.kms_key_id().map(str::to_owned),
                primary_region: Some(called_region.clone()),
                rotation: None,
                replicas: std::collections::BTreeMap::new(),
                ..secret.clone()
            };
            target_secrets.insert(secret.name.clone(), copy);
        }
        let replica = Replica { kms_key_id: wanted.kms_key_id().map(str::to_owned), in_sync_at, failure };
        secret.replicas.insert(region, replica);
    }
    let answer = ReplicateSecretToRegionsOutput::builder()
        .arn(&secret.arn)
        .set_replication_status(Some(to_sdk(&secret, now)))
        .build();
    call.region_state().secretsmanager.secrets.insert(secret.name.clone(), secret);
    Ok(answer)
}

fn remove(
    call: &mut Call<'_>,
    input: &RemoveRegionsFromReplicationInput,
) -> Result<RemoveRegionsFromReplicationOutput, Rejection> {
    let (now, called_region) = (call.now(), call.region.to_string());
    let mut secret = find_active(call, input.secret_id().unwrap_or_default())?.clone();
    for region in input.remove_replica_regions() {
        if secret.replicas.remove(region).is_none() {
            return refuse("InvalidParameterException", format!("The secret is not replicated to {region}."));
        }
        let target_secrets = &mut call.world.region(region).secretsmanager.secrets;
        if target_secrets.get(&secret.name).is_some_and(|copy| copy.primary_region.as_deref() == Some(&called_region)) {
            target_secrets.remove(&secret.name);
        }
    }
    let answer = RemoveRegionsFromReplicationOutput::builder()
        .arn(&secret.arn)
        .set_replication_status(Some(to_sdk(&secret, now)))
        .build();
    call.region_state().secretsmanager.secrets.insert(secret.name.clone(), secret);
    Ok(answer)
}
