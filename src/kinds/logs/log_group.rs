//! A log group. It keeps the logs of tasks and functions for a number of days.
//!
//! Some services create the group that they write to if it does not exist, without tags and without a retention: RDS,
//! DMS, Lambda and Container Insights. A group that is deleted before their last entries arrive comes back
//! (hashicorp/terraform-provider-aws#42858). So a deletion looks again, and a group with exactly this name and without
//! any tag is taken over.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::LogGroup as Description;
use serde::{Deserialize, Serialize};

use super::retry::when_idle;
use super::tagging;
use super::writer::{Writer, foreign_writer, writer};
use crate::ownership::classify;
use crate::tag_index;
use infra_base::address::Arn;
use infra_core::resource::{Observed, Resource, Result, StepContext, Tagger, ignore_codes};
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
    returns_seconds = 60,
    holds_data,
    tagger = tagging::Logs,
    delete_blockers = "nothing; if the last entries of RDS, DMS, Lambda or Container Insights recreate it within half \
        a minute, of Container Insights within a minute, it is deleted again",
    reads(
        "logs:DescribeLogGroups",
        "logs:ListTagsForResource",
        "rds:DescribeDBInstances",
        "ecs:DescribeClusters",
        "dms:DescribeReplicationInstances",
        "dms:ListTagsForResource",
        "lambda:GetFunction",
        "tag:GetResources",
    ),
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
    /// Whether its service has created it, without any tags.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untagged: bool,
}

#[async_trait]
impl Resource for LogGroup {
    async fn observe(&self, cx: &StepContext, _known: Option<&LogGroupAttrs>) -> Result<Observed<LogGroupAttrs>> {
        let Some(attrs) = self.find(cx).await? else { return Ok(Observed::Absent) };
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        if tags.is_empty() && is_written_by_service(&self.name) {
            return Ok(match writer(cx, &self.name).await? {
                Writer::Foreign(id) => Observed::Foreign { id: self.name.clone(), owner: foreign_writer(&id) },
                Writer::Ours | Writer::Gone => Observed::Ours(LogGroupAttrs { untagged: true, ..attrs }),
            });
        }
        Ok(classify(cx, &tags, &self.name, || attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<LogGroupAttrs>) -> Result<LogGroupAttrs> {
        let (logs, name) = (&cx.aws.logs, &self.name);
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if attrs.untagged {
            cx.notice("its service has created it before, without tags and a retention; it is taken over");
            tagging::Logs::sync(cx, attrs.arn.as_str()).await?;
            attrs.untagged = false;
        }
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
        delete(cx, &attrs.name).await?;
        if !is_written_by_service(&attrs.name) || cx.is_emulator {
            return Ok(());
        }
        for _ in 0..looks_again(&attrs.name) {
            cx.pause(LOOK_AGAIN_EVERY).await?;
            if self.find(cx).await?.is_some() {
                cx.notice("the last entries of its service have created it again; it is deleted again");
                delete(cx, &attrs.name).await?;
            }
        }
        Ok(())
    }

    fn operation_applies(&self, operation: &str) -> bool {
        match operation {
            "logs:AssociateKmsKey" => self.kms_key.is_some(),
            "logs:DisassociateKmsKey" => self.kms_key.is_none(),
            _ => true,
        }
    }
}

/// How often a deletion looks again.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(15);

/// Returns how many times a deletion looks again. Services send entries within seconds, Container Insights once a
/// minute.
fn looks_again(name: &str) -> u32 {
    if name.starts_with("/aws/ecs/containerinsights/") { 4 } else { 2 }
}

/// Returns whether a service creates the group by itself: `dms-tasks-…` of DMS, and `/aws/…` of RDS ("Publishing
/// database logs to Amazon CloudWatch Logs"), Container Insights and Lambda.
fn is_written_by_service(name: &str) -> bool {
    name.starts_with("/aws/") || name.starts_with("dms-tasks-")
}

const DESCRIBE: &str = "logs:DescribeLogGroups";

/// How many groups one call describes ("Array Members: … Maximum number of 50 items", DescribeLogGroups).
const DESCRIBED_AT_ONCE: usize = 50;

/// Returns the groups with these names.
async fn describe(cx: &StepContext, names: &[String]) -> Result<Vec<Description>> {
    let mut all = Vec::new();
    for names in names.chunks(DESCRIBED_AT_ONCE) {
        let call = cx.aws.logs.describe_log_groups().set_log_group_identifiers(Some(names.to_vec()));
        let pages = call.into_paginator().items().send();
        all.extend(cx.read(DESCRIBE, pages.collect::<Result<Vec<_>, _>>()).await?);
    }
    Ok(all)
}

async fn delete(cx: &StepContext, name: &str) -> Result<()> {
    let call = || cx.aws.logs.delete_log_group().log_group_name(name).send();
    let deleted = when_idle(cx, || cx.mutate("logs:DeleteLogGroup", call)).await;
    ignore_codes(deleted, &["ResourceNotFoundException"]).map(drop)
}

impl LogGroup {
    async fn find(&self, cx: &StepContext) -> Result<Option<LogGroupAttrs>> {
        let is_this = |group: &Description| group.log_group_name.as_deref() == Some(&self.name);
        let prefix = "logs:log-group:";
        let of_stack = |arns: Vec<Arn>| async move {
            // Only a monitoring account can use ARNs here.
            let names: Vec<String> = arns.iter().filter_map(|arn| arn.id_after(prefix).map(str::to_owned)).collect();
            describe(cx, &names).await
        };
        let mut group = tag_index::described(cx, DESCRIBE, prefix, of_stack, is_this).await?;
        if group.is_none() {
            // The prefix also matches longer names, so the group may be on any page.
            let call = cx.aws.logs.describe_log_groups().log_group_name_prefix(&self.name);
            let call = call.into_paginator().items().send();
            let groups = cx.read(DESCRIBE, call.collect::<Result<Vec<_>, _>>()).await?;
            group = groups.into_iter().find(is_this);
        }
        Ok(group.map(|group| LogGroupAttrs {
            name: self.name.clone(),
            arn: group.log_group_arn.or(group.arn).unwrap_or_default().trim_end_matches(":*").into(),
            retention_days: group.retention_in_days,
            kms_key: group.kms_key_id,
            untagged: false,
        }))
    }

    async fn create(&self, cx: &StepContext) -> Result<LogGroupAttrs> {
        let call = || {
            let call = cx.aws.logs.create_log_group().log_group_name(&self.name).set_kms_key_id(self.kms_key.clone());
            call.set_tags(Some(cx.identity.all_tags().into_iter().collect())).send()
        };
        when_idle(cx, || cx.mutate("logs:CreateLogGroup", call)).await?;
        // The response is empty; the ARN follows from the name.
        let arn = cx.arn("logs", &format!("log-group:{}", self.name));
        let (name, kms_key) = (self.name.clone(), self.kms_key.clone());
        Ok(LogGroupAttrs { name, arn, retention_days: None, kms_key, untagged: false })
    }
}
