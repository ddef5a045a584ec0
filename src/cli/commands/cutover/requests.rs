//! Requests of an operator: keys, signals, and commands of other processes. They reach the steps while these run, and
//! the switchover after that.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::cli::error::Exit;
use crate::cli::signals::{second_signal, shutdown_signal};
use crate::cli::ui::{CutoverReporter, restore_terminal, stderr};
use infra_migration::cutover::Input;
use infra_switchover::{AbortSignal, Aborter, abort_signal};

/// Where the requests arrive.
pub(super) struct Requests {
    inputs: UnboundedSender<Input>,
    steps: Arc<Mutex<Option<UnboundedSender<Input>>>>,
    signal: AbortSignal,
}

impl Requests {
    /// Listens for keys and signals. `who` runs this process.
    pub(super) fn listen(reporter: &CutoverReporter, who: &str) -> Self {
        let (inputs, received) = mpsc::unbounded_channel();
        let (aborter, signal) = abort_signal();
        let steps = Arc::<Mutex<Option<UnboundedSender<Input>>>>::default();
        reporter.forward_keys(inputs.clone(), who);
        abort_on_signal(inputs.clone(), who.to_owned());
        tokio::spawn(distribute(received, Arc::clone(&steps), aborter));
        Self { inputs, steps, signal }
    }

    /// Returns where other sources can send requests.
    pub(super) fn sender(&self) -> UnboundedSender<Input> {
        self.inputs.clone()
    }

    /// Returns the requests for the steps. When the receiver is dropped, requests reach the switchover.
    pub(super) fn to_steps(&self) -> UnboundedReceiver<Input> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Returns how the switchover learns of an abort.
    pub(super) fn to_switchover(&self) -> AbortSignal {
        self.signal.clone()
    }
}

async fn distribute(
    mut received: UnboundedReceiver<Input>,
    steps: Arc<Mutex<Option<UnboundedSender<Input>>>>,
    aborter: Aborter,
) {
    while let Some(input) = received.recv().await {
        let sender = steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rest = match sender {
            Some(sender) => sender.send(input).err().map(|unsent| unsent.0),
            None => Some(input),
        };
        // A switchover cannot be paused; it is undone, or it is completed.
        if let Some(Input::AbortRequested(by) | Input::RollbackRequested(by)) = rest {
            aborter.abort(by);
        }
    }
}

/// Aborts on Ctrl-C, SIGTERM, SIGHUP or SIGQUIT, and ends the process on the second signal. That is safe: the progress
/// is recorded.
fn abort_on_signal(inputs: UnboundedSender<Input>, who: String) {
    tokio::spawn(async move {
        let reason = match shutdown_signal().await {
            // The sender of the signal is unknown; the owner of the process is known.
            name @ ("SIGTERM" | "SIGHUP" | "SIGQUIT") => format!("{name}, sent to the process of {who}"),
            key => format!("{key} by {who}"),
        };
        let _ = inputs.send(Input::AbortRequested(reason));
        stderr(
            "\naborting as configured in `cutover.on_abort`; Ctrl-C again ends the process at once, \
             and the same command resumes",
        );
        second_signal().await;
        restore_terminal();
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}
