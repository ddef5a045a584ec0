//! A managed policy attached to a role.
//!
//! It has no tags: its role determines its owner.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::attached_policies::attached;
use super::retry::{BUSY_OR_HIDDEN, BUSY_SECONDS, when_idle};
use super::role::Role;
use crate::placeholders::fill;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of an attachment.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "iam.role_policy_attachment",
    summary = "a managed policy attached to a role",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    global,
    reads("iam:ListAttachedRolePolicies"),
    creates("iam:AttachRolePolicy"),
    deletes("iam:DetachRolePolicy")
)]
pub struct RolePolicyAttachment {
    /// The role's name.
    #[immutable]
    #[unique]
    pub role: Input<String>,
    /// The managed policy's ARN, for example
    /// `arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy`. `{account}` and `{partition}`
    /// are filled in.
    #[immutable]
    #[unique]
    #[compare(template)]
    pub policy_arn: String,
}

/// What is known of an attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id_with = short_id)]
pub struct RolePolicyAttachmentAttrs {
    /// The role's name.
    pub role: String,
    /// The policy's ARN.
    #[output(
        ready,
        name = "done",
        doc = "The policy's ARN, once it is attached: for resources that require these permissions."
    )]
    pub policy_arn: String,
}

#[async_trait]
impl Resource for RolePolicyAttachment {
    async fn observe(
        &self,
        cx: &StepContext,
        _known: Option<&RolePolicyAttachmentAttrs>,
    ) -> Result<Observed<RolePolicyAttachmentAttrs>> {
        let wanted = self.wanted(cx)?;
        if cx.is_new(&wanted.role) {
            return Ok(Observed::Absent);
        }
        let is_attached = attached(cx, &wanted.role).await?.is_some_and(|arns| arns.contains(&wanted.policy_arn));
        Ok(if is_attached { Observed::Ours(wanted) } else { Observed::Absent })
    }

    fn parents(&self, attrs: Option<&RolePolicyAttachmentAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Role>("name", attrs.map(|attrs| &attrs.role), &self.role)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<RolePolicyAttachmentAttrs>,
    ) -> Result<RolePolicyAttachmentAttrs> {
        let wanted = self.wanted(cx)?;
        if seen.as_ref() != Some(&wanted) {
            let call = || cx.aws.iam.attach_role_policy().role_name(&wanted.role).policy_arn(&wanted.policy_arn).send();
            // A policy that does not exist is `NoSuchEntity`, too, and a misspelt ARN should not cost a minute.
            cx.retry("IAM to accept the attachment", BUSY_OR_HIDDEN, BUSY_SECONDS / 4, || {
                cx.mutate("iam:AttachRolePolicy", call)
            })
            .await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &RolePolicyAttachmentAttrs) -> Result<()> {
        let call = || cx.aws.iam.detach_role_policy().role_name(&attrs.role).policy_arn(&attrs.policy_arn).send();
        let detach = || cx.mutate("iam:DetachRolePolicy", call);
        ignore_codes(when_idle(cx, detach).await, &["NoSuchEntity"]).map(drop)
    }
}

impl RolePolicyAttachment {
    fn wanted(&self, cx: &StepContext) -> Result<RolePolicyAttachmentAttrs> {
        Ok(RolePolicyAttachmentAttrs { role: self.role.get()?.clone(), policy_arn: fill(cx, &self.policy_arn) })
    }
}

/// Returns the role and the name of the policy.
fn short_id(attrs: &RolePolicyAttachmentAttrs) -> String {
    let policy = attrs.policy_arn.rsplit('/').next().unwrap_or(&attrs.policy_arn);
    format!("{}/{policy}", attrs.role)
}
