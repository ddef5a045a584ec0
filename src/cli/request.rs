//! What another process asks of a cutover that runs: one file beside the state, which the cutover takes away when it has read it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::whole;
use crate::migration::schedule::Input;

/// How often a request is looked for.
const EVERY: Duration = Duration::from_secs(1);

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Approve,
    Pause,
    Continue,
    Abort,
    Rollback,
}

impl Request {
    /// What is asked, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Approve => "go on from the step at which it waits",
            Self::Pause => "pause before its next step",
            Self::Continue => "go on",
            Self::Abort => "abort",
            Self::Rollback => "send all traffic back to the source",
        }
    }

    fn input(self, who: String) -> Input {
        match self {
            Self::Approve => Input::Approved(who),
            Self::Pause => Input::Paused,
            Self::Continue => Input::Continued,
            Self::Abort => Input::AbortAsked(who),
            Self::Rollback => Input::RollbackAsked(who),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Asked {
    request: Request,
    who: String,
}

fn file(directory: &Path) -> PathBuf {
    directory.join("cutover.request")
}

/// Asks the cutover whose state is in this directory.
pub(super) fn send(directory: &Path, request: Request, who: &str) -> std::io::Result<()> {
    let text = serde_json::to_string(&Asked { request, who: who.to_owned() })?;
    whole::write(&file(directory), &text)
}

/// Passes on what is asked, from now on.
pub(super) fn listen(directory: &Path, inputs: mpsc::UnboundedSender<Input>) {
    let path = file(directory);
    // What was asked of an earlier one is none of this one's business.
    let _ = std::fs::remove_file(&path);
    std::thread::spawn(move || {
        while !inputs.is_closed() {
            if let Ok(text) = std::fs::read_to_string(&path) {
                let _ = std::fs::remove_file(&path);
                if let Ok(asked) = serde_json::from_str::<Asked>(&text) {
                    let _ = inputs.send(asked.request.input(asked.who));
                }
            }
            std::thread::sleep(EVERY);
        }
    });
}
