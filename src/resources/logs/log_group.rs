//! A log group, which keeps what tasks and functions write for a number of days.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::address::Arn;
use crate::aws::partition;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{missing, other_owner};

/// "Multiple concurrent requests to update the same resource were in conflict."
const BUSY: &[&str] = &["OperationAbortedException"];
const PATIENCE: u64 = 60;
const WHY: &str = "CloudWatch Logs to finish an earlier change";

/// The specification of a log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroup {
    /// Its name, for example `/ecs/payment-service`.
    pub name: String,
    /// For how many days it keeps what it is given; CloudWatch Logs takes only certain numbers.
    pub retention_days: i32,
    /// The ARN of the KMS key that it encrypts with; without one, the service's own keys.
    pub kms_key: Option<String>,
}

/// What is known of a log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogGroupAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN, without the `:*` that stands for its streams.
    pub arn: Arn,
    /// For how many days it keeps what it is given; `None` is for ever.
    pub retention_days: Option<i32>,
    /// The KMS key that it encrypts with.
    pub kms_key: Option<String>,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: BTreeMap<String, String>,
}

impl Handle<LogGroup> {
    /// The log group's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The log group's ARN, without the `:*` that stands for its streams.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for LogGroup {
    const KIND: &'static str = "logs.log_group";
    const ABOUT: About = About {
        summary: "a log group that forgets after a number of days",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "logs:CreateLogGroup",
            "logs:TagResource",
            "logs:UntagResource",
            "logs:PutRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:DeleteLogGroup",
        ],
        creates: &["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
        changes: &["logs:TagResource", "logs:UntagResource", "logs:PutRetentionPolicy", "logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
        deletes: &["logs:DeleteLogGroup"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "nothing; what still writes to it may make it again, without retention",
        unique: &[&["name"]],
        called_for: &[
            ("logs:PutRetentionPolicy", &["retention_days"]),
            ("logs:AssociateKmsKey", &["kms_key"]),
            ("logs:DisassociateKmsKey", &["kms_key"]),
        ],
        holds_data: true,
        ..About::PLAIN
    };
    type Attrs = LogGroupAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&LogGroupAttrs>) -> Result<Observed<LogGroupAttrs>> {
        let Some(mut attrs) = self.find(cx).await? else { return Ok(Observed::Absent) };
        let call = cx.aws.logs.list_tags_for_resource().resource_arn(attrs.arn.as_str()).send();
        let Some(found) = settled(cx.read("logs:ListTagsForResource", call).await, &["ResourceNotFoundException"])? else {
            return Ok(Observed::Absent);
        };
        let tags: BTreeMap<String, String> = found.tags.unwrap_or_default().into_iter().collect();
        if let Some(owner) = other_owner(cx, &tags) {
            return Ok(Observed::Foreign { id: self.name.clone(), owner });
        }
        attrs.missing_tags = missing(cx, &tags);
        Ok(Observed::Ours(attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<LogGroupAttrs>) -> Result<LogGroupAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if attrs.kms_key != self.kms_key {
            match &self.kms_key {
                Some(key) => {
                    let call = || cx.aws.logs.associate_kms_key().log_group_name(&self.name).kms_key_id(key).send();
                    cx.retry(WHY, BUSY, PATIENCE, || cx.mutate("logs:AssociateKmsKey", call)).await?;
                }
                None => {
                    let call = || cx.aws.logs.disassociate_kms_key().log_group_name(&self.name).send();
                    cx.retry(WHY, BUSY, PATIENCE, || cx.mutate("logs:DisassociateKmsKey", call)).await?;
                }
            }
            attrs.kms_key.clone_from(&self.kms_key);
        }
        if attrs.retention_days != Some(self.retention_days) {
            let call = || cx.aws.logs.put_retention_policy().log_group_name(&self.name).retention_in_days(self.retention_days).send();
            cx.retry(WHY, BUSY, PATIENCE, || cx.mutate("logs:PutRetentionPolicy", call)).await?;
            attrs.retention_days = Some(self.retention_days);
        }
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &LogGroupAttrs) -> Result<()> {
        let call = || cx.aws.logs.delete_log_group().log_group_name(&attrs.name).send();
        let delete = || cx.mutate("logs:DeleteLogGroup", call);
        settled(cx.retry(WHY, BUSY, PATIENCE, delete).await, &["ResourceNotFoundException"]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &LogGroupAttrs) -> Result<()> {
        if !attrs.missing_tags.is_empty() {
            let missing = attrs.missing_tags.clone().into_iter().collect();
            let call = || cx.aws.logs.tag_resource().resource_arn(attrs.arn.as_str()).set_tags(Some(Clone::clone(&missing))).send();
            cx.retry(WHY, BUSY, PATIENCE, || cx.mutate("logs:TagResource", call)).await?;
        }
        let remove = |keys| cx.aws.logs.untag_resource().resource_arn(attrs.arn.as_str()).set_tag_keys(Some(keys)).send();
        cx.retry(WHY, BUSY, PATIENCE, || cx.untag("logs:UntagResource", remove)).await
    }

    fn takes(&self, operation: &str) -> bool {
        match operation {
            "logs:AssociateKmsKey" => self.kms_key.is_some(),
            "logs:DisassociateKmsKey" => self.kms_key.is_none(),
            _ => true,
        }
    }

    fn id(attrs: &LogGroupAttrs) -> String {
        attrs.name.clone()
    }
}

impl LogGroup {
    async fn create(&self, cx: &Cx) -> Result<LogGroupAttrs> {
        let tags = cx.identity.all_tags().into_iter().collect();
        let call = || {
            let call = cx.aws.logs.create_log_group().log_group_name(&self.name).set_kms_key_id(self.kms_key.clone());
            call.set_tags(Some(Clone::clone(&tags))).send()
        };
        cx.retry(WHY, BUSY, PATIENCE, || cx.mutate("logs:CreateLogGroup", call)).await?;
        // The answer is empty; the ARN follows from the name.
        let arn = format!("arn:{}:logs:{}:{}:log-group:{}", partition(&cx.region), cx.region, cx.account, self.name).into();
        Ok(LogGroupAttrs { name: self.name.clone(), arn, retention_days: None, kms_key: self.kms_key.clone(), missing_tags: BTreeMap::new() })
    }

    /// Finds the group among all whose names begin alike.
    async fn find(&self, cx: &Cx) -> Result<Option<LogGroupAttrs>> {
        let mut token = None;
        loop {
            let call = cx.aws.logs.describe_log_groups().log_group_name_prefix(&self.name).set_next_token(token).send();
            let page = cx.read("logs:DescribeLogGroups", call).await?;
            let groups = page.log_groups.unwrap_or_default();
            if let Some(group) = groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(&self.name)) {
                let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
                return Ok(Some(LogGroupAttrs {
                    name: self.name.clone(),
                    arn: arn.trim_end_matches(":*").into(),
                    retention_days: group.retention_in_days,
                    kms_key: group.kms_key_id,
                    missing_tags: BTreeMap::new(),
                }));
            }
            match page.next_token {
                Some(next) => token = Some(next),
                None => return Ok(None),
            }
        }
    }
}
