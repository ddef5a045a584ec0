//! An inline policy: what a role may do.
//!
//! It has no tags: its role determines its owner.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{canonical, read};
use super::retry::{BUSY_OR_HIDDEN, BUSY_SECONDS, when_idle};
use super::role::Role;
use crate::placeholders::fill;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of an inline policy.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "iam.role_policy",
    summary = "an inline policy of a role",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    global,
    reads("iam:GetRolePolicy"),
    creates("iam:PutRolePolicy"),
    updates("iam:PutRolePolicy"),
    deletes("iam:DeleteRolePolicy")
)]
pub struct RolePolicy {
    /// The name of the role that it is part of.
    #[immutable]
    #[unique]
    pub role: Input<String>,
    /// Its name inside the role.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it allows.
    #[weak_ref]
    pub statements: Vec<Statement>,
}

/// A statement of allowed actions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Its name inside the policy, letters and digits only.
    pub sid: String,
    /// The actions, for example `s3:GetObject`.
    pub actions: Vec<String>,
    /// The resources: ARNs or `*`. `{account}`, `{region}` and `{partition}` are filled in.
    pub resources: Vec<Input<String>>,
    /// The conditions, in the form of IAM.
    pub conditions: Option<Value>,
}

impl Statement {
    /// Returns a statement that allows actions on resources without a condition.
    pub fn allow(sid: &str, actions: &[&str], resources: Vec<Input<String>>) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self { sid: sid.to_owned(), actions, resources, conditions: None }
    }
}

/// What is known of an inline policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id = "{role}/{name}")]
pub struct RolePolicyAttrs {
    /// The role's name.
    pub role: String,
    /// Its name.
    #[output(
        ready,
        name = "done",
        doc = "The policy's name, once the role has the policy: for resources that require these permissions."
    )]
    pub name: String,
    /// The policy document in canonical form.
    pub document: Value,
}

#[async_trait]
impl Resource for RolePolicy {
    async fn observe(&self, cx: &StepContext, _known: Option<&RolePolicyAttrs>) -> Result<Observed<RolePolicyAttrs>> {
        let role = self.role.get()?;
        if cx.is_new(role) {
            return Ok(Observed::Absent);
        }
        let call = cx.aws.iam.get_role_policy().role_name(role).policy_name(&self.name).send();
        Ok(match ignore_codes(cx.read("iam:GetRolePolicy", call).await, &["NoSuchEntity"])? {
            Some(found) => Observed::Ours(self.attrs(role, read(found.policy_document()))),
            None => Observed::Absent,
        })
    }

    fn parents(&self, attrs: Option<&RolePolicyAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Role>("name", attrs.map(|attrs| &attrs.role), &self.role)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<RolePolicyAttrs>) -> Result<RolePolicyAttrs> {
        let role = self.role.get()?;
        let document = self.document(cx)?;
        let wanted = self.attrs(role, canonical(document.clone()));
        if seen.as_ref() != Some(&wanted) {
            let put = || {
                cx.aws
                    .iam
                    .put_role_policy()
                    .role_name(role)
                    .policy_name(&self.name)
                    .policy_document(document.to_string())
                    .send()
            };
            cx.retry("IAM to accept the policy", BUSY_OR_HIDDEN, BUSY_SECONDS, || cx.mutate("iam:PutRolePolicy", put))
                .await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &RolePolicyAttrs) -> Result<()> {
        let call = || cx.aws.iam.delete_role_policy().role_name(&attrs.role).policy_name(&attrs.name).send();
        let delete = || cx.mutate("iam:DeleteRolePolicy", call);
        ignore_codes(when_idle(cx, delete).await, &["NoSuchEntity"]).map(drop)
    }
}

impl RolePolicy {
    fn attrs(&self, role: &str, document: Value) -> RolePolicyAttrs {
        RolePolicyAttrs { role: role.to_owned(), name: self.name.clone(), document }
    }

    fn document(&self, cx: &StepContext) -> Result<Value> {
        let statements = self.statements.iter().map(|statement| statement.print(cx)).collect::<Result<Vec<_>>>()?;
        Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
    }
}

impl Statement {
    fn print(&self, cx: &StepContext) -> Result<Value> {
        let resources =
            self.resources.iter().map(|resource| Ok(fill(cx, resource.get()?))).collect::<Result<Vec<_>>>()?;
        let mut statement =
            json!({ "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": resources });
        if let Some(conditions) = &self.conditions {
            statement["Condition"] = conditions.clone();
        }
        Ok(statement)
    }
}
