//! Work on databases, which answer in real time, even if the time of the sandbox is simulated.

use crate::cli::error::{CliError, Exit};

/// Runs the work on a separate runtime. `failure` is the message if the runtime itself fails.
pub(in crate::cli::commands) async fn in_real_time<T: Send + 'static>(
    failure: &'static str,
    work: impl AsyncFnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    let failed = |reason: String| CliError::new(Exit::Failed, failure).because_text(reason).nothing_changed();
    let done = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok::<_, std::io::Error>(runtime.block_on(work()))
    });
    done.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}
