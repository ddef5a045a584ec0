//! Stores the progress of a task in the world, and its log in a file.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError, Weak};

use infra_replicator::Checkpoint;
use infra_replicator::observer::{LogLine, Observer, Severity};
use infra_sandbox::Sandbox;

use crate::options::DataOptions;
use crate::task_key::TaskKey;

/// Stores the progress of a task in the world, and its log in a file.
pub(crate) struct TaskObserver {
    sandbox: Weak<Sandbox>,
    key: TaskKey,
    /// `None` if the file cannot be written: the log is not worth a failed task.
    log: Option<Mutex<File>>,
}

impl TaskObserver {
    pub(crate) fn new(sandbox: Weak<Sandbox>, key: TaskKey, options: &DataOptions, name: &str) -> Self {
        let path = options.task_log(name);
        let opened = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let opened = opened.and_then(|()| File::options().create(true).append(true).open(&path));
        if let Err(error) = &opened {
            tracing::warn!(path = %path.display(), %error, "cannot write the log of the replication task");
        }
        Self { sandbox, key, log: opened.ok().map(Mutex::new) }
    }
}

impl Observer for TaskObserver {
    fn checkpoint(&self, checkpoint: &Checkpoint) {
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        let Ok(value) = serde_json::to_value(checkpoint) else { return };
        sandbox.mutate_out_of_band(|world| {
            if let Some(live) = self.key.live(world) {
                live.checkpoint = value;
            }
        });
        sandbox.save();
    }

    fn log(&self, line: LogLine) {
        let severity = match line.severity {
            Severity::Info => "I",
            Severity::Warning => "W",
            Severity::Error => "E",
        };
        tracing::debug!(task = self.key.arn, component = line.component, severity, "{}", line.text);
        if let Some(log) = &self.log {
            let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
            // The same form as in the task logs of DMS: time, component, severity, text.
            let _ = writeln!(file, "[{:<14}]{severity}: {}", line.component, line.text);
        }
    }
}
