//! A managed policy attached to a role.
//!
//! An attachment is a fact about the role, and the role is ours: there is nothing else to tell whose it is.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{BUSY, BUSY_OR_HIDDEN, PATIENCE};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::names::fill;

/// The specification of an attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RolePolicyAttachment {
    /// The role's name.
    pub role: Input<String>,
    /// The managed policy's ARN, for example `arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy`.
    /// `{account}` and `{partition}` are filled in.
    pub policy_arn: String,
}

/// What is known of an attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePolicyAttachmentAttrs {
    /// The role's name.
    pub role: String,
    /// The policy's ARN.
    pub policy_arn: String,
}

impl Handle<RolePolicyAttachment> {
    /// The policy's ARN, once it is attached: for what must not start without these permissions.
    pub fn done(&self) -> Input<String> {
        self.ready("policy_arn")
    }
}

#[async_trait]
impl Resource for RolePolicyAttachment {
    const KIND: &'static str = "iam.role_policy_attachment";
    const ABOUT: About = About {
        summary: "a managed policy attached to a role",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["iam:ListAttachedRolePolicies", "iam:AttachRolePolicy", "iam:DetachRolePolicy"],
        creates: &["iam:AttachRolePolicy"],
        deletes: &["iam:DetachRolePolicy"],
        immutable: &["role", "policy_arn"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["role", "policy_arn"]],
        global: true,
        ..About::PLAIN
    };
    type Attrs = RolePolicyAttachmentAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&RolePolicyAttachmentAttrs>) -> Result<Observed<RolePolicyAttachmentAttrs>> {
        let wanted = self.wanted(cx)?;
        let is_attached = attached(cx, &wanted.role).await?.is_some_and(|arns| arns.contains(&wanted.policy_arn));
        Ok(if is_attached { Observed::Ours(wanted) } else { Observed::Absent })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RolePolicyAttachmentAttrs>) -> Result<RolePolicyAttachmentAttrs> {
        let wanted = self.wanted(cx)?;
        if seen.as_ref() != Some(&wanted) {
            let call = || cx.aws.iam.attach_role_policy().role_name(&wanted.role).policy_arn(&wanted.policy_arn).send();
            // A policy that does not exist is `NoSuchEntity` too, and a misspelt one should not take a minute.
            let patience = PATIENCE / 4;
            cx.retry("IAM to take the attachment", BUSY_OR_HIDDEN, patience, || cx.mutate("iam:AttachRolePolicy", call)).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &RolePolicyAttachmentAttrs) -> Result<()> {
        let call = || cx.aws.iam.detach_role_policy().role_name(&attrs.role).policy_arn(&attrs.policy_arn).send();
        let detach = || cx.mutate("iam:DetachRolePolicy", call);
        settled(cx.retry("IAM to take the change", BUSY, PATIENCE, detach).await, &["NoSuchEntity"]).map(drop)
    }

    fn id(attrs: &RolePolicyAttachmentAttrs) -> String {
        let policy = attrs.policy_arn.rsplit('/').next().unwrap_or(&attrs.policy_arn);
        format!("{}/{policy}", attrs.role)
    }
}

impl RolePolicyAttachment {
    fn wanted(&self, cx: &Cx) -> Result<RolePolicyAttachmentAttrs> {
        Ok(RolePolicyAttachmentAttrs { role: self.role.get()?.clone(), policy_arn: fill(cx, &self.policy_arn) })
    }
}

/// Returns the ARNs of the policies attached to a role, or `None` when there is no such role.
pub(in crate::resources) async fn attached(cx: &Cx, role: &str) -> Result<Option<Vec<String>>> {
    let mut arns = Vec::new();
    let mut marker = None;
    loop {
        let call = cx.aws.iam.list_attached_role_policies().role_name(role).set_marker(marker).send();
        let Some(page) = settled(cx.read("iam:ListAttachedRolePolicies", call).await, &["NoSuchEntity"])? else { return Ok(None) };
        arns.extend(page.attached_policies().iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)));
        match page.marker {
            Some(next) if page.is_truncated => marker = Some(next),
            _ => return Ok(Some(arns)),
        }
    }
}
