//! Ctrl-C, SIGTERM, SIGHUP and SIGQUIT.

use std::sync::LazyLock;

use infra_aws::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use super::error::Exit;
use super::ui::stderr;

/// Cancels the run on Ctrl-C, SIGTERM, SIGHUP or SIGQUIT, and ends the process on the second one. That is safe: the
/// journal contains the intent of every call in flight.
pub(super) fn cancel_on_signal(cancel: Cancel) {
    tokio::spawn(async move {
        shutdown_signal().await;
        cancel.cancel();
        stderr("\nstopping: calls in flight finish and are recorded; Ctrl-C again stops at once, which is safe too");
        second_signal().await;
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}

/// Waits for a signal to stop, and returns its name.
///
/// SIGHUP counts, too: a terminal or a connection that is closed must not end a cutover in the middle. A program that
/// `nohup` has started ignores it and continues to do so.
pub(super) async fn shutdown_signal() -> &'static str {
    let hangup = async {
        if is_hangup_ignored() {
            std::future::pending::<()>().await;
        }
        received(SignalKind::hangup()).await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        () = received(SignalKind::terminate()) => "SIGTERM",
        () = received(SignalKind::quit()) => "SIGQUIT",
        () = hangup => "SIGHUP",
    }
}

/// Waits for the signal that ends the program at once: Ctrl-C, SIGTERM or SIGQUIT. A terminal that is closed can send
/// SIGHUP more than once.
pub(super) async fn second_signal() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = received(SignalKind::terminate()) => {}
        () = received(SignalKind::quit()) => {}
    }
}

async fn received(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Returns whether the program was started with SIGHUP ignored: bit 0 of `SigIgn` ("proc_pid_status(5)").
fn is_hangup_ignored() -> bool {
    static IGNORED: LazyLock<bool> = LazyLock::new(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    });
    // The first look is before a handler replaces the disposition.
    *IGNORED
}
