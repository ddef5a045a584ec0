//! One of the two roles that DMS wants in every account, under fixed names: `dms-vpc-role` and `dms-cloudwatch-logs-role`.
//!
//! They belong to the account, not to a stack. One that was there before is used as it is and never changed or deleted. One that
//! this tool made carries a mark, and a tag for each address of each stack that uses it; it goes with the last of them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::types::{Role, Tag};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::aws::{SHARED_MARK, SHARED_USER};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::iam::document::read;
use crate::resources::iam::{BUSY, PATIENCE, attached};
use crate::resources::names::fill;

/// Seconds between two looks for other users.
const LOOK_AGAIN: [u64; 5] = [1, 2, 4, 8, 0];
/// How often a role that comes and goes by the hands of other runs is tried.
const ATTEMPTS: usize = 5;

/// The specification of an account-wide role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRole {
    /// Its fixed name.
    pub name: String,
    /// The ARN of AWS's policy for it; `{partition}` is filled in.
    pub managed_policy: String,
}

/// What is known of an account-wide role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRoleAttrs {
    /// Its name.
    pub name: String,
    /// Whether this tool made it. If not, it is left alone.
    pub made_by_tool: bool,
    /// Whether it is marked as used by this address.
    pub in_use: bool,
    /// Whether the policy is attached to it.
    pub attached: bool,
    /// Whether DMS may assume it; states of before it was kept have it as it was made.
    #[serde(default = "yes")]
    pub trusts_dms: bool,
}

fn yes() -> bool {
    true
}

impl Handle<AccountRole> {
    /// For resources that wait for the role and its policy.
    pub fn done(&self) -> Input<String> {
        self.ready("name")
    }
}

#[async_trait]
impl Resource for AccountRole {
    const KIND: &'static str = "dms.account_role";
    const ABOUT: About = About {
        summary: "a role that DMS wants once in every account",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "iam:GetRole",
            "iam:CreateRole",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:DeleteRole",
        ],
        creates: &["iam:CreateRole", "iam:TagRole", "iam:AttachRolePolicy"],
        changes: &["iam:UpdateAssumeRolePolicy", "iam:TagRole", "iam:AttachRolePolicy"],
        deletes: &["iam:UntagRole", "iam:DetachRolePolicy", "iam:DeleteRole"],
        immutable: &["name"],
        tagged: false,
        blocked_by: "other stacks that use it, which then keep it",
        unique: &[&["name"]],
        computed: &["in_use", "made_by_tool"],
        called_for: &[("iam:UpdateAssumeRolePolicy", &["trusts_dms"]), ("iam:AttachRolePolicy", &["attached"])],
        global: true,
        ..About::PLAIN
    };
    type Attrs = AccountRoleAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&AccountRoleAttrs>) -> Result<Observed<AccountRoleAttrs>> {
        let Some(role) = self.look(cx).await? else { return Ok(Observed::Absent) };
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

    async fn ensure(&self, cx: &Cx, mut seen: Option<AccountRoleAttrs>) -> Result<AccountRoleAttrs> {
        for _ in 0..ATTEMPTS {
            let done = match &seen {
                Some(attrs) if !attrs.made_by_tool => return Ok(attrs.clone()),
                Some(attrs) => self.join(cx, attrs).await?,
                None => self.create(cx).await?,
            };
            if done {
                return Ok(AccountRoleAttrs { name: self.name.clone(), made_by_tool: true, in_use: true, attached: true, trusts_dms: true });
            }
            // Somebody else has made it, or deleted it, in this moment.
            seen = match self.observe(cx, None).await? {
                Observed::Ours(attrs) => Some(attrs),
                _ => None,
            };
        }
        Err(Error::Refused(format!("the role `{}` comes and goes all the time; find out what else makes and deletes it", self.name)))
    }

    async fn delete(&self, cx: &Cx, _attrs: &AccountRoleAttrs) -> Result<()> {
        let Some(tags) = self.tags(cx).await? else { return Ok(()) };
        if !tags.contains_key(SHARED_MARK) {
            return Ok(());
        }
        if tags.contains_key(&user(cx)) {
            let call = || cx.aws.iam.untag_role().role_name(&self.name).tag_keys(user(cx)).send();
            settled(cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:UntagRole", call)).await, &["NoSuchEntity"])?;
        }
        if self.has_other_users(cx).await? {
            return Ok(());
        }
        let policy = fill(cx, &self.managed_policy);
        let call = || cx.aws.iam.detach_role_policy().role_name(&self.name).policy_arn(&policy).send();
        settled(cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:DetachRolePolicy", call)).await, &["NoSuchEntity"])?;
        let call = || cx.aws.iam.delete_role().role_name(&self.name).send();
        let deleted = cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:DeleteRole", call)).await;
        match settled(deleted, &["NoSuchEntity"]) {
            // Somebody else has put a policy into it, or attached one again: they use it, so it stays.
            Err(error) if error.is_code("DeleteConflict") => {
                cx.notice(format!("the role `{}` has policies of somebody else's and is left to them", self.name));
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn id(attrs: &AccountRoleAttrs) -> String {
        attrs.name.clone()
    }
}

impl AccountRole {
    async fn look(&self, cx: &Cx) -> Result<Option<Role>> {
        let call = cx.aws.iam.get_role().role_name(&self.name).send();
        let found = settled(cx.read("iam:GetRole", call).await, &["NoSuchEntity"])?;
        Ok(found.and_then(|found| found.role))
    }

    async fn tags(&self, cx: &Cx) -> Result<Option<BTreeMap<String, String>>> {
        Ok(self.look(cx).await?.as_ref().map(tags))
    }

    /// Returns whether somebody else uses the role. IAM shows a tag for some seconds after it is gone, and two that let go of the role
    /// at the same time must not leave it to each other: so others are believed only after several looks.
    async fn has_other_users(&self, cx: &Cx) -> Result<bool> {
        let own = user(cx);
        for pause in LOOK_AGAIN {
            let tags = self.tags(cx).await?.unwrap_or_default();
            if !tags.keys().any(|key| key.starts_with(SHARED_USER) && *key != own) {
                return Ok(false);
            }
            cx.pause(Duration::from_secs(pause)).await?;
        }
        Ok(true)
    }

    /// Makes the role. Returns false when somebody else was faster.
    async fn create(&self, cx: &Cx) -> Result<bool> {
        let trust = document(&[statement()]);
        let tags = [tag(SHARED_MARK, "dms")?, user_tag(cx)?];
        let call = || {
            let call = cx.aws.iam.create_role().role_name(&self.name).assume_role_policy_document(trust.to_string());
            call.description("Made by migrate-infra, used by AWS DMS for the whole account").set_tags(Some(tags.to_vec())).send()
        };
        let made = cx.retry("IAM to take the role", BUSY, PATIENCE, || cx.mutate("iam:CreateRole", call)).await;
        if settled(made, &["EntityAlreadyExists"])?.is_none() {
            return Ok(false);
        }
        self.attach(cx).await
    }

    /// Marks a role that this tool has made as used by this address. Returns false when it was deleted in this moment.
    async fn join(&self, cx: &Cx, attrs: &AccountRoleAttrs) -> Result<bool> {
        if !attrs.in_use {
            let tag = user_tag(cx)?;
            let call = || cx.aws.iam.tag_role().role_name(&self.name).tags(tag.clone()).send();
            let tagged = cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:TagRole", call)).await;
            if settled(tagged, &["NoSuchEntity"])?.is_none() {
                return Ok(false);
            }
        }
        if !attrs.trusts_dms && !self.let_dms_in(cx).await? {
            return Ok(false);
        }
        if attrs.attached { Ok(true) } else { self.attach(cx).await }
    }

    /// Puts the statement for DMS back. Others may have let somebody else in, who stays. Returns false when the role was deleted in this moment.
    async fn let_dms_in(&self, cx: &Cx) -> Result<bool> {
        let Some(role) = self.look(cx).await? else { return Ok(false) };
        let mut statements = statements(&trust(&role));
        statements.push(statement());
        let trust = document(&statements);
        let call = || cx.aws.iam.update_assume_role_policy().role_name(&self.name).policy_document(trust.to_string()).send();
        let changed = cx.retry("IAM to take the change", BUSY, PATIENCE, || cx.mutate("iam:UpdateAssumeRolePolicy", call)).await;
        Ok(settled(changed, &["NoSuchEntity"])?.is_some())
    }

    async fn attach(&self, cx: &Cx) -> Result<bool> {
        let policy = fill(cx, &self.managed_policy);
        let call = || cx.aws.iam.attach_role_policy().role_name(&self.name).policy_arn(&policy).send();
        // The role may be new and not known everywhere yet.
        let passing = [BUSY, &["NoSuchEntity"]].concat();
        let attached = cx.retry("IAM to take the attachment", &passing, PATIENCE / 4, || cx.mutate("iam:AttachRolePolicy", call)).await;
        Ok(settled(attached, &["NoSuchEntity"])?.is_some())
    }
}

fn tags(role: &Role) -> BTreeMap<String, String> {
    role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// The statement by which DMS may assume the role.
fn statement() -> Value {
    json!({ "Effect": "Allow", "Principal": { "Service": "dms.amazonaws.com" }, "Action": "sts:AssumeRole" })
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What a role says of who may assume it.
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

/// Whether a statement says what ours says, perhaps of others, too. Conditions that somebody has added only make it stricter.
fn lets_dms_in(one: &Value) -> bool {
    let ours = statement();
    let says = |way: &str| {
        let both = one.pointer(way).zip(ours.pointer(way));
        both.is_some_and(|(has, wants)| has == wants || has.as_array().is_some_and(|all| all.contains(wants)))
    };
    ["/Effect", "/Principal/Service", "/Action"].into_iter().all(says)
}

/// The key of the tag that marks this address as a user. Two stacks in one account have different ones.
fn user(cx: &Cx) -> String {
    let digest = Sha256::digest(format!("{} {}", cx.identity.stack, cx.identity.tag_address()));
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{SHARED_USER}{digits}")
}

fn user_tag(cx: &Cx) -> Result<Tag> {
    tag(&user(cx), &format!("{} {}", cx.identity.stack, cx.identity.tag_address()))
}

fn tag(key: &str, value: &str) -> Result<Tag> {
    Tag::builder().key(key).value(value).build().map_err(|error| Error::Refused(error.to_string()))
}
