//! The rotation of a secret by a function, every so many days, and not at once.
//!
//! Turning it on runs the function's `testSecret` step; the first rotation comes when the interval is over. A rotation is held back
//! while a replication runs: see `docs/adr/0003-rotation-and-replication.md`.

use async_trait::async_trait;
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Arn;
use crate::graph::Input;
use crate::resource::{About, Cx, Observed, Resource, Result, settled};

/// The tag on a secret that keeps the rotation function from beginning a rotation; its value says why, in words.
pub const HOLD_ROTATION: &str = "migrate-infra:hold-rotation";
/// How long Secrets Manager may take to see a new permission of the function, in seconds.
const PERMISSION_SECONDS: u64 = 60;

/// The specification of a rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretRotation {
    /// The secret.
    pub secret: Input<Arn>,
    /// The function, which must be able to run already.
    pub function: Input<Arn>,
    /// Days between two rotations.
    pub every_days: i64,
    /// Makes the rotation wait for the content of the secret, without which the function finds no database.
    pub content: Input<String>,
    /// Makes the rotation wait for the permission to call the function, without which AWS refuses it.
    pub permission: Input<String>,
}

/// What is known of a rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretRotationAttrs {
    /// The secret.
    pub secret_arn: Arn,
    /// The function.
    pub function_arn: Arn,
    /// Days between two rotations.
    pub every_days: Option<i64>,
}

#[async_trait]
impl Resource for SecretRotation {
    const KIND: &'static str = "secretsmanager.secret_rotation";
    const ABOUT: About = About {
        summary: "the regular rotation of a secret",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:RotateSecret",
            "secretsmanager:CancelRotateSecret",
            // "You also need lambda:InvokeFunction permissions on the rotation function" (RotateSecret).
            "lambda:InvokeFunction",
        ],
        creates: &["secretsmanager:RotateSecret"],
        changes: &["secretsmanager:RotateSecret"],
        deletes: &["secretsmanager:CancelRotateSecret"],
        immutable: &["secret"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["secret"]],
        mentions: &["function"],
        waits_for: &["content", "permission"],
        ..About::PLAIN
    };
    type Attrs = SecretRotationAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecretRotationAttrs>) -> Result<Observed<SecretRotationAttrs>> {
        let arn = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        let call = cx.aws.secrets.describe_secret().secret_id(arn.as_str()).send();
        let found = settled(cx.read("secretsmanager:DescribeSecret", call).await, &["ResourceNotFoundException"])?;
        // Function and rules stay in view after rotation was turned off.
        let Some(found) = found.filter(|found| found.rotation_enabled == Some(true) && found.deleted_date.is_none()) else {
            return Ok(Observed::Absent);
        };
        Ok(Observed::Ours(SecretRotationAttrs {
            secret_arn: arn.clone(),
            function_arn: Arn(found.rotation_lambda_arn.unwrap_or_default()),
            every_days: found.rotation_rules.and_then(|rules| rules.automatically_after_days),
        }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecretRotationAttrs>) -> Result<SecretRotationAttrs> {
        let wanted = SecretRotationAttrs {
            secret_arn: self.secret.get()?.clone(),
            function_arn: self.function.get()?.clone(),
            every_days: Some(self.every_days),
        };
        if seen.as_ref() != Some(&wanted) {
            let rules = RotationRulesType::builder().automatically_after_days(self.every_days).build();
            // No request token of ours: it would name the version that AWS makes for its test, and no two tests may share one.
            let call = || {
                let call = cx.aws.secrets.rotate_secret().secret_id(wanted.secret_arn.as_str()).rotation_lambda_arn(wanted.function_arn.as_str());
                call.rotation_rules(rules.clone()).rotate_immediately(false).send()
            };
            let why = "Secrets Manager to be allowed to call the rotation function";
            cx.retry(why, &["AccessDeniedException"], PERMISSION_SECONDS, || async { cx.mutate("secretsmanager:RotateSecret", call).await }).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &SecretRotationAttrs) -> Result<()> {
        let call = || cx.aws.secrets.cancel_rotate_secret().secret_id(attrs.secret_arn.as_str()).send();
        // AWS refuses it for a secret that is scheduled for deletion or does not rotate.
        let off_already = ["ResourceNotFoundException", "InvalidRequestException"];
        settled(cx.mutate("secretsmanager:CancelRotateSecret", call).await, &off_already).map(drop)
    }

    fn as_inputs(attrs: &SecretRotationAttrs) -> Vec<(&'static str, Value)> {
        vec![("secret", attrs.secret_arn.as_str().into())]
    }

    fn id(attrs: &SecretRotationAttrs) -> String {
        attrs.secret_arn.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::secretsmanager::value::EXCLUDED;

    #[test]
    fn the_rotation_function_goes_by_the_same_tag_and_the_same_characters() {
        let function = include_str!("../lambda/rotation/lambda_function.py");
        assert!(function.contains(&format!("HOLD_TAG = {HOLD_ROTATION:?}\n")));
        assert!(function.contains(&format!("EXCLUDED = {EXCLUDED:?}\n")));
    }
}
