//! A log group. It keeps the logs of tasks and functions for a number of days.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::retry::when_idle;
use super::tagging;
use crate::ownership::classify;
use infra_base::address::Arn;
use infra_core::resource::{Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a log group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "logs.log_group",
    summary = "a log group that deletes its entries after a number of days",
    repeat = "name",
    arns("logs:log-group:"),
    create_seconds = 1,
    delete_seconds = 1,
    holds_data,
    tagger = tagging::Logs,
    delete_blockers = "nothing; a service that still writes to it can recreate it without a retention period",
    reads("logs:DescribeLogGroups", "logs:ListTagsForResource"),
    creates("logs:CreateLogGroup", "logs:PutRetentionPolicy"),
    deletes("logs:DeleteLogGroup")
)]
pub struct LogGroup {
    /// Its name, for example `/ecs/payment-service`.
    #[immutable]
    #[unique]
    pub name: String,
    /// How many days it keeps entries. CloudWatch Logs accepts only certain numbers.
    #[update(call = "logs:PutRetentionPolicy")]
    pub retention_days: i32,
    /// The ARN of the KMS key that encrypts it. Without one, the service uses its own keys.
    #[update(call = "logs:AssociateKmsKey", call = "logs:DisassociateKmsKey")]
    pub kms_key: Option<String>,
}

/// What is known of a log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct LogGroupAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN, without the `:*` that stands for its streams.
    #[tag_target]
    #[output(created)]
    pub arn: Arn,
    /// How many days it keeps entries; `None` means forever.
    pub retention_days: Option<i32>,
    /// The KMS key that encrypts it.
    pub kms_key: Option<String>,
}

#[async_trait]
impl Resource for LogGroup {
    async fn observe(&self, cx: &StepContext, _known: Option<&LogGroupAttrs>) -> Result<Observed<LogGroupAttrs>> {
        // The prefix also matches longer names, so the group may be on any page.
        let call = cx.aws.logs.describe_log_groups().log_group_name_prefix(&self.name).into_paginator().items().send();
        let groups = cx.read("logs:DescribeLogGroups", call.collect::<Result<Vec<_>, _>>()).await?;
        let group = groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(&self.name));
        let Some(group) = group else { return Ok(Observed::Absent) };
        let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
        let attrs = LogGroupAttrs {
            name: self.name.clone(),
            arn: arn.trim_end_matches(":*").into(),
            retention_days: group.retention_in_days,
            kms_key: group.kms_key_id,
        };
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        Ok(classify(cx, &tags, &self.name, || attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<LogGroupAttrs>) -> Result<LogGroupAttrs> {
        let (logs, name) = (&cx.aws.logs, &self.name);
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if attrs.kms_key != self.kms_key {
            if let Some(key) = &self.kms_key {
                let call = || logs.associate_kms_key().log_group_name(name).kms_key_id(key).send();
                when_idle(cx, || cx.mutate("logs:AssociateKmsKey", call)).await?;
            } else {
                let call = || logs.disassociate_kms_key().log_group_name(name).send();
                when_idle(cx, || cx.mutate("logs:DisassociateKmsKey", call)).await?;
            }
            attrs.kms_key.clone_from(&self.kms_key);
        }
        if attrs.retention_days != Some(self.retention_days) {
            let call =
                || logs.put_retention_policy().log_group_name(name).retention_in_days(self.retention_days).send();
            when_idle(cx, || cx.mutate("logs:PutRetentionPolicy", call)).await?;
            attrs.retention_days = Some(self.retention_days);
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &LogGroupAttrs) -> Result<()> {
        let call = || cx.aws.logs.delete_log_group().log_group_name(&attrs.name).send();
        let deleted = when_idle(cx, || cx.mutate("logs:DeleteLogGroup", call)).await;
        ignore_codes(deleted, &["ResourceNotFoundException"]).map(drop)
    }

    fn operation_applies(&self, operation: &str) -> bool {
        match operation {
            "logs:AssociateKmsKey" => self.kms_key.is_some(),
            "logs:DisassociateKmsKey" => self.kms_key.is_none(),
            _ => true,
        }
    }
}

impl LogGroup {
    async fn create(&self, cx: &StepContext) -> Result<LogGroupAttrs> {
        let call = || {
            let call = cx.aws.logs.create_log_group().log_group_name(&self.name).set_kms_key_id(self.kms_key.clone());
            call.set_tags(Some(cx.identity.all_tags().into_iter().collect())).send()
        };
        when_idle(cx, || cx.mutate("logs:CreateLogGroup", call)).await?;
        // The response is empty; the ARN follows from the name.
        let arn = format!("arn:{}:logs:{}:{}:log-group:{}", cx.region.partition(), cx.region, cx.account, self.name);
        let (name, kms_key) = (self.name.clone(), self.kms_key.clone());
        Ok(LogGroupAttrs { name, arn: arn.into(), retention_days: None, kms_key })
    }
}
