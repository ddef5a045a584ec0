//! The two JSON documents of a replication task: the table mappings and the task settings.
//!
//! The table of the markers is among the replicated tables of both directions. Nothing echoes, because only one of the
//! two tasks runs at a time.

use serde_json::{Value, json};

use infra_config::{Replication, TablePreparation};

/// The table, as schema and name, whose rows prove that everything committed earlier has arrived. A switchover writes
/// them on the primary and awaits them on the other side.
pub const MARKER_TABLE: (&str, &str) = ("migrate_infra", "marker");

/// A table, as schema and name, and what to do with it.
type Rule<'a> = (&'a str, &'a str, &'a str);

/// Returns the tables to replicate.
pub(super) fn table_mappings(config: &Replication) -> Value {
    mappings(rules(config))
}

/// Returns the tables that a fallback replicates. What DMS itself has created in the database is left out: "Control
/// table task settings" lists its tables, which begin with `awsdms_`.
pub(super) fn fallback_table_mappings(config: &Replication) -> Value {
    mappings(rules(config).chain([("%", "awsdms_%", "exclude")]))
}

fn rules(config: &Replication) -> impl Iterator<Item = Rule<'_>> {
    let (schema, table) = MARKER_TABLE;
    let included = config.tables.iter().map(|table| (table, "include"));
    let excluded = config.excluded_tables.iter().map(|table| (table, "exclude"));
    let configured = included.chain(excluded).map(|(table, action)| {
        let (schema, table) = table.split_once('.').unwrap_or(("public", table));
        (schema, table, action)
    });
    configured.chain([(schema, table, "include")])
}

/// Returns selection rules ("Selection rules and actions", AWS DMS user guide). Their ids and names are unique numbers.
fn mappings<'a>(rules: impl Iterator<Item = Rule<'a>>) -> Value {
    let rule = |(index, (schema, table, action)): (usize, Rule<'_>)| {
        let id = (index + 1).to_string();
        json!({
            "rule-type": "selection",
            "rule-id": id,
            "rule-name": id,
            "object-locator": { "schema-name": schema, "table-name": table },
            "rule-action": action,
        })
    };
    json!({ "rules": rules.enumerate().map(rule).collect::<Vec<_>>() })
}

/// Returns the task settings ("Task settings example", AWS DMS user guide). Omitted settings keep the defaults of DMS.
pub(super) fn settings(config: &Replication) -> Value {
    let preparation = match config.table_preparation {
        TablePreparation::DropAndCreate => "DROP_AND_CREATE",
        TablePreparation::Truncate => "TRUNCATE_BEFORE_LOAD",
        TablePreparation::DoNothing => "DO_NOTHING",
    };
    json!({
        "TargetMetadata": { "BatchApplyEnabled": true },
        "FullLoadSettings": { "TargetTablePrepMode": preparation, "MaxFullLoadSubTasks": config.full_load_subtasks },
        "Logging": logging(),
        "ControlTablesSettings": {
            "ControlSchema": config.control_schema,
            "HistoryTimeslotInMinutes": config.history_minutes,
            "HistoryTableEnabled": true,
            "SuspendedTablesTableEnabled": true,
            "StatusTableEnabled": true,
        },
        "ChangeProcessingTuning": {
            "BatchApplyTimeoutMin": config.batch_apply_least_seconds,
            "BatchApplyTimeoutMax": config.batch_apply_most_seconds,
            "MinTransactionSize": config.least_transaction_size,
            "CommitTimeout": config.commit_timeout_seconds,
            "MemoryLimitTotal": config.memory_limit_mb,
            "MemoryKeepTime": config.memory_keep_seconds,
        },
        "ValidationSettings": { "EnableValidation": config.validation },
    })
}

/// Returns the settings of a task that replicates changes to the old primary. A change that cannot be applied as it is
/// stops the task: nothing is only logged, because the database that it writes is to become the primary again without a
/// loss. `validates`: DMS compares the rows, too.
///
/// - Transactions are applied one after the other, and values are never truncated: "you can use BatchApplyEnabled only
///   in limited LOB mode" ("Target metadata task settings").
/// - The policies are those of "Error handling task settings". By default, DMS logs a conflict and drops the row, and
///   ignores a deletion that finds no row.
pub(super) fn fallback_settings(config: &Replication, validates: bool) -> Value {
    json!({
        "TargetMetadata": {
            "BatchApplyEnabled": false,
            "SupportLobs": true,
            "FullLobMode": true,
            "LimitedSizeLobMode": false,
            "LobChunkSize": 64,
        },
        "Logging": logging(),
        "ControlTablesSettings": {
            "ControlSchema": config.control_schema,
            "SuspendedTablesTableEnabled": true,
            "StatusTableEnabled": true,
        },
        "ChangeProcessingTuning": {
            "MinTransactionSize": config.least_transaction_size,
            "CommitTimeout": config.commit_timeout_seconds,
            "MemoryLimitTotal": config.memory_limit_mb,
            "MemoryKeepTime": config.memory_keep_seconds,
        },
        "ErrorBehavior": {
            "DataErrorPolicy": "STOP_TASK",
            "DataTruncationErrorPolicy": "STOP_TASK",
            "DataErrorEscalationPolicy": "STOP_TASK",
            "TableErrorPolicy": "STOP_TASK",
            "TableErrorEscalationPolicy": "STOP_TASK",
            "ApplyErrorDeletePolicy": "STOP_TASK",
            "ApplyErrorInsertPolicy": "STOP_TASK",
            "ApplyErrorUpdatePolicy": "STOP_TASK",
            "ApplyErrorEscalationPolicy": "STOP_TASK",
            "ApplyErrorFailOnTruncationDdl": true,
            "FailOnNoTablesCaptured": true,
            "FullLoadIgnoreConflicts": false,
        },
        "ValidationSettings": { "EnableValidation": validates },
    })
}

fn logging() -> Value {
    let log = |component: &str| json!({ "Id": component, "Severity": "LOGGER_SEVERITY_DEFAULT" });
    json!({ "EnableLogging": true, "LogComponents": [log("SOURCE_CAPTURE"), log("TARGET_APPLY")] })
}
