//! Whether the rotation of a secret is held: a tag that the rotation function obeys, and what a refused rotation
//! leaves.
//!
//! It is state of the migration, and not part of the specification of a secret: `up` and `drift` leave it alone. See
//! `docs/adr/0003-rotation-and-replication.md`.

use aws_sdk_secretsmanager::types::Tag;

use super::rotation::HOLD_ROTATION;
use infra_core::resource::{Result, StepContext, ignore_codes};

/// The label of the version that a rotation creates.
const PENDING: &str = "AWSPENDING";
/// The label of the version that is in use.
const CURRENT: &str = "AWSCURRENT";

/// What is known of the rotation of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationStatus {
    /// The reason why it is held; `None` if it is not held.
    pub held: Option<String>,
    /// The version that a rotation creates; `None` without one. "If the `AWSPENDING` staging label is present but not
    /// attached to the same version as `AWSCURRENT`, then any later invocation of `RotateSecret` assumes that a
    /// previous rotation request is still in progress and returns an error" (RotateSecret).
    pub pending: Option<PendingVersion>,
}

/// A version that is not in use yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingVersion {
    /// Its id.
    pub id: String,
    /// Whether it has a value. If so, the database can have its password already.
    pub has_value: bool,
}

impl RotationStatus {
    /// Returns whether a rotation is in progress that continues even when held.
    pub fn is_in_progress(&self) -> bool {
        self.pending.as_ref().is_some_and(|version| version.has_value)
    }
}

/// Reads it. `None` if the secret does not exist.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn rotation_status(cx: &StepContext, secret: &str) -> Result<Option<RotationStatus>> {
    let call = cx.aws.secrets.describe_secret().secret_id(secret).send();
    let found = ignore_codes(cx.read("secretsmanager:DescribeSecret", call).await, &["ResourceNotFoundException"])?;
    let Some(found) = found.filter(|found| found.deleted_date.is_none()) else { return Ok(None) };
    let tag = found.tags().iter().find(|tag| tag.key() == Some(HOLD_ROTATION));
    let held = tag.map(|tag| tag.value().unwrap_or_default().to_owned());
    let has = |labels: &[String], label: &str| labels.iter().any(|one| one == label);
    // "Each staging label can be attached to only one version at a time" (UpdateSecretVersionStage).
    let versions = found.version_ids_to_stages.unwrap_or_default();
    let pending = versions.into_iter().find(|(_, labels)| has(labels, PENDING) && !has(labels, CURRENT));
    let pending = match pending {
        Some((id, _)) => Some(PendingVersion { has_value: has_value(cx, secret, &id).await?, id }),
        None => None,
    };
    Ok(Some(RotationStatus { held, pending }))
}

/// "During rotation, Secrets Manager creates an `AWSPENDING` version ID before creating the new secret version. To
/// check if a secret version exists, call `GetSecretValue`" (DescribeSecret). The value itself is dropped.
async fn has_value(cx: &StepContext, secret: &str, version: &str) -> Result<bool> {
    let call = cx.aws.secrets.get_secret_value().secret_id(secret).version_id(version).version_stage(PENDING).send();
    let found = ignore_codes(cx.read("secretsmanager:GetSecretValue", call).await, &["ResourceNotFoundException"])?;
    Ok(found.is_some())
}

/// Holds the rotation. It can be repeated.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn hold_rotation(cx: &StepContext, secret: &str, reason: &str) -> Result<()> {
    let tag = Tag::builder().key(HOLD_ROTATION).value(reason).build();
    let call = || cx.aws.secrets.tag_resource().secret_id(secret).tags(tag.clone()).send();
    cx.mutate("secretsmanager:TagResource", call).await.map(drop)
}

/// Allows the rotation again, and removes what refused rotations have left. It observes first, so it can be repeated,
/// whatever an earlier attempt has done.
///
/// The label goes before the tag: while there is a tag, no rotation gives a value to the version with the label.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn allow_rotation(cx: &StepContext, secret: &str) -> Result<()> {
    let Some(status) = rotation_status(cx, secret).await? else { return Ok(()) };
    if status.held.is_none() {
        return Ok(());
    }
    if let Some(left) = status.pending.filter(|version| !version.has_value) {
        let call = || {
            let call = cx.aws.secrets.update_secret_version_stage().secret_id(secret);
            call.version_stage(PENDING).remove_from_version_id(&left.id).send()
        };
        cx.mutate("secretsmanager:UpdateSecretVersionStage", call).await?;
    }
    let call = || cx.aws.secrets.untag_resource().secret_id(secret).tag_keys(HOLD_ROTATION).send();
    cx.mutate("secretsmanager:UntagResource", call).await.map(drop)
}
