//! A replica of a secret in another region. It follows the primary: its value, its tags, its rotation.
//!
//! It is asked for at the primary, so it belongs to the primary's region. Its ARN is the primary's with the other region in it
//! ("Replicate AWS Secrets Manager secrets across Regions").

use async_trait::async_trait;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Arn, Region};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};

/// The specification of a replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretReplica {
    /// The primary.
    pub secret: Input<Arn>,
    /// The name of the primary, which the replica takes in its region. Empty in states of before it was written down.
    #[serde(default)]
    pub name: String,
    /// The region of the replica.
    pub region: String,
    /// The KMS key there; the key `aws/secretsmanager` without.
    pub kms_key: Option<String>,
    /// Makes the replica wait for the content of the secret. Nothing of the replica follows from it.
    pub content: Input<String>,
}

/// What is known of a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretReplicaAttrs {
    /// The primary.
    pub secret_arn: Arn,
    /// The replica's own ARN.
    pub arn: Arn,
    /// Whether the last replication failed.
    #[serde(default)]
    pub failed: bool,
    /// The KMS key there, as AWS shows it, unless it is AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Handle<SecretReplica> {
    /// The replica's ARN, once it has the primary's value.
    pub fn arn(&self) -> Input<Arn> {
        self.ready("arn")
    }
}

#[async_trait]
impl Resource for SecretReplica {
    const KIND: &'static str = "secretsmanager.secret_replica";
    const ABOUT: About = About {
        summary: "a replica of a secret in another region",
        create_seconds: 1,
        ready_seconds: 5,
        delete_seconds: 3,
        operations: &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:ReplicateSecretToRegions",
            "secretsmanager:RemoveRegionsFromReplication",
            // In the region of the replica, by the same caller.
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
        ],
        creates: &["secretsmanager:ReplicateSecretToRegions"],
        // One that has failed is asked for anew.
        changes: &["secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions"],
        deletes: &["secretsmanager:RemoveRegionsFromReplication"],
        immutable: &["secret", "region", "kms_key"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["secret", "region"]],
        waits_for: &["content"],
        // It is that of the primary.
        at_creation: &["name"],
        ..About::PLAIN
    };
    type Attrs = SecretReplicaAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecretReplicaAttrs>) -> Result<Observed<SecretReplicaAttrs>> {
        let secret = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        Ok(match self.look(cx, secret).await? {
            None => Observed::Absent,
            Some(shown) => {
                let (failed, kms_key) = (shown.status() == Some(&StatusType::Failed), shown.kms_key_id.filter(|key| !key.starts_with("alias/aws/")));
                Observed::Ours(SecretReplicaAttrs { failed, kms_key, ..self.attrs(secret) })
            }
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecretReplicaAttrs>) -> Result<SecretReplicaAttrs> {
        match seen {
            Some(attrs) if !attrs.failed => return Ok(attrs),
            // A failed one is not tried again by AWS ("Troubleshoot replication"), so it is asked for anew.
            Some(attrs) => self.remove(cx, &attrs.secret_arn).await?,
            None => {}
        }
        let secret = self.secret.get()?;
        let region = ReplicaRegionType::builder().region(&self.region).set_kms_key_id(self.kms_key.clone()).build();
        let call = || cx.aws.secrets.replicate_secret_to_regions().secret_id(secret.as_str()).add_replica_regions(region.clone()).send();
        cx.mutate("secretsmanager:ReplicateSecretToRegions", call).await?;
        Ok(SecretReplicaAttrs { kms_key: self.kms_key.clone(), ..self.attrs(secret) })
    }

    async fn ready(&self, cx: &Cx, attrs: SecretReplicaAttrs) -> Result<SecretReplicaAttrs> {
        cx.wait(Wait::new(format!("the replica of the secret in {} to be in sync", self.region), 2, 5 * 60), || async {
            let Some(shown) = self.look(cx, &attrs.secret_arn).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            Ok(match shown.status() {
                Some(StatusType::InSync) => Progress::Reached(()),
                Some(status @ StatusType::Failed) => {
                    Progress::Failed { status: status.as_str().to_owned(), reason: shown.status_message().map(str::to_owned) }
                }
                status => Progress::Pending(status.map_or("unknown", StatusType::as_str).to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &SecretReplicaAttrs) -> Result<()> {
        if self.look(cx, &attrs.secret_arn).await?.is_none() {
            return Ok(());
        }
        self.remove(cx, &attrs.secret_arn).await
    }

    /// "Secret name already exists in the Region" is what becomes of it otherwise ("Troubleshoot AWS Secrets Manager replication").
    fn claims(&self, _region: &Region) -> Vec<String> {
        if self.name.is_empty() { Vec::new() } else { vec![super::claim(&self.region, &self.name)] }
    }

    fn as_inputs(attrs: &SecretReplicaAttrs) -> Vec<(&'static str, Value)> {
        let region = attrs.arn.as_str().split(':').nth(3).unwrap_or_default();
        vec![("secret", attrs.secret_arn.as_str().into()), ("region", region.into())]
    }

    fn id(attrs: &SecretReplicaAttrs) -> String {
        attrs.arn.0.clone()
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

    /// What the primary says of its replica in this region.
    async fn look(&self, cx: &Cx, secret: &Arn) -> Result<Option<ReplicationStatusType>> {
        let call = cx.aws.secrets.describe_secret().secret_id(secret.as_str()).send();
        let found = settled(cx.read("secretsmanager:DescribeSecret", call).await, &["ResourceNotFoundException"])?;
        let replicas = found.and_then(|found| found.replication_status).unwrap_or_default();
        Ok(replicas.into_iter().find(|replica| replica.region() == Some(&self.region)))
    }

    async fn remove(&self, cx: &Cx, secret: &Arn) -> Result<()> {
        let call = || cx.aws.secrets.remove_regions_from_replication().secret_id(secret.as_str()).remove_replica_regions(&self.region).send();
        settled(cx.mutate("secretsmanager:RemoveRegionsFromReplication", call).await, &["ResourceNotFoundException"])?;
        cx.wait(Wait::new(format!("the replica of the secret in {} to be gone", self.region), 2, 5 * 60), || async {
            Ok(match self.look(cx, secret).await? {
                None => Progress::Reached(()),
                Some(_) => Progress::Pending("being removed".to_owned()),
            })
        })
        .await
    }
}
