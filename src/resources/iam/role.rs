//! A role that AWS services can assume.
//!
//! IAM belongs to the account, not to a region, and is eventually consistent: another service may refuse a new role for some
//! seconds. The kinds that hand a role to a service retry for that long; nothing that IAM answers tells when it is over.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_iam::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{canonical, read};
use super::{BUSY, PATIENCE};
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Blocker, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::names::fill;
use crate::resources::owned::{missing, other_owner};

/// The specification of a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// Its name, unique in the account.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The service principals that may assume it, for example `ecs-tasks.amazonaws.com`. A role belongs to no region, so a region in it is written
    /// out: only so does another one show as a change. States of before may have `{region}` in it, which is filled in.
    pub trust: Vec<String>,
    /// Whether a service may assume it only on behalf of this account ("the confused deputy problem" in the IAM guide).
    pub source_account_condition: bool,
}

/// What is known of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// What it is for.
    pub description: String,
    /// Who may assume it, as a policy document in canonical form.
    pub trust: Value,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: BTreeMap<String, String>,
}

impl Handle<Role> {
    /// The role's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The role's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for Role {
    const KIND: &'static str = "iam.role";
    const ABOUT: About = About {
        summary: "a role that AWS services can assume",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "iam:GetRole",
            "iam:CreateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:DeleteRole",
            "iam:ListRolePolicies",
            "iam:ListAttachedRolePolicies",
        ],
        creates: &["iam:CreateRole"],
        changes: &["iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:TagRole", "iam:UntagRole"],
        deletes: &["iam:DeleteRole"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "policies that somebody else has put into it or attached to it",
        unique: &[&["name"]],
        global: true,
        called_for: &[("iam:UpdateAssumeRolePolicy", &["trust", "source_account_condition"]), ("iam:UpdateRole", &["description"])],
        ..About::PLAIN
    };
    type Attrs = RoleAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&RoleAttrs>) -> Result<Observed<RoleAttrs>> {
        let call = cx.aws.iam.get_role().role_name(&self.name).send();
        let Some(found) = settled(cx.read("iam:GetRole", call).await, &["NoSuchEntity"])? else {
            return Ok(Observed::Absent);
        };
        let role = found.role.ok_or(Error::Incomplete { call: "iam:GetRole", what: "the role" })?;
        let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        if let Some(owner) = other_owner(cx, &tags) {
            return Ok(Observed::Foreign { id: self.name.clone(), owner });
        }
        Ok(Observed::Ours(RoleAttrs {
            name: role.role_name().to_owned(),
            arn: role.arn().into(),
            description: role.description().unwrap_or_default().to_owned(),
            trust: role.assume_role_policy_document().map_or(Value::Null, read),
            missing_tags: missing(cx, &tags),
        }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RoleAttrs>) -> Result<RoleAttrs> {
        let trust = self.trust_document(cx);
        let Some(mut attrs) = seen else { return self.create(cx, trust).await };
        if attrs.trust != canonical(trust.clone()) {
            let update = || cx.aws.iam.update_assume_role_policy().role_name(&self.name).policy_document(trust.to_string()).send();
            cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:UpdateAssumeRolePolicy", update)).await?;
            attrs.trust = canonical(trust);
        }
        if attrs.description != self.description {
            let update = || cx.aws.iam.update_role().role_name(&self.name).description(&self.description).send();
            cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:UpdateRole", update)).await?;
            attrs.description.clone_from(&self.description);
        }
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        Ok(attrs)
    }

    /// Policies are resources of their own and are gone by now. IAM may go on counting them for some seconds; what is still
    /// there after that was put there by somebody else, and is named.
    async fn delete(&self, cx: &Cx, attrs: &RoleAttrs) -> Result<()> {
        let delete = || async {
            let call = || cx.aws.iam.delete_role().role_name(&attrs.name).send();
            let attempt = || cx.mutate("iam:DeleteRole", call);
            settled(cx.retry("IAM to take the change", BUSY, PATIENCE, attempt).await, &["NoSuchEntity"]).map(drop)
        };
        let look = || async {
            match delete().await {
                Err(error) if error.is_code("DeleteConflict") => Ok(Progress::Pending("policies are still in it or attached to it".to_owned())),
                other => other.map(Progress::Reached),
            }
        };
        let gone = cx.wait(Wait::new(format!("role `{}` to be free of policies", attrs.name), 3, 15), look).await;
        let Err(Error::Timeout { .. }) = gone else { return gone };
        let left = leftovers(cx, &attrs.name).await?;
        if left.is_empty() { delete().await } else { Err(Error::Blocked(left)) }
    }

    async fn retag(&self, cx: &Cx, attrs: &RoleAttrs) -> Result<()> {
        let why = "IAM to take the change";
        if !attrs.missing_tags.is_empty() {
            let tags = tags(&attrs.missing_tags)?;
            let update = || cx.aws.iam.tag_role().role_name(&attrs.name).set_tags(Some(tags.clone())).send();
            cx.retry(why, BUSY, PATIENCE, || cx.mutate("iam:TagRole", update)).await?;
        }
        let remove = |keys| cx.aws.iam.untag_role().role_name(&attrs.name).set_tag_keys(Some(keys)).send();
        cx.retry(why, BUSY, PATIENCE, || cx.untag("iam:UntagRole", remove)).await
    }

    fn id(attrs: &RoleAttrs) -> String {
        attrs.name.clone()
    }
}

impl Role {
    async fn create(&self, cx: &Cx, trust: Value) -> Result<RoleAttrs> {
        let tags = tags(&cx.identity.all_tags())?;
        let call = || {
            let call = cx.aws.iam.create_role().role_name(&self.name).assume_role_policy_document(trust.to_string());
            call.description(&self.description).set_tags(Some(tags.clone())).send()
        };
        let made = cx.retry("IAM to take the role", BUSY, PATIENCE, || cx.mutate("iam:CreateRole", call)).await?;
        let role = made.role.ok_or(Error::Incomplete { call: "iam:CreateRole", what: "the role" })?;
        let arn = role.arn().into();
        Ok(RoleAttrs { name: self.name.clone(), arn, description: self.description.clone(), trust: canonical(trust), missing_tags: BTreeMap::new() })
    }

    fn trust_document(&self, cx: &Cx) -> Value {
        let principals: Vec<String> = self.trust.iter().map(|principal| fill(cx, principal)).collect();
        let mut statement = json!({ "Effect": "Allow", "Principal": { "Service": principals }, "Action": "sts:AssumeRole" });
        if self.source_account_condition {
            statement["Condition"] = json!({ "StringEquals": { "aws:SourceAccount": cx.account } });
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| Error::Refused(error.to_string()))
}

/// Returns the policies that keep a role from being deleted.
async fn leftovers(cx: &Cx, role: &str) -> Result<Vec<Blocker>> {
    let mut left = Vec::new();
    let mut marker = None;
    loop {
        let call = cx.aws.iam.list_role_policies().role_name(role).set_marker(marker).send();
        let Some(page) = settled(cx.read("iam:ListRolePolicies", call).await, &["NoSuchEntity"])? else { return Ok(left) };
        left.extend(page.policy_names().iter().map(|name| Blocker { id: name.clone(), what: "an inline policy in it".to_owned() }));
        match page.marker {
            Some(next) if page.is_truncated => marker = Some(next),
            _ => break,
        }
    }
    let attached = super::role_policy_attachment::attached(cx, role).await?.unwrap_or_default();
    left.extend(attached.into_iter().map(|arn| Blocker { id: arn, what: "a policy attached to it".to_owned() }));
    Ok(left)
}
