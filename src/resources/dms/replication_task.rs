//! A replication task. It is made here, and started and stopped by the migration: whether it runs is no part of the
//! specification. A task that runs is not touched unless it has to be changed; then it is stopped, changed, and goes on where it was. One that does
//! not go on is a failure of the change. One that is made anew is not started: that would load everything again.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_sdk_databasemigration::types::{MigrationTypeValue, ReplicationTask as Shown, StartReplicationTaskTypeValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::running::AT_REST;
use super::{BUSY, BUSY_SECONDS, NOT_FOUND, filter, tagging};
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::judge;

/// How long one status may last, in seconds.
const PATIENCE: u64 = 30 * 60;

const STOP: &str = "dms:StopReplicationTask";

/// Statuses in which it carries changes over, or is about to.
const AT_WORK: [&str; 2] = ["starting", "running"];

/// The specification of a replication task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplicationTask {
    /// Its name, in lower case.
    pub identifier: String,
    /// The last segment of its ARN, which CloudWatch knows it by.
    pub resource_identifier: String,
    /// Where data comes from.
    pub source_endpoint: Input<Arn>,
    /// Where data goes.
    pub target_endpoint: Input<Arn>,
    /// What it runs on.
    pub instance: Input<Arn>,
    /// `full-load`, `cdc` or `full-load-and-cdc`.
    pub migration_type: String,
    /// Which tables.
    pub table_mappings: Value,
    /// How. Settings that are not named here keep what DMS sets.
    pub settings: Value,
    /// Makes it wait for the log group, which DMS would make by itself and keep for ever.
    pub log_group: Input<String>,
    /// Makes it wait for its way to the databases, and for these.
    pub ways: Vec<Input<String>>,
}

/// What is known of a replication task. Its status is not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicationTaskAttrs {
    pub identifier: String,
    pub arn: Arn,
    pub resource_identifier: String,
    pub migration_type: String,
    pub table_mappings: Value,
    /// Where data comes from, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_endpoint: Option<Arn>,
    /// Where data goes, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_endpoint: Option<Arn>,
    /// What it runs on, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Arn>,
    /// Whether DMS shows the settings as they are specified.
    pub settings_fit: bool,
    /// Whether it was stopped in order to be changed, and has to go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// Whether it carried changes over when it began to make way for a new one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_work: bool,
}

impl Handle<ReplicationTask> {
    /// The task's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The last segment of the task's ARN.
    pub fn resource_identifier(&self) -> Input<String> {
        self.created("resource_identifier")
    }
}

#[async_trait]
impl Resource for ReplicationTask {
    const KIND: &'static str = "dms.replication_task";
    const ABOUT: About = About {
        summary: "a replication task, not started",
        create_seconds: 2,
        ready_seconds: 45,
        delete_seconds: 40,
        operations: &[
            "dms:CreateReplicationTask",
            "dms:DescribeReplicationTasks",
            "dms:ModifyReplicationTask",
            "dms:StopReplicationTask",
            "dms:StartReplicationTask",
            "dms:ListTagsForResource",
            "dms:AddTagsToResource",
            "dms:RemoveTagsFromResource",
            "dms:DeleteReplicationTask",
        ],
        creates: &["dms:CreateReplicationTask"],
        changes: &[
            "dms:ModifyReplicationTask",
            "dms:StopReplicationTask",
            "dms:StartReplicationTask",
            "dms:AddTagsToResource",
            "dms:RemoveTagsFromResource",
        ],
        deletes: &["dms:DeleteReplicationTask"],
        immutable: &["identifier", "resource_identifier", "source_endpoint", "target_endpoint", "instance"],
        tagged: true,
        blocked_by: "nothing; it is stopped first when it runs",
        unique: &[&["identifier"], &["resource_identifier"]],
        waits_for: &["log_group", "ways"],
        interrupts: &[
            ("settings", "a running task is stopped for it and resumed"),
            ("table_mappings", "a running task is stopped for it and resumed"),
            ("migration_type", "a running task is stopped for it and resumed"),
        ],
        replaced: Some("a replication that runs on it stops, and `replication start` begins it anew"),
        computed: &["resume", "at_work"],
        // A task that runs is stopped before and resumed after.
        change_seconds: &[("settings", 90), ("table_mappings", 90), ("migration_type", 90)],
        ..About::PLAIN
    };
    type Attrs = ReplicationTaskAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&ReplicationTaskAttrs>) -> Result<Observed<ReplicationTaskAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(shown) = look(cx, identifier).await? else { return Ok(Observed::Absent) };
        let makes_way = cx.identity.address.made_way().is_some();
        let attrs = ReplicationTaskAttrs {
            resume: known.is_some_and(|known| known.resume),
            at_work: makes_way && (AT_WORK.contains(&status(&shown)) || known.is_some_and(|known| known.at_work)),
            ..self.attrs_of(&shown)
        };
        let Some(tags) = tagging::of(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let judged = judge(cx, &tags, identifier, || attrs);
        if matches!(judged, Observed::Ours(_)) && status(&shown) == "deleting" {
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(judged)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ReplicationTaskAttrs>) -> Result<ReplicationTaskAttrs> {
        let Some(mut attrs) = seen else { return self.create(cx).await };
        // An earlier run may have stopped it and died.
        attrs.resume |= cx.begun.iter().any(|call| call == STOP);
        if attrs.migration_type == self.migration_type && attrs.table_mappings == self.table_mappings && attrs.settings_fit {
            return Ok(attrs);
        }
        attrs.resume |= come_to_rest(cx, &attrs).await?;
        let migration_type = MigrationTypeValue::from(self.migration_type.as_str());
        let call = || {
            let call = cx.aws.dms.modify_replication_task().replication_task_arn(attrs.arn.as_str()).migration_type(migration_type.clone());
            call.table_mappings(self.table_mappings.to_string()).replication_task_settings(self.settings.to_string()).send()
        };
        cx.retry("the replication task to take the change", BUSY, BUSY_SECONDS, || cx.mutate("dms:ModifyReplicationTask", call)).await?;
        let (migration_type, table_mappings) = (self.migration_type.clone(), self.table_mappings.clone());
        Ok(ReplicationTaskAttrs { migration_type, table_mappings, settings_fit: true, ..attrs })
    }

    async fn ready(&self, cx: &Cx, attrs: ReplicationTaskAttrs) -> Result<ReplicationTaskAttrs> {
        let wait = Wait::new(format!("replication task {} to be ready", attrs.identifier), 5, PATIENCE);
        let shown = cx.wait(wait, || async {
            let Some(shown) = look(cx, &attrs.identifier).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            let reason = || shown.last_failure_message().map(str::to_owned);
            Ok(match status(&shown) {
                // One that has failed while it ran is there; what became of its data is a matter of the replication.
                "failed" if shown.replication_task_start_date().is_none() => Progress::Failed { status: "failed".to_owned(), reason: reason() },
                "deleting" => Progress::Failed { status: "deleting".to_owned(), reason: None },
                "ready" | "stopped" | "failed" | "starting" | "running" | "stopping" => Progress::Reached(shown),
                status => Progress::Pending(status.to_owned()),
            })
        });
        let shown = shown.await?;
        if attrs.resume {
            resume(cx, &attrs).await?;
        } else if let Some(standstill) = standstill(cx, &shown) {
            cx.notice(standstill);
        }
        Ok(ReplicationTaskAttrs { resume: false, ..attrs })
    }

    async fn delete(&self, cx: &Cx, attrs: &ReplicationTaskAttrs) -> Result<()> {
        let identifier = &attrs.identifier;
        let arn = attrs.arn.as_str();
        let stop = || cx.aws.dms.stop_replication_task().replication_task_arn(arn).send();
        let delete = || cx.aws.dms.delete_replication_task().replication_task_arn(arn).send();
        cx.wait(Wait::new(format!("replication task {identifier} to be deletable"), 5, PATIENCE), || async {
            let Some(shown) = look(cx, identifier).await? else { return Ok(Progress::Reached(())) };
            let status = status(&shown).to_owned();
            match status.as_str() {
                "deleting" => return Ok(Progress::Reached(())),
                // A task that runs can not be deleted ("DeleteReplicationTask"). The status may have moved on in the meantime.
                "running" => settled(cx.mutate(STOP, stop).await, &[BUSY, NOT_FOUND].concat()).map(drop)?,
                status if AT_REST.contains(&status) && settled(cx.mutate("dms:DeleteReplicationTask", delete).await, BUSY)?.is_some() => {
                    return Ok(Progress::Reached(()));
                }
                _ => {}
            }
            Ok(Progress::Pending(status))
        })
        .await?;
        wait_gone(cx, identifier).await
    }

    async fn retag(&self, cx: &Cx, attrs: &ReplicationTaskAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn id(attrs: &ReplicationTaskAttrs) -> String {
        attrs.identifier.clone()
    }
}

impl ReplicationTask {
    async fn create(&self, cx: &Cx) -> Result<ReplicationTaskAttrs> {
        let (source, target, instance) = (self.source_endpoint.get()?, self.target_endpoint.get()?, self.instance.get()?);
        let tags = tagging::sent(cx.identity.all_tags());
        let migration_type = MigrationTypeValue::from(self.migration_type.as_str());
        let call = || {
            let call = cx.aws.dms.create_replication_task().replication_task_identifier(&self.identifier);
            let call = call.resource_identifier(&self.resource_identifier).migration_type(migration_type.clone());
            let call = call.source_endpoint_arn(source.as_str()).target_endpoint_arn(target.as_str()).replication_instance_arn(instance.as_str());
            let call = call.table_mappings(self.table_mappings.to_string()).replication_task_settings(self.settings.to_string());
            call.set_tags(Some(tags.clone())).send()
        };
        let made = cx.retry("instance and endpoints to be usable", BUSY, BUSY_SECONDS, || cx.mutate("dms:CreateReplicationTask", call)).await?;
        let shown = made.replication_task.ok_or(Error::Incomplete { call: "dms:CreateReplicationTask", what: "the task" })?;
        Ok(ReplicationTaskAttrs { settings_fit: true, ..self.attrs_of(&shown) })
    }

    fn attrs_of(&self, shown: &Shown) -> ReplicationTaskAttrs {
        let document = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let arn = shown.replication_task_arn().unwrap_or_default();
        ReplicationTaskAttrs {
            identifier: shown.replication_task_identifier().unwrap_or_default().to_owned(),
            resource_identifier: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            arn: arn.into(),
            migration_type: shown.migration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            table_mappings: document(shown.table_mappings()),
            source_endpoint: shown.source_endpoint_arn().map(Into::into),
            target_endpoint: shown.target_endpoint_arn().map(Into::into),
            instance: shown.replication_instance_arn().map(Into::into),
            resume: false,
            at_work: false,
            settings_fit: is_within(&self.settings, &document(shown.replication_task_settings())),
        }
    }
}

/// Returns whether all that is wanted is there: DMS adds the settings that were left out. Logging components are a list in which
/// each has its id; others are added there, too.
fn is_within(wanted: &Value, shown: &Value) -> bool {
    match (wanted, shown) {
        (Value::Object(wanted), Value::Object(shown)) => {
            wanted.iter().all(|(key, value)| shown.get(key).is_some_and(|shown| is_within(value, shown)))
        }
        (Value::Array(wanted), Value::Array(shown)) => wanted.iter().all(|one| shown.iter().any(|other| is_within(one, other))),
        (wanted, shown) => wanted == shown,
    }
}

fn status(shown: &Shown) -> &str {
    shown.status().unwrap_or("unknown")
}

async fn look(cx: &Cx, identifier: &str) -> Result<Option<Shown>> {
    let call = cx.aws.dms.describe_replication_tasks().filters(filter("replication-task-id", identifier)?).send();
    let found = settled(cx.read("dms:DescribeReplicationTasks", call).await, NOT_FOUND)?;
    let shown = found.and_then(|found| found.replication_tasks).unwrap_or_default();
    Ok(shown.into_iter().find(|one| one.replication_task_identifier() == Some(identifier)))
}

/// Waits until the task can be changed, and stops it if it runs. Returns whether it was stopped.
async fn come_to_rest(cx: &Cx, attrs: &ReplicationTaskAttrs) -> Result<bool> {
    let stopped = AtomicBool::new(false);
    let stop = || cx.aws.dms.stop_replication_task().replication_task_arn(attrs.arn.as_str()).send();
    cx.wait(Wait::new(format!("replication task {} to come to rest", attrs.identifier), 5, PATIENCE), || async {
        let status = look(cx, &attrs.identifier).await?.as_ref().map_or_else(|| "unknown".to_owned(), |shown| status(shown).to_owned());
        if AT_REST.contains(&status.as_str()) {
            return Ok(Progress::Reached(()));
        }
        if status == "running" && settled(cx.mutate(STOP, stop).await, BUSY)?.is_some() {
            stopped.store(true, Ordering::Relaxed);
        }
        Ok(Progress::Pending(status))
    })
    .await?;
    Ok(stopped.into_inner())
}

/// Lets a task that was stopped go on where it was, and returns when it runs, or has loaded all that it was to load.
async fn resume(cx: &Cx, attrs: &ReplicationTaskAttrs) -> Result<()> {
    let begun = AtomicBool::new(false);
    let start = || {
        let call = cx.aws.dms.start_replication_task().replication_task_arn(attrs.arn.as_str());
        call.start_replication_task_type(StartReplicationTaskTypeValue::ResumeProcessing).send()
    };
    cx.wait(Wait::new(format!("replication task {} to go on", attrs.identifier), 5, PATIENCE), || async {
        let Some(shown) = look(cx, &attrs.identifier).await? else { return Ok(Progress::Pending("unknown".to_owned())) };
        let status = status(&shown).to_owned();
        match status.as_str() {
            "running" => return Ok(Progress::Reached(())),
            rest if AT_REST.contains(&rest) && !begun.load(Ordering::Relaxed) => {
                let started = settled(cx.mutate("dms:StartReplicationTask", start).await, BUSY)?.is_some();
                begun.store(started, Ordering::Relaxed);
            }
            "stopped" if attrs.migration_type == "full-load" => return Ok(Progress::Reached(())),
            "failed" | "stopped" => return Ok(Progress::Failed { reason: why(&shown), status }),
            _ => {}
        }
        Ok(Progress::Pending(status))
    })
    .await
}

/// Why it does not run, in DMS's words.
fn why(shown: &Shown) -> Option<String> {
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    said(shown.last_failure_message()).or_else(|| said(shown.stop_reason()))
}

/// What is to be told of one that nobody starts here: it has stopped before, or takes the place of one that ran.
fn standstill(cx: &Cx, shown: &Shown) -> Option<String> {
    let ran = cx.replaced.as_ref().and_then(|attrs| ReplicationTaskAttrs::deserialize(attrs).ok()).is_some_and(|attrs| attrs.at_work);
    match status(shown) {
        "ready" if ran => Some("the replication has stopped with the old task; `replication start` begins it anew".to_owned()),
        // One that loads, and no more, comes to rest by itself.
        status @ ("stopped" | "failed") if shown.migration_type() != Some(&MigrationTypeValue::FullLoad) || status == "failed" => {
            let why = why(shown).map(|why| format!(" ({why})")).unwrap_or_default();
            Some(format!("the replication is {status}{why}; `replication start` goes on with it"))
        }
        _ => None,
    }
}

async fn wait_gone(cx: &Cx, identifier: &str) -> Result<()> {
    cx.wait(Wait::new(format!("replication task {identifier} to be gone"), 5, PATIENCE), || async {
        Ok(match look(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(shown) => Progress::Pending(status(&shown).to_owned()),
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
        let shown = json!({
            "Logging": { "EnableLogging": true, "LogComponents": [{ "Id": "SORTER", "Severity": "X" }, { "Id": "SOURCE_CAPTURE", "Severity": "X" }] },
            "StreamBufferSettings": {},
        });
        assert!(is_within(&wanted, &shown));
        assert!(!is_within(&json!({ "Logging": { "EnableLogging": false } }), &shown));
        assert!(!is_within(&wanted, &json!({})));
    }
}
