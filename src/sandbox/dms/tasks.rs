//! Replication tasks.

use aws_sdk_databasemigration::operation::create_replication_task::{
    CreateReplicationTaskError, CreateReplicationTaskInput, CreateReplicationTaskOutput,
};
use aws_sdk_databasemigration::operation::delete_replication_task::{
    DeleteReplicationTaskError, DeleteReplicationTaskInput, DeleteReplicationTaskOutput,
};
use aws_sdk_databasemigration::operation::describe_replication_tasks::{
    DescribeReplicationTasksError, DescribeReplicationTasksInput, DescribeReplicationTasksOutput,
};
use aws_sdk_databasemigration::operation::modify_replication_task::{
    ModifyReplicationTaskError, ModifyReplicationTaskInput, ModifyReplicationTaskOutput,
};
use aws_sdk_databasemigration::operation::start_replication_task::{
    StartReplicationTaskError, StartReplicationTaskInput, StartReplicationTaskOutput,
};
use aws_sdk_databasemigration::operation::stop_replication_task::{
    StopReplicationTaskError, StopReplicationTaskInput, StopReplicationTaskOutput,
};
use aws_sdk_databasemigration::types::builders::ReplicationTaskBuilder;
use aws_sdk_databasemigration::types::{Filter, MigrationTypeValue, ReplicationTask, StartReplicationTaskTypeValue};
use serde_json::{Value, json};

use super::conversion::{date, tags_from_sdk};
use super::filters::{matches_filters, not_found_if_empty};
use super::validation::{document, identifier};
use super::{connections, endpoints, instances, table_statistics};
use crate::paging::{DMS, page};
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::{Positions, Progress, StartType, Task, TaskState};
use crate::world::real_data::{DataSource, LiveTask};
use crate::world::timeline::ActiveChanges;
use infra_replicator::capture::{StartPosition, StopPosition};
use infra_replicator::{Mappings, Settings};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "replication_task_identifier",
        "resource_identifier",
        "source_endpoint_arn",
        "target_endpoint_arn",
        "replication_instance_arn",
        "migration_type",
        "table_mappings",
        "replication_task_settings",
        "tags",
    ];
    registry.on("dms", "CreateReplicationTask", fields, CreateReplicationTaskError::generic, create);
    let fields = &["filters", "max_records", "marker", "without_settings"];
    registry.on("dms", "DescribeReplicationTasks", fields, DescribeReplicationTasksError::generic, describe);
    let fields = &["replication_task_arn", "migration_type", "table_mappings", "replication_task_settings"];
    registry.on("dms", "ModifyReplicationTask", fields, ModifyReplicationTaskError::generic, modify);
    let fields = &[
        "replication_task_arn",
        "start_replication_task_type",
        "cdc_start_position",
        "cdc_start_time",
        "cdc_stop_position",
    ];
    registry.on("dms", "StartReplicationTask", fields, StartReplicationTaskError::generic, start);
    registry.on("dms", "StopReplicationTask", &["replication_task_arn"], StopReplicationTaskError::generic, stop);
    registry.on("dms", "DeleteReplicationTask", &["replication_task_arn"], DeleteReplicationTaskError::generic, delete);
}

/// "Selection rules and actions": rules with unique ids and names, and an object locator.
fn mappings(text: Option<&str>) -> Result<Value, Rejection> {
    let value = document(text, "table mappings")?;
    let rules = value.get("rules").and_then(Value::as_array).filter(|rules| !rules.is_empty());
    let complete = |rule: &Value| {
        let text = |key: &str| rule.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let locator = |key: &str| rule.pointer(&format!("/object-locator/{key}")).is_some_and(Value::is_string);
        let numbered = rule.get("rule-id").and_then(Value::as_str).is_some_and(|id| id.parse::<u64>().is_ok());
        text("rule-type")
            && numbered
            && text("rule-name")
            && text("rule-action")
            && locator("schema-name")
            && locator("table-name")
    };
    let unique = |rules: &[Value], key: &str| {
        let mut ids: Vec<&Value> = rules.iter().filter_map(|rule| rule.get(key)).collect();
        ids.sort_by_key(ToString::to_string);
        ids.windows(2).all(|pair| pair[0] != pair[1])
    };
    match rules {
        Some(rules) if rules.iter().all(complete) && unique(rules, "rule-id") && unique(rules, "rule-name") => {
            Mappings::parse(&value).or_else(|error| refuse("InvalidParameterValueException", error.to_string()))?;
            Ok(value)
        }
        _ => refuse(
            "InvalidParameterValueException",
            "Invalid table mappings document: rules are missing, incomplete or not unique",
        ),
    }
}

/// What DMS accepts as task settings ("Specifying task settings for AWS DMS tasks"). DMS adds omitted sections.
fn settings(text: Option<&str>) -> Result<Value, Rejection> {
    let mut value = document(text.or(Some("{}")), "task settings")?;
    Settings::parse(&value).or_else(|error| refuse("InvalidParameterValueException", error.to_string()))?;
    let Some(object) = value.as_object_mut() else {
        return refuse("InvalidParameterValueException", "Invalid task settings document");
    };
    // "You can't set CloudWatchLogGroup and CloudWatchLogStream" ("Logging task settings").
    let logging = object.get("Logging");
    if logging.is_some_and(|logging| {
        logging.get("CloudWatchLogGroup").is_some() || logging.get("CloudWatchLogStream").is_some()
    }) {
        return refuse("InvalidParameterValueException", "Feature is not accessible: CloudWatchLogGroup cannot be set");
    }
    object
        .entry("StreamBufferSettings")
        .or_insert_with(|| json!({ "StreamBufferCount": 3, "StreamBufferSizeInMB": 8, "CtrlStreamBufferSizeInMB": 5 }));
    object
        .entry("ErrorBehavior")
        .or_insert_with(|| json!({ "DataErrorPolicy": "LOG_ERROR", "TableErrorPolicy": "SUSPEND_TABLE" }));
    if let Some(components) =
        object.get_mut("Logging").and_then(|logging| logging.get_mut("LogComponents")).and_then(Value::as_array_mut)
    {
        components.push(json!({ "Id": "SORTER", "Severity": "LOGGER_SEVERITY_DEFAULT" }));
    }
    Ok(value)
}

fn create(call: &mut Call<'_>, input: &CreateReplicationTaskInput) -> Result<CreateReplicationTaskOutput, Rejection> {
    let name = identifier(input.replication_task_identifier(), 255)?;
    if call.region_state().dms.tasks.contains_key(&name) {
        return refuse("ResourceAlreadyExistsFault", format!("Replication task {name} already exists"));
    }
    let used = call.region_state().dms.tasks.len();
    quotas::check(call, "replication_tasks", used)?;
    // "ResourceIdentifier: up to 31 characters, first character a letter, no hyphen at the end, no two consecutive
    // hyphens."
    let tail = match input.resource_identifier() {
        Some(text) => identifier(Some(text), 31)?,
        None => call.world.random_hex()[..26].to_uppercase(),
    };
    let (table_mappings, settings) = (mappings(input.table_mappings())?, settings(input.replication_task_settings())?);
    let (now, instance) = (call.now(), instances::find(call, input.replication_instance_arn())?);
    let ends = [input.source_endpoint_arn(), input.target_endpoint_arn()].map(|arn| endpoints::find(call, arn));
    let [source, target] = ends;
    let (source, target) = (source?, target?);
    if instance.status(now) != "available" || [&source, &target].iter().any(|endpoint| endpoint.status(now) != "active")
    {
        return refuse(
            "InvalidResourceStateFault",
            "The replication instance or an endpoint is not in a state in which it can be used",
        );
    }
    if (source.direction.as_str(), target.direction.as_str()) != ("source", "target") {
        return refuse("InvalidParameterCombinationException", "The endpoints are not a source and a target");
    }
    let task = Task {
        arn: call.arn("dms", &format!("task:{tail}")),
        identifier: name.clone(),
        source_endpoint_arn: source.arn,
        target_endpoint_arn: target.arn,
        instance_arn: instance.arn,
        migration_type: input.migration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        table_mappings,
        settings,
        state: TaskState::Creating,
        until: Some(call.completion_time(20.0, 40.0, 90.0)),
        started_at: None,
        progress: Progress::default(),
        positions: Positions::default(),
        live: (call.world.data == DataSource::Postgres).then(LiveTask::default),
        tags: tags_from_sdk(input.tags()),
    };
    if call.region_state().dms.tasks.values().any(|other| other.arn == task.arn) {
        return refuse("ResourceAlreadyExistsFault", format!("A resource with the identifier {tail} already exists"));
    }
    let answer = to_sdk(&task);
    call.region_state().dms.tasks.insert(name, task);
    Ok(CreateReplicationTaskOutput::builder().replication_task(answer).build())
}

fn to_sdk(task: &Task) -> ReplicationTask {
    task_builder(task)
        .table_mappings(task.table_mappings.to_string())
        .replication_task_settings(task.settings.to_string())
        .build()
}

/// Starts a description without mappings and settings ("WithoutSettings: […] set this to true to avoid returning
/// information about settings").
fn task_builder(task: &Task) -> ReplicationTaskBuilder {
    ReplicationTask::builder()
        .replication_task_identifier(&task.identifier)
        .replication_task_arn(&task.arn)
        .source_endpoint_arn(&task.source_endpoint_arn)
        .target_endpoint_arn(&task.target_endpoint_arn)
        .replication_instance_arn(&task.instance_arn)
        .migration_type(MigrationTypeValue::from(task.migration_type.as_str()))
        .status(task.status())
        .set_stop_reason(task.progress.stop_reason.clone())
        .set_last_failure_message(task.progress.failure.clone())
        .set_replication_task_start_date(task.started_at.map(date))
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeReplicationTasksInput,
) -> Result<DescribeReplicationTasksOutput, Rejection> {
    let (world, region) = (&*call.world, call.region.as_str());
    let active: ActiveChanges<'_> = world.timeline().at(world.now);
    let mut found = Vec::new();
    for task in world.existing_region(region).iter().flat_map(|region_state| region_state.dms.tasks.values()) {
        let field = |name: &str| match name {
            "replication-task-id" => Some(task.identifier.clone()),
            "replication-task-arn" => Some(task.arn.clone()),
            "replication-instance-arn" => Some(task.instance_arn.clone()),
            "migration-type" => Some(task.migration_type.clone()),
            "endpoint-arn" => {
                let ends = [&task.source_endpoint_arn, &task.target_endpoint_arn];
                let requested = input.filters().iter().filter(|filter| filter.name() == name).flat_map(Filter::values);
                // A task has two endpoints. Report the requested one if it is among them.
                Some(requested.into_iter().find(|arn| ends.contains(arn)).unwrap_or(ends[0]).clone())
            }
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            let mut described =
                if input.without_settings() == Some(true) { task_builder(task).build() } else { to_sdk(task) };
            described.replication_task_stats = table_statistics::summary(task, &active, world.now);
            found.push(described);
        }
    }
    let found = not_found_if_empty(found, input.filters(), "replication task")?;
    let (found, next) = page(found, input.marker(), input.max_records(), 20..=100, DMS)?;
    Ok(DescribeReplicationTasksOutput::builder().set_replication_tasks(Some(found)).set_marker(next).build())
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Task, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().dms.tasks.values_mut().find(|task| task.arn == arn) {
        Some(task) => Ok(task),
        None => refuse("ResourceNotFoundFault", format!("Replication task {arn} not found")),
    }
}

fn check_idle(task: &Task) -> Result<(), Rejection> {
    match task.state {
        TaskState::Ready | TaskState::Stopped | TaskState::Failed => Ok(()),
        _ => refuse(
            "InvalidResourceStateFault",
            format!("Replication task {} is currently {}", task.identifier, task.status()),
        ),
    }
}

fn modify(call: &mut Call<'_>, input: &ModifyReplicationTaskInput) -> Result<ModifyReplicationTaskOutput, Rejection> {
    let until = call.completion_time(5.0, 15.0, 40.0);
    let task = find(call, input.replication_task_arn())?;
    check_idle(task)?;
    let table_mappings = input.table_mappings().map(|text| mappings(Some(text))).transpose()?;
    let wanted = input.replication_task_settings().map(|text| settings(Some(text))).transpose()?;
    task.table_mappings = table_mappings.unwrap_or(task.table_mappings.take());
    task.settings = wanted.unwrap_or(task.settings.take());
    if let Some(kind) = input.migration_type() {
        kind.as_str().clone_into(&mut task.migration_type);
    }
    (task.state, task.until) = (TaskState::Modifying, Some(until));
    Ok(ModifyReplicationTaskOutput::builder().replication_task(to_sdk(task)).build())
}

/// "start-replication is the only valid action that can be used for the first time a task […] is run. […] For a cdc
/// only task, to start from a specific position, you must use start-replication and also specify the start position.
/// […] resume-processing is only available for previously executed tasks" (StartReplicationTask). A task that only
/// captures changes has nothing to reload.
fn start(call: &mut Call<'_>, input: &StartReplicationTaskInput) -> Result<StartReplicationTaskOutput, Rejection> {
    let (now, until) = (call.now(), call.completion_time(20.0, 45.0, 120.0));
    let task = find(call, input.replication_task_arn())?.clone();
    check_idle(&task)?;
    let start_type = match input.start_replication_task_type() {
        Some(StartReplicationTaskTypeValue::StartReplication) => StartType::Fresh,
        Some(StartReplicationTaskTypeValue::ResumeProcessing) => StartType::Resume,
        Some(StartReplicationTaskTypeValue::ReloadTarget) => StartType::Reload,
        _ => return refuse("InvalidParameterValueException", "Invalid start type"),
    };
    let refusal = match (start_type, task.started_at) {
        (StartType::Fresh, Some(_)) if task.migration_type != "cdc" || input.cdc_start_position().is_none() => {
            Some("Start Type : START_REPLICATION, valid only for tasks running for the first time")
        }
        (StartType::Resume, None) => Some("Start Type : RESUME_PROCESSING, invalid: the task has never run"),
        (StartType::Reload, None) => Some("Start Type : RELOAD_TARGET, invalid: the task has never run"),
        (StartType::Reload, Some(_)) if task.migration_type == "cdc" => {
            Some("Start Type : RELOAD_TARGET, not valid for tasks of the migration type cdc")
        }
        _ => None,
    };
    if let Some(refusal) = refusal {
        return refuse("InvalidParameterCombinationException", refusal);
    }
    connections::check(call, &task)?;
    let positions = positions(call, &task, start_type, input)?;
    let task = find(call, input.replication_task_arn())?;
    task.positions = positions;
    (task.state, task.until) = (TaskState::Starting, Some(until));
    task.started_at = Some(now);
    let progress = &mut task.progress;
    (progress.start_type, progress.stopped_at, progress.stop_reason, progress.failure) = (start_type, None, None, None);
    Ok(StartReplicationTaskOutput::builder().replication_task(to_sdk(task)).build())
}

/// "Indicates when you want a change data capture (CDC) operation to start. Use either CdcStartPosition or CdcStartTime
/// to specify when you want a CDC operation to start. Specifying both values results in an error."
/// (StartReplicationTask)
///
/// A task that is resumed continues from its own checkpoint.
fn positions(
    call: &mut Call<'_>,
    task: &Task,
    start_type: StartType,
    input: &StartReplicationTaskInput,
) -> Result<Positions, Rejection> {
    let positions = Positions {
        start: input.cdc_start_position().map(str::to_owned),
        has_start_time: input.cdc_start_time().is_some(),
        stop: input.cdc_stop_position().map(str::to_owned),
    };
    if positions.start.is_some() && positions.has_start_time {
        return refuse(
            "InvalidParameterCombinationException",
            "CdcStartPosition and CdcStartTime cannot both be specified",
        );
    }
    let source = endpoints::find(call, Some(&task.source_endpoint_arn))?;
    let slot = source.settings.slot_name;
    let begins = task.migration_type == "cdc" && start_type == StartType::Fresh;
    if begins || positions.start.is_some() || positions.has_start_time {
        StartPosition::new(positions.start.as_deref(), positions.has_start_time, slot.as_deref())
            .or_else(|error| refuse("InvalidParameterCombinationException", error.to_string()))?;
    }
    if let Some(stop) = &positions.stop {
        StopPosition::parse(stop).or_else(|error| refuse("InvalidParameterValueException", error.to_string()))?;
    }
    Ok(positions)
}

fn stop(call: &mut Call<'_>, input: &StopReplicationTaskInput) -> Result<StopReplicationTaskOutput, Rejection> {
    let (now, until) = (call.now(), call.completion_time(10.0, 30.0, 90.0));
    let task = find(call, input.replication_task_arn())?;
    if task.state != TaskState::Running {
        return refuse("InvalidResourceStateFault", format!("Replication task {} is not running", task.identifier));
    }
    (task.state, task.until) = (TaskState::Stopping, Some(until));
    task.end_run(now);
    Ok(StopReplicationTaskOutput::builder().replication_task(to_sdk(task)).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteReplicationTaskInput) -> Result<DeleteReplicationTaskOutput, Rejection> {
    let until = call.completion_time(10.0, 30.0, 90.0);
    let task = find(call, input.replication_task_arn())?;
    check_idle(task)?;
    (task.state, task.until) = (TaskState::Deleting, Some(until));
    Ok(DeleteReplicationTaskOutput::builder().replication_task(to_sdk(task)).build())
}
