//! Task settings with the defaults of DMS.

use std::time::Duration;

use serde_json::Value;

use crate::settings_schema;
pub use crate::settings_schema::SettingsError;

/// The settings of a task. Numbers of seconds and minutes are those of AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// "Target metadata task settings".
    pub target: TargetMetadata,
    /// "Full-load task settings".
    pub full_load: FullLoadSettings,
    /// "Control table task settings".
    pub control_tables: ControlTables,
    /// "Change processing tuning settings".
    pub tuning: Tuning,
    /// "Data validation task settings".
    pub validation: ValidationSettings,
    /// How errors of the environment are retried ("Error handling task settings").
    pub recovery: Recovery,
    /// Whether a task fails that finds no table.
    pub fail_on_no_tables: bool,
    /// The document, for the error policies.
    pub document: Value,
}

/// How large values are migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LobMode {
    /// `SupportLobs = false`: LOB columns are not migrated.
    None,
    /// Values are truncated to this number of kilobytes.
    Limited(u32),
    /// Values are looked up one by one; those up to `inline` kilobytes are transferred with the row.
    Full {
        /// `InlineLobMaxSize`, in kilobytes.
        inline: u32,
    },
}

/// "Target metadata task settings".
#[derive(Clone, Debug)]
pub struct TargetMetadata {
    /// The schema of all target tables, if it is not the one of the source.
    pub schema: Option<String>,
    /// How large values are migrated.
    pub lobs: LobMode,
    /// Whether changes are applied in batches.
    pub batch_apply: bool,
    /// `LoadMaxFileSize` in kilobytes; it overrides the endpoint's `MaxFileSize`.
    pub load_max_file_size: Option<u32>,
}

/// What happens to a target table before its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablePreparation {
    /// `DROP_AND_CREATE`
    DropAndCreate,
    /// `TRUNCATE_BEFORE_LOAD`
    Truncate,
    /// `DO_NOTHING`
    Nothing,
}

/// Where a task stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPoint {
    /// Nowhere.
    None,
    /// `StopTaskCachedChangesNotApplied`: after the full load.
    BeforeCachedChanges,
    /// `StopTaskCachedChangesApplied`: when the changes made during the load are applied.
    AfterCachedChanges,
}

/// "Full-load task settings".
#[derive(Clone, Debug)]
pub struct FullLoadSettings {
    /// `TargetTablePrepMode`
    pub preparation: TablePreparation,
    /// `CreatePkAfterFullLoad`
    pub key_after_load: bool,
    /// `StopTaskCachedChanges…`
    pub stop: StopPoint,
    /// `MaxFullLoadSubTasks`
    pub sub_tasks: usize,
    /// `TransactionConsistencyTimeout`, in seconds.
    pub transaction_timeout: u32,
    /// `CommitRate`
    pub commit_rate: u64,
}

/// "Control table task settings".
#[derive(Clone, Debug)]
pub struct ControlTables {
    /// `ControlSchema`: "PostgreSQL, Public" without it.
    pub schema: String,
    /// `HistoryTableEnabled`
    pub history: bool,
    /// `HistoryTimeslotInMinutes`
    pub history_minutes: u32,
    /// `SuspendedTablesTableEnabled`
    pub suspended_tables: bool,
    /// `StatusTableEnabled`
    pub status: bool,
}

/// "Change processing tuning settings".
#[derive(Clone, Debug)]
pub struct Tuning {
    /// `BatchApplyTimeoutMin`, in seconds.
    pub batch_timeout_min: u32,
    /// `BatchApplyTimeoutMax`, in seconds.
    pub batch_timeout_max: u32,
    /// `BatchSplitSize`; 0 means no limit.
    pub batch_split_size: u32,
    /// `MinTransactionSize`
    pub min_transaction_size: u32,
    /// `CommitTimeout`, in seconds.
    pub commit_timeout: u32,
}

/// "Data validation task settings".
#[derive(Clone, Debug)]
pub struct ValidationSettings {
    /// `EnableValidation`
    pub enabled: bool,
    /// `ValidationOnly`
    pub only: bool,
    /// `ThreadCount`
    pub threads: usize,
    /// `PartitionSize`
    pub partition_size: u32,
    /// `FailureMaxCount`
    pub failure_max: u64,
    /// `TableFailureMaxCount`
    pub table_failure_max: u64,
    /// `RecordFailureDelayInMinutes`
    pub failure_delay: u32,
    /// `RecordFailureDelayLimitInMinutes`; 0 means that `RecordFailureDelayInMinutes` holds.
    pub failure_delay_limit: u32,
    /// `RecordSuspendDelayInMinutes`
    pub suspend_delay: u32,
    /// `ValidationQueryCdcDelaySeconds`
    pub query_delay: u32,
    /// `SkipLobColumns`
    pub skip_lobs: bool,
    /// `ValidationPartialLobSize`, in kilobytes; 0 means whole values.
    pub partial_lob_size: u32,
}

/// How errors of the environment are retried.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// `RecoverableErrorCount`; `None` for -1.
    pub count: Option<u32>,
    /// `RecoverableErrorInterval`, in seconds.
    pub interval: u32,
    /// `RecoverableErrorThrottling`
    pub throttling: bool,
    /// `RecoverableErrorThrottlingMax`, in seconds.
    pub throttling_max: u32,
}

impl Recovery {
    /// Returns how often a task is restarted.
    ///
    /// "RecoverableErrorCount […] When you set this value to -1, the number of retries that DMS attempts varies […]:
    /// Running state, recoverable error: […] DMS retries the task nine times. Starting state, recoverable error: DMS
    /// retries the task six times" ("Error handling task settings").
    pub fn attempts(&self, has_run: bool) -> u32 {
        self.count.unwrap_or(if has_run { 9 } else { 6 })
    }

    /// Returns how long DMS waits before an attempt (the first is 0), in AWS's time.
    ///
    /// "RecoverableErrorThrottling – When enabled, the interval between attempts to restart a task is increased in a
    /// series based on the value of RecoverableErrorInterval. For example, if RecoverableErrorCount is set to -1 and
    /// RecoverableErrorInterval is set to 5, then the next retry will take place after 10 seconds, then 20, then 40
    /// seconds and so on."
    pub fn wait(&self, attempt: u32) -> Duration {
        let first = u64::from(self.interval);
        if !self.throttling {
            return Duration::from_secs(first);
        }
        let raised = first.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
        Duration::from_secs(raised.min(u64::from(self.throttling_max)))
    }
}

impl Settings {
    /// Parses a task settings document. Omitted sections and keys have the defaults of DMS.
    pub fn parse(document: &Value) -> Result<Self, SettingsError> {
        settings_schema::check(document)?;
        let read = Reader(document);
        let settings = Self {
            target: target(&read)?,
            full_load: full_load(&read)?,
            control_tables: ControlTables {
                schema: read
                    .text("ControlTablesSettings/ControlSchema")
                    .filter(|schema| !schema.is_empty())
                    .unwrap_or_else(|| "public".to_owned()),
                history: read.flag("ControlTablesSettings/HistoryTableEnabled", false),
                history_minutes: read.number("ControlTablesSettings/HistoryTimeslotInMinutes", 5),
                suspended_tables: read.flag("ControlTablesSettings/SuspendedTablesTableEnabled", false),
                status: read.flag("ControlTablesSettings/StatusTableEnabled", false),
            },
            tuning: Tuning {
                batch_timeout_min: read.number("ChangeProcessingTuning/BatchApplyTimeoutMin", 1),
                batch_timeout_max: read.number("ChangeProcessingTuning/BatchApplyTimeoutMax", 30),
                batch_split_size: read.number("ChangeProcessingTuning/BatchSplitSize", 0),
                min_transaction_size: read.number("ChangeProcessingTuning/MinTransactionSize", 1000),
                commit_timeout: read.number("ChangeProcessingTuning/CommitTimeout", 1),
            },
            validation: validation(&read),
            recovery: Recovery {
                count: u32::try_from(read.integer("ErrorBehavior/RecoverableErrorCount", -1)).ok(),
                interval: read.number("ErrorBehavior/RecoverableErrorInterval", 5),
                throttling: read.flag("ErrorBehavior/RecoverableErrorThrottling", true),
                throttling_max: read.number("ErrorBehavior/RecoverableErrorThrottlingMax", 1800),
            },
            // "FailOnNoTablesCaptured – Set this to true to cause a task to fail when the table mappings defined for a
            // task find no tables when the task starts. The default is true."
            fail_on_no_tables: read.flag("ErrorBehavior/FailOnNoTablesCaptured", true),
            document: document.clone(),
        };
        settings.check_combinations()?;
        Ok(settings)
    }

    fn check_combinations(&self) -> Result<(), SettingsError> {
        if self.tuning.batch_timeout_min > self.tuning.batch_timeout_max {
            return refuse("BatchApplyTimeoutMin must not be greater than BatchApplyTimeoutMax");
        }
        // "When LOB columns are included in the replication, you can use BatchApplyEnabled only in limited LOB mode"
        // ("Target metadata task settings").
        if self.target.batch_apply && matches!(self.target.lobs, LobMode::Full { .. }) {
            return refuse("BatchApplyEnabled can be used only in limited LOB mode when LOB columns are included");
        }
        // "ValidationOnly […] set TargetTablePrepMode to DO_NOTHING" ("Validation-only tasks").
        if self.validation.only && self.full_load.preparation != TablePreparation::Nothing {
            return refuse("ValidationOnly requires that TargetTablePrepMode is DO_NOTHING");
        }
        if self.validation.only && !self.validation.enabled {
            return refuse("ValidationOnly requires that EnableValidation is true");
        }
        Ok(())
    }
}

fn refuse<T>(why: &str) -> Result<T, SettingsError> {
    Err(SettingsError(why.to_owned()))
}

fn target(read: &Reader<'_>) -> Result<TargetMetadata, SettingsError> {
    let lobs = match (
        read.flag("TargetMetadata/SupportLobs", true),
        read.flag("TargetMetadata/FullLobMode", false),
        read.given_flag("TargetMetadata/LimitedSizeLobMode"),
    ) {
        (false, _, _) => LobMode::None,
        (true, true, Some(true)) => return refuse("FullLobMode and LimitedSizeLobMode cannot both be true"),
        // "If you set SupportLobs=true, you must set one of the following to true: FullLobMode, […]
        // LimitedSizeLobMode" ("Target metadata task settings").
        (true, false, Some(false)) => {
            return refuse("SupportLobs requires that FullLobMode or LimitedSizeLobMode is true");
        }
        (true, true, _) => LobMode::Full { inline: read.number("TargetMetadata/InlineLobMaxSize", 0) },
        // The documents that DMS completes have `LimitedSizeLobMode` true and a `LobMaxSize` of 32.
        (true, false, _) => LobMode::Limited(read.number("TargetMetadata/LobMaxSize", 32)),
    };
    // "Inline LOB mode […] LOBs larger than the specified size are replicated using full LOB mode" ("Setting LOB
    // support for source databases in an AWS DMS task").
    if read.number("TargetMetadata/InlineLobMaxSize", 0) > 0 && !matches!(lobs, LobMode::Full { .. }) {
        return refuse("InlineLobMaxSize requires that FullLobMode is true");
    }
    let file_size = read.number("TargetMetadata/LoadMaxFileSize", 0);
    Ok(TargetMetadata {
        schema: read.text("TargetMetadata/TargetSchema").filter(|schema| !schema.is_empty()),
        lobs,
        batch_apply: read.flag("TargetMetadata/BatchApplyEnabled", false),
        load_max_file_size: (file_size > 0).then_some(file_size),
    })
}

fn full_load(read: &Reader<'_>) -> Result<FullLoadSettings, SettingsError> {
    let stop = match (
        read.flag("FullLoadSettings/StopTaskCachedChangesNotApplied", false),
        read.flag("FullLoadSettings/StopTaskCachedChangesApplied", false),
    ) {
        (true, true) => {
            return refuse("StopTaskCachedChangesApplied and StopTaskCachedChangesNotApplied cannot both be true");
        }
        (true, false) => StopPoint::BeforeCachedChanges,
        (false, true) => StopPoint::AfterCachedChanges,
        (false, false) => StopPoint::None,
    };
    let preparation = match read.text("FullLoadSettings/TargetTablePrepMode").as_deref() {
        Some("TRUNCATE_BEFORE_LOAD") => TablePreparation::Truncate,
        Some("DO_NOTHING") => TablePreparation::Nothing,
        _ => TablePreparation::DropAndCreate,
    };
    Ok(FullLoadSettings {
        preparation,
        key_after_load: read.flag("FullLoadSettings/CreatePkAfterFullLoad", false),
        stop,
        sub_tasks: read.number("FullLoadSettings/MaxFullLoadSubTasks", 8) as usize,
        transaction_timeout: read.number("FullLoadSettings/TransactionConsistencyTimeout", 600),
        commit_rate: u64::from(read.number("FullLoadSettings/CommitRate", 10_000)),
    })
}

fn validation(read: &Reader<'_>) -> ValidationSettings {
    ValidationSettings {
        enabled: read.flag("ValidationSettings/EnableValidation", false),
        only: read.flag("ValidationSettings/ValidationOnly", false),
        threads: read.number("ValidationSettings/ThreadCount", 5) as usize,
        partition_size: read.number("ValidationSettings/PartitionSize", 10_000),
        failure_max: u64::from(read.number("ValidationSettings/FailureMaxCount", 10_000)),
        table_failure_max: u64::from(read.number("ValidationSettings/TableFailureMaxCount", 1_000)),
        failure_delay: read.number("ValidationSettings/RecordFailureDelayInMinutes", 5),
        failure_delay_limit: read.number("ValidationSettings/RecordFailureDelayLimitInMinutes", 0),
        suspend_delay: read.number("ValidationSettings/RecordSuspendDelayInMinutes", 30),
        query_delay: read.number("ValidationSettings/ValidationQueryCdcDelaySeconds", 0),
        skip_lobs: read.flag("ValidationSettings/SkipLobColumns", false),
        partial_lob_size: read.number("ValidationSettings/ValidationPartialLobSize", 0),
    }
}

/// Reads values whose form was checked.
struct Reader<'a>(&'a Value);

impl Reader<'_> {
    fn at(&self, path: &str) -> Option<&Value> {
        self.0.pointer(&format!("/{path}"))
    }

    fn given_flag(&self, path: &str) -> Option<bool> {
        self.at(path).and_then(settings_schema::as_flag)
    }

    fn flag(&self, path: &str, default: bool) -> bool {
        self.given_flag(path).unwrap_or(default)
    }

    fn integer(&self, path: &str, default: i64) -> i64 {
        self.at(path).and_then(settings_schema::as_integer).unwrap_or(default)
    }

    fn number(&self, path: &str, default: u32) -> u32 {
        u32::try_from(self.integer(path, i64::from(default))).unwrap_or(default)
    }

    fn text(&self, path: &str) -> Option<String> {
        self.at(path).and_then(Value::as_str).map(str::to_owned)
    }
}
