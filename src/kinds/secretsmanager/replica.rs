//! A replica of a secret in another region. It has the value, the tags and the rotation of the primary.
//!
//! The primary creates it, so it belongs to the region of the primary. Its ARN is that of the primary with the other
//! region ("Replicate AWS Secrets Manager secrets across Regions").

use async_trait::async_trait;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::global_name::global_name;
use super::secret::Secret;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, Region};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a replica.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "secretsmanager.secret_replica",
    summary = "a replica of a secret in another region",
    repeat = "name",
    create_seconds = 1,
    ready_seconds = 5,
    delete_seconds = 3,
    reads("secretsmanager:DescribeSecret"),
    creates("secretsmanager:ReplicateSecretToRegions"),
    updates("secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions"),
    deletes("secretsmanager:RemoveRegionsFromReplication"),
    // In the region of the replica, by the same caller.
    permissions("secretsmanager:CreateSecret", "secretsmanager:DeleteSecret")
)]
pub struct SecretReplica {
    /// The primary.
    #[immutable]
    #[unique]
    pub secret: Input<Arn>,
    /// The name of the primary, which the replica has in its region, too. Empty in older states.
    #[serde(default)]
    #[create_only]
    pub name: String,
    /// The region of the replica.
    #[immutable]
    #[unique]
    pub region: String,
    /// The KMS key in its region. Without one, AWS uses the key `aws/secretsmanager`.
    #[immutable]
    pub kms_key: Option<String>,
    /// Delays the replica until the secret has its content.
    #[order_only]
    pub content: Input<String>,
}

/// What is known of a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecretReplicaAttrs {
    /// The primary.
    pub secret_arn: Arn,
    /// The replica's own ARN.
    #[id]
    #[output(ready)]
    pub arn: Arn,
    /// Whether the last replication failed.
    #[serde(default)]
    pub failed: bool,
    /// The KMS key in its region, as AWS shows it, unless it is the default key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

#[async_trait]
impl Resource for SecretReplica {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecretReplicaAttrs>,
    ) -> Result<Observed<SecretReplicaAttrs>> {
        let secret = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        Ok(match self.status(cx, secret).await? {
            None => Observed::Absent,
            Some(current) => {
                let (failed, kms_key) = (
                    current.status() == Some(&StatusType::Failed),
                    current.kms_key_id.filter(|key| !key.starts_with("alias/aws/")),
                );
                Observed::Ours(SecretReplicaAttrs { failed, kms_key, ..self.attrs(secret) })
            }
        })
    }

    fn parents(&self, attrs: Option<&SecretReplicaAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Secret>("arn", attrs.map(|attrs| &attrs.secret_arn), &self.secret)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecretReplicaAttrs>) -> Result<SecretReplicaAttrs> {
        match seen {
            Some(attrs) if !attrs.failed => return Ok(attrs),
            // AWS does not retry a failed replica ("Troubleshoot replication"), so it is requested again.
            Some(attrs) => self.remove(cx, &attrs.secret_arn).await?,
            None => {}
        }
        let secret = self.secret.get()?;
        let region = ReplicaRegionType::builder().region(&self.region).set_kms_key_id(self.kms_key.clone()).build();
        let call = || {
            cx.aws
                .secrets
                .replicate_secret_to_regions()
                .secret_id(secret.as_str())
                .add_replica_regions(region.clone())
                .send()
        };
        cx.mutate("secretsmanager:ReplicateSecretToRegions", call).await?;
        Ok(SecretReplicaAttrs { kms_key: self.kms_key.clone(), ..self.attrs(secret) })
    }

    async fn ready(&self, cx: &StepContext, attrs: SecretReplicaAttrs) -> Result<SecretReplicaAttrs> {
        cx.wait(
            Wait::new(format!("the replica of the secret in {} to be in sync", self.region), 2, 5 * 60),
            || async {
                let Some(current) = self.status(cx, &attrs.secret_arn).await? else {
                    return Ok(Progress::Pending("not visible yet".to_owned()));
                };
                Ok(match current.status() {
                    Some(StatusType::InSync) => Progress::Reached(()),
                    Some(status @ StatusType::Failed) => Progress::Failed {
                        status: status.as_str().to_owned(),
                        reason: current.status_message().map(str::to_owned),
                    },
                    status => Progress::Pending(status.map_or("unknown", StatusType::as_str).to_owned()),
                })
            },
        )
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &SecretReplicaAttrs) -> Result<()> {
        if self.status(cx, &attrs.secret_arn).await?.is_none() {
            return Ok(());
        }
        self.remove(cx, &attrs.secret_arn).await
    }

    /// Otherwise AWS reports "Secret name already exists in the Region" ("Troubleshoot AWS Secrets Manager
    /// replication").
    fn global_names(&self, _region: &Region) -> Vec<String> {
        if self.name.is_empty() { Vec::new() } else { vec![global_name(&self.region, &self.name)] }
    }

    fn inputs_from_attrs(attrs: &SecretReplicaAttrs) -> Vec<(&'static str, Value)> {
        let region = attrs.arn.as_str().split(':').nth(3).unwrap_or_default();
        vec![("secret", attrs.secret_arn.as_str().into()), ("region", region.into())]
    }
}

impl SecretReplica {
    fn attrs(&self, secret: &Arn) -> SecretReplicaAttrs {
        let mut parts: Vec<&str> = secret.as_str().splitn(5, ':').collect();
        if let Some(region) = parts.get_mut(3) {
            *region = &self.region;
        }
        SecretReplicaAttrs { secret_arn: secret.clone(), arn: Arn(parts.join(":")), failed: false, kms_key: None }
    }

    /// Returns the status of the replica in this region, as the primary shows it.
    async fn status(&self, cx: &StepContext, secret: &Arn) -> Result<Option<ReplicationStatusType>> {
        let call = cx.aws.secrets.describe_secret().secret_id(secret.as_str()).send();
        let found = ignore_codes(cx.read("secretsmanager:DescribeSecret", call).await, &["ResourceNotFoundException"])?;
        let replicas = found.and_then(|found| found.replication_status).unwrap_or_default();
        Ok(replicas.into_iter().find(|replica| replica.region() == Some(&self.region)))
    }

    async fn remove(&self, cx: &StepContext, secret: &Arn) -> Result<()> {
        let call = || {
            cx.aws
                .secrets
                .remove_regions_from_replication()
                .secret_id(secret.as_str())
                .remove_replica_regions(&self.region)
                .send()
        };
        ignore_codes(
            cx.mutate("secretsmanager:RemoveRegionsFromReplication", call).await,
            &["ResourceNotFoundException"],
        )?;
        cx.wait(Wait::new(format!("the replica of the secret in {} to be deleted", self.region), 2, 5 * 60), || async {
            Ok(match self.status(cx, secret).await? {
                None => Progress::Reached(()),
                Some(_) => Progress::Pending("being removed".to_owned()),
            })
        })
        .await
    }
}
