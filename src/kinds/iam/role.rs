//! A role that AWS services can assume.
//!
//! IAM belongs to the account, not to a region, and is eventually consistent: another service can refuse a new role for
//! some seconds. The kinds that pass a role to a service retry for that long, because IAM does not show when the role
//! is usable.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{canonical, read};
use super::retry::when_idle;
use super::tagging;
use crate::ownership::classify;
use crate::placeholders::fill;
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a role.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "iam.role",
    summary = "a role that AWS services can assume",
    repeat = "name",
    arns("iam:role/"),
    create_seconds = 1,
    delete_seconds = 1,
    global,
    tagger = tagging::Iam,
    delete_blockers = "foreign inline or attached policies",
    reads("iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"),
    creates("iam:CreateRole"),
    deletes("iam:DeleteRole"),
    permissions("iam:DeleteRolePermissionsBoundary"),
)]
pub struct Role {
    /// Its name, unique in the account.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it is for.
    #[update(call = "iam:UpdateRole")]
    pub description: String,
    /// The service principals that may assume it, for example `ecs-tasks.amazonaws.com`. A role belongs to no region,
    /// so a region is written out: only then does a different region show as a change. Older states may contain
    /// `{region}`, which is filled in.
    #[update(call = "iam:UpdateAssumeRolePolicy")]
    #[compare(template)]
    pub trust: Vec<String>,
    /// Whether services can assume it only on behalf of this account ("the confused deputy problem" in the IAM guide).
    #[update(call = "iam:UpdateAssumeRolePolicy")]
    pub source_account_condition: bool,
    /// The ARNs, with `*` wildcards, of the resources for which services can assume it; none for any. `{partition}` and
    /// `{account}` are filled in; a region is written out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[update(call = "iam:UpdateAssumeRolePolicy")]
    #[compare(template)]
    pub source_arns: Vec<String>,
    /// Its path; `/` for none ("Friendly names and paths", IAM user guide).
    #[serde(default = "no_path", skip_serializing_if = "is_no_path")]
    #[immutable]
    pub path: String,
    /// The ARN of the policy that limits its permissions ("Permissions boundaries for IAM entities").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[update(call = "iam:PutRolePermissionsBoundary")]
    pub permissions_boundary: Option<String>,
}

fn no_path() -> String {
    "/".to_owned()
}

fn is_no_path(path: &str) -> bool {
    path == "/"
}

/// What is known of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct RoleAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[output(created)]
    pub arn: Arn,
    /// What it is for.
    pub description: String,
    /// Who is allowed to assume it, as a policy document in canonical form.
    pub trust: Value,
    /// Its path.
    #[serde(default = "no_path")]
    pub path: String,
    /// The ARN of its permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
}

#[async_trait]
impl Resource for Role {
    async fn observe(&self, cx: &StepContext, _known: Option<&RoleAttrs>) -> Result<Observed<RoleAttrs>> {
        let call = cx.aws.iam.get_role().role_name(&self.name).send();
        let Some(found) = ignore_codes(cx.read("iam:GetRole", call).await, &["NoSuchEntity"])? else {
            return Ok(Observed::Absent);
        };
        let role = found.role.ok_or(Error::MissingField { call: "iam:GetRole", what: "the role" })?;
        let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        Ok(classify(cx, &tags, &self.name, || RoleAttrs {
            name: role.role_name().to_owned(),
            arn: role.arn().into(),
            description: role.description().unwrap_or_default().to_owned(),
            trust: role.assume_role_policy_document().map_or(Value::Null, read),
            path: role.path().to_owned(),
            permissions_boundary: boundary(&role),
        }))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let name = arn.as_str().rsplit('/').next().unwrap_or_default();
        let call = cx.aws.iam.get_role().role_name(name).send();
        Ok(ignore_codes(cx.read("iam:GetRole", call).await, &["NoSuchEntity"])?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<RoleAttrs>) -> Result<RoleAttrs> {
        let trust = self.trust_document(cx);
        let Some(mut attrs) = seen else { return self.create(cx, trust).await };
        if attrs.trust != canonical(trust.clone()) {
            let update = || {
                cx.aws.iam.update_assume_role_policy().role_name(&self.name).policy_document(trust.to_string()).send()
            };
            when_idle(cx, || cx.mutate("iam:UpdateAssumeRolePolicy", update)).await?;
            attrs.trust = canonical(trust);
        }
        if attrs.description != self.description {
            // Without it, "the default value of one hour is applied" (UpdateRole), whatever somebody has set.
            let call = cx.aws.iam.get_role().role_name(&self.name).send();
            let seconds = cx.read("iam:GetRole", call).await?.role.and_then(|role| role.max_session_duration);
            let update = || {
                let call = cx.aws.iam.update_role().role_name(&self.name).description(&self.description);
                call.set_max_session_duration(seconds).send()
            };
            when_idle(cx, || cx.mutate("iam:UpdateRole", update)).await?;
            attrs.description.clone_from(&self.description);
        }
        if attrs.permissions_boundary != self.permissions_boundary {
            self.set_boundary(cx).await?;
            attrs.permissions_boundary.clone_from(&self.permissions_boundary);
        }
        Ok(attrs)
    }

    /// Policies are separate resources and are deleted by now. IAM can count them for some seconds longer. After that,
    /// a remaining policy is foreign, and the error names it.
    async fn delete(&self, cx: &StepContext, attrs: &RoleAttrs) -> Result<()> {
        let delete = || async {
            let call = || cx.aws.iam.delete_role().role_name(&attrs.name).send();
            let deleted = when_idle(cx, || cx.mutate("iam:DeleteRole", call)).await;
            ignore_codes(deleted, &["NoSuchEntity"]).map(drop)
        };
        let attempt = || async {
            match delete().await {
                Err(error) if error.is_code("DeleteConflict") => {
                    Ok(Progress::Pending("it still has inline or attached policies".to_owned()))
                }
                other => other.map(Progress::Reached),
            }
        };
        let deleted = cx.wait(Wait::new(format!("role `{}` to have no policies", attrs.name), 3, 15), attempt).await;
        let Err(Error::Timeout { .. }) = deleted else { return deleted };
        let remaining = foreign_policies(cx, &attrs.name).await?;
        if remaining.is_empty() { delete().await } else { Err(Error::Blocked(remaining)) }
    }
}

impl Role {
    async fn create(&self, cx: &StepContext, trust: Value) -> Result<RoleAttrs> {
        let tags = tagging::to_sdk(cx.identity.all_tags())?;
        let call = || {
            let call = cx.aws.iam.create_role().role_name(&self.name).assume_role_policy_document(trust.to_string());
            let call = call.path(&self.path).set_permissions_boundary(self.permissions_boundary.clone());
            call.description(&self.description).set_tags(Some(tags.clone())).send()
        };
        let created = when_idle(cx, || cx.mutate("iam:CreateRole", call)).await?;
        let role = created.role.ok_or(Error::MissingField { call: "iam:CreateRole", what: "the role" })?;
        let arn = role.arn().into();
        Ok(RoleAttrs {
            name: self.name.clone(),
            arn,
            description: self.description.clone(),
            trust: canonical(trust),
            path: self.path.clone(),
            permissions_boundary: self.permissions_boundary.clone(),
        })
    }

    async fn set_boundary(&self, cx: &StepContext) -> Result<()> {
        let Some(boundary) = &self.permissions_boundary else {
            let delete = || cx.aws.iam.delete_role_permissions_boundary().role_name(&self.name).send();
            let deleted = when_idle(cx, || cx.mutate("iam:DeleteRolePermissionsBoundary", delete)).await;
            return ignore_codes(deleted, &["NoSuchEntity"]).map(drop);
        };
        let put =
            || cx.aws.iam.put_role_permissions_boundary().role_name(&self.name).permissions_boundary(boundary).send();
        when_idle(cx, || cx.mutate("iam:PutRolePermissionsBoundary", put)).await.map(drop)
    }

    fn trust_document(&self, cx: &StepContext) -> Value {
        let principals: Vec<String> = self.trust.iter().map(|principal| fill(cx, principal)).collect();
        let mut statement =
            json!({ "Effect": "Allow", "Principal": { "Service": principals }, "Action": "sts:AssumeRole" });
        let sources: Vec<String> = self.source_arns.iter().map(|source| fill(cx, source)).collect();
        if self.source_account_condition {
            statement["Condition"]["StringEquals"] = json!({ "aws:SourceAccount": cx.account });
        }
        if !sources.is_empty() {
            statement["Condition"]["ArnLike"] = json!({ "aws:SourceArn": sources });
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }
}

fn boundary(role: &aws_sdk_iam::types::Role) -> Option<String> {
    role.permissions_boundary()?.permissions_boundary_arn().map(str::to_owned)
}

/// Returns the policies that block the deletion of a role.
async fn foreign_policies(cx: &StepContext, role: &str) -> Result<Vec<Blocker>> {
    let mut remaining = Vec::new();
    let mut marker = None;
    loop {
        let call = cx.aws.iam.list_role_policies().role_name(role).set_marker(marker).send();
        let Some(page) = ignore_codes(cx.read("iam:ListRolePolicies", call).await, &["NoSuchEntity"])? else {
            return Ok(remaining);
        };
        remaining.extend(
            page.policy_names()
                .iter()
                .map(|name| Blocker { id: name.clone(), what: "an inline policy in it".to_owned() }),
        );
        match page.marker {
            Some(next) if page.is_truncated => marker = Some(next),
            _ => break,
        }
    }
    let attached = super::attached_policies::attached(cx, role).await?.unwrap_or_default();
    remaining.extend(attached.into_iter().map(|arn| Blocker { id: arn, what: "a policy attached to it".to_owned() }));
    Ok(remaining)
}
