//! The sections and keys of task settings, and the values that each accepts.
//!
//! "Specifying task settings for AWS Database Migration Service tasks" and its pages name them.

use infra_base::terminal_text::inline;
use serde_json::Value;

/// Task settings that DMS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid task settings: {}", inline(.0))]
pub struct SettingsError(pub String);

enum Kind {
    Flag,
    Integer(i64, i64),
    Text,
    Choice(&'static [&'static str]),
    /// Accepted by DMS and without effect on what is modelled.
    Any,
}

use Kind::{Any, Choice, Flag, Integer, Text};

const MAX: i64 = i32::MAX as i64;
const RECORD_POLICY: Kind = Choice(&["IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK"]);
const INSERT_POLICY: Kind = Choice(&["IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK", "INSERT_RECORD"]);
const UPDATE_POLICY: Kind = Choice(&["IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK", "UPDATE_RECORD"]);
const ESCALATION: Kind = Choice(&["LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK"]);

/// Sections with keys that are checked.
const SECTIONS: &[(&str, &[(&str, Kind)])] = &[
    (
        "TargetMetadata",
        &[
            ("TargetSchema", Text),
            ("SupportLobs", Flag),
            ("FullLobMode", Flag),
            ("LobChunkSize", Integer(0, 102_400)),
            ("LimitedSizeLobMode", Flag),
            // "The maximum recommended value for LobMaxSize is 102400 kilobytes (100 MB)".
            ("LobMaxSize", Integer(0, 102_400)),
            // "the range is 1–102400 kilobytes", "The default value […] is 0".
            ("InlineLobMaxSize", Integer(0, 102_400)),
            // "You can provide values from 0 […] to 100,000 KB".
            ("LoadMaxFileSize", Integer(0, 100_000)),
            ("BatchApplyEnabled", Flag),
            ("ParallelLoadThreads", Integer(0, 200)),
            ("ParallelLoadBufferSize", Integer(0, 1_000)),
            ("ParallelLoadQueuesPerThread", Integer(0, 512)),
            ("ParallelApplyThreads", Integer(0, 32)),
            ("ParallelApplyBufferSize", Integer(0, 1_000)),
            ("ParallelApplyQueuesPerThread", Integer(0, 512)),
            ("TaskRecoveryTableEnabled", Flag),
        ],
    ),
    (
        "FullLoadSettings",
        &[
            ("TargetTablePrepMode", Choice(&["DO_NOTHING", "DROP_AND_CREATE", "TRUNCATE_BEFORE_LOAD"])),
            ("CreatePkAfterFullLoad", Flag),
            ("StopTaskCachedChangesApplied", Flag),
            ("StopTaskCachedChangesNotApplied", Flag),
            // "The default is 8; the maximum value is 49".
            ("MaxFullLoadSubTasks", Integer(1, 49)),
            ("TransactionConsistencyTimeout", Integer(0, MAX)),
            // "The default value is 10000 […] the maximum is 50000".
            ("CommitRate", Integer(1, 50_000)),
        ],
    ),
    (
        "ControlTablesSettings",
        &[
            ("ControlSchema", Text),
            ("HistoryTimeslotInMinutes", Integer(1, 1_440)),
            ("historyTimeslotInMinutes", Integer(1, 1_440)),
            ("HistoryTableEnabled", Flag),
            ("SuspendedTablesTableEnabled", Flag),
            ("StatusTableEnabled", Flag),
            ("FullLoadExceptionTableEnabled", Flag),
        ],
    ),
    (
        "StreamBufferSettings",
        &[
            ("StreamBufferCount", Integer(1, MAX)),
            ("StreamBufferSizeInMB", Integer(1, MAX)),
            ("CtrlStreamBufferSizeInMB", Integer(1, MAX)),
        ],
    ),
    (
        "ChangeProcessingDdlHandlingPolicy",
        &[("HandleSourceTableDropped", Flag), ("HandleSourceTableTruncated", Flag), ("HandleSourceTableAltered", Flag)],
    ),
    (
        "ErrorBehavior",
        &[
            ("DataErrorPolicy", RECORD_POLICY),
            ("DataTruncationErrorPolicy", RECORD_POLICY),
            ("DataMaskingErrorPolicy", RECORD_POLICY),
            ("DataErrorEscalationPolicy", ESCALATION),
            ("DataErrorEscalationCount", Integer(0, 10_000)),
            ("EventErrorPolicy", Choice(&["IGNORE", "STOP_TASK"])),
            ("TableErrorPolicy", Choice(&["SUSPEND_TABLE", "STOP_TASK"])),
            ("TableErrorEscalationPolicy", Choice(&["STOP_TASK"])),
            ("TableErrorEscalationCount", Integer(0, 10_000)),
            ("RecoverableErrorCount", Integer(-1, MAX)),
            ("RecoverableErrorInterval", Integer(0, MAX)),
            ("RecoverableErrorThrottling", Flag),
            ("RecoverableErrorThrottlingMax", Integer(0, MAX)),
            ("RecoverableErrorStopRetryAfterThrottlingMax", Flag),
            ("ApplyErrorDeletePolicy", RECORD_POLICY),
            ("ApplyErrorInsertPolicy", INSERT_POLICY),
            ("ApplyErrorUpdatePolicy", UPDATE_POLICY),
            ("ApplyErrorEscalationPolicy", ESCALATION),
            ("ApplyErrorEscalationCount", Integer(0, 10_000)),
            ("ApplyErrorFailOnTruncationDdl", Flag),
            ("FailOnTransactionConsistencyBreached", Flag),
            ("FailOnNoTablesCaptured", Flag),
            ("FullLoadIgnoreConflicts", Flag),
        ],
    ),
    (
        "ChangeProcessingTuning",
        &[
            ("BatchApplyPreserveTransaction", Flag),
            ("BatchApplyTimeoutMin", Integer(0, MAX)),
            ("BatchApplyTimeoutMax", Integer(0, MAX)),
            ("BatchApplyMemoryLimit", Integer(0, MAX)),
            ("BatchSplitSize", Integer(0, MAX)),
            ("MinTransactionSize", Integer(0, MAX)),
            ("CommitTimeout", Integer(0, MAX)),
            ("MemoryLimitTotal", Integer(0, MAX)),
            ("MemoryKeepTime", Integer(0, MAX)),
            // "The default value is 50. The maximum value is 200."
            ("StatementCacheSize", Integer(0, 200)),
            ("RecoveryTimeout", Integer(-1, MAX)),
        ],
    ),
    (
        "ValidationSettings",
        &[
            ("EnableValidation", Flag),
            ("ValidationMode", Choice(&["ROW_LEVEL", "GROUP_LEVEL"])),
            ("ThreadCount", Integer(1, 100)),
            ("PartitionSize", Integer(1, MAX)),
            ("FailureMaxCount", Integer(0, MAX)),
            ("TableFailureMaxCount", Integer(0, MAX)),
            ("RecordFailureDelayInMinutes", Integer(0, MAX)),
            ("RecordFailureDelayLimitInMinutes", Integer(0, MAX)),
            ("RecordSuspendDelayInMinutes", Integer(0, MAX)),
            ("MaxKeyColumnSize", Integer(0, MAX)),
            ("ValidationOnly", Flag),
            ("HandleCollationDiff", Flag),
            ("SkipLobColumns", Flag),
            ("ValidationPartialLobSize", Integer(0, MAX)),
            ("ValidationQueryCdcDelaySeconds", Integer(0, MAX)),
            ("ValidationS3Mask", Integer(0, MAX)),
            ("ValidationS3Time", Integer(0, MAX)),
        ],
    ),
    (
        "Logging",
        &[
            ("EnableLogging", Flag),
            ("EnableLogContext", Flag),
            ("DeleteTaskLogs", Flag),
            ("LogComponents", Any),
            ("LogConfiguration", Any),
        ],
    ),
];

/// Sections whose contents have no effect on what is modelled.
const OTHER: &[&str] = &[
    "PostProcessingRules",
    "CharacterSetSettings",
    "LoopbackPreventionSettings",
    "BeforeImageSettings",
    "FailTaskWhenCleanTaskResourceFailed",
    "TTSettings",
    "ResyncSettings",
];

/// Checks that each section and key exists and that each value is one that its key accepts.
pub(super) fn check(document: &Value) -> Result<(), SettingsError> {
    let Some(sections) = document.as_object() else { return refuse("the document is not an object".to_owned()) };
    for (section, content) in sections {
        let Some((_, keys)) = SECTIONS.iter().find(|(name, _)| name == section) else {
            match OTHER.contains(&section.as_str()) {
                true => continue,
                false => return refuse(format!("there is no section {section}")),
            }
        };
        // A document that was read back has sections without a value.
        if content.is_null() {
            continue;
        }
        let Some(content) = content.as_object() else { return refuse(format!("{section} is not an object")) };
        for (key, value) in content {
            // "You can't set CloudWatchLogGroup and CloudWatchLogStream" ("Logging task settings").
            if section == "Logging" && key.starts_with("CloudWatchLog") && !value.is_null() {
                return refuse("Task Settings CloudWatchLogGroup or CloudWatchLogStream cannot be set".to_owned());
            }
            let kind = keys.iter().find(|(name, _)| name == key);
            match kind {
                None if section == "Logging" && key.starts_with("CloudWatchLog") => {}
                None => return refuse(format!("{section} has no setting {key}")),
                Some((_, kind)) if !value.is_null() => check_value(&format!("{section}.{key}"), kind, value)?,
                Some(_) => {}
            }
        }
    }
    Ok(())
}

fn check_value(name: &str, kind: &Kind, value: &Value) -> Result<(), SettingsError> {
    match kind {
        Flag if as_flag(value).is_none() => refuse(format!("{name} must be true or false, not {value}")),
        Integer(min, max) => match as_integer(value) {
            Some(number) if (*min..=*max).contains(&number) => Ok(()),
            _ => refuse(format!("{name} must be a number from {min} to {max}, not {value}")),
        },
        Text if !value.is_string() => refuse(format!("{name} must be a text, not {value}")),
        Choice(values) if !value.as_str().is_some_and(|text| values.contains(&text)) => {
            refuse(format!("{name} must be one of {}, not {value}", values.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Reads a flag, which documents also write as a text.
pub(super) fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Reads an integer, which documents also write as a text.
pub(super) fn as_integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn refuse(why: String) -> Result<(), SettingsError> {
    Err(SettingsError(why))
}
