//! Replicas of secrets in other regions.

use aws_sdk_secretsmanager::operation::remove_regions_from_replication::{
    RemoveRegionsFromReplicationError, RemoveRegionsFromReplicationInput, RemoveRegionsFromReplicationOutput,
};
use aws_sdk_secretsmanager::operation::replicate_secret_to_regions::{
    ReplicateSecretToRegionsError, ReplicateSecretToRegionsInput, ReplicateSecretToRegionsOutput,
};
use aws_sdk_secretsmanager::types::{ReplicationStatusType, StatusType};

use super::find_living;
use crate::sandbox::registry::{Call, Registry, Rejection, refuse};
use crate::sandbox::world::secretsmanager::{Replica, Secret};

pub(super) fn register(registry: &mut Registry) {
    let takes = &["secret_id", "add_replica_regions"];
    registry.on("secretsmanager", "ReplicateSecretToRegions", takes, ReplicateSecretToRegionsError::generic, add);
    let takes = &["secret_id", "remove_replica_regions"];
    registry.on("secretsmanager", "RemoveRegionsFromReplication", takes, RemoveRegionsFromReplicationError::generic, remove);
}

/// The replicas as `DescribeSecret` shows them.
pub(super) fn print(secret: &Secret, now: u64) -> Vec<ReplicationStatusType> {
    let replica = |(region, replica): (&String, &Replica)| {
        let (status, message) = match &replica.failure {
            Some(why) => (StatusType::Failed, Some(why.clone())),
            None if now < replica.in_sync_at => (StatusType::InProgress, None),
            None => (StatusType::InSync, None),
        };
        let shown = ReplicationStatusType::builder().region(region).set_kms_key_id(replica.kms_key_id.clone());
        shown.status(status).set_status_message(message).build()
    };
    secret.replicas.iter().map(replica).collect()
}

fn add(call: &mut Call<'_>, input: &ReplicateSecretToRegionsInput) -> Result<ReplicateSecretToRegionsOutput, Rejection> {
    let (now, here, in_sync_at) = (call.now(), call.region.to_string(), call.after(1.0, 4.0, 20.0));
    let mut secret = find_living(call, input.secret_id().unwrap_or_default())?.clone();
    for wanted in input.add_replica_regions() {
        let region = wanted.region().unwrap_or_default().to_owned();
        if region.is_empty() || region == here {
            return refuse("InvalidParameterException", "Invalid replica region.");
        }
        if secret.replicas.contains_key(&region) {
            return refuse("InvalidParameterException", format!("The secret is already replicated to {region}."));
        }
        let there = &mut call.world.region(&region).secretsmanager.secrets;
        // "Failed: Secret name already exists in the Region" ("Troubleshoot AWS Secrets Manager replication").
        let failure = there.contains_key(&secret.name).then(|| format!("Replication failed: Secret name simple already exists in region {region}."));
        if failure.is_none() {
            let copy = Secret {
                arn: secret.arn.replacen(&format!(":{here}:"), &format!(":{region}:"), 1),
                kms_key_id: wanted.kms_key_id().map(str::to_owned),
                primary_region: Some(here.clone()),
                replicas: std::collections::BTreeMap::new(),
                ..secret.clone()
            };
            there.insert(secret.name.clone(), copy);
        }
        let replica = Replica { kms_key_id: wanted.kms_key_id().map(str::to_owned), in_sync_at, failure };
        secret.replicas.insert(region, replica);
    }
    let answer = ReplicateSecretToRegionsOutput::builder().arn(&secret.arn).set_replication_status(Some(print(&secret, now))).build();
    call.here().secretsmanager.secrets.insert(secret.name.clone(), secret);
    Ok(answer)
}

fn remove(call: &mut Call<'_>, input: &RemoveRegionsFromReplicationInput) -> Result<RemoveRegionsFromReplicationOutput, Rejection> {
    let (now, here) = (call.now(), call.region.to_string());
    let mut secret = find_living(call, input.secret_id().unwrap_or_default())?.clone();
    for region in input.remove_replica_regions() {
        if secret.replicas.remove(region).is_none() {
            return refuse("InvalidParameterException", format!("The secret is not replicated to {region}."));
        }
        let there = &mut call.world.region(region).secretsmanager.secrets;
        if there.get(&secret.name).is_some_and(|copy| copy.primary_region.as_deref() == Some(&here)) {
            there.remove(&secret.name);
        }
    }
    let answer = RemoveRegionsFromReplicationOutput::builder().arn(&secret.arn).set_replication_status(Some(print(&secret, now))).build();
    call.here().secretsmanager.secrets.insert(secret.name.clone(), secret);
    Ok(answer)
}
