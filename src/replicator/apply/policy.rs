//! The error policies of a task: `ErrorBehavior` and `ChangeProcessingDdlHandlingPolicy`.
//!
//! Names, values and defaults are those of the DMS user guide, "Error handling task settings" and "Task settings for
//! change processing DDL handling".

use serde_json::Value;

/// What DMS does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// "The task continues and the data for that record is ignored. The error counter … is incremented."
    IgnoreRecord,
    /// "The task continues and the error is written to the task log."
    LogError,
    /// "The task continues but data from the table with the error record is moved into an error state and the data
    /// isn't replicated."
    SuspendTable,
    /// "The task stops and manual intervention is required."
    StopTask,
    /// `INSERT_RECORD` of inserts ("If there is an existing target record with the same primary key as the inserted
    /// source record, the target record is updated"), and `UPDATE_RECORD` of updates ("If the target record is missing,
    /// the missing target record is inserted into the target table").
    Replace,
}

/// Which statements about tables are repeated on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DdlHandling {
    /// `HandleSourceTableDropped`
    pub dropped: bool,
    /// `HandleSourceTableTruncated`
    pub truncated: bool,
    /// `HandleSourceTableAltered`
    pub altered: bool,
}

/// The policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// `DataErrorPolicy`: "conversion errors, errors in transformation, and bad data".
    pub data_error: Action,
    /// `DataTruncationErrorPolicy`
    pub data_truncation: Action,
    /// `DataErrorEscalationPolicy`
    pub data_escalation: Action,
    /// `DataErrorEscalationCount`; 0 means that nothing escalates.
    pub data_escalation_count: u64,
    /// `TableErrorPolicy`
    pub table_error: Action,
    /// `TableErrorEscalationPolicy`
    pub table_escalation: Action,
    /// `TableErrorEscalationCount`; 0 means that nothing escalates.
    pub table_escalation_count: u64,
    /// `ApplyErrorDeletePolicy`
    pub delete: Action,
    /// `ApplyErrorInsertPolicy`
    pub insert: Action,
    /// `ApplyErrorUpdatePolicy`
    pub update: Action,
    /// `ApplyErrorEscalationPolicy`
    pub apply_escalation: Action,
    /// `ApplyErrorEscalationCount`; 0 means that nothing escalates.
    pub apply_escalation_count: u64,
    /// `ApplyErrorFailOnTruncationDdl`
    pub fail_on_truncation: bool,
    /// `FullLoadIgnoreConflicts`: "ignore "zero rows affected" and "duplicates" errors when applying cached events".
    pub ignore_cached_conflicts: bool,
    /// `FailOnTransactionConsistencyBreached`. "This option applies to tasks using Oracle as a source with CDC."
    pub fail_on_consistency_breach: bool,
    /// `FailOnNoTablesCaptured`
    pub fail_on_no_tables: bool,
    /// `ChangeProcessingDdlHandlingPolicy`
    pub ddl: DdlHandling,
}

/// A policy that DMS does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` is {value}, but must be {expected}")]
pub struct PolicyError {
    /// The setting.
    pub setting: &'static str,
    /// Its value, as JSON.
    pub value: String,
    /// What DMS accepts.
    pub expected: String,
}

const IGNORE: (&str, Action) = ("IGNORE_RECORD", Action::IgnoreRecord);
const LOG: (&str, Action) = ("LOG_ERROR", Action::LogError);
const SUSPEND: (&str, Action) = ("SUSPEND_TABLE", Action::SuspendTable);
const STOP: (&str, Action) = ("STOP_TASK", Action::StopTask);
const RECORD: &[(&str, Action)] = &[IGNORE, LOG, SUSPEND, STOP];
const INSERT: &[(&str, Action)] = &[IGNORE, LOG, SUSPEND, STOP, ("INSERT_RECORD", Action::Replace)];
const UPDATE: &[(&str, Action)] = &[IGNORE, LOG, SUSPEND, STOP, ("UPDATE_RECORD", Action::Replace)];
const TABLE: &[(&str, Action)] = &[SUSPEND, STOP];
const APPLY_ESCALATION: &[(&str, Action)] = &[LOG, SUSPEND, STOP];
// "The default and only user setting is `STOP_TASK`".
const TABLE_ESCALATION: &[(&str, Action)] = &[STOP];

impl Policies {
    /// Reads the policies of a document of task settings. A setting that is missing or null has its default.
    ///
    /// # Errors
    /// Names the first setting with a value that DMS does not have.
    pub fn from_settings(settings: &Value) -> Result<Self, PolicyError> {
        let errors = Group(settings.get("ErrorBehavior"));
        let ddl = Group(settings.get("ChangeProcessingDdlHandlingPolicy"));
        Ok(Self {
            data_error: errors.action("DataErrorPolicy", RECORD, Action::LogError)?,
            data_truncation: errors.action("DataTruncationErrorPolicy", RECORD, Action::LogError)?,
            data_escalation: errors.action("DataErrorEscalationPolicy", TABLE, Action::SuspendTable)?,
            data_escalation_count: errors.count("DataErrorEscalationCount")?,
            table_error: errors.action("TableErrorPolicy", TABLE, Action::SuspendTable)?,
            table_escalation: errors.action("TableErrorEscalationPolicy", TABLE_ESCALATION, Action::StopTask)?,
            table_escalation_count: errors.count("TableErrorEscalationCount")?,
            delete: errors.action("ApplyErrorDeletePolicy", RECORD, Action::IgnoreRecord)?,
            insert: errors.action("ApplyErrorInsertPolicy", INSERT, Action::LogError)?,
            update: errors.action("ApplyErrorUpdatePolicy", UPDATE, Action::LogError)?,
            apply_escalation: errors.action("ApplyErrorEscalationPolicy", APPLY_ESCALATION, Action::LogError)?,
            apply_escalation_count: errors.count("ApplyErrorEscalationCount")?,
            fail_on_truncation: errors.flag("ApplyErrorFailOnTruncationDdl", false)?,
            ignore_cached_conflicts: errors.flag("FullLoadIgnoreConflicts", true)?,
            fail_on_consistency_breach: errors.flag("FailOnTransactionConsistencyBreached", false)?,
            fail_on_no_tables: errors.flag("FailOnNoTablesCaptured", true)?,
            ddl: DdlHandling {
                dropped: ddl.flag("HandleSourceTableDropped", true)?,
                truncated: ddl.flag("HandleSourceTableTruncated", true)?,
                altered: ddl.flag("HandleSourceTableAltered", true)?,
            },
        })
    }
}

/// A group of settings, if the document has it.
struct Group<'a>(Option<&'a Value>);

impl<'a> Group<'a> {
    fn get(&self, setting: &str) -> Option<&'a Value> {
        self.0.and_then(|group| group.get(setting)).filter(|value| !value.is_null())
    }

    fn action(
        &self,
        setting: &'static str,
        allowed: &[(&str, Action)],
        default: Action,
    ) -> Result<Action, PolicyError> {
        let Some(value) = self.get(setting) else { return Ok(default) };
        let found = value.as_str().and_then(|text| allowed.iter().find(|(name, _)| *name == text));
        found.map(|(_, action)| *action).ok_or_else(|| {
            let names: Vec<_> = allowed.iter().map(|(name, _)| *name).collect();
            PolicyError { setting, value: value.to_string(), expected: format!("one of {}", names.join(", ")) }
        })
    }

    fn count(&self, setting: &'static str) -> Result<u64, PolicyError> {
        let Some(value) = self.get(setting) else { return Ok(0) };
        value.as_u64().ok_or_else(|| PolicyError {
            setting,
            value: value.to_string(),
            expected: "a number that is not negative".to_owned(),
        })
    }

    fn flag(&self, setting: &'static str, default: bool) -> Result<bool, PolicyError> {
        let Some(value) = self.get(setting) else { return Ok(default) };
        value.as_bool().ok_or_else(|| PolicyError {
            setting,
            value: value.to_string(),
            expected: "true or false".to_owned(),
        })
    }
}
