//! The two JSON documents of a replication task: the table mappings and the task settings.

use serde_json::{Value, json};

use infra_config::{Replication, TablePreparation};

/// Returns the tables to replicate ("Selection rules and actions", AWS DMS user guide). Rule ids and names are unique
/// numbers.
pub(super) fn table_mappings(config: &Replication) -> Value {
    let included = config.tables.iter().map(|table| (table, "include"));
    let excluded = config.excluded_tables.iter().map(|table| (table, "exclude"));
    let rule = |(index, (table, action)): (usize, (&String, &str))| {
        let (schema, table) = table.split_once('.').unwrap_or(("public", table));
        let id = (index + 1).to_string();
        json!({
            "rule-type": "selection",
            "rule-id": id,
            "rule-name": id,
            "object-locator": { "schema-name": schema, "table-name": table },
            "rule-action": action,
        })
    };
    json!({ "rules": included.chain(excluded).enumerate().map(rule).collect::<Vec<_>>() })
}

/// Returns the task settings ("Task settings example", AWS DMS user guide). Omitted settings keep the defaults of DMS.
pub(super) fn settings(config: &Replication) -> Value {
    let preparation = match config.table_preparation {
        TablePreparation::DropAndCreate => "DROP_AND_CREATE",
        TablePreparation::Truncate => "TRUNCATE_BEFORE_LOAD",
        TablePreparation::DoNothing => "DO_NOTHING",
    };
    let log = |component: &str| json!({ "Id": component, "Severity": "LOGGER_SEVERITY_DEFAULT" });
    json!({
        "TargetMetadata": { "BatchApplyEnabled": true },
        "FullLoadSettings": { "TargetTablePrepMode": preparation, "MaxFullLoadSubTasks": config.full_load_subtasks },
        "Logging": { "EnableLogging": true, "LogComponents": [log("SOURCE_CAPTURE"), log("TARGET_APPLY")] },
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
