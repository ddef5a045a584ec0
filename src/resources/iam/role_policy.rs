//! An inline policy: what a role may do.
//!
//! It has no tags; it is part of its role, and the role is ours.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{canonical, read};
use super::{BUSY, BUSY_OR_HIDDEN, PATIENCE};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::names::fill;

/// The specification of an inline policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RolePolicy {
    /// The name of the role that it is part of.
    pub role: Input<String>,
    /// Its name inside the role.
    pub name: String,
    /// What it allows.
    pub statements: Vec<Statement>,
}

/// Something that is allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Its name inside the policy, letters and digits only.
    pub sid: String,
    /// The actions, for example `s3:GetObject`.
    pub actions: Vec<String>,
    /// What they may be done to: ARNs or `*`. `{account}`, `{region}` and `{partition}` are filled in.
    pub resources: Vec<Input<String>>,
    /// Under which conditions, as IAM writes them.
    pub conditions: Option<Value>,
}

impl Statement {
    /// Allows actions on resources, without a condition.
    pub fn allow(sid: &str, actions: &[&str], resources: Vec<Input<String>>) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self { sid: sid.to_owned(), actions, resources, conditions: None }
    }
}

/// What is known of an inline policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePolicyAttrs {
    /// The role's name.
    pub role: String,
    /// Its name.
    pub name: String,
    /// The policy document in canonical form.
    pub document: Value,
}

impl Handle<RolePolicy> {
    /// The policy's name, once the role has the policy: for what must not start without these permissions.
    pub fn done(&self) -> Input<String> {
        self.ready("name")
    }
}

#[async_trait]
impl Resource for RolePolicy {
    const KIND: &'static str = "iam.role_policy";
    const ABOUT: About = About {
        summary: "an inline policy of a role",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"],
        creates: &["iam:PutRolePolicy"],
        changes: &["iam:PutRolePolicy"],
        deletes: &["iam:DeleteRolePolicy"],
        immutable: &["role", "name"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["role", "name"]],
        mentions: &["statements"],
        global: true,
        ..About::PLAIN
    };
    type Attrs = RolePolicyAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&RolePolicyAttrs>) -> Result<Observed<RolePolicyAttrs>> {
        let role = self.role.get()?;
        let call = cx.aws.iam.get_role_policy().role_name(role).policy_name(&self.name).send();
        Ok(match settled(cx.read("iam:GetRolePolicy", call).await, &["NoSuchEntity"])? {
            Some(found) => Observed::Ours(self.attrs(role, read(found.policy_document()))),
            None => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RolePolicyAttrs>) -> Result<RolePolicyAttrs> {
        let role = self.role.get()?;
        let document = self.document(cx)?;
        let wanted = self.attrs(role, canonical(document.clone()));
        if seen.as_ref() != Some(&wanted) {
            let put = || cx.aws.iam.put_role_policy().role_name(role).policy_name(&self.name).policy_document(document.to_string()).send();
            cx.retry("IAM to take the policy", BUSY_OR_HIDDEN, PATIENCE, || cx.mutate("iam:PutRolePolicy", put)).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &RolePolicyAttrs) -> Result<()> {
        let call = || cx.aws.iam.delete_role_policy().role_name(&attrs.role).policy_name(&attrs.name).send();
        let delete = || cx.mutate("iam:DeleteRolePolicy", call);
        settled(cx.retry("IAM to take the change", BUSY, PATIENCE, delete).await, &["NoSuchEntity"]).map(drop)
    }

    fn id(attrs: &RolePolicyAttrs) -> String {
        format!("{}/{}", attrs.role, attrs.name)
    }
}

impl RolePolicy {
    fn attrs(&self, role: &str, document: Value) -> RolePolicyAttrs {
        RolePolicyAttrs { role: role.to_owned(), name: self.name.clone(), document }
    }

    fn document(&self, cx: &Cx) -> Result<Value> {
        let statements = self.statements.iter().map(|statement| statement.print(cx)).collect::<Result<Vec<_>>>()?;
        Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
    }
}

impl Statement {
    fn print(&self, cx: &Cx) -> Result<Value> {
        let resources = self.resources.iter().map(|resource| Ok(fill(cx, resource.get()?))).collect::<Result<Vec<_>>>()?;
        let mut statement = json!({ "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": resources });
        if let Some(conditions) = &self.conditions {
            statement["Condition"] = conditions.clone();
        }
        Ok(statement)
    }
}
