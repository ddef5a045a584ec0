//! Ctrl-C and SIGTERM.

use infra_aws::Cancel;

use super::error::Exit;
use super::ui::stderr;

/// Cancels the run on Ctrl-C or SIGTERM, and ends the process on the second one. That is safe: the journal contains the
/// intent of every call in flight.
pub(super) fn cancel_on_signal(cancel: Cancel) {
    tokio::spawn(async move {
        shutdown_signal().await;
        cancel.cancel();
        stderr("\nstopping: calls in flight finish and are recorded; Ctrl-C again stops at once, which is safe too");
        shutdown_signal().await;
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}

/// Waits for a signal to stop, and returns its name.
pub(super) async fn shutdown_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated => "SIGTERM",
    }
}
