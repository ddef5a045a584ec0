//! The scheduled rotation of a secret by a function.
//!
//! Turning it on runs the `testSecret` step of the function. The first rotation happens after the interval. No rotation
//! happens while a replication runs: see `docs/adr/0003-rotation-and-replication.md`.
//!
//! AWS refuses the call while the label of an earlier rotation remains, so that label is removed first
//! ([`settle_rotation`]).

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rotation_hold::settle_rotation;
use super::secret::{Secret, read_description};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long Secrets Manager can take to see a new permission of the function, in seconds.
const PERMISSION_SECONDS: u64 = 60;

/// The specification of a rotation.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "secretsmanager.secret_rotation",
    summary = "the regular rotation of a secret",
    repeat = "setting",
    create_seconds = 2,
    delete_seconds = 1,
    reads("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:UpdateSecretVersionStage"),
    creates("secretsmanager:RotateSecret"),
    updates("secretsmanager:RotateSecret"),
    deletes("secretsmanager:CancelRotateSecret"),
    // "You also need lambda:InvokeFunction permissions on the rotation function" (RotateSecret).
    permissions("lambda:InvokeFunction")
)]
pub struct SecretRotation {
    /// The secret.
    #[immutable]
    #[unique]
    pub secret: Input<Arn>,
    /// The function, which must be usable.
    #[weak_ref]
    pub function: Input<Arn>,
    /// Days between two rotations.
    pub every_days: i64,
    /// Delays the rotation until the secret has its content, which the function requires.
    #[order_only]
    pub content: Input<String>,
    /// Delays the rotation until Secrets Manager is allowed to invoke the function, which AWS requires.
    #[order_only]
    pub permission: Input<String>,
}

/// What is known of a rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecretRotationAttrs {
    /// The secret.
    #[id]
    pub secret_arn: Arn,
    /// The function.
    pub function_arn: Arn,
    /// Days between two rotations.
    pub every_days: Option<i64>,
}

#[async_trait]
impl Resource for SecretRotation {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecretRotationAttrs>,
    ) -> Result<Observed<SecretRotationAttrs>> {
        let arn = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        if cx.is_new(arn.as_str()) {
            return Ok(Observed::Absent);
        }
        let is_rotated =
            |found: &DescribeSecretOutput| found.rotation_enabled == Some(true) && found.deleted_date.is_none();
        let found = read_description(cx, arn.as_str(), is_rotated).await?;
        // AWS shows function and rules even after rotation was turned off.
        let Some(found) = found.filter(is_rotated) else { return Ok(Observed::Absent) };
        Ok(Observed::Ours(SecretRotationAttrs {
            secret_arn: arn.clone(),
            function_arn: Arn(found.rotation_lambda_arn.unwrap_or_default()),
            every_days: found.rotation_rules.and_then(|rules| rules.automatically_after_days),
        }))
    }

    fn parents(&self, attrs: Option<&SecretRotationAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Secret>("arn", attrs.map(|attrs| &attrs.secret_arn), &self.secret)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecretRotationAttrs>) -> Result<SecretRotationAttrs> {
        let wanted = SecretRotationAttrs {
            secret_arn: self.secret.get()?.clone(),
            function_arn: self.function.get()?.clone(),
            every_days: Some(self.every_days),
        };
        if seen.as_ref() != Some(&wanted) {
            let rules = RotationRulesType::builder().automatically_after_days(self.every_days).build();
            // No request token: it would name the version that AWS creates for its test, and two tests must not share
            // one.
            let call = || {
                let call = cx
                    .aws
                    .secrets
                    .rotate_secret()
                    .secret_id(wanted.secret_arn.as_str())
                    .rotation_lambda_arn(wanted.function_arn.as_str());
                call.rotation_rules(rules.clone()).rotate_immediately(false).send()
            };
            let why = "Secrets Manager to be allowed to invoke the rotation function";
            let rotates = seen.is_some();
            cx.retry(why, &["AccessDeniedException"], PERMISSION_SECONDS, || async {
                // Also before a repetition: the test of AWS "creates an AWSPENDING version of the secret and then
                // removes it" (RotateSecret), which a test that fails may not do.
                settle_rotation(cx, wanted.secret_arn.as_str(), rotates).await?;
                cx.mutate("secretsmanager:RotateSecret", call).await
            })
            .await?;
        }
        Ok(wanted)
    }

    /// A rotation in progress ends first, because one that is cancelled leaves the database with either password. That
    /// does not matter for a secret that is deleted, too.
    async fn delete(&self, cx: &StepContext, attrs: &SecretRotationAttrs) -> Result<()> {
        if !cx.deleted_after.contains(attrs.secret_arn.as_str()) {
            settle_rotation(cx, attrs.secret_arn.as_str(), true).await?;
        }
        let call = || cx.aws.secrets.cancel_rotate_secret().secret_id(attrs.secret_arn.as_str()).send();
        // AWS refuses the call for a secret that is scheduled for deletion or does not rotate.
        let off_already = ["ResourceNotFoundException", "InvalidRequestException"];
        ignore_codes(cx.mutate("secretsmanager:CancelRotateSecret", call).await, &off_already).map(drop)
    }

    fn inputs_from_attrs(attrs: &SecretRotationAttrs) -> Vec<(&'static str, Value)> {
        vec![("secret", attrs.secret_arn.as_str().into())]
    }
}

#[cfg(test)]
mod tests {
    use crate::secretsmanager::rotation_hold::HOLD_ROTATION;
    use crate::secretsmanager::value::EXCLUDED;

    #[test]
    fn the_rotation_function_goes_by_the_same_tag_and_the_same_characters() {
        let function = include_str!("../lambda/rotation/lambda_function.py");
        assert!(function.contains(&format!("HOLD_TAG = {HOLD_ROTATION:?}\n")));
        assert!(function.contains(&format!("EXCLUDED = {EXCLUDED:?}\n")));
    }
}
