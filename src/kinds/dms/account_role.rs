//! One of the two roles that DMS requires in every account, under fixed names: `dms-vpc-role` and
//! `dms-cloudwatch-logs-role`.
//!
//! They belong to the account, not to a stack. A role that existed before is used unchanged and never deleted. A role
//! that this tool created has a mark, and a tag for each address of each stack that uses it. The last user deletes it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::types::{Role, Tag};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::iam::attached;
use crate::iam::document::read;
use crate::iam::retry::{BUSY_OR_HIDDEN, BUSY_SECONDS, when_idle};
use crate::placeholders::fill;
use infra_base::tags::{SHARED_MARK, SHARED_USER};
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The service that assumes it, and how.
const DMS: &str = "dms.amazonaws.com";
const ASSUME: &str = "sts:AssumeRole";
/// The role whose conditions DMS documents.
const WITH_CONDITIONS: &str = "dms-vpc-role";
/// Seconds between two reads of the other users.
const READ_PAUSES: [u64; 5] = [1, 2, 4, 8, 0];
/// How many attempts are made while other runs create and delete the role.
const ATTEMPTS: usize = 5;

/// The specification of an account-wide role.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.account_role",
    summary = "a role that DMS requires in every account",
    repeat = "name",
    create_seconds = 2,
    delete_seconds = 2,
    global,
    delete_blockers = "other stacks that use it; the role then stays",
    reads("iam:GetRole", "iam:ListAttachedRolePolicies"),
    creates("iam:CreateRole", "iam:TagRole", "iam:AttachRolePolicy"),
    updates("iam:TagRole"),
    call_triggers(call = "iam:UpdateAssumeRolePolicy", on("trusts_dms")),
    call_triggers(call = "iam:AttachRolePolicy", on("attached")),
    deletes("iam:UntagRole", "iam:DetachRolePolicy", "iam:DeleteRole")
)]
pub struct AccountRole {
    /// Its fixed name.
    #[immutable]
    #[unique]
    pub name: String,
    /// The ARN of its AWS-managed policy; `{partition}` is filled in.
    #[compare(template)]
    pub managed_policy: String,
    /// The ARN of the policy that limits its permissions. It is set when the role is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[create_only]
    pub permissions_boundary: Option<String>,
}

/// What is known of an account-wide role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct AccountRoleAttrs {
    /// Its name.
    #[id]
    #[output(ready, name = "done", doc = "For resources that only depend on the role and its policy.")]
    pub name: String,
    /// Whether this tool created it. If not, it is left alone.
    #[computed]
    pub made_by_tool: bool,
    /// Whether it is marked as used by this address.
    #[computed]
    pub in_use: bool,
    /// Whether the policy is attached to it.
    pub attached: bool,
    /// Whether DMS is allowed to assume it. Older states lack it and have the value at creation.
    #[serde(default = "yes")]
    pub trusts_dms: bool,
}

fn yes() -> bool {
    true
}

#[async_trait]
impl Resource for AccountRole {
    async fn observe(&self, cx: &StepContext, _known: Option<&AccountRoleAttrs>) -> Result<Observed<AccountRoleAttrs>> {
        let Some(role) = self.find(cx).await? else { return Ok(Observed::Absent) };
        let tags = tags(&role);
        let Some(policies) = attached(cx, &self.name).await? else { return Ok(Observed::Absent) };
        Ok(Observed::Ours(AccountRoleAttrs {
            name: self.name.clone(),
            made_by_tool: tags.contains_key(SHARED_MARK),
            in_use: tags.contains_key(&user(cx)),
            attached: policies.contains(&fill(cx, &self.managed_policy)),
            trusts_dms: statements(&trust(&role)).iter().any(lets_dms_in),
        }))
    }

    async fn ensure(&self, cx: &StepContext, mut seen: Option<AccountRoleAttrs>) -> Result<AccountRoleAttrs> {
        for _ in 0..ATTEMPTS {
            let done = match &seen {
                Some(attrs) if !attrs.made_by_tool => return Ok(attrs.clone()),
                Some(attrs) => self.join(cx, attrs).await?,
                None => self.create(cx).await?,
            };
            if done {
                return Ok(AccountRoleAttrs {
                    name: self.name.clone(),
                    made_by_tool: true,
                    in_use: true,
                    attached: true,
                    trusts_dms: true,
                });
            }
            // Another run has just created or deleted it.
            seen = match self.observe(cx, None).await? {
                Observed::Ours(attrs) => Some(attrs),
                _ => None,
            };
        }
        Err(Error::Refused(format!(
            "the role `{}` is repeatedly created and deleted by something else; find and stop it",
            self.name
        )))
    }

    async fn delete(&self, cx: &StepContext, _attrs: &AccountRoleAttrs) -> Result<()> {
        let Some(tags) = self.tags(cx).await? else { return Ok(()) };
        if !tags.contains_key(SHARED_MARK) {
            return Ok(());
        }
        if tags.contains_key(&user(cx)) {
            let call = || cx.aws.iam.untag_role().role_name(&self.name).tag_keys(user(cx)).send();
            ignore_codes(when_idle(cx, || cx.mutate("iam:UntagRole", call)).await, &["NoSuchEntity"])?;
        }
        if self.has_other_users(cx).await? {
            return Ok(());
        }
        let policy = fill(cx, &self.managed_policy);
        let call = || cx.aws.iam.detach_role_policy().role_name(&self.name).policy_arn(&policy).send();
        ignore_codes(when_idle(cx, || cx.mutate("iam:DetachRolePolicy", call)).await, &["NoSuchEntity"])?;
        let call = || cx.aws.iam.delete_role().role_name(&self.name).send();
        let deleted = when_idle(cx, || cx.mutate("iam:DeleteRole", call)).await;
        match ignore_codes(deleted, &["NoSuchEntity"]) {
            // Somebody else has added or attached a policy: they use the role, so it stays.
            Err(error) if error.is_code("DeleteConflict") => {
                cx.notice(format!("the role `{}` has foreign policies and is not deleted", self.name));
                Ok(())
            }
            other => other.map(drop),
        }
    }
}

impl AccountRole {
    async fn find(&self, cx: &StepContext) -> Result<Option<Role>> {
        let call = cx.aws.iam.get_role().role_name(&self.name).send();
        let found = ignore_codes(cx.read("iam:GetRole", call).await, &["NoSuchEntity"])?;
        Ok(found.and_then(|found| found.role))
    }

    async fn tags(&self, cx: &StepContext) -> Result<Option<BTreeMap<String, String>>> {
        Ok(self.find(cx).await?.as_ref().map(tags))
    }

    /// Returns whether another stack uses the role. IAM shows a removed tag for some seconds, and two stacks that
    /// release the role at the same time must not leave it to each other. So other users count only after several
    /// reads.
    async fn has_other_users(&self, cx: &StepContext) -> Result<bool> {
        let own = user(cx);
        for pause in READ_PAUSES {
            let tags = self.tags(cx).await?.unwrap_or_default();
            if !tags.keys().any(|key| key.starts_with(SHARED_USER) && *key != own) {
                return Ok(false);
            }
            cx.pause(Duration::from_secs(pause)).await?;
        }
        Ok(true)
    }

    /// Creates the role. Returns false when another run was faster.
    async fn create(&self, cx: &StepContext) -> Result<bool> {
        let trust = document(&[statement(cx, &self.name)]);
        let tags = [tag(SHARED_MARK, "dms")?, user_tag(cx)?];
        let call = || {
            let call = cx.aws.iam.create_role().role_name(&self.name).assume_role_policy_document(trust.to_string());
            call.description("Made by migrate-infra, used by AWS DMS for the whole account")
                .set_permissions_boundary(self.permissions_boundary.clone())
                .set_tags(Some(tags.to_vec()))
                .send()
        };
        let created = when_idle(cx, || cx.mutate("iam:CreateRole", call)).await;
        if ignore_codes(created, &["EntityAlreadyExists"])?.is_none() {
            return Ok(false);
        }
        self.attach(cx).await
    }

    /// Marks a role that this tool created as used by this address. Returns false when it was just deleted.
    async fn join(&self, cx: &StepContext, attrs: &AccountRoleAttrs) -> Result<bool> {
        if !attrs.in_use {
            let tag = user_tag(cx)?;
            let call = || cx.aws.iam.tag_role().role_name(&self.name).tags(tag.clone()).send();
            let tagged = when_idle(cx, || cx.mutate("iam:TagRole", call)).await;
            if ignore_codes(tagged, &["NoSuchEntity"])?.is_none() {
                return Ok(false);
            }
        }
        if !attrs.trusts_dms && !self.let_dms_in(cx).await? {
            return Ok(false);
        }
        if attrs.attached { Ok(true) } else { self.attach(cx).await }
    }

    /// Restores the statement for DMS. Other statements stay. Returns false when the role was just deleted.
    async fn let_dms_in(&self, cx: &StepContext) -> Result<bool> {
        let Some(role) = self.find(cx).await? else { return Ok(false) };
        let mut statements = statements(&trust(&role));
        statements.push(statement(cx, &self.name));
        let trust = document(&statements);
        let call =
            || cx.aws.iam.update_assume_role_policy().role_name(&self.name).policy_document(trust.to_string()).send();
        let changed = when_idle(cx, || cx.mutate("iam:UpdateAssumeRolePolicy", call)).await;
        Ok(ignore_codes(changed, &["NoSuchEntity"])?.is_some())
    }

    async fn attach(&self, cx: &StepContext) -> Result<bool> {
        let policy = fill(cx, &self.managed_policy);
        let call = || cx.aws.iam.attach_role_policy().role_name(&self.name).policy_arn(&policy).send();
        // The role may be new and not visible everywhere yet.
        let attached = cx
            .retry("IAM to accept the attachment", BUSY_OR_HIDDEN, BUSY_SECONDS / 4, || {
                cx.mutate("iam:AttachRolePolicy", call)
            })
            .await;
        Ok(ignore_codes(attached, &["NoSuchEntity"])?.is_some())
    }
}

fn tags(role: &Role) -> BTreeMap<String, String> {
    role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// Returns the statement that allows DMS to assume the role. The role serves all regions and all stacks of the account.
///
/// The example for `dms-vpc-role` has conditions on the account and its resources ("Cross-service confused deputy
/// prevention", AWS DMS User Guide). With them, DMS does not write logs with `dms-cloudwatch-logs-role`
/// (terraform-aws-modules/terraform-aws-dms#84), so that one has none.
fn statement(cx: &StepContext, role: &str) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Principal": { "Service": DMS }, "Action": ASSUME });
    if role == WITH_CONDITIONS {
        statement["Condition"] = json!({
            "StringEquals": { "aws:SourceAccount": cx.account },
            "ArnLike": { "aws:SourceArn": format!("arn:{}:dms:*:{}:*", cx.region.partition(), cx.account) },
        });
    }
    statement
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Returns the trust statements of a role.
fn trust(role: &Role) -> Value {
    role.assume_role_policy_document().map_or(Value::Null, read)
}

fn statements(document: &Value) -> Vec<Value> {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    }
}

/// Returns whether a statement lets DMS in. Conditions only make it stricter; roles of earlier versions have none.
fn lets_dms_in(one: &Value) -> bool {
    let says = |(way, wants): (&str, &str)| {
        let is_wanted = |has: &Value| has.as_str() == Some(wants);
        one.pointer(way)
            .is_some_and(|has| is_wanted(has) || has.as_array().is_some_and(|all| all.iter().any(is_wanted)))
    };
    [("/Effect", "Allow"), ("/Principal/Service", DMS), ("/Action", ASSUME)].into_iter().all(says)
}

/// Returns the key of the tag that marks this address as a user. Two stacks in one account have different keys.
fn user(cx: &StepContext) -> String {
    let digest = Sha256::digest(format!("{} {}", cx.identity.stack, cx.identity.tag_address()));
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{SHARED_USER}{digits}")
}

fn user_tag(cx: &StepContext) -> Result<Tag> {
    tag(&user(cx), &format!("{} {}", cx.identity.stack, cx.identity.tag_address()))
}

fn tag(key: &str, value: &str) -> Result<Tag> {
    Tag::builder().key(key).value(value).build().map_err(|error| Error::Refused(error.to_string()))
}
