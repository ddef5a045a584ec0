//! Stores the progress of a task in the world, and its log in a file.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError, Weak};

use infra_base::file;
use infra_base::file_id::FileId;
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
        let opened = open_log(options, name);
        if let Err(error) = &opened {
            tracing::warn!(task = name, %error, "cannot write the log of the replication task");
        }
        Self { sandbox, key, log: opened.ok().map(Mutex::new) }
    }
}

fn open_log(options: &DataOptions, name: &str) -> io::Result<File> {
    // The name comes from a file of the sandbox.
    let name = FileId::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let path = options.task_log(&name);
    path.parent().map_or(Ok(()), file::create_directory)?;
    file::open(&path, File::options().create(true).append(true))
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
