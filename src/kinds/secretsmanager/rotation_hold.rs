//! Whether the rotation of a secret is held: a tag that the rotation function obeys, and what a refused rotation
//! leaves.
//!
//! It is state of the migration, and not part of the specification of a secret: `up` and `drift` leave it alone. See
//! `docs/adr/0003-rotation-and-replication.md`.

use aws_sdk_secretsmanager::types::Tag;

use infra_aws::{Progress, Wait};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// The tag on a secret that prevents the rotation function from starting a rotation. Its value is the reason.
pub const HOLD_ROTATION: &str = "migrate-infra:hold-rotation";
/// The label of the version that a rotation creates.
const PENDING: &str = "AWSPENDING";
/// The label of the version that is in use.
const CURRENT: &str = "AWSCURRENT";

/// Seconds between two reads of a rotation in progress.
pub const POLL_SECONDS: u64 = 10;
/// How long a rotation in progress can take, in seconds. The function has 15 minutes at most ("Lambda quotas"), and
/// Secrets Manager repeats it a few times.
pub const ROTATION_SECONDS: u64 = 45 * 60;

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
        remove_label(cx, secret, &left).await?;
    }
    let call = || cx.aws.secrets.untag_resource().secret_id(secret).tag_keys(HOLD_ROTATION).send();
    cx.mutate("secretsmanager:UntagResource", call).await.map(drop)
}

/// Returns when the rotation can be changed or turned off: it removes the label that a failed rotation has left on a
/// version without a value, and waits for a rotation whose version has one. `rotates` states whether rotation is turned
/// on.
///
/// "When rotation is unsuccessful, the `AWSPENDING` staging label might be attached to an empty secret version", and
/// "any later invocation of `RotateSecret` assumes that a previous rotation request is still in progress and returns an
/// error" (RotateSecret). Turning rotation off in the middle of one "can leave the `VersionStage` labels in an
/// unexpected state" (CancelRotateSecret).
///
/// The label is removed from a version without a value only: no step of the rotation function has changed the database
/// for it. A function that is just beginning finds no label, and ends before it changes anything. It observes first, so
/// it can be repeated.
///
/// # Errors
/// The error of Secrets Manager; a rotation that does not end; one that was turned off in the middle, after which only
/// a person can tell which password the database accepts.
pub(super) async fn settle_rotation(cx: &StepContext, secret: &str, rotates: bool) -> Result<()> {
    let wait = Wait::new("the rotation in progress to end".to_owned(), POLL_SECONDS, ROTATION_SECONDS);
    let settled = cx.wait(wait, || async {
        let Some(pending) = rotation_status(cx, secret).await?.and_then(|status| status.pending) else {
            return Ok(Progress::Reached(()));
        };
        if !pending.has_value {
            remove_label(cx, secret, &pending).await?;
            return Ok(Progress::Reached(()));
        }
        if !rotates {
            return Err(Error::Refused(halfway(secret, "was turned off in the middle", &pending.id)));
        }
        Ok(Progress::Pending(format!("version {} is not the current one yet", pending.id)))
    });
    match settled.await {
        Err(timeout @ Error::Timeout { .. }) => Err(match rotation_status(cx, secret).await {
            Ok(Some(RotationStatus { pending: Some(pending), .. })) => {
                Error::Refused(halfway(secret, "does not end", &pending.id))
            }
            _ => timeout,
        }),
        other => other,
    }
}

/// "You also need to determine whether to roll back to the previous version of the secret by moving the staging label
/// `AWSCURRENT` to the version that has `AWSPENDING`" (CancelRotateSecret).
fn halfway(secret: &str, how: &str, version: &str) -> String {
    format!(
        "a rotation of {secret} {how}: the database may have the password of the version \
         {version} already. Compare both passwords with the database. If it accepts that of {version}, make it the \
         current one with `aws secretsmanager update-secret-version-stage --secret-id {secret} --version-stage \
         {CURRENT} --move-to-version-id {version} --remove-from-version-id CURRENT_VERSION`. Otherwise discard it with \
         `aws secretsmanager update-secret-version-stage --secret-id {secret} --version-stage {PENDING} \
         --remove-from-version-id {version}`. Then run the same command again"
    )
}

async fn remove_label(cx: &StepContext, secret: &str, from: &PendingVersion) -> Result<()> {
    let call = || {
        let call = cx.aws.secrets.update_secret_version_stage().secret_id(secret);
        call.version_stage(PENDING).remove_from_version_id(&from.id).send()
    };
    cx.mutate("secretsmanager:UpdateSecretVersionStage", call).await.map(drop)
}
