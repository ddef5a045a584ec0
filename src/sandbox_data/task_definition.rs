//! What a replication task of the world is to do with real databases.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infra_postgres::{ConnectionInfo, Tls};
use infra_replicator::capture::{StartPosition, StopPosition};
use infra_replicator::{
    Heartbeat, Mappings, MigrationType, Settings, SourceEndpoint, Start, TargetEndpoint, TaskDefinition,
};
use infra_sandbox::World;
use infra_sandbox::world::dms::{Dms, Endpoint, EndpointSettings, NUMERIC_AS_STRING, StartType, Task, VARCHAR_SIZE};

use crate::addresses::database_of;

/// How long a task waits between two looks at an idle source.
const POLL: Duration = Duration::from_millis(20);

/// Returns how an endpoint connects, with what its secret contains now. DMS reads the secret when it connects.
pub(crate) fn endpoint_connection(world: &World, endpoint: &Endpoint) -> Result<ConnectionInfo, String> {
    let secret = &endpoint.secret_id;
    let address = world
        .database_of_secret(secret)
        .ok_or_else(|| format!("Unable to read the secret {secret}, or its format is not correct"))?;
    // "SSL Mode: none, require, verify-ca, verify-full" ("Using SSL with AWS Database Migration Service"). The
    // certificates that verification needs are imported into DMS, which the sandbox does not model.
    let tls = if endpoint.ssl_mode == "none" { Tls::Off } else { Tls::Require };
    let connection = database_of(world, &address, tls).ok_or_else(|| {
        format!("RetCode: SQL_ERROR SqlState: 08001 Message: could not translate host name \"{}\"", address.host)
    })?;
    Ok(connection.with_database(&endpoint.database_name).with_application_name("aws-dms"))
}

/// Returns what a task is to do. It continues if it was working when its process ended, and can be resumed once it has
/// found its tables.
pub(crate) fn task_definition(
    world: &World,
    dms: &Dms,
    task: &Task,
    (resumes, is_initialized): (bool, bool),
    second: Duration,
) -> Result<TaskDefinition, String> {
    let settings = |arn: &str| dms.endpoints.values().find(|endpoint| endpoint.arn == arn);
    let (Some(source), Some(target)) = (settings(&task.source_endpoint_arn), settings(&task.target_endpoint_arn))
    else {
        return Err("an endpoint of the task no longer exists".to_owned());
    };
    let instance = dms.instances.values().find(|instance| instance.arn == task.instance_arn);
    let start = match task.progress.start_type {
        _ if resumes => Start::Resume,
        StartType::Resume if is_initialized => Start::Resume,
        // "resume-processing will reload any tables that were partially loaded or not yet loaded"
        // (StartReplicationTask): after a failure at the initialization, these are all tables.
        StartType::Fresh | StartType::Resume => Start::Fresh(start_position(task, &source.settings)?),
        StartType::Reload => Start::Reload,
    };
    Ok(TaskDefinition {
        name: task.resource_identifier().to_owned(),
        server: instance.map(|instance| instance.identifier.clone()).unwrap_or_default(),
        migration: match task.migration_type.as_str() {
            "full-load" => MigrationType::FullLoad,
            "cdc" => MigrationType::Changes,
            _ => MigrationType::FullLoadAndChanges,
        },
        mappings: Mappings::parse(&task.table_mappings).map_err(|error| error.to_string())?,
        settings: Settings::parse(&task.settings).map_err(|error| error.to_string())?,
        source: source_endpoint(world, source)?,
        target: target_endpoint(world, target)?,
        start,
        stop: stop_position(world, task, second)?,
        second,
        poll: POLL,
    })
}

/// A task that loads its tables starts the capture when it starts. A slot of the endpoint has a position only for tasks
/// that capture changes alone.
fn start_position(task: &Task, settings: &EndpointSettings) -> Result<StartPosition, String> {
    if task.migration_type != "cdc" && task.positions.start.is_none() {
        return Ok(StartPosition::Now);
    }
    let positions = &task.positions;
    let slot = settings.slot_name.as_deref();
    StartPosition::new(positions.start.as_deref(), positions.has_start_time, slot).map_err(|error| error.to_string())
}

/// Returns where the task stops, with the times of the world as times of the wall.
fn stop_position(world: &World, task: &Task, second: Duration) -> Result<Option<StopPosition>, String> {
    let Some(text) = &task.positions.stop else { return Ok(None) };
    let wall = |at: i64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let left = at.saturating_sub(i64::try_from(world.now).unwrap_or(i64::MAX).saturating_mul(1000));
        let wall_is_past = left < 0;
        let left = second.mul_f64(Duration::from_micros(left.unsigned_abs()).as_secs_f64()).as_micros();
        let left = i64::try_from(left).unwrap_or(i64::MAX) * if wall_is_past { -1 } else { 1 };
        now.saturating_add(left)
    };
    Ok(Some(match StopPosition::parse(text).map_err(|error| error.to_string())? {
        StopPosition::ServerTime(at) => StopPosition::ServerTime(wall(at)),
        StopPosition::CommitTime(at) => StopPosition::CommitTime(wall(at)),
    }))
}

fn source_endpoint(world: &World, endpoint: &Endpoint) -> Result<SourceEndpoint, String> {
    let settings = &endpoint.settings;
    let default = SourceEndpoint::new(endpoint_connection(world, endpoint)?);
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let heartbeat = settings.heartbeat_enable.unwrap_or_default().then(|| Heartbeat {
        schema: settings.heartbeat_schema.clone().unwrap_or_else(|| Heartbeat::default().schema),
        frequency: number(settings.heartbeat_frequency).unwrap_or_else(|| Heartbeat::default().frequency),
    });
    Ok(SourceEndpoint {
        slot_name: settings.slot_name.clone(),
        capture_ddls: settings.capture_ddls.unwrap_or(default.capture_ddls),
        ddl_schema: settings.ddl_artifacts_schema.as_ref().unwrap_or(&default.ddl_schema).clone(),
        heartbeat,
        fail_on_lob_truncation: settings.fail_tasks_on_lob_truncation.unwrap_or(default.fail_on_lob_truncation),
        execute_timeout: number(settings.execute_timeout).unwrap_or(default.execute_timeout),
        exact_numeric: endpoint.attributes.get(NUMERIC_AS_STRING).is_some_and(|value| value == "true"),
        varchar_max: endpoint
            .attributes
            .get(VARCHAR_SIZE)
            .and_then(|bytes| bytes.parse().ok())
            .unwrap_or(default.varchar_max),
        ..default
    })
}

fn target_endpoint(world: &World, endpoint: &Endpoint) -> Result<TargetEndpoint, String> {
    let default = TargetEndpoint::new(endpoint_connection(world, endpoint)?);
    let size = endpoint.settings.max_file_size.and_then(|size| u32::try_from(size).ok());
    Ok(TargetEndpoint {
        after_connect_script: endpoint.settings.after_connect_script.clone(),
        max_file_size: size.unwrap_or(default.max_file_size),
        ..default
    })
}
