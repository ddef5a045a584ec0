//! A replication task. This kind creates it; the migration starts and stops it, so the specification does not say
//! whether it runs. A running task is stopped only for a change, and resumed after it. A task that does not resume is a
//! failure of the change. A replaced task is not started, because that would load all data again.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_sdk_databasemigration::types::{
    Filter, MigrationTypeValue, ReplicationTask as Description, StartReplicationTaskTypeValue,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND};
use super::filter::{filter, filter_any};
use super::tagging;
use super::task_status::AT_REST;
use crate::ownership::classify;
use crate::tag_index;
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long one status can last, in seconds.
const STALL_SECONDS: u64 = 30 * 60;

const STOP: &str = "dms:StopReplicationTask";

/// Statuses in which it replicates, or is about to.
const AT_WORK: [&str; 2] = ["starting", "running"];

/// The specification of a replication task.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.replication_task",
    summary = "a replication task, not started",
    repeat = "name",
    arns("dms:task:"),
    create_seconds = 2,
    ready_seconds = 45,
    delete_seconds = 40,
    tagger = tagging::Dms,
    delete_blockers = "nothing; it is stopped first if it runs",
    replacement_impact = "a running replication stops, and `replication start` restarts it",
    reads("dms:DescribeReplicationTasks", "dms:ListTagsForResource", "tag:GetResources"),
    creates("dms:CreateReplicationTask"),
    updates("dms:ModifyReplicationTask", "dms:StopReplicationTask", "dms:StartReplicationTask"),
    deletes("dms:DeleteReplicationTask"),
)]
pub struct ReplicationTask {
    /// Its name, in lower case.
    #[immutable]
    #[unique(identifier)]
    pub identifier: String,
    /// The last segment of its ARN, which identifies it in CloudWatch.
    #[immutable]
    #[unique(resource_identifier)]
    pub resource_identifier: String,
    /// The source.
    #[immutable]
    pub source_endpoint: Input<Arn>,
    /// The target.
    #[immutable]
    pub target_endpoint: Input<Arn>,
    /// Its replication instance.
    #[immutable]
    pub instance: Input<Arn>,
    /// `full-load`, `cdc` or `full-load-and-cdc`.
    #[update(seconds = 90)]
    #[interrupts("a running task is stopped for it and resumed")]
    pub migration_type: String,
    /// The table mappings.
    #[update(seconds = 90)]
    #[interrupts("a running task is stopped for it and resumed")]
    pub table_mappings: Value,
    /// The task settings. Settings that are not named keep the defaults of DMS.
    #[update(seconds = 90)]
    #[interrupts("a running task is stopped for it and resumed")]
    pub settings: Value,
    /// What starts it, if it is not `replication start`. It only appears in notices.
    #[order_only]
    #[serde(default)]
    pub started_by: Option<String>,
    /// The log group. It only sets the order: DMS would create one itself, which is never deleted.
    #[order_only]
    pub log_group: Input<String>,
    /// Delays it until the databases exist and are reachable.
    #[order_only]
    pub ways: Vec<Input<String>>,
}

/// What is known of a replication task, without its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ReplicationTaskAttrs {
    #[id]
    pub identifier: String,
    #[tag_target]
    #[output(created, doc = "The task's ARN.")]
    pub arn: Arn,
    #[output(created, doc = "The last segment of the task's ARN.")]
    pub resource_identifier: String,
    pub migration_type: String,
    pub table_mappings: Value,
    /// The source, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_endpoint: Option<Arn>,
    /// The target, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_endpoint: Option<Arn>,
    /// Its replication instance, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Arn>,
    /// Whether the settings match the specification.
    pub settings_fit: bool,
    /// Whether it was stopped for a change and must be resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[computed]
    pub resume: bool,
    /// Whether it replicated when its replacement began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[computed]
    pub at_work: bool,
}

#[async_trait]
impl Resource for ReplicationTask {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&ReplicationTaskAttrs>,
    ) -> Result<Observed<ReplicationTaskAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(current) = describe(cx, identifier).await? else { return Ok(Observed::Absent) };
        let makes_way = cx.identity.address.retired_from().is_some();
        let attrs = ReplicationTaskAttrs {
            resume: known.is_some_and(|known| known.resume),
            at_work: makes_way && (AT_WORK.contains(&status(&current)) || known.is_some_and(|known| known.at_work)),
            ..self.attrs_of(&current)
        };
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let observed = classify(cx, &tags, identifier, || attrs);
        if matches!(observed, Observed::Ours(_)) && status(&current) == "deleting" {
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(observed)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ReplicationTaskAttrs>) -> Result<ReplicationTaskAttrs> {
        let Some(mut attrs) = seen else { return self.create(cx).await };
        // An earlier run may have been killed after it stopped the task.
        attrs.resume |= cx.pending_calls.iter().any(|call| call == STOP);
        if attrs.migration_type == self.migration_type
            && attrs.table_mappings == self.table_mappings
            && attrs.settings_fit
        {
            return Ok(attrs);
        }
        attrs.resume |= come_to_rest(cx, &attrs).await?;
        let migration_type = MigrationTypeValue::from(self.migration_type.as_str());
        let call = || {
            let call = cx
                .aws
                .dms
                .modify_replication_task()
                .replication_task_arn(attrs.arn.as_str())
                .migration_type(migration_type.clone());
            call.table_mappings(self.table_mappings.to_string())
                .replication_task_settings(self.settings.to_string())
                .send()
        };
        cx.retry("the replication task to accept the change", BUSY, BUSY_SECONDS, || {
            cx.mutate("dms:ModifyReplicationTask", call)
        })
        .await?;
        let (migration_type, table_mappings) = (self.migration_type.clone(), self.table_mappings.clone());
        Ok(ReplicationTaskAttrs { migration_type, table_mappings, settings_fit: true, ..attrs })
    }

    async fn ready(&self, cx: &StepContext, attrs: ReplicationTaskAttrs) -> Result<ReplicationTaskAttrs> {
        let wait = Wait::new(format!("replication task {} to be ready", attrs.identifier), 5, STALL_SECONDS);
        let current = cx.wait(wait, || async {
            let Some(current) = describe(cx, &attrs.identifier).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            let reason = || current.last_failure_message().map(str::to_owned);
            Ok(match status(&current) {
                // A task that failed while it ran exists; its data is the concern of the replication.
                "failed" if current.replication_task_start_date().is_none() => {
                    Progress::Failed { status: "failed".to_owned(), reason: reason() }
                }
                "deleting" => Progress::Failed { status: "deleting".to_owned(), reason: None },
                "ready" | "stopped" | "failed" | "starting" | "running" | "stopping" => Progress::Reached(current),
                status => Progress::Pending(status.to_owned()),
            })
        });
        let current = current.await?;
        if attrs.resume {
            resume(cx, &attrs).await?;
        } else if self.started_by.is_none()
            && let Some(standstill) = standstill(cx, &current)
        {
            cx.notice(standstill);
        }
        Ok(ReplicationTaskAttrs { resume: false, ..attrs })
    }

    async fn delete(&self, cx: &StepContext, attrs: &ReplicationTaskAttrs) -> Result<()> {
        let identifier = &attrs.identifier;
        let arn = attrs.arn.as_str();
        let stop = || cx.aws.dms.stop_replication_task().replication_task_arn(arn).send();
        let delete = || cx.aws.dms.delete_replication_task().replication_task_arn(arn).send();
        cx.wait(Wait::new(format!("replication task {identifier} to be deletable"), 5, STALL_SECONDS), || async {
            let Some(current) = describe(cx, identifier).await? else { return Ok(Progress::Reached(())) };
            let status = status(&current).to_owned();
            match status.as_str() {
                "deleting" => return Ok(Progress::Reached(())),
                // A running task cannot be deleted ("DeleteReplicationTask"). The status may have changed in the
                // meantime.
                "running" => ignore_codes(cx.mutate(STOP, stop).await, &[BUSY, NOT_FOUND].concat()).map(drop)?,
                status
                    if AT_REST.contains(&status)
                        && ignore_codes(cx.mutate("dms:DeleteReplicationTask", delete).await, BUSY)?.is_some() =>
                {
                    return Ok(Progress::Reached(()));
                }
                _ => {}
            }
            Ok(Progress::Pending(status))
        })
        .await?;
        wait_gone(cx, identifier).await
    }
}

impl ReplicationTask {
    async fn create(&self, cx: &StepContext) -> Result<ReplicationTaskAttrs> {
        let (source, target, instance) =
            (self.source_endpoint.get()?, self.target_endpoint.get()?, self.instance.get()?);
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let migration_type = MigrationTypeValue::from(self.migration_type.as_str());
        let call = || {
            let call = cx.aws.dms.create_replication_task().replication_task_identifier(&self.identifier);
            let call = call.resource_identifier(&self.resource_identifier).migration_type(migration_type.clone());
            let call = call
                .source_endpoint_arn(source.as_str())
                .target_endpoint_arn(target.as_str())
                .replication_instance_arn(instance.as_str());
            let call = call
                .table_mappings(self.table_mappings.to_string())
                .replication_task_settings(self.settings.to_string());
            call.set_tags(Some(tags.clone())).send()
        };
        let created = cx
            .retry("instance and endpoints to be usable", BUSY, BUSY_SECONDS, || {
                cx.mutate("dms:CreateReplicationTask", call)
            })
            .await?;
        let current = created
            .replication_task
            .ok_or(Error::MissingField { call: "dms:CreateReplicationTask", what: "the task" })?;
        Ok(ReplicationTaskAttrs { settings_fit: true, ..self.attrs_of(&current) })
    }

    fn attrs_of(&self, current: &Description) -> ReplicationTaskAttrs {
        let document =
            |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let arn = current.replication_task_arn().unwrap_or_default();
        ReplicationTaskAttrs {
            identifier: current.replication_task_identifier().unwrap_or_default().to_owned(),
            resource_identifier: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            arn: arn.into(),
            migration_type: current.migration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            table_mappings: document(current.table_mappings()),
            source_endpoint: current.source_endpoint_arn().map(Into::into),
            target_endpoint: current.target_endpoint_arn().map(Into::into),
            instance: current.replication_instance_arn().map(Into::into),
            resume: false,
            at_work: false,
            settings_fit: is_within(&self.settings, &document(current.replication_task_settings())),
        }
    }
}

/// Returns whether the observed settings contain all wanted ones. DMS adds settings that were omitted, and logging
/// components, which are a list of objects with ids.
fn is_within(wanted: &Value, current: &Value) -> bool {
    match (wanted, current) {
        (Value::Object(wanted), Value::Object(current)) => {
            wanted.iter().all(|(key, value)| current.get(key).is_some_and(|current| is_within(value, current)))
        }
        (Value::Array(wanted), Value::Array(current)) => {
            wanted.iter().all(|one| current.iter().any(|other| is_within(one, other)))
        }
        (wanted, current) => wanted == current,
    }
}

fn status(current: &Description) -> &str {
    current.status().unwrap_or("unknown")
}

async fn describe(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    let is_this = |one: &Description| one.replication_task_identifier() == Some(identifier);
    let of_stack = |arns| async move { list(cx, Some(filter_any("replication-task-arn", arns)?)).await };
    let listed = tag_index::described(cx, DESCRIBE, "dms:task:", of_stack, is_this).await?;
    if listed.is_some() {
        return Ok(listed);
    }
    if let Some(all) = cx.listed_before(DESCRIBE, || list(cx, None)).await?
        && !all.iter().any(is_this)
    {
        return Ok(None);
    }
    let call = cx.aws.dms.describe_replication_tasks().filters(filter("replication-task-id", identifier)?).send();
    let found = ignore_codes(cx.read(DESCRIBE, call).await, NOT_FOUND)?;
    let current = found.and_then(|found| found.replication_tasks).unwrap_or_default();
    Ok(current.into_iter().find(is_this))
}

const DESCRIBE: &str = "dms:DescribeReplicationTasks";

/// Returns all tasks in the region, or those that pass a filter.
async fn list(cx: &StepContext, filter: Option<Filter>) -> Result<Vec<Description>> {
    let filters = filter.map(|filter| vec![filter]);
    let pages = cx.aws.dms.describe_replication_tasks().set_filters(filters).into_paginator().send();
    let pages = ignore_codes(cx.read(DESCRIBE, pages.collect::<Result<Vec<_>, _>>()).await, NOT_FOUND)?;
    Ok(pages.unwrap_or_default().into_iter().flat_map(|page| page.replication_tasks.unwrap_or_default()).collect())
}

/// Waits until the task can be changed, and stops it if it runs. Returns whether it stopped the task.
async fn come_to_rest(cx: &StepContext, attrs: &ReplicationTaskAttrs) -> Result<bool> {
    let stopped = AtomicBool::new(false);
    let stop = || cx.aws.dms.stop_replication_task().replication_task_arn(attrs.arn.as_str()).send();
    cx.wait(Wait::new(format!("replication task {} to stop", attrs.identifier), 5, STALL_SECONDS), || async {
        let status = describe(cx, &attrs.identifier)
            .await?
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |current| status(current).to_owned());
        if AT_REST.contains(&status.as_str()) {
            return Ok(Progress::Reached(()));
        }
        if status == "running" && ignore_codes(cx.mutate(STOP, stop).await, BUSY)?.is_some() {
            stopped.store(true, Ordering::Relaxed);
        }
        Ok(Progress::Pending(status))
    })
    .await?;
    Ok(stopped.into_inner())
}

/// Resumes a stopped task, and returns when it runs or has finished its full load.
async fn resume(cx: &StepContext, attrs: &ReplicationTaskAttrs) -> Result<()> {
    let pending_calls = AtomicBool::new(false);
    let start = || {
        let call = cx.aws.dms.start_replication_task().replication_task_arn(attrs.arn.as_str());
        call.start_replication_task_type(StartReplicationTaskTypeValue::ResumeProcessing).send()
    };
    cx.wait(Wait::new(format!("replication task {} to resume", attrs.identifier), 5, STALL_SECONDS), || async {
        let Some(current) = describe(cx, &attrs.identifier).await? else {
            return Ok(Progress::Pending("unknown".to_owned()));
        };
        let status = status(&current).to_owned();
        match status.as_str() {
            "running" => return Ok(Progress::Reached(())),
            rest if AT_REST.contains(&rest) && !pending_calls.load(Ordering::Relaxed) => {
                let started = ignore_codes(cx.mutate("dms:StartReplicationTask", start).await, BUSY)?.is_some();
                pending_calls.store(started, Ordering::Relaxed);
            }
            "stopped" if attrs.migration_type == "full-load" => return Ok(Progress::Reached(())),
            "failed" | "stopped" => return Ok(Progress::Failed { reason: why(&current), status }),
            _ => {}
        }
        Ok(Progress::Pending(status))
    })
    .await
}

/// Returns why it does not run, as DMS reports it.
fn why(current: &Description) -> Option<String> {
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    said(current.last_failure_message()).or_else(|| said(current.stop_reason()))
}

/// Returns a notice for a task that is not started here: it stopped earlier, or replaces one that ran.
fn standstill(cx: &StepContext, current: &Description) -> Option<String> {
    let ran = cx
        .replaced
        .as_ref()
        .and_then(|attrs| ReplicationTaskAttrs::deserialize(attrs).ok())
        .is_some_and(|attrs| attrs.at_work);
    match status(current) {
        "ready" if ran => Some("the replication stopped with the old task; `replication start` restarts it".to_owned()),
        // A task with a full load only stops by itself.
        status @ ("stopped" | "failed")
            if current.migration_type() != Some(&MigrationTypeValue::FullLoad) || status == "failed" =>
        {
            let why = why(current).map(|why| format!(" ({why})")).unwrap_or_default();
            Some(format!("the replication is {status}{why}; `replication start` resumes it"))
        }
        _ => None,
    }
}

async fn wait_gone(cx: &StepContext, identifier: &str) -> Result<()> {
    cx.wait(Wait::new(format!("replication task {identifier} to be deleted"), 5, STALL_SECONDS), || async {
        Ok(match describe(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(current) => Progress::Pending(status(&current).to_owned()),
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_that_dms_adds_are_no_difference() {
        let wanted = json!({ "Logging": { "EnableLogging": true, "LogComponents": [{ "Id": "SOURCE_CAPTURE" }] } });
        let current = json!({
            "Logging": {
                "EnableLogging": true,
                "LogComponents": [{ "Id": "SORTER", "Severity": "X" }, { "Id": "SOURCE_CAPTURE", "Severity": "X" }],
            },
            "StreamBufferSettings": {},
        });
        assert!(is_within(&wanted, &current));
        assert!(!is_within(&json!({ "Logging": { "EnableLogging": false } }), &current));
        assert!(!is_within(&wanted, &json!({})));
    }
}
