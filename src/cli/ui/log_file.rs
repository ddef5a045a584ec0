//! The file of `--log-file`: what a command does, whatever the terminal shows of it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use infra_base::file;
use infra_base::terminal_text::one_line;
use infra_core::events::Events;

use super::format::line;
use super::show::Show;
use super::terminal::stderr;
use crate::cli::runs;

/// The target of the records that a log file consists of.
pub(in crate::cli) const TARGET: &str = "run";

/// Returns a sink that stores events, logs them, if anything is logged, and shows them.
pub(super) fn events(show: Arc<dyn Show>) -> Events {
    Events::to(move |event| {
        runs::event(&event);
        if tracing::enabled!(target: TARGET, tracing::Level::INFO)
            && let Some(text) = line(&event, true)
        {
            log_text(&text);
        }
        show.event(&event);
    })
}

/// Logs a text.
pub(in crate::cli) fn log_text(text: &str) {
    tracing::info!(target: TARGET, "{}", one_line(text.trim()));
}

/// The file. Clones write to the same one.
#[derive(Clone)]
pub(in crate::cli) struct LogFile {
    file: Arc<File>,
    failed: Arc<AtomicBool>,
}

impl LogFile {
    /// Opens a file, to which is appended.
    ///
    /// # Errors
    /// It cannot be written, or is no regular file.
    pub(in crate::cli) fn open(path: &Path) -> std::io::Result<Self> {
        let file = file::open(path, OpenOptions::new().create(true).append(true))?;
        Ok(Self { file: Arc::new(file), failed: Arc::default() })
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A log that cannot be written must not end a migration, and should not be missing silently.
        if let Err(error) = (&*self.file).write_all(bytes)
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            stderr(&format!("warning: the log file is incomplete: {error}"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
