//! Settings of a task that the application of changes needs, besides the error policies.

use crate::settings::{LobMode, Settings};

/// The settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the task, for the table of exceptions.
    pub task: String,
    /// The schema of the control tables.
    pub control_schema: String,
    /// How large values are migrated.
    pub lobs: LobMode,
    /// Whether changes are applied in batches (`BatchApplyEnabled`).
    pub batch: bool,
    /// "the maximum number of changes applied in a single batch" (`BatchSplitSize`); 0 means no limit.
    pub split_size: usize,
    /// "the minimum number of changes to include in each transaction" (`MinTransactionSize`).
    pub min_transaction_size: usize,
    /// "the maximum number of prepared statements to store on the server" (`StatementCacheSize`).
    pub statement_cache: usize,
    /// The endpoint setting `FailTasksOnLobTruncation` of the source: "the task fails instead of truncating the LOB
    /// data".
    pub fail_on_lob_truncation: bool,
}

impl Options {
    /// Takes the options from the settings of a task.
    pub fn new(settings: &Settings, task: impl Into<String>) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let tuning = settings.document.get("ChangeProcessingTuning");
        // "The default value is 50. The maximum value is 200."
        let cache = tuning.and_then(|tuning| tuning.get("StatementCacheSize")).and_then(serde_json::Value::as_u64);
        Self {
            task: task.into(),
            control_schema: settings.control_tables.schema.clone(),
            lobs: settings.target.lobs,
            batch: settings.target.batch_apply,
            split_size: size(settings.tuning.batch_split_size),
            min_transaction_size: size(settings.tuning.min_transaction_size),
            statement_cache: cache.and_then(|cache| usize::try_from(cache).ok()).unwrap_or(50).clamp(1, 200),
            fail_on_lob_truncation: false,
        }
    }
}
