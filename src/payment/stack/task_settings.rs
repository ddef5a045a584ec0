//! The two JSON documents of a replication task: the table mappings and the task settings.
//!
//! The table of the markers is among the replicated tables of both directions. Nothing echoes, because only one of the
//! two tasks runs at a time.

use serde_json::{Value, json};

use infra_config::{MigrationType, Replication, SchemaSource, TablePreparation, schema_and_table};

use super::facts::{KnownReplication, LobSettings, MeasuredSource};

/// The table, as schema and name, whose rows prove that everything committed earlier has arrived. A switchover writes
/// them on the primary and awaits them on the other side.
pub const MARKER_TABLE: (&str, &str) = ("migrate_infra", "marker");

/// A table, as schema and name, and what to do with it.
type Rule = (String, String, &'static str);

/// Returns the tables to replicate.
pub(super) fn table_mappings(config: &Replication, measured: Option<&MeasuredSource>) -> Value {
    // Tables that DMS creates have no partitions, and compute nothing.
    let measured = measured.filter(|_| config.table_preparation != TablePreparation::DropAndCreate);
    mappings(rules(config, measured), measured)
}

/// Returns the tables that a fallback replicates. What DMS itself has created in the database is left out: "Control
/// table task settings" lists its tables, which begin with `awsdms_`.
pub(super) fn fallback_table_mappings(config: &Replication, measured: Option<&MeasuredSource>) -> Value {
    mappings(rules(config, measured).chain([("%".to_owned(), "awsdms_%".to_owned(), "exclude")]), measured)
}

fn rules(config: &Replication, measured: Option<&MeasuredSource>) -> impl Iterator<Item = Rule> {
    let (schema, table) = MARKER_TABLE;
    let included = config.tables.iter().map(|table| (table, "include"));
    let excluded = config.excluded_tables.iter().map(|table| (table, "exclude"));
    let configured = included.chain(excluded).map(|(table, action)| {
        let (schema, table) = schema_and_table(table);
        (schema.to_owned(), table.to_owned(), action)
    });
    let parents = measured.into_iter().flat_map(|measured| &measured.excluded_tables);
    let parents = parents.map(|(schema, table)| (exactly(schema), exactly(table), "exclude"));
    configured.chain([(schema.to_owned(), table.to_owned(), "include")]).chain(parents)
}

/// Returns a pattern that matches only this name: "[_]" and "[%]" are the characters themselves ("Wildcards in table
/// mapping").
fn exactly(name: &str) -> String {
    name.chars().fold(String::new(), |mut pattern, character| {
        match character {
            '%' | '_' => pattern.extend(['[', character, ']']),
            _ => pattern.push(character),
        }
        pattern
    })
}

/// Returns selection rules ("Selection rules and actions", AWS DMS user guide), and rules that remove columns
/// ("Transformation rules and actions"). Their ids and names are unique numbers.
fn mappings(rules: impl Iterator<Item = Rule>, measured: Option<&MeasuredSource>) -> Value {
    let selections = rules.map(|(schema, table, action)| {
        json!({
            "rule-type": "selection",
            "object-locator": { "schema-name": schema, "table-name": table },
            "rule-action": action,
        })
    });
    let computed = measured.into_iter().flat_map(|measured| &measured.computed_columns);
    let removals = computed.map(|(schema, table, column)| {
        let [schema, table, column] = [schema, table, column].map(|name| exactly(name));
        json!({
            "rule-type": "transformation",
            "rule-target": "column",
            "object-locator": { "schema-name": schema, "table-name": table, "column-name": column },
            "rule-action": "remove-column",
        })
    });
    let numbered = |(index, mut rule): (usize, Value)| {
        let id = (index + 1).to_string();
        (rule["rule-id"], rule["rule-name"]) = (json!(id), json!(id));
        rule
    };
    json!({ "rules": selections.chain(removals).enumerate().map(numbered).collect::<Vec<_>>() })
}

/// Returns the task settings ("Task settings example", AWS DMS user guide). Omitted settings keep the defaults of DMS.
///
/// Without measurements, what is right for any source applies: no batches, and values up to 32 KB. A larger value stops
/// the task.
pub(super) fn settings(config: &Replication, known: KnownReplication<'_>) -> Value {
    let measured = known.measured;
    let preparation = match config.table_preparation {
        TablePreparation::DropAndCreate => "DROP_AND_CREATE",
        TablePreparation::Truncate => "TRUNCATE_BEFORE_LOAD",
        TablePreparation::DoNothing => "DO_NOTHING",
    };
    let lobs = measured.map_or(LobSettings::Limited { kilobytes: DEFAULT_LOB_KILOBYTES }, |measured| measured.lobs);
    // "When LOB columns are included in the replication, you can use BatchApplyEnabled only in limited LOB mode"
    // ("Target metadata task settings").
    let batch_apply = lobs != LobSettings::Full && measured.is_some_and(|measured| measured.batch_apply);
    json!({
        "TargetMetadata": target_metadata(lobs, batch_apply),
        "FullLoadSettings": {
            "TargetTablePrepMode": preparation,
            "MaxFullLoadSubTasks": config.full_load_subtasks,
            "StopTaskCachedChangesApplied": stops_after_load(config) && !known.is_loaded,
            "StopTaskCachedChangesNotApplied": false,
        },
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
        // A change that was made while its table was loaded is in the loaded rows, and is applied once more:
        // "duplicates" and "zero rows affected" of these cached changes are no conflicts ("Error handling task
        // settings").
        "ErrorBehavior": strict(true),
        "ValidationSettings": { "EnableValidation": config.validation },
    })
}

/// Returns whether the task stops between the load and the changes that follow, so that indexes and constraints are
/// created in between: "StopTaskCachedChangesApplied – Set this option to true to stop a task after a full load
/// completes and cached changes are applied" ("Full-load task settings"). Before the cached changes are applied, tables
/// are from different moments, so that foreign keys cannot be created.
pub fn stops_after_load(config: &Replication) -> bool {
    config.schema == SchemaSource::Transfer && config.migration_type == MigrationType::FullLoadAndCdc
}

/// `LobMaxSize` of a task without measurements.
const DEFAULT_LOB_KILOBYTES: u32 = 32;

/// "The maximum recommended value for LobMaxSize is 102400 kilobytes (100 MB)" ("Target metadata task settings").
const LARGEST_LOB_KILOBYTES: u32 = 102_400;

fn target_metadata(lobs: LobSettings, batch_apply: bool) -> Value {
    match lobs {
        LobSettings::Limited { kilobytes } => json!({
            "BatchApplyEnabled": batch_apply,
            "SupportLobs": true,
            "FullLobMode": false,
            "LimitedSizeLobMode": true,
            "LobMaxSize": kilobytes,
        }),
        LobSettings::Full => json!({
            "BatchApplyEnabled": batch_apply,
            "SupportLobs": true,
            "FullLobMode": true,
            "LimitedSizeLobMode": false,
            "LobChunkSize": 64,
        }),
    }
}

/// Returns error policies with which nothing is only logged: a conflict, a truncated value or a table that cannot be
/// replicated stops the task. The values are those of "Error handling task settings", which apply to every migration
/// type; by default, DMS logs a conflict and drops the row, ignores a deletion that finds no row, and suspends a table.
/// A truncated LOB is no error for these policies: the source endpoint has `FailTasksOnLobTruncation`.
///
/// "FullLoadIgnoreConflicts […] ignore "zero rows affected" and "duplicates" errors when applying cached events".
fn strict(ignores_conflicts_of_cached_changes: bool) -> Value {
    json!({
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
        "FullLoadIgnoreConflicts": ignores_conflicts_of_cached_changes,
    })
}

/// Returns the settings of a task that replicates changes to the old primary. That database is to become the primary
/// again without a loss. Transactions are applied one after the other, and values are never truncated. `validates`: DMS
/// compares the rows, too.
///
/// In full LOB mode, a row is written before its LOBs: "LOB columns must be nullable on the target" ("Setting LOB
/// support for source databases in an AWS DMS task"). If some are not, the limit is several times what was measured: a
/// larger value stops the task.
pub(super) fn fallback_settings(config: &Replication, measured: Option<&MeasuredSource>, validates: bool) -> Value {
    let lobs = match measured {
        Some(MeasuredSource { requires_lobs: true, lobs: LobSettings::Limited { kilobytes }, .. }) => {
            LobSettings::Limited { kilobytes: kilobytes.saturating_mul(4).min(LARGEST_LOB_KILOBYTES) }
        }
        _ => LobSettings::Full,
    };
    json!({
        "TargetMetadata": target_metadata(lobs, false),
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
        "ErrorBehavior": strict(false),
        "ValidationSettings": { "EnableValidation": validates },
    })
}

fn logging() -> Value {
    let log = |component: &str| json!({ "Id": component, "Severity": "LOGGER_SEVERITY_DEFAULT" });
    json!({ "EnableLogging": true, "LogComponents": [log("SOURCE_CAPTURE"), log("TARGET_APPLY")] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> MeasuredSource {
        MeasuredSource {
            lobs: LobSettings::Limited { kilobytes: 512 },
            batch_apply: true,
            excluded_tables: vec![("public".into(), "payment_events".into())],
            computed_columns: vec![("public".into(), "payments".into(), "total".into())],
            requires_lobs: true,
        }
    }

    fn known(measured: &MeasuredSource) -> KnownReplication<'_> {
        KnownReplication { measured: Some(measured), is_loaded: false }
    }

    #[test]
    fn measurements_decide_about_large_values_and_batches() {
        let config = Replication::default();
        let setting = |settings: &Value, path: &str| settings.pointer(path).cloned().unwrap_or_default();
        let unknown = settings(&config, KnownReplication::default());
        assert_eq!(setting(&unknown, "/TargetMetadata/LobMaxSize"), 32);
        assert_eq!(setting(&unknown, "/TargetMetadata/BatchApplyEnabled"), false);
        let with_values = settings(&config, known(&measured()));
        assert_eq!(setting(&with_values, "/TargetMetadata/LobMaxSize"), 512);
        assert_eq!(setting(&with_values, "/TargetMetadata/BatchApplyEnabled"), true);
        let full = settings(&config, known(&MeasuredSource { lobs: LobSettings::Full, ..measured() }));
        assert_eq!(setting(&full, "/TargetMetadata/FullLobMode"), true);
        assert_eq!(setting(&full, "/TargetMetadata/BatchApplyEnabled"), false, "not in full LOB mode");
        let back = fallback_settings(&config, Some(&measured()), false);
        assert_eq!(setting(&back, "/TargetMetadata/LobMaxSize"), 2048);
        let nullable = MeasuredSource { requires_lobs: false, ..measured() };
        assert_eq!(setting(&fallback_settings(&config, Some(&nullable), false), "/TargetMetadata/FullLobMode"), true);
    }

    #[test]
    fn nothing_is_only_logged_in_either_direction() {
        let config = Replication::default();
        let back = fallback_settings(&config, None, false);
        for (settings, cached) in [(settings(&config, KnownReplication::default()), true), (back, false)] {
            let errors = settings["ErrorBehavior"].as_object().expect("policies");
            let policies: Vec<_> = errors.iter().filter(|(name, _)| name.ends_with("Policy")).collect();
            assert_eq!(policies.len(), 9);
            assert!(policies.iter().all(|(_, policy)| **policy == "STOP_TASK"), "{policies:?}");
            assert_eq!(errors["FullLoadIgnoreConflicts"], cached);
        }
    }

    #[test]
    fn the_task_stops_after_its_load_only_for_the_transfer_of_a_schema() {
        let stops = |config: &Replication| {
            settings(config, KnownReplication::default())
                .pointer("/FullLoadSettings/StopTaskCachedChangesApplied")
                .cloned()
        };
        let transfer = Replication::default();
        assert_eq!(stops(&transfer), Some(json!(true)));
        assert_eq!(stops(&Replication { schema: SchemaSource::Existing, ..transfer.clone() }), Some(json!(false)));
        let only = Replication { migration_type: MigrationType::FullLoad, ..transfer };
        assert_eq!(stops(&only), Some(json!(false)));
        let loaded = KnownReplication { measured: None, is_loaded: true };
        let after = settings(&Replication::default(), loaded);
        assert_eq!(after["FullLoadSettings"]["StopTaskCachedChangesApplied"], false, "it does not stop again");
    }

    #[test]
    fn parents_of_partitions_and_computed_columns_are_left_out() {
        let config = Replication::default();
        let mappings = table_mappings(&config, Some(&measured()));
        let rules = mappings["rules"].as_array().expect("rules");
        let last_two: Vec<_> = rules.iter().rev().take(2).rev().collect();
        assert_eq!(last_two[0]["object-locator"]["table-name"], "payment[_]events");
        assert_eq!(last_two[0]["rule-action"], "exclude");
        assert_eq!(last_two[1]["rule-action"], "remove-column");
        assert_eq!(last_two[1]["object-locator"]["column-name"], "total");
        let numbers: Vec<_> = rules.iter().map(|rule| rule["rule-id"].as_str().unwrap_or_default()).collect();
        assert_eq!(numbers, ["1", "2", "3", "4"]);
        let bare = Replication { table_preparation: TablePreparation::DropAndCreate, ..config };
        assert_eq!(table_mappings(&bare, Some(&measured()))["rules"].as_array().map(Vec::len), Some(2));
    }
}
